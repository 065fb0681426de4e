// SPDX-License-Identifier: MIT
// Numbers and dates as they stand in a CSV field: strict, without locale, and fast enough for millions of
// rows a second.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Most tokens that a prompt or an output may have: two of them still fit in 32 bits.
#define MB_MAX_TOKENS 1000000000u

// A point in time as a trace writes it, exactly: `whole` + `fraction` / 10^18 of its unit, 0 <= fraction <
// 10^18.
typedef struct mb_stamp {
    int64_t whole, fraction;
} mb_stamp;

#define MB_STAMP_ONE INT64_C(1000000000000000000)

// Each returns false, and leaves *value alone, if the whole of text[0 .. length) is not what it reads.
// The text must be followed by a NUL.

// Digits only, below 10^18.
bool mb_parse_whole(const char *text, size_t length, uint64_t *value);
// A finite decimal number: [+-]digits[.digits][e[+-]digits]. No hexadecimal, no inf, no nan.
bool mb_parse_number(const char *text, size_t length, double *value);
// "YYYY-MM-DD HH:MM:SS[.fffffffff][zone]" (or T between, or a comma for the point), the zone "Z", "+HH",
// "+HHMM" or "+HH:MM", also after a space; without one, UTC. Nanoseconds since 1970; years 1700 to 2250.
bool mb_parse_date(const char *text, size_t length, int64_t *nanoseconds);
// A decimal number of at least 0 and below 2^63, in any form that mb_parse_number takes, cut after 18
// decimals.
bool mb_parse_stamp(const char *text, size_t length, mb_stamp *value);
mb_stamp mb_stamp_of_seconds(double seconds);
// a - b, and which comes first.
mb_stamp mb_stamp_minus(mb_stamp a, mb_stamp b);
static inline bool mb_stamp_before(mb_stamp a, mb_stamp b) {
    return a.whole != b.whole ? a.whole < b.whole : a.fraction < b.fraction;
}
// A unit of time: seconds, and how many of it are a second where that is a whole number (else 0). 0.001 and
// 1e-9 are no binary fractions, but their inverses are whole: dividing is exact where it can be.
typedef struct mb_time_unit {
    double seconds, per_second;
} mb_time_unit;

mb_time_unit mb_time_unit_of(double seconds);
// The nearest double; exact where it can be.
double mb_stamp_seconds(mb_stamp value, mb_time_unit unit);
