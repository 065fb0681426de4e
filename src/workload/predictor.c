// SPDX-License-Identifier: MIT
#include "workload/predictor.h"

#include "base/student.h"
#include "workload/distribution.h"
#include "workload/mt19937.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

struct mb_predictor_state {
    const mb_predictor *predictor;
    mb_rng rng;
    mb_mt19937 origin;
};

static uint32_t to_tokens(double x) {
    if (!(x >= 1)) return 1;
    return x >= MB_MAX_TOKENS ? MB_MAX_TOKENS : (uint32_t)(x + 0.5);
}

// ---- preparing

// Every bin holds at least one whole length: bin i is from the edge below it to one less than the edge above.
static mb_status make_bins(mb_predictor *p, mb_error *error) {
    if (p->bins < 1 || p->bins > 65536 || (p->bins > 1 && !p->edges))
        return mb_fail(error, MB_BAD_INPUT, "predictor: %zu bins; expected at least 1", p->bins);
    if (p->lowest < 1) p->lowest = 1;
    free(p->bin_min);
    free(p->bin_max);
    p->bin_min = calloc(p->bins, sizeof *p->bin_min);
    p->bin_max = calloc(p->bins, sizeof *p->bin_max);
    if (!p->bin_min || !p->bin_max) return mb_fail_memory(error);
    for (size_t i = 0; i < p->bins; i++) {
        const bool last = i + 1 == p->bins;
        p->bin_min[i] = i == 0 ? ceil(p->lowest) : p->edges[i - 1];
        p->bin_max[i] = last ? floor(p->highest) : p->edges[i] - 1;
        if (!last && !(p->edges[i] == floor(p->edges[i])))
            return mb_fail(error, MB_BAD_INPUT,
                           "predictor: bin edge %zu is %g; expected a whole number of tokens", i + 1,
                           p->edges[i]);
        if (!(p->bin_min[i] <= p->bin_max[i] && p->bin_max[i] <= MB_MAX_TOKENS))
            return mb_fail(
                error, MB_BAD_INPUT,
                "predictor: bin %zu is from %g to %g tokens; expected rising edges, all between the lowest "
                "(%g) and the highest length (%g)",
                i + 1, p->bin_min[i], p->bin_max[i], p->lowest, p->highest);
    }
    return MB_OK;
}

static mb_status normalise_confusion(mb_predictor *p, mb_error *error) {
    if (!p->confusion)
        return mb_fail(error, MB_BAD_INPUT, "predictor: no confusion matrix; expected one row per bin");
    for (size_t i = 0; i < p->bins; i++) {
        double *row = p->confusion + i * p->bins, sum = 0;
        for (size_t j = 0; j < p->bins; j++) {
            if (!(row[j] >= 0) || !isfinite(row[j]))
                return mb_fail(
                    error, MB_BAD_INPUT,
                    "predictor: row %zu, column %zu of the confusion matrix is %g; expected a number of at "
                    "least 0",
                    i + 1, j + 1, row[j]);
            sum += row[j];
        }
        if (!(sum > 0) || !isfinite(sum))
            return mb_fail(error, MB_BAD_INPUT,
                           "predictor: row %zu of the confusion matrix sums to %g; expected a positive sum",
                           i + 1, sum);
        for (size_t j = 0; j < p->bins; j++)
            row[j] /= sum;
    }
    return MB_OK;
}

mb_status mb_predictor_prepare(mb_predictor *p, mb_error *error) {
    mb_status status = MB_OK;
    switch (p->kind) {
    case MB_PREDICT_EXACT:
    case MB_PREDICT_COLUMN:
        return MB_OK;
    case MB_PREDICT_LOGNORMAL:
    case MB_PREDICT_ORIGIN:
        if (!(p->sigma >= 0) || !isfinite(p->sigma))
            return mb_fail(error, MB_BAD_INPUT, "predictor: sigma is %g; expected a number of at least 0",
                           p->sigma);
        return MB_OK;
    case MB_PREDICT_BIN_FLIP:
        if (!(p->flip >= 0 && p->flip <= 0.5))
            return mb_fail(
                error, MB_BAD_INPUT,
                "predictor: the flip probability is %g; expected 0 to 0.5 (it holds for each side)", p->flip);
        return make_bins(p, error);
    case MB_PREDICT_REFINED:
        if (!(p->sigma >= 0 && p->floor >= 0) || !isfinite(p->sigma + p->floor) || p->every < 1)
            return mb_fail(
                error, MB_BAD_INPUT,
                "predictor: sigma %g and floor %g, every %u tokens; expected numbers of at least 0, "
                "and at least 1 token",
                p->sigma, p->floor, p->every);
        return MB_OK;
    case MB_PREDICT_BINS:
        return make_bins(p, error);
    case MB_PREDICT_CONFUSION:
        status = make_bins(p, error);
        return status ? status : normalise_confusion(p, error);
    case MB_PREDICT_CONSTANT:
        if (p->constant < 1 || p->constant > MB_MAX_TOKENS)
            return mb_fail(error, MB_BAD_INPUT, "predictor: the constant is %u; expected 1 to %u tokens",
                           p->constant, MB_MAX_TOKENS);
        return MB_OK;
    }
    return mb_fail(error, MB_BAD_INPUT, "predictor: unknown kind");
}

void mb_predictor_deinit(mb_predictor *predictor) {
    free(predictor->edges);
    free(predictor->confusion);
    free(predictor->bin_min);
    free(predictor->bin_max);
    *predictor = (mb_predictor){0};
}

