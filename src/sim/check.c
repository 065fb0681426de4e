// SPDX-License-Identifier: MIT
// Debug builds check the simulation's invariants after every instant.
#include "engine/engine.h"
#include "sim/internal.h"

#ifdef MB_DEBUG
#include "metrics/measures.h"

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

// What the engine's sums say, against a walk over its requests. (While a run jumps, the sums stand where they
// were last looked at, and so does every request: the two agree at any time.)
static void check_decodes(const mb_sim *sim, const mb_engine *engine) {
    uint64_t context = 0, due = 0, decodes = 0, prefills = 0, parked = 0, resident = 0, own = 0;
    for (uint32_t slot = engine->oldest; slot != MB_NONE;) {
        mb_request request = *mb_request_at(&sim->requests, slot); // a copy: looking must not change anything
        require(sim, request.phase == MB_PHASE_RUNNING, "what an engine runs is running");
        mb_engine_materialize(engine, &request);
        require(sim, request.generated <= request.output_tokens || request.output_tokens == 0,
                "no more tokens than the answer has");
        resident += request.computed;
        own += request.hold.own;
        prefills += request.stage == MB_STAGE_PREFILL;
        parked += request.stage == MB_STAGE_PARKED;
        if (request.stage == MB_STAGE_DECODE) {
            decodes++;
            context += request.computed + UINT64_C(1);
            due += !request.covered && request.computed % engine->kv.block_tokens == 0;
            require(sim, engine->naive || engine->decodes[request.place].slot == slot,
                    "places in the heap of decodes");
        }
        slot = request.next;
    }
    require(sim, prefills == engine->prefill_count && parked == engine->parked,
            "prefills and parked decodes");
    require(sim, own <= mb_engine_blocks_used(engine) || engine->begun > engine->steps,
            "blocks held <= blocks taken");
    if (engine->naive) return;
    require(sim, decodes == engine->decode_count && context == engine->context, "decodes and their context");
    require(sim, due == engine->due[engine->iteration % engine->kv.block_tokens], "blocks due");
    if (engine->paused == 0) require(sim, resident == engine->resident_tokens, "tokens in memory");
}

static void check_engine(const mb_sim *sim, const mb_replica *replica) {
    const mb_engine *engine = replica->engine;
    require(sim, engine->kv.free <= engine->kv.total, "free blocks <= all blocks");
    require(sim, engine->stepping <= replica->busy, "an engine that steps is busy");
    if (engine->running == 0 && engine->paused == 0)
        require(sim, engine->kv.free == engine->kv.total && engine->resident_tokens == 0,
                "an empty engine holds no blocks");
    if (engine->stepping || !replica->busy) check_decodes(sim, engine);
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
    for (uint32_t i = 0; i < sim->config->replicas; i++) {
        const mb_replica *replica = &sim->replicas[i];
        require(sim, replica->kv.reserved <= replica->kv.capacity, "reserved KV tokens <= capacity");
        require(sim, replica->busy || replica->kv.reserved == 0, "an idle replica holds no KV tokens");
        reserved += replica->kv.reserved;
        running += mb_replica_running(replica);
        idle += !replica->busy;
        if (replica->engine) check_engine(sim, replica);
    }
    require(sim, reserved == sim->kv_reserved, "sum of reserved KV tokens");
    require(sim, running == sim->running, "running = sum over replicas");
    require(sim, idle == sim->idle_count, "idle count");
    if (sim->waiting + sim->running == 0) {
        require(sim, sim->kv_used == 0 && sim->kv_reserved == 0, "an empty system holds no KV tokens");
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
#endif
