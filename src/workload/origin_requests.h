// SPDX-License-Identifier: MIT
// The synthetic requests of the simulator that this project began from, to the last bit: on-off arrivals,
// prompts of three sizes, and outputs that follow them, from numpy's legacy generator with the seeds s, s + 1
// and s + 2.
#pragma once
#include "workload/description.h"
#include "workload/mt19937.h"

typedef struct mb_origin_requests {
    mb_mt19937 arrivals, prompts, outputs;
    double time_s, on_end_s;
} mb_origin_requests;

void mb_origin_requests_init(mb_origin_requests *requests, uint32_t seed);
// time_s, prompt_tokens and output_tokens of the next one.
void mb_origin_requests_next(mb_origin_requests *requests, mb_arrival *arrival);
