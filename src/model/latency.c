// SPDX-License-Identifier: MIT
#include "model/latency.h"

#include <assert.h>
#include <math.h>

// Above this a "7" that meant 7 % would pass unnoticed; 2 already spreads a factor of 50 either way (95 %).
static const double MOST_NOISE = 2;

static mb_status check_number(const char *name, const char *unit, double value, mb_error *error) {
    if (isfinite(value) && value >= 0) return MB_OK;
    return mb_fail(error, MB_BAD_INPUT, "latency: %s must be a number of %s that is not negative, not %g",
                   name, unit, value);
}

static mb_status check_law(const mb_batch_law *law, mb_error *error) {
    mb_status status = check_number("alpha", "seconds", law->alpha_s, error);
    if (!status) status = check_number("beta", "seconds per token", law->beta_s_per_token, error);
    if (status) return status;
    if (!isfinite(law->gamma) || law->gamma < 0)
        return mb_fail(error, MB_BAD_INPUT, "latency: gamma must be a number that is not negative, not %g",
                       law->gamma);
    status = check_number("the floor", "seconds", law->floor_s, error);
    if (status) return status;
    if (law->alpha_s == 0 && law->beta_s_per_token == 0 && law->floor_s == 0)
        return mb_fail(error, MB_BAD_INPUT,
                       "latency: alpha and beta are both 0, so a batch would take no time; set one of them");
    return MB_OK;
}

static mb_status check_table(const mb_grid *grid, mb_error *error) {
    assert(grid);
    const char *path = grid->path ? grid->path : "latency table";
    if (grid->batch_count < 2 || grid->length_count < 2)
        return mb_fail(
            error, MB_BAD_INPUT,
            "%s: a latency table needs two batch sizes and two lengths at least, this grid has %zu and %zu",
            path, grid->batch_count, grid->length_count);
    for (size_t i = 0; i < grid->batch_count; i++)
        for (size_t j = 0; j < grid->length_count; j++)
            if (!(grid->mean_s[i * grid->length_count + j] > 0))
                return mb_fail(error, MB_BAD_INPUT,
                               "%s: no time for batch_size %g, max_seq_len %g; a latency table needs every "
                               "cell (add it, "
                               "or use latency.batch, which fits a law through the cells there are)",
                               path, grid->batch_sizes[i], grid->lengths[j]);
    return MB_OK;
}

static mb_status check_step_law(const mb_latency *latency, mb_error *error) {
    const mb_step_law *law = &latency->step;
    mb_status status = check_number("base", "seconds", law->base_s, error);
    if (!status) status = check_number("per_token", "seconds per token", law->per_token_s, error);
    if (!status) status = check_number("per_context", "seconds per token", law->per_context_s, error);
    if (!status) status = check_number("per_request", "seconds per request", law->per_request_s, error);
    if (!status) status = check_number("prompts.base", "seconds", law->prompts.base_s, error);
    if (!status)
        status = check_number("prompts.per_token", "seconds per token", law->prompts.per_token_s, error);
    if (!status)
        status = check_number("prompts.per_context", "seconds per token", law->prompts.per_context_s, error);
    if (!status)
        status =
            check_number("prompts.per_request", "seconds per request", law->prompts.per_request_s, error);
    if (status) return status;
    if (law->split && !(law->prompts.base_s + latency->host_s + law->prompts.per_token_s > 0))
        return mb_fail(
            error, MB_BAD_INPUT,
            "latency: prompts.base, prompts.per_token and host are all 0, so a step could take no time");
    if (!(law->max_tokens >= 0) || !(law->max_context >= 0))
        return mb_fail(error, MB_BAD_INPUT,
                       "latency: max_tokens and max_context must not be negative (0: not known)");
    if (law->base_s + latency->host_s + law->per_token_s > 0) return MB_OK;
    return mb_fail(
        error, MB_BAD_INPUT,
        "latency: base, host and per_token are all 0, so a step could take no time; set one of them");
}

