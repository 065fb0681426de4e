// SPDX-License-Identifier: MIT
#include "sim/arrivals.h"

#include "sim/clients.h"
#include "sim/front.h"
#include "sim/gauges.h"
#include "sim/judge.h"
#include "sim/leave.h"
#include "sim/news.h"
#include "sim/programs.h"
#include "sim/route.h"
#include "sim/waiting.h"
#include "sim/window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Could any replica serve it, if it had nothing else? Replicas of one group are alike.
static bool fits_somewhere(const mb_sim *sim, uint32_t final_tokens) {
    uint32_t first = 0;
    for (size_t i = 0; i < sim->config->hardware_count; i++) {
        const mb_hardware *hardware = &sim->config->hardware[i];
        const bool none = hardware->replicas == 0; // there is none at the start; some may be added
        if (none ? final_tokens <= hardware->memory.capacity
                 : mb_engine_ever_fits(&sim->replicas[first]->engine, final_tokens))
            return true;
        first += hardware->replicas;
    }
    return false;
}

static mb_status reject_oversize(mb_sim *sim, uint32_t slot, mb_error *error) {
    const mb_request *request = mb_request_at(&sim->requests, slot);
    uint64_t largest = 0;
    for (size_t i = 0; i < sim->config->hardware_count; i++)
        if (sim->config->hardware[i].memory.capacity > largest)
            largest = sim->config->hardware[i].memory.capacity;
    char reason[160];
    snprintf(reason, sizeof reason, "needs %llu tokens of KV memory, and a replica's whole pool holds %llu",
             (unsigned long long)request->prompt_tokens + request->output_tokens,
             (unsigned long long)largest);
    return mb_sim_reject(sim, slot, reason, error);
}

static void fill_request(mb_request *request, const mb_arrival *arrival, uint64_t id, double e2e_bound_s) {
    request->id = id;
    request->arrival_s = arrival->time_s;
    request->start_s = NAN;
    request->deadline_s =
        arrival->deadline_s; // a workload without deadlines has the scenario's bound, if any
    if (isinf(request->deadline_s)) request->deadline_s = arrival->time_s + e2e_bound_s;
    request->service_s = arrival->service_s;
    request->prompt_tokens = arrival->prompt_tokens;
    request->output_tokens = arrival->output_tokens;
    request->predicted_output = arrival->predicted_output;
    request->client = arrival->client;
    request->priority = arrival->priority;
    request->class_index = arrival->class_index;
    request->user = arrival->user;
    if (!arrival->says_more) return; // nor was it said of who had this place before
    request->rest->max_output = arrival->max_output;
    request->rest->noise = arrival->noise;
}

static void date(const mb_sim *sim, mb_request *request) {
    const mb_slo *slo = mb_sim_slo(sim, request);
    request->rest->reading.dated = isfinite(slo->ttft_s) && isfinite(slo->tbt_s);
    request->rest->reading.due_s = slo->ttft_s;
    request->rest->reading.each_due_s = slo->tbt_s;
}

static const mb_reader *reader_of(const mb_sim *sim, const mb_request *request) {
    const mb_sim_config *config = sim->config;
    const mb_reader *reader =
        config->class_count ? &config->classes[request->class_index].reader : &config->reader;
    return reader->speed > 0 ? reader : NULL;
}

// For engines: when it began to wait, and what a prefix cache knows its prompt by.
static bool fill_for_engine(const mb_sim *sim, mb_request *request) {
    const mb_arrival *arrival = &sim->pending;
    request->since_s = mb_sim_seen_s(sim, request);
    request->gap_s = 0;
    request->session = arrival->session;
    request->prefix_count = arrival->prefix_count;
    request->prefix_unit_tokens = arrival->prefix_unit_tokens;
    if (arrival->prefix_count == 0) return true;
    request->prefix_ids = malloc(arrival->prefix_count * sizeof *request->prefix_ids);
    if (!request->prefix_ids) return false;
    memcpy(request->prefix_ids, arrival->prefix_ids, arrival->prefix_count * sizeof *request->prefix_ids);
    return true;
}

mb_status mb_sim_arrive(mb_sim *sim, uint64_t id, mb_error *error) {
    bool end = false;
    if (sim->front) mb_front_leave(sim);
    mb_status status =
        sim->closed && !sim->front ? mb_source_next(sim->source, &sim->pending, &end, error) : MB_OK;
    if (status != MB_OK || end) return status;
    const uint32_t slot = mb_request_new(&sim->requests, sim->by_steps);
    if (slot == MB_NONE) return mb_fail_memory(error);
    mb_request *request = mb_request_at(&sim->requests, slot);
    if (sim->by_steps && sim->around.times && !mb_request_times_room(&sim->times, slot))
        return mb_fail_memory(error);
    mb_window_arrival(sim, sim->front ? sim->now_s : sim->pending.time_s);
    sim->arrived++;
    fill_request(request, &sim->pending, id, sim->config->slo.e2e_s);
    if (sim->config->readings)
        request->rest->reading =
            (mb_reading){.reader = reader_of(sim, request), .arrival_s = request->arrival_s};
    if (sim->config->late) date(sim, request);
    mb_sim_integrate(sim);
    sim->waiting++;
    if (!mb_client_arrives(sim, request)) return mb_fail_memory(error);
    if (sim->config->programs) {
        request->rest->program = sim->pending.program;
        if (!mb_programs_arrive(sim, request)) return mb_fail_memory(error);
    }
    if (sim->by_steps && request->prompt_tokens == 0)
        request->prompt_tokens = 1; // a step must compute something
    if (sim->by_steps && !fill_for_engine(sim, request)) return mb_fail_memory(error);
    const uint64_t final_tokens = (uint64_t)request->prompt_tokens + request->output_tokens;
    if (final_tokens > UINT32_MAX)
        return mb_fail(error, MB_BAD_INPUT, "request %llu has %llu tokens; at most %u are possible",
                       (unsigned long long)request->id, (unsigned long long)final_tokens, UINT32_MAX);
    // Can it be served at all, on an empty replica?
    if (!sim->config->block_oversize && !fits_somewhere(sim, (uint32_t)final_tokens))
        return reject_oversize(sim, slot, error);
    if (sim->route.kind != MB_ROUTE_NONE) return mb_route(sim, slot, error);
    if (!sim->policy.ops->arrive) return mb_sim_push_to_inbox(sim, slot, error);
    status = sim->policy.ops->arrive(sim->policy.self, sim, slot, error);
    // A request that the policy holds is in no queue that would have told.
    if (request->phase == MB_PHASE_WAITING && request->id == id && request->queue == MB_NONE)
        mb_sim_stamp(sim, slot);
    return status;
}
