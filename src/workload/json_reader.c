// SPDX-License-Identifier: MIT
#include "workload/json_reader.h"

#include <jansson.h>
#include <string.h>

#define MAX_LINE ((size_t)16 * 1024 * 1024)
#define MAX_OBJECT ((size_t)1024 * 1024 * 1024)

mb_status mb_json_open(mb_json_reader *reader, const char *path, mb_error *error) {
    *reader = (mb_json_reader){.line = 1};
    return mb_text_open(&reader->file, path, "a file of JSON lines", error);
}

void mb_json_close(mb_json_reader *reader) {
    mb_text_close(&reader->file);
    mb_strbuf_deinit(&reader->object);
}

// ---- complaints

static mb_status fail_here(const mb_json_reader *reader, const mb_strbuf *sentence, mb_error *error) {
    if (sentence->failed) return mb_fail_memory(error);
    return mb_fail_at(error, MB_BAD_INPUT, reader->file.path, reader->line, "%s", sentence->text);
}

// jansson finds the words for what is wrong.
static mb_status fail_unsound(const mb_json_reader *reader, const char *text, size_t length,
                              mb_error *error) {
    json_error_t problem = {.column = 1, .text = "unknown problem"};
    json_t *value = json_loadb(text, length, JSON_DECODE_INT_AS_REAL, &problem);
    json_decref(value);
    mb_strbuf sentence = {0};
    mb_strbuf_add(&sentence, "bad JSON");
    if (problem.line > 1) mb_strbuf_printf(&sentence, " %d lines on", problem.line - 1);
    mb_strbuf_printf(&sentence, " at column %d: ", problem.column > 0 ? problem.column : 1);
    mb_text_add_safe(&sentence, problem.text, strlen(problem.text), sizeof problem.text);
    mb_strbuf_add(&sentence, "; expected one object { ... } a line");
    const mb_status status = fail_here(reader, &sentence, error);
    mb_strbuf_deinit(&sentence);
    return status;
}

static mb_status read_object(const mb_json_reader *reader, const char *text, size_t length,
                             const mb_json_wanted *wanted, mb_error *error) {
    if (memchr(text, '\0', length))
        return mb_fail_at(error, MB_BAD_INPUT, reader->file.path, reader->line,
                          "a NUL byte; expected one object { ... } a line");
    if (!mb_json_read(text, length, wanted->paths, wanted->count, wanted->places))
        return fail_unsound(reader, text, length, error);
    if (*text == '{') return MB_OK;
    return mb_fail_at(error, MB_BAD_INPUT, reader->file.path, reader->line,
                      "%s; expected one object { ... } a line", *text == '[' ? "an array" : "a lone value");
}

// ---- an object a line

static mb_status next_line(mb_json_reader *reader, const mb_json_wanted *wanted, bool *end, mb_error *error) {
    const char *text;
    size_t length;
    do { // blank lines and comments are none
        reader->line = reader->file.line;
        const mb_status status = mb_text_next_line(&reader->file, MAX_LINE, &text, &length, end, error);
        if (status || *end) return status;
        for (; length && (*text == ' ' || *text == '\t'); length--)
            ++text;
        while (length && (text[length - 1] == ' ' || text[length - 1] == '\t'))
            length--;
    } while (length == 0 || *text == '#');
    return read_object(reader, text, length, wanted, error);
}

// ---- objects over several lines

// The next byte, which stays where it is; -1 at the end.
static mb_status peek(mb_json_reader *reader, int *c, mb_error *error) {
    mb_text_file *file = &reader->file;
    if (file->at == file->filled && !file->at_eof) {
        const mb_status status = mb_text_fill(file, error);
        if (status) return status;
    }
    *c = file->at_eof ? -1 : (unsigned char)file->buffer[file->at];
    return MB_OK;
}

// To the next byte that is no space (or, in a list, a comma); lines of comment are passed over.
static mb_status skip_between(mb_json_reader *reader, int *c, mb_error *error) {
    bool line_begins = true, comment = false;
    for (;;) {
        const mb_status status = peek(reader, c, error);
        if (status || *c < 0) return status;
        comment = comment || (line_begins && *c == '#');
        const bool space = *c == ' ' || *c == '\t' || *c == '\r' || *c == '\n';
        if (!space && !comment && !(reader->in_list && *c == ',')) return MB_OK;
        reader->file.at++;
        if (*c == '\n') reader->file.line++;
        line_begins = *c == '\n' || (line_begins && space);
        comment = comment && *c != '\n';
    }
}

typedef struct braces {
    unsigned depth;
    bool quoted, escaped;
} braces;

