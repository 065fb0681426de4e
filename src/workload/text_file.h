// SPDX-License-Identifier: MIT
// Bytes of a text file, plain, gzip or zstd, a buffer or a line at a time; and its content in sentences for
// people.
#pragma once
#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

#define MB_TEXT_BUFFER ((size_t)256 * 1024)

typedef struct mb_text_file {
    char *path;
    char *buffer; // what was read: buffer[at .. filled) is not yet used
    size_t at, filled;
    bool at_eof;
    unsigned long line; // of the next byte, from 1; whoever uses up a line end counts it
    struct mb_compressed *file;
    char *joined; // a line that lay in two buffers
    size_t joined_capacity;
} mb_text_file;

// Opens a regular file and passes over a byte order mark; what is no text (UTF-16, an archive, a web page) is
// an error. `what` ("a CSV file") is for sentences. Close it whether or not this fails.
mb_status mb_text_open(mb_text_file *file, const char *path, const char *what, mb_error *error);
void mb_text_close(mb_text_file *file);
// Refill the buffer; at_eof is set when there is no more. An error once the program is to stop.
mb_status mb_text_fill(mb_text_file *file, mb_error *error);
// The next line without its end (LF or CR LF), valid until the next call; it was number file->line - 1. *end
// is set instead when there is none. More than `most` bytes are an error.
mb_status mb_text_next_line(mb_text_file *file, size_t most, const char **text, size_t *length, bool *end,
                            mb_error *error);

// Add the text, cut after some `most` bytes; what is not printable as \xNN, so that a hostile file cannot
// steer a terminal or make a report invalid UTF-8.
void mb_text_add_safe(mb_strbuf *buffer, const char *text, size_t length, size_t most);
// The same in quotes, cut to some 60 bytes.
void mb_text_add_quoted(mb_strbuf *buffer, const char *text, size_t length);
