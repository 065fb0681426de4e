// SPDX-License-Identifier: MIT
#include "workload/synthetic.h"

#include "workload/arrivals.h"
#include "workload/origin_requests.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct mb_open_state {
    const mb_workload *workload;
    mb_arrivals_state arrivals;
    mb_rng service, client, class_choice, prefix;
    uint64_t prefix_id;
    mb_length_streams *lengths; // of each class, or one
    mb_origin_requests *origin; // instead of all this; or NULL
};

// ---- what a request is

static bool is_active(const mb_class *class, double time_s) {
    for (size_t i = 0; i < class->active_count; i++)
        if (time_s >= class->active[i].from_s && time_s < class->active[i].to_s) return true;
    return class->active_count == 0;
}

uint32_t mb_draw_class(const mb_workload *workload, double time_s, mb_rng *rng) {
    if (workload->class_count == 0) return 0;
    double sum = 0;
    for (size_t i = 0; i < workload->class_count; i++)
        if (is_active(&workload->classes[i], time_s)) sum += workload->classes[i].share;
    double u = mb_rng_uniform(rng) * sum;
    uint32_t drawn = MB_NO_CLASS;
    for (uint32_t i = 0; i < workload->class_count; i++) {
        if (!is_active(&workload->classes[i], time_s)) continue;
        drawn = i;
        if (u < workload->classes[i].share) break;
        u -= workload->classes[i].share;
    }
    return drawn;
}

// Does any class come at that time or later?
static bool comes_again(const mb_workload *workload, double time_s) {
    for (size_t i = 0; i < workload->class_count; i++) {
        const mb_class *class = &workload->classes[i];
        if (class->active_count == 0) return true;
        for (size_t j = 0; j < class->active_count; j++)
            if (class->active[j].to_s > time_s) return true;
    }
    return workload->class_count == 0;
}

uint32_t mb_draw_client(const mb_workload *workload, uint32_t class_index, mb_rng *rng) {
    const mb_class *class = class_index < workload->class_count ? &workload->classes[class_index] : NULL;
    if (class && class->client_count) return class->clients[mb_rng_below(rng, class->client_count)];
    return (uint32_t)mb_rng_below(rng, workload->clients);
}

void mb_set_class(const mb_workload *workload, uint32_t class_index, mb_arrival *arrival) {
    if (class_index >= workload->class_count) return;
    const mb_class *class = &workload->classes[class_index];
    arrival->class_index = class_index;
    arrival->priority = class->priority;
    arrival->deadline_s = arrival->time_s + class->slo.e2e_s;
}

// The caller's bound on the output, which ends there.
static void draw_bound(const mb_output_bound *bound, mb_rng *rng, mb_arrival *arrival) {
    arrival->max_output = 0;
    if (!bound->given) return;
    if (bound->factor > 0) {
        const double most = ceil(bound->factor * arrival->output_tokens);
        arrival->max_output = most < 1 ? 1 : most < MB_MAX_TOKENS ? (uint32_t)most : MB_MAX_TOKENS;
        return;
    }
    arrival->max_output = mb_distribution_draw_tokens(&bound->tokens, rng);
    if (arrival->max_output < 1) arrival->max_output = 1;
    if (arrival->output_tokens > arrival->max_output) arrival->output_tokens = arrival->max_output;
}

void mb_draw_lengths(const mb_workload *workload, uint32_t class_index, mb_length_streams *streams,
                     mb_arrival *arrival) {
    const mb_class *class = class_index < workload->class_count ? &workload->classes[class_index] : NULL;
    const mb_length_pairs *pairs = class ? &class->pairs : &workload->pairs;
    if (pairs->count) {
        const size_t i = (size_t)mb_rng_below(&streams->prompt, pairs->count);
        arrival->prompt_tokens = pairs->prompt[i];
        arrival->output_tokens = pairs->output[i];
    } else {
        arrival->prompt_tokens =
            mb_distribution_draw_tokens(class ? &class->prompt : &workload->prompt, &streams->prompt);
        arrival->output_tokens = mb_distribution_draw_output(class ? &class->output : &workload->output,
                                                             arrival->prompt_tokens, &streams->output);
    }
    draw_bound(class ? &class->max_output : &workload->max_output, &streams->bound, arrival);
}

