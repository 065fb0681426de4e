// SPDX-License-Identifier: MIT
#include "sim/check.h"

#ifdef MB_DEBUG
#include "metrics/measures.h"
#include "sim/gauges.h"
#include "sim/replica.h"
#include "sim/transfer.h"

#include <stdio.h>
#include <stdlib.h>

static void require(const mb_sim *sim, bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr,
            "mbsand: invariant broken: %s (seed %llu, replication %llu, t = %.17g s, %llu arrivals)\n", what,
            (unsigned long long)sim->config->seed, (unsigned long long)sim->config->replication, sim->now_s,
            (unsigned long long)sim->arrived);
    abort();
}

// What goes over wires neither comes from nowhere nor gets lost.
static void check_transfers(const mb_sim *sim) {
    const mb_transfers *all = sim->transfers;
    uint64_t legs = 0;
    uint32_t staying = 0;
    for (uint32_t i = 0; i < all->count; i++) {
        const mb_transfer *transfer = &all->list[i];
        if (!transfer->number) continue;
        legs += transfer->leg;
        if (transfer->kind == MB_TRANSFER_COPY) continue;
        const mb_request *request = mb_request_at(&sim->requests, transfer->slot);
        staying += transfer->kind == MB_TRANSFER_STAY;
        require(sim, request->transfer == i && request->replica == transfer->from,
                "a transfer and its request know each other");
        require(sim, (request->stage == MB_STAGE_MOVING) == (transfer->kind == MB_TRANSFER_SEND),
                "who is sent waits, who is copied runs");
        require(sim,
                transfer->wire != MB_NONE || transfer->event_s >= sim->now_s ||
                    transfer->kind == MB_TRANSFER_STAY,
                "a transfer is on a wire, or arrives");
    }
    for (uint32_t i = 0; i < all->wire_count; i++)
        require(sim, all->wires[i].next_s >= sim->now_s, "nobody is late on a wire");
    require(sim, all->sent == all->arrived + all->dropped + legs,
            "tokens sent = arrived + dropped + under way");
    require(sim, staying == all->staying, "requests that are to leave their replicas");
}

// Blocks of its own that a request holds, with those that its decodes took and nobody has written into it
// yet.
static uint64_t blocks_held(const mb_sim *sim, const mb_request *request) {
    const mb_stepper *stepper = sim->replicas[request->replica]->engine.stepper;
    if (request->phase != MB_PHASE_RUNNING || request->stage != MB_STAGE_DECODE) return request->hold.own;
    const uint64_t computed = request->computed + (stepper->iteration - request->joined);
    const uint64_t blocks = mb_kv_blocks_for(&stepper->kv, computed);
    return blocks > request->hold.own + request->hold.shared ? blocks - request->hold.shared
                                                             : request->hold.own;
}

// Blocks that requests hold in each pool: of their own where they run or wait, and set aside where they go.
static void check_blocks(const mb_sim *sim) {
    uint64_t *own = calloc(sim->replica_count, sizeof *own), away = 0;
    uint32_t *waits = calloc(sim->replica_count, sizeof *waits);
    require(sim, own && waits, "memory to check with");
    for (uint32_t slot = 0; slot < mb_request_slots(&sim->requests); slot++) {
        const mb_request *request = mb_request_at(&sim->requests, slot);
        const bool waiting = request->phase == MB_PHASE_WAITING,
                   holds = waiting && mb_stage_holds(request->stage);
        if (holds || request->phase == MB_PHASE_RUNNING) own[request->replica] += blocks_held(sim, request);
        if (holds && !(request->stage == MB_STAGE_MOVING &&
                       sim->transfers->list[request->transfer].stage == MB_STAGE_SWAPPED))
            waits[request->replica]++;
        away += waiting && (request->stage == MB_STAGE_HANDOFF || request->stage == MB_STAGE_MOVING);
    }
    for (uint32_t i = 0; sim->transfers && i < sim->transfers->count; i++) {
        const mb_transfer *transfer = &sim->transfers->list[i];
        if (!transfer->number) continue;
        own[transfer->to] += transfer->hold.own;
        waits[transfer->to]++;
    }
    for (uint32_t i = 0; i < sim->replica_count; i++) {
        const mb_stepper *stepper = sim->replicas[i]->engine.stepper;
        const uint64_t used = stepper->kv.total - stepper->kv.free;
        require(sim, waits[i] == stepper->paused, "who waits with memory at a replica");
        if (stepper->stepping) continue; // what decodes took since is not written into them
        require(sim, stepper->kv.keep ? own[i] <= used : own[i] == used, "blocks held = blocks taken");
    }
    require(sim, away == sim->away, "who is handed over or moved");
    free(own);
    free(waits);
}

