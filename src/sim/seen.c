// SPDX-License-Identifier: MIT
#include "sim/seen.h"

#include "engine/sums.h"

#include <stdlib.h>

mb_status mb_seen_init(mb_sim *sim, mb_error *error) {
    const mb_sim_config *config = sim->config;
    if (!(config->signal_period_s > 0)) return MB_OK;
    sim->seen = calloc(1, sizeof *sim->seen);
    if (!sim->seen) return mb_fail_memory(error);
    sim->seen->next_s = INFINITY;
    sim->seen->depth = (uint32_t)(config->signal_delay_s / config->signal_period_s) + 3;
    return MB_OK;
}

void mb_seen_deinit(mb_sim *sim) {
    mb_seen *seen = sim->seen;
    if (!seen) return;
    for (uint32_t i = 0; i < seen->replicas; i++) {
        if (seen->mirrors[i]) mb_kv_mirror_deinit(seen->mirrors[i]);
        free(seen->mirrors[i]);
    }
    free(seen->mirrors);
    free(seen->states);
    free(seen);
}

// --- how it is

// A counter of tokens reserves the true final lengths, which nobody knows before the end, so predictions
// stand in for them; an oracle sees the counter itself. An engine that reserves final lengths tells of the
// tokens computed instead.
uint64_t mb_replica_known_use(const mb_sim *sim, mb_engine *engine) {
    const bool oracle = sim->config->oracle;
    if (sim->by_steps)
        return engine->reserve == MB_RESERVE_FINAL && !oracle ? mb_engine_kv_computed(engine)
                                                              : mb_engine_kv_used(engine);
    const mb_kv_pool *pool = &engine->kv;
    if (oracle || pool->kind != MB_KV_TOKENS) return pool->reserved;
    return engine->predicted_tokens < pool->capacity ? engine->predicted_tokens : pool->capacity;
}

mb_seen_state mb_replica_look(mb_sim *sim, uint32_t id) {
    mb_replica *replica = sim->replicas[id];
    mb_engine *engine = &replica->engine;
    if (engine->stepper) mb_engine_settle(engine);
    mb_seen_state state = {.running = mb_engine_running(engine),
                           .decodes = mb_sum_decodes(engine),
                           .context = mb_sum_context(engine),
                           .kv_used = mb_replica_known_use(sim, engine)};
    if (replica->own_queue == MB_NONE) return state;
    const mb_queue *queue = &sim->queues[replica->own_queue];
    state.waiting = queue->count;
    state.waiting_tokens = queue->prompt_tokens;
    return state;
}

// --- publishing

// What a replica that has just come has published before is all 0.
static bool make_room(mb_sim *sim) {
    mb_seen *seen = sim->seen;
    const uint32_t n = sim->replica_count;
    if (n <= seen->replicas) return true;
    mb_seen_state *states = realloc(seen->states, (size_t)n * seen->depth * sizeof *states);
    if (!states) return false;
    seen->states = states;
    mb_kv_mirror **mirrors = realloc(seen->mirrors, n * sizeof *mirrors);
    if (!mirrors) return false;
    seen->mirrors = mirrors;
    for (; seen->replicas < n; seen->replicas++) {
        const uint32_t id = seen->replicas;
        mb_stepper *stepper = sim->replicas[id]->engine.stepper;
        for (uint32_t i = 0; i < seen->depth; i++)
            states[(size_t)id * seen->depth + i] = (mb_seen_state){0};
        const bool keeps = stepper && stepper->kv.keep;
        mirrors[id] = keeps ? calloc(1, sizeof *mirrors[id]) : NULL;
        if (keeps && !mirrors[id]) return false;
        if (!keeps) continue;
        mirrors[id]->notes.cleared = true;
        stepper->kv.notes = &mirrors[id]->notes;
    }
    return true;
}

static double old_enough_s(const mb_sim *sim, uint64_t number) {
    return (double)number * sim->config->signal_period_s + sim->config->signal_delay_s;
}

