// SPDX-License-Identifier: MIT
#include "engine/gaps.h"

#include <stdlib.h>

bool mb_gaps_join(mb_stepper *stepper, uint32_t slot) {
    mb_gaps *gaps = &stepper->gaps;
    mb_request *request = mb_request_at(stepper->requests, slot);
    if (gaps->out_of_memory) return false;
    request->rest->gap_from = stepper->iteration + 1; // whose gap began before it joined
    if (gaps->joined_count == gaps->joined_capacity) {
        const uint32_t more = gaps->joined_capacity ? 2 * gaps->joined_capacity : 16;
        mb_gap_start *joined = realloc(gaps->joined, more * sizeof *joined);
        if (!joined) return false;
        gaps->joined = joined;
        gaps->joined_capacity = more;
    }
    gaps->joined[gaps->joined_count++] = (mb_gap_start){slot, request->last_token_s};
    return true;
}

// Gaps fall from the bottom to the top of the stack, so the first that is late enough is the largest.
double mb_gaps_so_far(const mb_stepper *stepper, const mb_request *request) {
    if (request->stage != MB_STAGE_DECODE) return request->gap_s;
    const mb_gaps *gaps = &stepper->gaps;
    uint32_t low = 0, high = gaps->count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (gaps->stack[middle].iteration > request->rest->gap_from)
            high = middle;
        else
            low = middle + 1;
    }
    return low < gaps->count ? fmax(request->gap_s, gaps->stack[low].seconds) : request->gap_s;
}

void mb_gaps_part(mb_stepper *stepper, uint32_t slot) {
    mb_gaps *gaps = &stepper->gaps;
    mb_request *request = mb_request_at(stepper->requests, slot);
    request->gap_s = mb_gaps_so_far(stepper, request);
    for (uint32_t i = gaps->joined_count; i-- > 0;)
        if (gaps->joined[i].slot == slot) gaps->joined[i] = gaps->joined[--gaps->joined_count];
}

// What no running request can ask for any more.
static void forget(mb_stepper *stepper) {
    mb_gaps *gaps = &stepper->gaps;
    uint64_t oldest = UINT64_MAX;
    for (uint32_t slot = stepper->oldest; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(stepper->requests, slot);
        if (request->stage == MB_STAGE_DECODE && request->rest->gap_from < oldest)
            oldest = request->rest->gap_from;
        slot = request->next;
    }
    uint32_t gone = 0, kept = 0;
    while (gone < gaps->count && gaps->stack[gone].iteration <= oldest)
        gone++;
    while (gone < gaps->count)
        gaps->stack[kept++] = gaps->stack[gone++];
    gaps->count = kept;
}

static void push(mb_stepper *stepper, uint64_t iteration, double seconds) {
    mb_gaps *gaps = &stepper->gaps;
    while (gaps->count > 0 && gaps->stack[gaps->count - 1].seconds <= seconds)
        gaps->count--;
    if (gaps->count == gaps->capacity) forget(stepper);
    if (2 * gaps->count >= gaps->capacity) {
        const uint32_t more = gaps->capacity ? 2 * gaps->capacity : 16;
        mb_token_gap *stack = realloc(gaps->stack, more * sizeof *stack);
        if (!stack) {
            gaps->out_of_memory = true;
            return;
        }
        gaps->stack = stack;
        gaps->capacity = more;
    }
    gaps->stack[gaps->count++] = (mb_token_gap){iteration, seconds};
}

void mb_gaps_piece(mb_stepper *stepper, double first_s, double last_s) {
    mb_gaps *gaps = &stepper->gaps;
    const uint64_t steps = stepper->steps, last = stepper->iteration;
    for (uint32_t i = 0; i < gaps->joined_count; i++) {
        mb_request *request = mb_request_at(stepper->requests, gaps->joined[i].slot);
        request->gap_s = fmax(request->gap_s, first_s - gaps->joined[i].since_s);
    }
    gaps->joined_count = 0;
    if (!isnan(gaps->last_s)) push(stepper, last - steps + 1, first_s - gaps->last_s);
    // Within the piece gaps grow, so the last is the largest.
    if (steps > 1) push(stepper, last, stepper->first_s + stepper->slope_s * (double)(steps - 1));
    gaps->last_s = last_s;
}
