// SPDX-License-Identifier: MIT
// All time averages and rates are over it.
#include "sim/window.h"

#include "engine/pipeline.h"
#include "sim/beside.h"
#include "sim/gauges.h"
#include "sim/judge.h"
#include "sim/lifecycle.h"
#include "sim/programs.h"
#include "sim/service.h"

void mb_window_init(mb_sim *sim) {
    const mb_sim_config *config = sim->config;
    sim->warm = config->warmup_requests == 0 && config->warmup_s == 0;
    sim->first_counted = sim->warm ? 0 : UINT64_MAX;
    sim->warmup_end_s = INFINITY;
}

void mb_window_arrival(mb_sim *sim, double time_s) {
    sim->metrics.last_arrival_s = time_s;
    if (sim->arrived == 0) {
        sim->metrics.start_s = sim->metrics.end_s = time_s;
        mb_presence_add_up(sim);
        sim->lifecycle.before_start = sim->lifecycle.present;
        if (sim->config->warmup_s > 0) sim->warmup_end_s = time_s + sim->config->warmup_s;
    }
    if (!sim->warm && sim->arrived == sim->config->warmup_requests && sim->config->warmup_s == 0)
        mb_window_open(sim);
}

void mb_window_open(mb_sim *sim) {
    mb_metrics *metrics = &sim->metrics;
    mb_sim_integrate(sim);
    mb_beside_add_up(sim);
    for (uint32_t i = 0; i < sim->replica_count; i++)
        mb_engine_restart_sums(&sim->replicas[i]->engine);
    mb_metrics_restart(metrics, sim->now_s);
    mb_presence_restart(sim);
    for (uint32_t i = 0; i < sim->replica_count; i++)
        metrics->kv_peak = fmax(metrics->kv_peak, mb_engine_fill(&sim->replicas[i]->engine));
    sim->first_counted = sim->arrived;
    sim->warmup_end_s = INFINITY;
    sim->warm = true;
    mb_service_restart(sim);
}

// Close the books of the engines, in order of their numbers.
static void sum_engines(mb_sim *sim) {
    mb_metrics *metrics = &sim->metrics;
    uint64_t computed = 0;
    for (uint32_t i = 0; sim->by_steps && i < sim->replica_count; i++) {
        mb_engine *engine = &sim->replicas[i]->engine;
        mb_engine_abandon(engine);
        metrics->kv_reserved_integral += engine->stepper->reserved_integral;
        metrics->kv_used_integral += engine->stepper->used_integral;
        computed += engine->stepper->computed_tokens;
        if (engine->pipeline) metrics->busy_s += mb_pipeline_busy(engine);
    }
    metrics->padded_tokens += computed; // what is computed again is waste, like padding
    const uint64_t lost = metrics->recomputed_tokens + metrics->wasted_tokens;
    if (computed > lost) metrics->useful_tokens += computed - lost;
}

static void close_service(mb_sim *sim) {
    sim->service.changed = true;
    mb_service_look(sim);
    sim->metrics.service_compared = sim->client_count > 1 && sim->warm;
    sim->metrics.service_gap = sim->service.gap;
    sim->metrics.service_crowded = sim->service.crowded;
}

// What was sent, or paused there, waits where its memory is, in the replica's own queue.
static bool is_stranded(const mb_sim *sim, const mb_request *request) {
    return request->phase == MB_PHASE_WAITING && request->stage == MB_STAGE_PAUSED &&
           request->queue != MB_NONE && sim->queues[request->queue].owner != MB_NONE;
}

void mb_window_close(mb_sim *sim) {
    mb_metrics *metrics = &sim->metrics;
    mb_sim_integrate(sim);
    mb_beside_add_up(sim);
    if (sim->config->fair.measured) close_service(sim);
    if (sim->config->programs) mb_programs_end(sim);
    sum_engines(sim);
    metrics->end_s = sim->now_s;
    if (!sim->warm) { // nothing was observed
        mb_metrics_restart(metrics, sim->now_s);
        mb_presence_restart(sim);
    }
    if (sim->arrived == 0) metrics->start_s = metrics->end_s;
    mb_presence_close(sim);
    metrics->requests = sim->arrived;
    metrics->stopped = sim->stopped;
    metrics->arrivals_ended = sim->arrivals_ended;
    metrics->cold = !sim->warm;
    metrics->unfinished = sim->waiting + sim->running;
    for (uint32_t slot = 0; metrics->unfinished && slot < mb_request_slots(&sim->requests); slot++) {
        mb_request *request = mb_request_at(&sim->requests, slot);
        if (request->phase == MB_PHASE_FREE) continue;
        mb_judge_unfinished(sim, request);
        metrics->stranded += is_stranded(sim, request);
    }
}