static bool publish(mb_sim *sim, uint64_t number) {
    mb_seen *seen = sim->seen;
    bool done = make_room(sim);
    for (uint32_t id = 0; id < sim->replica_count && done; id++) {
        seen->states[(size_t)id * seen->depth + number % seen->depth] = mb_replica_look(sim, id);
        mb_kv_mirror *mirror = seen->mirrors[id];
        if (mirror) done = mb_kv_mirror_publish(mirror, &sim->replicas[id]->engine.stepper->kv, number);
    }
    seen->published = number + 1;
    seen->next_s = old_enough_s(sim, seen->visible);
    return done;
}

// How many are old enough at a time, published or not.
static uint64_t old_enough(const mb_sim *sim, double time_s) {
    const double guess = floor((time_s - sim->config->signal_delay_s) / sim->config->signal_period_s);
    uint64_t count = guess > 1 ? (uint64_t)guess - 1 : 0;
    while (old_enough_s(sim, count) <= time_s)
        count++;
    return count;
}

static bool see(mb_sim *sim) {
    mb_seen *seen = sim->seen;
    if (seen->next_s > sim->now_s) return true;
    const uint64_t count = old_enough(sim, sim->now_s);
    seen->visible = count < seen->published ? count : seen->published;
    seen->next_s = seen->visible < seen->published ? old_enough_s(sim, seen->visible) : INFINITY;
    seen->time_s = (double)(seen->visible - 1) * sim->config->signal_period_s;
    seen->place = (uint32_t)((seen->visible - 1) % seen->depth);
    bool done = true;
    for (uint32_t id = 0; id < seen->replicas && done; id++)
        if (seen->mirrors[id]) done = mb_kv_mirror_see(seen->mirrors[id], seen->visible - 1);
    return done;
}

// From the last that is old enough at `time_s` on: nobody can look before.
mb_status mb_seen_pass_until(mb_sim *sim, double time_s, mb_error *error) {
    const double period_s = sim->config->signal_period_s;
    uint64_t count = old_enough(sim, time_s);
    // That of the instant itself is made when its timers have fired, and until then the one before is seen.
    if (count && (double)(count - 1) * period_s >= time_s) count--;
    uint64_t n = sim->seen->published;
    if (count > n + 1) n = count - 1;
    bool done = true;
    for (; done && (double)n * period_s < time_s; n++) {
        sim->now_s = (double)n * period_s;
        done = publish(sim, n);
    }
    sim->now_s = time_s;
    return done && see(sim) ? MB_OK : mb_fail_memory(error);
}

mb_status mb_seen_publish_now(mb_sim *sim, mb_error *error) {
    bool done = true;
    if (mb_seen_next_s(sim) == sim->now_s) done = publish(sim, sim->seen->published);
    return done && see(sim) ? MB_OK : mb_fail_memory(error);
}

// --- asking

const mb_seen_state *mb_replica_seen(mb_sim *sim, uint32_t id, mb_seen_state *now, double *time_s) {
    static const mb_seen_state NOTHING;
    const mb_seen *seen = sim->seen;
    if (!seen) {
        *time_s = sim->now_s;
        *now = mb_replica_look(sim, id);
        return now;
    }
    if (!see(sim)) sim->around.out_of_memory = true;
    *time_s = seen->time_s;
    if (!seen->visible || id >= seen->replicas) return &NOTHING;
    return &seen->states[(size_t)id * seen->depth + seen->place];
}

uint32_t mb_replica_seen_cached(mb_sim *sim, uint32_t id, uint32_t slot) {
    mb_engine *engine = &sim->replicas[id]->engine;
    mb_seen *seen = sim->seen;
    if (!seen) return mb_engine_cached(engine, slot);
    const mb_request *request = mb_request_at(&sim->requests, slot);
    if (!see(sim)) sim->around.out_of_memory = true;
    if (id >= seen->replicas || !seen->mirrors[id] || request->stage != MB_STAGE_NEW) return 0;
    const mb_kv_names names = mb_request_names(request);
    const uint32_t block = engine->stepper->kv.block_tokens;
    return mb_kv_mirror_match(seen->mirrors[id], &names, block, request->prompt_tokens + request->generated) *
           block;
}
