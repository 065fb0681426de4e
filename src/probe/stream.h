// SPDX-License-Identifier: MIT
// The answer of llama-server to one request, as it comes: HTTP in chunks, and in these an event for each
// token.
#pragma once
#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mb_stream_event {
    uint32_t predicted; // tokens of the answer so far
    uint32_t evaluated; // of the prompt
    uint32_t slot;      // that serves it
    bool last;
} mb_stream_event;

// Zero-initialised is before its first byte.
typedef struct mb_stream {
    enum { MB_STREAM_HEAD, MB_STREAM_SIZE, MB_STREAM_DATA, MB_STREAM_REST, MB_STREAM_PLAIN } state;
    mb_strbuf line; // of the head, of a chunk's size, or of an event; of an error the whole text
    mb_strbuf size;
    size_t left; // of the chunk
    int code;    // of the answer
    bool chunked, ended;
} mb_stream;

// What `count` further bytes say: `take` is called for each event. MB_FAILED: the server says that it failed,
// or this is no such answer.
mb_status mb_stream_feed(mb_stream *stream, const char *bytes, size_t count,
                         void (*take)(void *self, const mb_stream_event *event), void *self, mb_error *error);
// Nothing comes any more: was it a whole answer?
mb_status mb_stream_end(mb_stream *stream, mb_error *error);
void mb_stream_deinit(mb_stream *stream);
