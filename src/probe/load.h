// SPDX-License-Identifier: MIT
// Requests to llama-server over HTTP, each at its time and on a connection of its own, and when their tokens
// came.
#pragma once
#include "base/error.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mb_load_request {
    double at_s; // from the start; ascending
    uint32_t prompt, output;
    double *tokens_s; // [output] when each token came; NULL: nobody asks
} mb_load_request;

typedef struct mb_load_answer {
    double sent_s, begun_s, first_s, last_s; // from the start, by this program's clock; begun: a slot has it
    uint32_t tokens, slot;
} mb_load_answer;

typedef struct mb_load {
    uint16_t port; // of 127.0.0.1
    uint32_t vocabulary;
    uint64_t seed; // of the prompts' tokens
    const atomic_bool *stop;
} mb_load;

// Fails where an answer does, or has not as many tokens as were asked for.
mb_status mb_load_play(const mb_load *load, const mb_load_request *requests, size_t count,
                       mb_load_answer *answers, mb_error *error);
// What the server answers to GET `path`, all of it, in `body`; *code 0: nobody there.
mb_status mb_load_get(uint16_t port, const char *path, int *code, char *body, size_t size, mb_error *error);