static mb_status check_graph_sizes(const mb_latency *latency, mb_error *error) {
    for (size_t i = 0; i < latency->graph_size_count; i++)
        if (latency->graph_sizes[i] < 1 || (i > 0 && latency->graph_sizes[i] <= latency->graph_sizes[i - 1]))
            return mb_fail(error, MB_BAD_INPUT,
                           "latency: graph_sizes must be whole numbers from 1 on, each larger than the one "
                           "before; number %zu is %u",
                           i + 1, latency->graph_sizes[i]);
    return MB_OK;
}

static mb_status check_step_model(const mb_latency *latency, mb_error *error) {
    mb_status status = check_number("host", "seconds", latency->host_s, error);
    if (!status)
        status = check_number("scheduling", "seconds per request", latency->scheduling_s_per_request, error);
    if (!status) status = check_graph_sizes(latency, error);
    if (status) return status;
    if (latency->kind == MB_LATENCY_STEP) return check_step_law(latency, error);
    status = check_number("per_token", "seconds per token", latency->step.per_token_s, error);
    if (status) return status;
    if (latency->kind == MB_LATENCY_PROFILE && !latency->profile)
        return mb_fail(error, MB_BAD_INPUT, "latency.profile: no tables have been read");
    if (latency->kind == MB_LATENCY_ROOFLINE && !latency->roofline)
        return mb_fail(error, MB_BAD_INPUT, "latency.roofline: no model and GPU have been given");
    if (latency->kind == MB_LATENCY_CUSTOM && !latency->custom)
        return mb_fail(error, MB_BAD_INPUT, "latency.custom: no function has been given");
    return MB_OK;
}

mb_status mb_latency_check(const mb_latency *latency, mb_error *error) {
    if (!(latency->noise >= 0 && latency->noise <= MOST_NOISE))
        return mb_fail(error, MB_BAD_INPUT,
                       "latency: noise must be from 0 to %g (0.07 is about 7 %%), not %g", MOST_NOISE,
                       latency->noise);
    if (!(latency->max_batch >= 0) || !(latency->max_length >= 0))
        return mb_fail(error, MB_BAD_INPUT,
                       "latency: max_batch and max_length must not be negative (0: not known)");
    const mb_status status = check_number("tbt", "seconds", latency->tbt_s, error);
    if (status) return status;
    switch (latency->kind) {
    case MB_LATENCY_BATCH:
        return check_law(&latency->law, error);
    case MB_LATENCY_TABLE:
        return check_table(latency->grid, error);
    case MB_LATENCY_JOBS:
        return MB_OK;
    case MB_LATENCY_STEP:
    case MB_LATENCY_PROFILE:
    case MB_LATENCY_CUSTOM:
    case MB_LATENCY_ROOFLINE:
        break;
    }
    return check_step_model(latency, error);
}

static inline mb_batch_time law_time(const mb_latency *latency, double requests, double tokens) {
    const mb_batch_law *law = &latency->law;
    const double per_token = mb_batch_law_per_token(law, requests);
    mb_batch_time time = {
        .duration_s = law->alpha_s + tokens * per_token,
        .first_token_s = law->alpha_s,
        .tbt_s = tokens > 0 ? per_token : 0,
    };
    if (time.duration_s < law->floor_s) {
        time.duration_s = law->floor_s;
        if (tokens > 0) time.tbt_s = (law->floor_s - law->alpha_s) / tokens;
    }
    time.extrapolated = (latency->max_batch > 0 && requests > latency->max_batch) ||
                        (latency->max_length > 0 && tokens > latency->max_length);
    return time;
}

// A place on an axis: between knots `below` and `below` + 1, `part` of the way.
typedef struct place {
    size_t below;
    double part;
    bool outside;
} place;