// Who stands idle beside another's own queue, counted anew.
static void check_beside(const mb_sim *sim) {
    uint32_t all = 0;
    for (uint32_t i = 0; i < sim->replica_count; i++) {
        const mb_replica *one = sim->replicas[i];
        bool full = false, beside = false;
        for (uint32_t slot = 0; slot < mb_request_slots(&sim->requests); slot++) {
            const mb_request *request = mb_request_at(&sim->requests, slot);
            if (request->phase != MB_PHASE_WAITING || request->queue == MB_NONE) continue;
            const uint32_t owner = sim->queues[request->queue].owner;
            if (owner == MB_NONE || mb_stage_holds(request->stage)) continue;
            const mb_replica *other = sim->replicas[owner];
            full = full || other == one;
            beside = beside || (other->hardware == one->hardware && other->role == one->role);
        }
        all += beside && !full && one->state == MB_UP && !one->busy && !one->dummy && !one->idle_on_purpose;
    }
    require(sim, all == sim->beside.idle, "replicas that are idle beside another's queue");
}

static bool is_gone(const mb_sim *sim, const mb_replica *replica) {
    const mb_engine *engine = &replica->engine;
    const mb_stepper *stepper = engine->stepper;
    if (replica->busy || mb_bits_has(&sim->idle, engine->id) || mb_bits_has(&sim->boundary, engine->id))
        return false;
    return !stepper || (!stepper->stepping && stepper->running + stepper->paused == 0 &&
                        stepper->kv.free == stepper->kv.total);
}

void mb_sim_check(mb_sim *sim) {
    const mb_metrics *metrics = &sim->metrics;
    require(sim, sim->arrived == sim->waiting + sim->running + metrics->finished + metrics->rejected,
            "arrived = waiting + running + finished + rejected");
    require(sim, sim->requests.live == sim->waiting + sim->running, "every live request waits or runs");
    uint64_t queued = 0, reserved = 0, running = 0;
    uint32_t idle = 0;
    for (uint32_t i = 0; i < sim->queue_count; i++)
        queued += sim->queues[i].count;
    require(sim, queued <= sim->waiting, "queued <= waiting");
    for (uint32_t i = 0; i < sim->replica_count; i++) {
        const mb_replica *replica = sim->replicas[i];
        const mb_engine *engine = &replica->engine;
        const char *broken = mb_engine_broken(engine, replica->busy);
        require(sim, !broken, broken);
        require(sim, mb_replica_serves(replica) || is_gone(sim, replica),
                "who is starting, down or off holds no request, no block and no step");
        reserved += engine->kv.reserved;
        running += mb_engine_running(engine);
        idle += !replica->busy && !replica->dummy && mb_replica_serves(replica);
    }
    require(sim, reserved == sim->around.kv_reserved, "sum of reserved KV tokens");
    require(sim, running == sim->running, "running = sum over replicas");
    require(sim, idle == sim->idle_count, "idle count");
    if (sim->by_steps) check_blocks(sim);
    if (sim->beside.sets) check_beside(sim);
    if (sim->transfers) check_transfers(sim);
    if (sim->waiting + sim->running == 0) {
        require(sim, sim->around.kv_used == 0 && sim->around.kv_reserved == 0,
                "an empty system holds no KV tokens");
        mb_sim_integrate(sim);
        const double l = metrics->in_system_integral, lw = metrics->sojourn_s;
        require(sim, fabs(l - lw) <= 1e-6 * (1 + fabs(l)), "Little's law");
    }
}

static double measure_of(const double values[MB_MEASURE_COUNT], const char *name) {
    return values[mb_measure_index(name)];
}

void mb_sim_check_end(const mb_sim *sim) {
    const mb_metrics *metrics = &sim->metrics;
    require(sim, fabs(metrics->replica_s - sim->lifecycle.integral) <= 1e-6 * (1 + metrics->replica_s),
            "replica_s = integral of the number of replicas that are neither down nor off");
    double values[MB_MEASURE_COUNT];
    mb_measure_all(metrics, &sim->config->slo, values);
    for (int i = 0; i < MB_MEASURE_COUNT; i++)
        require(sim, !mb_measures[i].share || isnan(values[i]) || (values[i] >= 0 && values[i] <= 1),
                mb_measures[i].name);
    require(sim, !(measure_of(values, "kv_mean") > measure_of(values, "kv_peak") * (1 + 1e-9)),
            "kv_mean <= kv_peak");
    require(sim, !(measure_of(values, "goodput_rps") > measure_of(values, "throughput_rps")),
            "goodput <= throughput");
    require(sim,
            metrics->slo_met <= metrics->measured &&
                metrics->measured + metrics->censored <= metrics->counted,
            "requests that met their SLOs <= served, served + censored <= counted");
    const uint64_t warming = sim->first_counted < sim->arrived ? sim->first_counted : sim->arrived;
    require(sim, metrics->counted == sim->arrived - warming,
            "every request after the warm-up is judged once");
}

enum { WALKED = 256 }; // requests of whose peak a walk, which takes their square, is no burden

void mb_sim_check_peak(const mb_sim *sim, const mb_engine *engine, mb_places *places) {
    const size_t own = places->own;
    require(sim, own + places->end_count == mb_engine_running(engine), "the peak is of all that run");
    if (places->count + places->end_count > WALKED) return;
    const uint64_t walked = mb_peak_walked(engine, places->list + own, places->count - own);
    require(sim, mb_peak(places) == walked, "what policies see of the peak");
}
#endif