mb_status mb_predictor_open(const mb_predictor *predictor, uint64_t seed, uint64_t replication,
                            mb_predictor_state **out, mb_error *error) {
    mb_predictor_state *state = calloc(1, sizeof *state);
    *out = state;
    if (!state) return mb_fail_memory(error);
    state->predictor = predictor;
    mb_rng_init(&state->rng, seed, replication, "predictor");
    mb_mt19937_init(&state->origin, predictor->origin_seed + (uint32_t)replication);
    return MB_OK;
}

void mb_predictor_reseed(mb_predictor_state *state, uint64_t key, uint64_t number) {
    mb_rng_init(&state->rng, key, number, "predictor");
    if (state->predictor->kind != MB_PREDICT_ORIGIN) return; // 2.5 kB of state to fill
    mb_mt19937_init(&state->origin, state->predictor->origin_seed ^ (uint32_t)mb_rng_bits(&state->rng));
}

void mb_predictor_close(mb_predictor_state *state) {
    free(state);
}

// ---- drawing

static size_t bin_of(const mb_predictor *p, uint32_t output) {
    size_t low = 0, high = p->bins - 1; // the number of edges at or below `output`
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (p->edges[middle] <= output)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t draw_in_bin(mb_predictor_state *state, size_t bin) {
    const double from = state->predictor->bin_min[bin], to = state->predictor->bin_max[bin];
    return (uint32_t)from + (uint32_t)mb_rng_below(&state->rng, (uint64_t)(to - from) + 1);
}

static uint32_t draw_flip(mb_predictor_state *state, uint32_t output) {
    const mb_predictor *p = state->predictor;
    const size_t bin = bin_of(p, output), last = p->bins - 1;
    const double u = mb_rng_uniform(&state->rng);
    if (bin > 0 && u < p->flip) return draw_in_bin(state, bin - 1);
    if (bin < last && u >= p->flip && u < 2 * p->flip) return draw_in_bin(state, bin + 1);
    return output ? output : 1;
}

static uint32_t draw_confusion(mb_predictor_state *state, uint32_t output) {
    const mb_predictor *p = state->predictor;
    const size_t bin = bin_of(p, output);
    const double *row = p->confusion + bin * p->bins;
    double u = mb_rng_uniform(&state->rng);
    size_t guess = bin; // where rounding leaves u behind the last column
    for (size_t j = 0; j < p->bins; j++) {
        if (u < row[j]) {
            guess = j;
            break;
        }
        u -= row[j];
    }
    if (guess != bin) return draw_in_bin(state, guess);
    return output ? output : 1;
}

static uint32_t draw_origin(mb_predictor_state *state, uint32_t prompt) {
    const double sigma = state->predictor->sigma;
    double length = 1.5 * pow(prompt, 0.7);
    if (sigma > 0) length *= exp(sigma * mb_mt19937_normal(&state->origin));
    if (!(length >= 1)) return 1;
    return length >= 4096 ? 4096 : (uint32_t)length; // cut, not rounded
}

uint32_t mb_predictor_draw(mb_predictor_state *state, uint32_t prompt, uint32_t output, uint32_t column) {
    const mb_predictor *p = state->predictor;
    switch (p->kind) {
    case MB_PREDICT_EXACT:
        return output ? output : 1;
    case MB_PREDICT_LOGNORMAL:
        return to_tokens(output * exp(p->sigma * mb_rng_normal(&state->rng)));
    case MB_PREDICT_BIN_FLIP:
        return draw_flip(state, output);
    case MB_PREDICT_CONFUSION:
        return draw_confusion(state, output);
    case MB_PREDICT_CONSTANT:
        return p->constant;
    case MB_PREDICT_COLUMN:
        return column ? column : 1;
    case MB_PREDICT_ORIGIN:
        return draw_origin(state, prompt);
    case MB_PREDICT_REFINED: // mb_predictor_refine
    case MB_PREDICT_BINS:
        break;
    }
    return 1;
}

// ---- while the answer comes

mb_status mb_predictor_check(const mb_predictor *p, uint32_t output, mb_error *error) {
    if (p->kind != MB_PREDICT_BINS || (output >= p->bin_min[0] && output <= p->bin_max[p->bins - 1]))
        return MB_OK;
    return mb_fail(error, MB_BAD_INPUT,
                   "predict.bins: a request has an output of %u tokens; expected all of them to be between "
                   "lowest (%g) and highest (%g)",
                   output, p->bin_min[0], p->bin_max[p->bins - 1]);
}

static uint32_t at_least_next(double tokens, uint32_t generated) {
    const uint32_t whole = to_tokens(tokens);
    return whole > generated ? whole : generated + 1;
}

static uint32_t refine(const mb_predictor *p, const mb_refinement *of, double normal) {
    const uint32_t looks = of->generated / p->every, seen = looks * p->every;
    const uint32_t output = of->output ? of->output : 1, rest = output - seen;
    const double sigma = fmax(p->floor, p->sigma * rest / output);
    mb_rng rng;
    mb_rng_init(&rng, of->noise, looks, "predict");
    const double guess = rest * exp(sigma * (mb_rng_normal(&rng) + normal));
    return at_least_next(seen + fmax(1, floor(guess + 0.5)), of->generated);
}

uint32_t mb_predictor_refine(const mb_predictor *p, const mb_refinement *of, mb_saying what,
                             double quantile) {
    if (of->output && of->generated >= of->output) return of->output;
    if (p->kind == MB_PREDICT_REFINED)
        return refine(p, of, what == MB_SAYS_QUANTILE ? mb_normal_quantile(quantile) : 0);
    const size_t bin = bin_of(p, of->output);
    const double low = fmax(p->bin_min[bin], of->generated + 1.0), high = p->bin_max[bin];
    const double share = what == MB_SAYS_LOW      ? 0
                         : what == MB_SAYS_HIGH   ? 1
                         : what == MB_SAYS_OUTPUT ? 0.5
                                                  : quantile;
    return at_least_next(low + share * (high - low), of->generated);
}
