// SPDX-License-Identifier: MIT
#include "probe/stream.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LINE = 1 << 20 };

typedef struct taker {
    void (*take)(void *self, const mb_stream_event *event);
    void *self;
} taker;

static void clear(mb_strbuf *text) {
    text->length = 0;
    if (text->text) text->text[0] = '\0';
}

static mb_status strange(const mb_strbuf *text, mb_error *error) {
    return mb_fail(error, MB_FAILED, "the server's answer is none of llama-server's: \"%.100s\"",
                   text->text ? text->text : "");
}

// {"error": {"code": 400, "message": "..."}}, or whatever stands there.
static mb_status refused(int code, const char *text, mb_error *error) {
    json_t *root = json_loads(text ? text : "", 0, NULL);
    const json_t *inner = json_object_get(root, "error"), *said = inner ? inner : root;
    const char *message = json_string_value(json_object_get(said, "message"));
    const json_int_t own = json_integer_value(json_object_get(said, "code"));
    const mb_status status = mb_fail(error, MB_FAILED, "the server answers %d: %.300s", own ? (int)own : code,
                                     message ? message
                                     : text  ? text
                                             : "");
    json_decref(root);
    return status;
}

// --- events
// ----------------------------------------------------------------------------------------------------

static uint32_t number_of(const json_t *root, const char *key) {
    const json_int_t value = json_integer_value(json_object_get(root, key));
    return value < 0 || value > UINT32_MAX ? 0 : (uint32_t)value;
}

static mb_status take_event(mb_stream *s, const char *text, const taker *t, mb_error *error) {
    json_t *root = json_loads(text, JSON_ALLOW_NUL, NULL); // in the prompt, which it repeats
    mb_status status = MB_OK;
    if (!json_is_object(root)) {
        status = strange(&s->line, error);
    } else if (json_object_get(root, "error")) {
        status = refused(s->code, text, error);
    } else {
        const mb_stream_event event = {.predicted = number_of(root, "tokens_predicted"),
                                       .evaluated = number_of(root, "tokens_evaluated"),
                                       .slot = number_of(root, "id_slot"),
                                       .last = json_is_true(json_object_get(root, "stop"))};
        s->ended = event.last;
        t->take(t->self, &event);
    }
    json_decref(root);
    return status;
}

// Events are lines "data: {...}"; other lines are marks and pauses.
static mb_status take_line(mb_stream *s, const taker *t, mb_error *error) {
    static const char DATA[] = "data: ", ERROR[] = "error: ";
    const char *line = s->line.text ? s->line.text : "";
    mb_status status = MB_OK;
    if (strncmp(line, ERROR, strlen(ERROR)) == 0)
        status = refused(s->code, line + strlen(ERROR), error);
    else if (strncmp(line, DATA, strlen(DATA)) == 0 && strcmp(line + strlen(DATA), "[DONE]") != 0)
        status = take_event(s, line + strlen(DATA), t, error);
    clear(&s->line);
    return status;
}

// --- bytes
// -----------------------------------------------------------------------------------------------------

static mb_status add(mb_strbuf *text, char byte, mb_error *error) {
    if (text->length >= MOST_LINE) return strange(text, error);
    mb_strbuf_add_bytes(text, &byte, 1);
    return text->failed ? mb_fail_memory(error) : MB_OK;
}

static mb_status take_head(mb_stream *s, mb_error *error) {
    static const char END[] = "\r\n\r\n";
    const size_t end = strlen(END);
    if (s->line.length < end || strcmp(s->line.text + s->line.length - end, END) != 0) return MB_OK;
    if (sscanf(s->line.text, "http/1.%*d %d", &s->code) != 1) return strange(&s->line, error);
    s->chunked = strstr(s->line.text, "transfer-encoding: chunked") != NULL;
    s->state = s->chunked ? MB_STREAM_SIZE : MB_STREAM_PLAIN;
    if (s->code == 200 && !s->chunked) return strange(&s->line, error);
    clear(&s->line);
    return MB_OK;
}

static mb_status take_size(mb_stream *s, mb_error *error) {
    char *end;
    const unsigned long size = strtoul(s->size.text ? s->size.text : "", &end, 16);
    if (end == s->size.text || (*end != '\r' && *end != ';') || size > MOST_LINE)
        return strange(&s->size, error);
    clear(&s->size);
    s->left = size;
    s->state = size ? MB_STREAM_DATA : MB_STREAM_PLAIN;
    return MB_OK;
}

static mb_status take_data(mb_stream *s, char byte, const taker *t, mb_error *error) {
    if (--s->left == 0) s->state = MB_STREAM_REST;
    if (byte == '\n' && s->code == 200) return take_line(s, t, error);
    return add(&s->line, byte, error);
}

static mb_status take_byte(mb_stream *s, char byte, const taker *t, mb_error *error) {
    mb_status status;
    switch (s->state) {
    case MB_STREAM_HEAD:
        status = add(&s->line, (char)tolower((unsigned char)byte), error);
        return status || byte != '\n' ? status : take_head(s, error);
    case MB_STREAM_SIZE:
        status = byte == '\n' ? MB_OK : add(&s->size, byte, error);
        return status || byte != '\n' ? status : take_size(s, error);
    case MB_STREAM_DATA:
        return take_data(s, byte, t, error);
    case MB_STREAM_REST: // the end of the line behind a chunk
        if (byte == '\n') s->state = MB_STREAM_SIZE;
        return MB_OK;
    default:
        return s->code == 200 || s->chunked ? MB_OK : add(&s->line, byte, error);
    }
}

mb_status mb_stream_feed(mb_stream *s, const char *bytes, size_t count,
                         void (*take)(void *self, const mb_stream_event *event), void *self,
                         mb_error *error) {
    const taker t = {take, self};
    mb_status status = MB_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = take_byte(s, bytes[i], &t, error);
    return status;
}

mb_status mb_stream_end(mb_stream *s, mb_error *error) {
    if (s->state != MB_STREAM_HEAD && s->code != 200) return refused(s->code, s->line.text, error);
    return s->ended ? MB_OK : mb_fail(error, MB_FAILED, "the server closed the connection within an answer");
}

void mb_stream_deinit(mb_stream *s) {
    mb_strbuf_deinit(&s->line);
    mb_strbuf_deinit(&s->size);
}
