// SPDX-License-Identifier: MIT
// What the tables of operators lack, measured per machine: how long the GPUs of a replica take to add up a
// message of each (an all-reduce), and what a step takes beyond its operators.
#pragma once
#include "model/curve.h"
#include "model/latency.h"

#include <stdint.h>

// The all-reduces of a step: two a layer, after attention and after the MLP, of a message of every token's
// hidden state.
typedef struct mb_link {
    mb_curve time_us;   // of one, over the bytes of the message
    double token_bytes; // of a message
    double count;       // of them in a step
    // Of ranks that share their experts: one all-gather of all ranks' tokens before the experts of a layer
    // and one reduce-scatter after them, timed together.
} mb_link;

// Read a CSV with the columns bytes (of the message), time_us (of one all-reduce, or exchange) and, optional,
// gpus: then only the rows of `gpus` count. `count` of them in a step, of `values` for each token. Every
// error names file and line. Release with mb_link_free; *link is NULL on failure.
mb_status mb_link_read(const char *path, uint32_t gpus, uint32_t count, double values, mb_link **link,
                       mb_error *error);
void mb_link_free(mb_link *link);
// Seconds that a step of `tokens` tokens spends on them. Between measured points the time is linear, below
// the smallest message it is the smallest's, and beyond the largest (*extrapolated is set) it goes on in a
// line.
double mb_link_seconds(const mb_link *link, double tokens, bool *extrapolated);

// Corrections: seconds by the tokens of a step, of decodes only and with a prompt.
typedef struct mb_corrections {
    mb_curve time_us[MB_STEP_KINDS]; // no points: none; with prompts, those of the other kind with prompts
} mb_corrections;

// Read a CSV with the columns tokens, time_us (may be negative) and prompts (0: steps of decodes only, 1:
// steps with a prompt, 2: of prompts only). As above.
mb_status mb_corrections_read(const char *path, mb_corrections **corrections, mb_error *error);
void mb_corrections_free(mb_corrections *corrections);
// Linear between the points; beyond the ends of a kind its first and last hold, a step larger than measured
// sets *extrapolated.
double mb_corrections_seconds(const mb_corrections *corrections, mb_step_kind kind, double tokens,
                              bool *extrapolated);
