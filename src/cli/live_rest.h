// SPDX-License-Identifier: MIT
// What steps of a live run took beyond the scenario's model of them, with the host's time: by the tokens of
// the step, of decodes alone, of both, and of prompts alone.
#pragma once
#include "model/latency.h"

enum { MB_LIVE_REST_SIZES = 17 };

typedef struct mb_live_rest {
    struct {
        double tokens, seconds; // sums
        uint64_t steps;
    } of[MB_STEP_KINDS][MB_LIVE_REST_SIZES]; // of decodes by tokens, of the others by eight of them
} mb_live_rest;

void mb_live_rest_add(mb_live_rest *rest, const mb_step_shape *shape, double seconds);
// As a file for `corrections` of latency.profile: the mean of each size that was there often enough to have
// one; if none was, of all.
mb_status mb_live_rest_write(const mb_live_rest *rest, const char *path, mb_error *error);
