// SPDX-License-Identifier: MIT
// What a policy is told of a request's output length before it ran.
#pragma once
#include "base/error.h"
#include "base/rng.h"

#include <stddef.h>
#include <stdint.h>

typedef enum mb_predictor_kind {
    MB_PREDICT_EXACT,
    MB_PREDICT_LOGNORMAL, // output x exp(sigma Z)
    MB_PREDICT_BIN_FLIP, // with probability p each, the prediction lies in the bin below / above the true one
                         // (edges go inward; Guldogan et al. 2024, 6.2); the value is a random length of that
                         // bin, and exact where the bin is right
    MB_PREDICT_CONFUSION, // row = true bin, column = predicted bin; rows are normalised; values as above
    MB_PREDICT_CONSTANT,  // always `constant`
    MB_PREDICT_COLUMN,    // the trace's own column
    MB_PREDICT_ORIGIN,    // clamp(int(1.5 prompt^0.7 X), 1, 4096), X log-normal(0, sigma) from the legacy
                          // MT19937 generator with polar Gaussians, seeded with `origin_seed` + replication;
                          // sigma 0: X = 1
    // --- these say more when more of the answer is there, and what they are sure of
    MB_PREDICT_REFINED, // after every `every` tokens: those, and the rest of the answer x exp(s Z), where s =
                        // max(floor, sigma x the share of the answer that is missing)
    MB_PREDICT_BINS,    // the true bin: its bounds
} mb_predictor_kind;

typedef struct mb_predictor {
    mb_predictor_kind kind;
    double sigma, floor; // the last of REFINED, as
    uint32_t every;      // tokens
    double flip;         // p_e
    double *edges;       // BIN_FLIP, CONFUSION, BINS: ascending, bins - 1 of them; owned
    size_t bins;
    double *confusion; // bins x bins, row-major; owned
    double *bin_min,
        *bin_max; // range of each bin that values are drawn from; owned; made by prepare from the edges:
                  // lowest .. edge - 1, edge .. next edge - 1, ..., last edge .. highest
    double lowest, highest; // outer limits of the first and the last bin; a lowest below 1 becomes 1
    uint32_t constant;
    uint32_t origin_seed;
} mb_predictor;

typedef struct mb_predictor_state mb_predictor_state;

mb_status mb_predictor_prepare(mb_predictor *predictor, mb_error *error);
void mb_predictor_deinit(mb_predictor *predictor);
mb_status mb_predictor_open(const mb_predictor *predictor, uint64_t seed, uint64_t replication,
                            mb_predictor_state **state, mb_error *error);
// `column` is the trace's own value (MB_PREDICT_COLUMN). At least 1 for every kind.
uint32_t mb_predictor_draw(mb_predictor_state *state, uint32_t prompt, uint32_t output, uint32_t column);
// Let the next draw be that of request `number` of the user or session `key`, whatever was drawn before.
void mb_predictor_reseed(mb_predictor_state *state, uint64_t key, uint64_t number);
void mb_predictor_close(mb_predictor_state *state);

// --- what is said while the answer comes

static inline bool mb_predictor_refines(const mb_predictor *predictor) {
    return predictor->kind == MB_PREDICT_REFINED || predictor->kind == MB_PREDICT_BINS;
}
typedef enum mb_saying { MB_SAYS_OUTPUT, MB_SAYS_LOW, MB_SAYS_HIGH, MB_SAYS_QUANTILE } mb_saying;
typedef struct mb_refinement {
    uint64_t noise;     // the request's own
    uint32_t output;    // the true one
    uint32_t generated; // so far
} mb_refinement;
// Tokens of the whole output: the same answer whoever asks, when, and how often. `quantile` of
// MB_SAYS_QUANTILE, between 0 and 1: the output is at most this with so much probability. More than there
// are, unless it is all.
uint32_t mb_predictor_refine(const mb_predictor *predictor, const mb_refinement *of, mb_saying what,
                             double quantile);
// An error for an output that its bins do not hold.
mb_status mb_predictor_check(const mb_predictor *predictor, uint32_t output, mb_error *error);
