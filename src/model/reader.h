// SPDX-License-Identifier: MIT
// How well an answer suits who reads it while it comes: the quality of experience of Andes (Liu et al. 2024,
// arXiv 2404.16283). The reader expects the first token by then, and reads so many tokens a second: never
// faster, and nothing that is not there. QoE is the area under what he has read over the area under what he
// expected to have read, both up to when he has read all, and at most 1 (docs/models.md).
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct mb_reader {
    double speed;  // tokens per second; 0: nothing is known of him
    double ttft_s; // from the arrival on
} mb_reader;

// When tokens come: number k at start_s + k first_s + k (k - 1) / 2 slope_s, slope_s >= 0.
typedef struct mb_token_times {
    double start_s, first_s, slope_s;
} mb_token_times;
static inline double mb_token_time(const mb_token_times *times, double k) {
    return times->start_s + (k * times->first_s + times->slope_s * (k * (k - 1) / 2));
}

// One answer, so far. Set `reader` and `arrival_s`, the rest is zero.
typedef struct mb_reading {
    const mb_reader *reader; // NULL: nobody
    double arrival_s;
    uint64_t from;   // for who adds the tokens
    uint64_t tokens; // that came
    double read_s;   // since the arrival: when he has read them all;
    double begun_s;  // sum over them of when he begins to
    // Where `dated`, the first token is due so long after the arrival, each other so long after the one
    // before.
    bool dated;
    double due_s, each_due_s;
    uint64_t late; // tokens that came later,
    double late_s; // and by how much, added up
} mb_reading;

// `count` tokens more, numbers `first`, `first` + 1, ... of the times. In O(log count).
void mb_reading_add(mb_reading *reading, const mb_token_times *times, uint64_t first, uint64_t count);
// Nothing has come yet.
void mb_reading_start_over(mb_reading *reading);
// What a reader has had so far: `tokens`, the first of them at that time (NAN: none).
typedef struct mb_read_so_far {
    double arrival_s, first_token_s;
    uint32_t tokens;
} mb_read_so_far;
// What being served for the next `horizon_s`, instead of waiting, adds to his quality of experience, as a
// share of what he expects by then. Waiting costs the area speed (horizon - ahead)^2 / 2, `ahead` the seconds
// of text that he has left to read, of the speed x^2 / 2 expected in the x seconds since the first token
// should have come; its length is unknown, so it bounds neither. 0 .. 1.
static inline double mb_reader_gain(const mb_reader *reader, const mb_read_so_far *so_far, double now_s,
                                    double horizon_s) {
    const double read_s = so_far->first_token_s + so_far->tokens / reader->speed - now_s;
    const double ahead_s = read_s > 0 ? read_s : 0; // NAN: nothing came
    const double expected_s = now_s + horizon_s - so_far->arrival_s - reader->ttft_s;
    if (ahead_s >= horizon_s || expected_s <= 0) return 0;
    const double share = (horizon_s - ahead_s) / expected_s;
    return share < 1 ? share * share : 1;
}
// 0 .. 1; NAN without a reader or a token.
double mb_reading_qoe(const mb_reading *reading);
