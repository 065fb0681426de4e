// SPDX-License-Identifier: MIT
// Distributions of lengths, gaps and service times.
#pragma once
#include "base/error.h"
#include "base/rng.h"
#include "workload/parse.h"

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
    MB_DIST_GAMMA,       // shape a, scale b
    MB_DIST_PARETO,      // P(X > x) = (b / x)^a from b on
    MB_DIST_MIXTURE,     // a draw of one of `parts`, part i with a probability proportional to values[i]
    MB_DIST_BY_PROMPT,   // of parts[i] for prompts up to values[i] tokens, the first that holds
    MB_DIST_OF_PROMPT,   // a draw of parts[0] and, times the prompt's tokens, one of parts[1]
} mb_distribution_kind;

typedef struct mb_distribution {
    mb_distribution_kind kind;
    double a, b;
    double min,
        max; // every draw but a fixed one is clamped to min..max (for Zipf the support); max = 0: no limit
    double *values; // as above (of a Zipf its cumulative table, made by mb_distribution_prepare); owned
    size_t value_count;
    struct mb_distribution *parts; // owned
    size_t part_count;
} mb_distribution;

// Check the parameters, and make the tables that drawing needs. Error sentences name `what`
// ("workload.prompt"). Nothing here is negative: a lower `min` is raised to 0.
mb_status mb_distribution_prepare(mb_distribution *distribution, const char *what, mb_error *error);
void mb_distribution_deinit(mb_distribution *distribution);

double mb_distribution_draw(const mb_distribution *distribution, mb_rng *rng);
// Rounded to the nearest integer, 1 .. MB_MAX_TOKENS; only a fixed distribution may give 0. (A uniform gives
// each integer in a..b the same probability.)
uint32_t mb_distribution_draw_tokens(const mb_distribution *distribution, mb_rng *rng);
// The same for the answer to a prompt, on which it may depend.
uint32_t mb_distribution_draw_output(const mb_distribution *distribution, uint32_t prompt, mb_rng *rng);
// Read one numeric column of a CSV (by name) as an empirical distribution.
mb_status mb_distribution_read_column(const char *path, const char *column, mb_distribution *distribution,
                                      mb_error *error);
