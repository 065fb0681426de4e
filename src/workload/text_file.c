// SPDX-License-Identifier: MIT
#include "workload/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

// zlib reads plain files straight into our buffer when asked for at least twice its own: then it costs
// nothing there.
#define FILE_BUFFER ((size_t)256 * 1024)
#define GZIP_BUFFER (64 * 1024)

// ---- reading

mb_status mb_text_fill(mb_text_file *file, mb_error *error) {
    file->at = file->filled = 0;
    const int got = gzread(file->file, file->buffer, (unsigned)FILE_BUFFER);
    int code = Z_OK;
    const char *text = gzerror(file->file, &code); // also tells of an end that came too early
    if (code == Z_ERRNO)
        return mb_fail(error, MB_BAD_INPUT, "%s: cannot be read: %s", file->path, strerror(errno));
    if (code == Z_MEM_ERROR) return mb_fail_memory(error);
    if (code == Z_BUF_ERROR)
        return mb_fail_at(
            error, MB_BAD_INPUT, file->path, file->line,
            "the gzip data is cut short after this line; expected a whole file (test it with gzip -t)");
    if (got < 0 || code != Z_OK) {
        const char *colon = strrchr(text, ':'); // zlib puts the descriptor's name before its reason
        return mb_fail_at(
            error, MB_BAD_INPUT, file->path, file->line,
            "the gzip data is damaged after this line:%s; expected a whole file (test it with gzip -t)",
            colon ? colon + 1 : " unknown reason");
    }
    file->filled = (size_t)got;
    file->at_eof = got == 0;
    return MB_OK;
}

static bool join(mb_text_file *file, size_t already, const char *text, size_t count) {
    const size_t needed = already + count + 1;
    if (needed > file->joined_capacity) {
        size_t capacity = file->joined_capacity ? file->joined_capacity : 1024;
        while (capacity < needed)
            capacity *= 2;
        char *grown = realloc(file->joined, capacity);
        if (!grown) return false;
        file->joined = grown;
        file->joined_capacity = capacity;
    }
    memcpy(file->joined + already, text, count);
    return true;
}

mb_status mb_text_next_line(mb_text_file *file, size_t most, const char **text, size_t *length, bool *end,
                            mb_error *error) {
    size_t joined = 0;
    *text = "";
    *length = 0;
    *end = false;
    for (;;) {
        if (file->at == file->filled) {
            const mb_status status = file->at_eof ? MB_OK : mb_text_fill(file, error);
            if (status) return status;
        }
        const char *start = file->buffer + file->at;
        const size_t available = file->filled - file->at;
        const char *newline = available ? memchr(start, '\n', available) : NULL;
        const size_t count = newline ? (size_t)(newline - start) : available;
        if (joined + count > most)
            return mb_fail_at(error, MB_BAD_INPUT, file->path, file->line,
                              "a line of more than %zu MiB; expected one object a line", most >> 20);
        file->at += count + (newline != NULL);
        *text = start;
        *length = count;
        if (!newline || joined) {
            if (available && !join(file, joined, start, count)) return mb_fail_memory(error);
            joined += count;
            *text = file->joined;
            *length = joined;
        }
        if (newline || file->at_eof) break;
    }
    if (file->at_eof && *length == 0) *end = true;
    file->line++;
    if (*length && (*text)[*length - 1] == '\r') --*length;
    return MB_OK;
}

// ---- opening

static mb_status open_file(mb_text_file *file, const char *what, mb_error *error) {
    const char *path = file->path;
    struct stat about;
    if (stat(path, &about))
        return mb_fail(error, MB_BAD_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    if (S_ISDIR(about.st_mode))
        return mb_fail(error, MB_BAD_INPUT, "%s: is a directory; expected %s", path, what);
    if (!S_ISREG(about.st_mode)) // opening a pipe would also wait for its writer
        return mb_fail(error, MB_BAD_INPUT,
                       "%s: is not a regular file; expected one, since it is read several times", path);
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return mb_fail(error, MB_BAD_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    file->file = gzdopen(descriptor, "rb");
    if (!file->file) {
        close(descriptor);
        return mb_fail_memory(error);
    }
    gzbuffer(file->file, GZIP_BUFFER);
    return MB_OK;
}

static mb_status skip_byte_order_mark(mb_text_file *file, mb_error *error) {
    const mb_status status = mb_text_fill(file, error);
    if (status) return status;
    const char *start = file->buffer;
    const size_t count = file->filled;
    if (count >= 3 && memcmp(start, "\xef\xbb\xbf", 3) == 0) file->at = 3;
    if (count >= 2 && (memcmp(start, "\xff\xfe", 2) == 0 || memcmp(start, "\xfe\xff", 2) == 0))
        return mb_fail(error, MB_BAD_INPUT, "%s: is in UTF-16; expected UTF-8 (convert it with iconv)",
                       file->path);
    return MB_OK;
}

mb_status mb_text_open(mb_text_file *file, const char *path, const char *what, mb_error *error) {
    *file = (mb_text_file){.line = 1};
    file->path = mb_strdup(path);
    file->buffer = malloc(FILE_BUFFER);
    if (!file->path || !file->buffer) return mb_fail_memory(error);
    const mb_status status = open_file(file, what, error);
    return status ? status : skip_byte_order_mark(file, error);
}

void mb_text_close(mb_text_file *file) {
    if (file->file) gzclose_r(file->file);
    free(file->joined);
    free(file->buffer);
    free(file->path);
    *file = (mb_text_file){0};
}

// ---- text for people

// Length of the valid, printable UTF-8 character at text, or 0.
static size_t printable_length(const unsigned char *text, size_t left) {
    const unsigned char c = text[0];
    if (c < 0x80) return c >= 0x20 && c != 0x7f;
    const size_t length = c >= 0xc2 && c < 0xe0   ? 2
                          : c >= 0xe0 && c < 0xf0 ? 3
                          : c >= 0xf0 && c < 0xf5 ? 4
                                                  : 0;
    if (length == 0 || length > left) return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    if ((c == 0xc2 && text[1] < 0xa0) || (c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] > 0x9f) ||
        (c == 0xf0 && text[1] < 0x90) || (c == 0xf4 && text[1] > 0x8f))
        return 0; // control characters, overlong forms, surrogates, beyond Unicode
    return length;
}

void mb_text_add_safe(mb_strbuf *buffer, const char *text, size_t length, size_t most) {
    for (size_t i = 0; i < length;) {
        if (i >= most) {
            mb_strbuf_add(buffer, "...");
            break;
        }
        const size_t count = printable_length((const unsigned char *)text + i, length - i);
        if (count)
            mb_strbuf_add_bytes(buffer, text + i, count);
        else
            mb_strbuf_printf(buffer, "\\x%02x", (unsigned char)text[i]);
        i += count ? count : 1;
    }
}

void mb_text_add_quoted(mb_strbuf *buffer, const char *text, size_t length) {
    mb_strbuf_add(buffer, "\"");
    mb_text_add_safe(buffer, text, length, 60);
    mb_strbuf_add(buffer, "\"");
}