// Grids have a handful of knots: a walk costs less than a binary search's mispredictions.
static place find_place(const double *knots, size_t count, double x) {
    if (x <= knots[0]) return (place){0, 0, x < knots[0]};
    if (x >= knots[count - 1]) return (place){count - 2, 1, x > knots[count - 1]};
    size_t below = 0;
    while (x >= knots[below + 1])
        below++;
    return (place){below, (x - knots[below]) / (knots[below + 1] - knots[below]), false};
}

// The grid's time at a batch size between rows and a length that is a knot. Written so that part 0 and part 1
// give the cells' own bits.
static double between_rows(const mb_grid *grid, place batch, size_t length) {
    const double *cell = &grid->mean_s[batch.below * grid->length_count + length];
    return cell[0] * (1 - batch.part) + cell[grid->length_count] * batch.part;
}

static mb_batch_time table_time(const mb_grid *grid, double requests, double tokens) {
    const place batch = find_place(grid->batch_sizes, grid->batch_count, requests);
    const place length = find_place(grid->lengths, grid->length_count, tokens);
    const double duration = between_rows(grid, batch, length.below) * (1 - length.part) +
                            between_rows(grid, batch, length.below + 1) * length.part;
    const double shortest = between_rows(grid, batch, 0);
    const double slope = (between_rows(grid, batch, 1) - shortest) / (grid->lengths[1] - grid->lengths[0]);
    double intercept = shortest - slope * grid->lengths[0];
    if (intercept < 0) intercept = 0;
    if (intercept > shortest) intercept = shortest; // times that fall with length
    if (intercept > duration) intercept = duration;
    return (mb_batch_time){
        .duration_s = duration,
        .first_token_s = intercept,
        .tbt_s = tokens > 0 ? (duration - intercept) / tokens : 0,
        .extrapolated = batch.outside || length.outside,
    };
}

// Between knots a table's times are bilinear, so the least of a rectangle is in one of its corners: at this
// length, or at a knot beyond it. The first token's are linear in the batch but for their limits.
mb_batch_time mb_latency_table_least(const mb_grid *grid, uint32_t tokens) {
    const place length = find_place(grid->lengths, grid->length_count, tokens);
    const double width = grid->lengths[1] - grid->lengths[0];
    mb_batch_time least = {.duration_s = INFINITY, .first_token_s = INFINITY};
    for (size_t i = 0; i < grid->batch_count; i++) {
        const double *row = &grid->mean_s[i * grid->length_count];
        const double intercept = row[0] - (row[1] - row[0]) / width * grid->lengths[0];
        least.first_token_s = fmin(least.first_token_s, fmax(0, fmin(intercept, row[0])));
        least.duration_s = fmin(least.duration_s,
                                row[length.below] * (1 - length.part) + row[length.below + 1] * length.part);
        for (size_t j = length.below + 1; j < grid->length_count; j++)
            least.duration_s = fmin(least.duration_s, row[j]);
    }
    least.first_token_s = fmin(least.first_token_s, least.duration_s);
    return least;
}

mb_batch_time mb_latency_batch(const mb_latency *latency, uint32_t requests, uint32_t longest_tokens,
                               double longest_service_s, mb_rng *rng) {
    assert(requests >= 1);
    mb_batch_time time;
    switch (latency->kind) {
    case MB_LATENCY_BATCH:
        time = law_time(latency, requests, longest_tokens);
        break;
    case MB_LATENCY_TABLE:
        time = table_time(latency->grid, requests, longest_tokens);
        break;
    default:
        time = (mb_batch_time){.duration_s = longest_service_s, .first_token_s = longest_service_s};
        break;
    }
    if (latency->noise > 0) {
        const double sigma = latency->noise;
        const double factor = exp(sigma * mb_rng_normal(rng) - sigma * sigma / 2); // mean 1
        time.duration_s *= factor;
        time.first_token_s *= factor;
        time.tbt_s *= factor;
    }
    if (latency->kind == MB_LATENCY_BATCH && latency->tbt_s > 0 && longest_tokens > 0)
        time.tbt_s = latency->tbt_s;
    return time;
}
