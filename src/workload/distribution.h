// SPDX-License-Identifier: MIT
// Distributions of lengths, gaps and service times.
#pragma once
#include "base/error.h"
#include "base/rng.h"

#include <stddef.h>
#include <stdint.h>

typedef enum mb_distribution_kind {
    MB_DIST_FIXED,       // a
    MB_DIST_UNIFORM,     // a .. b, both included for tokens
    MB_DIST_NORMAL,      // mean a, standard deviation b
    MB_DIST_LOGNORMAL,   // mu a, sigma b of the logarithm
    MB_DIST_EXPONENTIAL, // mean a
    MB_DIST_ZIPF,        // P(n) proportional to n^-a on min..max
    MB_DIST_EMPIRICAL,   // drawn from `values` with equal probability
} mb_distribution_kind;

// Most tokens that a prompt or an output may have: two of them still fit in 32 bits.
#define MB_MAX_TOKENS 1000000000u

typedef struct mb_distribution {
    mb_distribution_kind kind;
    double a, b;
    double min,
        max; // every draw but a fixed one is clamped to min..max (for Zipf the support); max = 0: no limit
    double
        *values; // MB_DIST_EMPIRICAL (or a Zipf's cumulative table, made by mb_distribution_prepare); owned
    size_t value_count;
} mb_distribution;

// Check the parameters, and make the tables that drawing needs. Error sentences name `what`
// ("workload.prompt"). Nothing here is negative: a lower `min` is raised to 0.
mb_status mb_distribution_prepare(mb_distribution *distribution, const char *what, mb_error *error);
void mb_distribution_deinit(mb_distribution *distribution);

double mb_distribution_draw(const mb_distribution *distribution, mb_rng *rng);
// Rounded to the nearest integer, 1 .. MB_MAX_TOKENS; only a fixed distribution may give 0. (A uniform gives
// each integer in a..b the same probability.)
uint32_t mb_distribution_draw_tokens(const mb_distribution *distribution, mb_rng *rng);
// Read one numeric column of a CSV (by name, gzip or plain) as an empirical distribution.
mb_status mb_distribution_read_column(const char *path, const char *column, mb_distribution *distribution,
                                      mb_error *error);