void mb_add_prefix(const mb_workload *workload, mb_rng *rng, mb_arrival *arrival, uint64_t *id) {
    const mb_shared_prefix *prefix = &workload->prefix;
    if (prefix->tokens == 0) return;
    *id = prefix->groups > 1 ? (uint64_t)mb_distribution_draw(&prefix->choice, rng) : 1;
    const uint32_t room = MB_MAX_TOKENS - prefix->tokens;
    arrival->prompt_tokens = prefix->tokens + (arrival->prompt_tokens < room ? arrival->prompt_tokens : room);
    arrival->prefix_ids = id;
    arrival->prefix_count = 1;
    arrival->prefix_unit_tokens = prefix->tokens;
}

// ---- the open stream

static mb_status open_lengths(mb_open_state *state, uint64_t seed, uint64_t replication, mb_error *error) {
    const mb_workload *workload = state->workload;
    const size_t classes = workload->class_count;
    state->lengths = calloc(classes ? classes : 1, sizeof *state->lengths);
    if (!state->lengths) return mb_fail_memory(error);
    mb_rng_init(&state->lengths[0].prompt, seed, replication, "prompt");
    mb_rng_init(&state->lengths[0].output, seed, replication, "output");
    mb_rng_init(&state->lengths[0].bound, seed, replication, "max_output");
    for (size_t i = 0; i < classes; i++) { // by name: another class more, or another order, changes nothing
        char name[128];
        snprintf(name, sizeof name, "prompt/%s", workload->classes[i].name);
        mb_rng_init(&state->lengths[i].prompt, seed, replication, name);
        snprintf(name, sizeof name, "output/%s", workload->classes[i].name);
        mb_rng_init(&state->lengths[i].output, seed, replication, name);
        snprintf(name, sizeof name, "max_output/%s", workload->classes[i].name);
        mb_rng_init(&state->lengths[i].bound, seed, replication, name);
    }
    return MB_OK;
}

mb_status mb_open_stream(const mb_workload *workload, uint64_t seed, uint64_t replication,
                         mb_open_state **out, mb_error *error) {
    mb_open_state *state = *out = calloc(1, sizeof *state);
    if (!state) return mb_fail_memory(error);
    state->workload = workload;
    if (workload->origin) {
        state->origin = malloc(sizeof *state->origin);
        if (!state->origin) return mb_fail_memory(error);
        mb_origin_requests_init(state->origin, workload->origin_seed + (uint32_t)replication);
        return MB_OK;
    }
    mb_arrivals_open(&workload->arrivals, seed, replication, &state->arrivals);
    mb_rng_init(&state->service, seed, replication, "service");
    mb_rng_init(&state->client, seed, replication, "clients");
    mb_rng_init(&state->class_choice, seed, replication, "class");
    mb_rng_init(&state->prefix, seed, replication, "prefix");
    return open_lengths(state, seed, replication, error);
}

bool mb_open_next(mb_open_state *state, mb_arrival *arrival) {
    const mb_workload *workload = state->workload;
    double time_s;
    if (state->origin) {
        *arrival = (mb_arrival){.deadline_s = INFINITY};
        mb_origin_requests_next(state->origin, arrival);
        return true;
    }
    uint32_t class_index;
    do { // nobody sends anything while no class is active
        if (!mb_arrivals_next(&state->arrivals, &time_s)) return false;
        class_index = mb_draw_class(workload, time_s, &state->class_choice);
    } while (class_index == MB_NO_CLASS && comes_again(workload, time_s));
    if (class_index == MB_NO_CLASS) return false;
    *arrival = (mb_arrival){.time_s = time_s, .deadline_s = INFINITY};
    mb_set_class(workload, class_index, arrival);
    mb_draw_lengths(workload, class_index, &state->lengths[class_index], arrival);
    if (workload->clients > 1) arrival->client = mb_draw_client(workload, class_index, &state->client);
    if (workload->has_service) arrival->service_s = mb_distribution_draw(&workload->service, &state->service);
    mb_add_prefix(workload, &state->prefix, arrival, &state->prefix_id);
    return true;
}

void mb_open_close(mb_open_state *state) {
    if (!state) return;
    free(state->lengths);
    free(state->origin);
    free(state);
}