// The number of bytes up to the end of the value that the braces are open for, or all.
static size_t measure(braces *b, const char *text, size_t length, unsigned long *lines) {
    for (size_t i = 0; i < length; i++) {
        const char c = text[i];
        if (c == '\n') ++*lines;
        if (b->escaped) {
            b->escaped = false;
        } else if (b->quoted) {
            b->escaped = c == '\\';
            b->quoted = c != '"';
        } else if (c == '"') {
            b->quoted = true;
        } else if (c == '{' || c == '[') {
            b->depth++;
        } else if ((c == '}' || c == ']') && --b->depth == 0) {
            return i + 1;
        }
    }
    return length;
}

static mb_status take_object(mb_json_reader *reader, mb_error *error) {
    mb_text_file *file = &reader->file;
    braces b = {0};
    reader->object.length = 0;
    reader->line = file->line;
    do {
        int c;
        const mb_status status = peek(reader, &c, error);
        if (status) return status;
        if (c < 0)
            return mb_fail_at(error, MB_BAD_INPUT, file->path, reader->line,
                              "the object that begins here never ends; expected a whole file, or one object "
                              "{ ... } a line");
        const char *start = file->buffer + file->at;
        const size_t count = measure(&b, start, file->filled - file->at, &file->line);
        mb_strbuf_add_bytes(&reader->object, start, count);
        file->at += count;
        if (reader->object.failed) return mb_fail_memory(error);
        if (reader->object.length > MAX_OBJECT)
            return mb_fail_at(error, MB_BAD_INPUT, file->path, reader->line,
                              "an object of more than %zu MiB; expected smaller ones", MAX_OBJECT >> 20);
    } while (b.depth);
    return MB_OK;
}

static mb_status next_object(mb_json_reader *reader, const mb_json_wanted *wanted, bool *end,
                             mb_error *error) {
    int c;
    mb_status status = skip_between(reader, &c, error);
    if (status) return status;
    if (reader->in_list && c == ']') {
        reader->in_list = false;
        reader->list_over = true;
        reader->file.at++;
        status = skip_between(reader, &c, error);
        if (status) return status;
    }
    reader->line = reader->file.line;
    *end = c < 0 && !reader->in_list;
    if (*end) return MB_OK;
    if (c < 0)
        return mb_fail_at(error, MB_BAD_INPUT, reader->file.path, reader->line,
                          "the list that the file is ends without \"]\"; expected a whole file");
    if (c != '{' || reader->list_over) {
        mb_strbuf sentence = {0};
        mb_text_add_quoted(&sentence, &(char){(char)c}, 1);
        mb_strbuf_add(&sentence, reader->list_over ? " after the end of the list; expected the file to end"
                                                   : " where an object { ... } should begin; expected a list "
                                                     "of objects, or one object a line");
        status = fail_here(reader, &sentence, error);
        mb_strbuf_deinit(&sentence);
        return status;
    }
    status = take_object(reader, error);
    return status ? status : read_object(reader, reader->object.text, reader->object.length, wanted, error);
}

// ---- which of the two

static mb_status find_layout(mb_json_reader *reader, mb_error *error) {
    mb_text_file *file = &reader->file;
    int c;
    const mb_status status = skip_between(reader, &c, error);
    if (status) return status;
    reader->layout = MB_JSON_LINES;
    if (c == '[') {
        reader->layout = MB_JSON_DOCUMENT;
        reader->in_list = true;
        file->at++;
        return MB_OK;
    }
    if (c >= 0 && c != '{') {
        mb_strbuf sentence = {0};
        const char *start = file->buffer + file->at;
        size_t length = 0;
        while (file->at + length < file->filled && length < 24 && start[length] != '\n' &&
               start[length] != '\r')
            length++;
        mb_strbuf_add(&sentence, "starts with ");
        mb_text_add_quoted(&sentence, start, length);
        mb_strbuf_add(&sentence,
                      ", which is no JSON; expected one object { ... } a line (trace.csv reads tables)");
        reader->line = file->line;
        const mb_status failed = fail_here(reader, &sentence, error);
        mb_strbuf_deinit(&sentence);
        return failed;
    }
    if (c < 0) return MB_OK;
    // One whole object on its line?
    braces b = {0};
    unsigned long lines = 0;
    const char *start = file->buffer + file->at;
    const size_t available = file->filled - file->at;
    const char *newline = memchr(start, '\n', available);
    measure(&b, start, newline ? (size_t)(newline - start) : available, &lines);
    // A line longer than the buffer is as well read this way: it has a higher limit.
    const bool to_the_end = file->filled < MB_TEXT_BUFFER;
    if (b.depth && (newline || !to_the_end)) reader->layout = MB_JSON_DOCUMENT;
    return MB_OK;
}

mb_status mb_json_next(mb_json_reader *reader, const mb_json_wanted *wanted, bool *end, mb_error *error) {
    *end = false;
    if (reader->layout == MB_JSON_UNSEEN) {
        const mb_status status = find_layout(reader, error);
        if (status) return status;
    }
    return reader->layout == MB_JSON_LINES ? next_line(reader, wanted, end, error)
                                           : next_object(reader, wanted, end, error);
}
