// SPDX-License-Identifier: MIT
#include "workload/origin_requests.h"

#include <math.h>

void mb_origin_requests_init(mb_origin_requests *requests, uint32_t seed) {
    mb_mt19937_init(&requests->arrivals, seed);
    mb_mt19937_init(&requests->prompts, seed + 1);
    mb_mt19937_init(&requests->outputs, seed + 2);
    requests->time_s = requests->on_end_s = 0;
}

// An arrival behind the end of the on-period is none, but its gap has passed.
static double next_arrival(mb_origin_requests *requests) {
    mb_mt19937 *generator = &requests->arrivals;
    for (;;) {
        if (requests->time_s >= requests->on_end_s) {
            requests->time_s += exp(log(5.0) + 0.8 * mb_mt19937_normal(generator));
            requests->on_end_s = requests->time_s + exp(log(2.0) + 0.5 * mb_mt19937_normal(generator));
        }
        requests->time_s += 1.0 / 100.0 * mb_mt19937_exponential(generator);
        if (requests->time_s < requests->on_end_s) return requests->time_s;
    }
}

static uint32_t next_prompt(mb_mt19937 *generator) {
    static const double from[] = {16, 128, 512}, to[] = {128, 512, 2048};
    // As numpy adds the shares up: their sum is a little below 1.
    const double first = 0.6, second = first + 0.3, sum = second + 0.1;
    const double u = mb_mt19937_uniform(generator);
    const int size = u < first / sum ? 0 : u < second / sum ? 1 : 2;
    return (uint32_t)(from[size] + (to[size] - from[size]) * mb_mt19937_uniform(generator));
}

static uint32_t next_output(mb_mt19937 *generator, uint32_t prompt) {
    const double base = 50.0 * mb_mt19937_gamma(generator, 2.0);
    const double length = base + 0.3 * prompt * (0.2 + (0.8 - 0.2) * mb_mt19937_uniform(generator));
    return length < 1 ? 1 : length >= 4096 ? 4096 : (uint32_t)length;
}

void mb_origin_requests_next(mb_origin_requests *requests, mb_arrival *arrival) {
    arrival->time_s = next_arrival(requests);
    arrival->prompt_tokens = next_prompt(&requests->prompts);
    arrival->output_tokens = next_output(&requests->outputs, arrival->prompt_tokens);
}
