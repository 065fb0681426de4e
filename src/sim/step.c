// SPDX-License-Identifier: MIT
#include "sim/step.h"

#include "sim/beside.h"
#include "sim/clients.h"
#include "sim/leave.h"

bool mb_sim_set_timer(mb_sim *sim, double time_s, uint32_t timer) {
    return mb_heap_push(&sim->heap, time_s, MB_EVENT_TIMER, timer);
}

void mb_step_limited_by(mb_sim *sim, mb_stop why) {
    sim->limited_by = why;
}

// Remember why admissions end here, if they do.
static void note_stop(mb_sim *sim, mb_refusal refusal, uint32_t queue) {
    switch (refusal) {
    case MB_FITS: {
        const uint64_t left = queue != MB_NONE ? sim->queues[queue].count : sim->waiting;
        sim->stop = left ? sim->limited_by : MB_STOP_QUEUE;
        sim->taken_in++;
        break;
    }
    case MB_REFUSED_MEMORY:
        sim->stop = MB_STOP_MEMORY;
        break;
    case MB_REFUSED_TOKENS:
        sim->stop = MB_STOP_TOKENS;
        break;
    case MB_REFUSED_LATE: // for this step it is not there yet
        sim->stop = MB_STOP_QUEUE;
        break;
    default:
        sim->stop = sim->limited_by;
    }
}

// What is paused there goes on: nowhere else can it.
static bool takes_no(const mb_replica *replica, const mb_request *request) {
    return replica->state == MB_DRAINING &&
           !(request->stage == MB_STAGE_PAUSED && request->replica == replica->engine.id);
}

// Where replicas are of several kinds, the memory of this one may be too small for a request that arrived
// because another can hold it: here it would be preempted and come back for ever.
static bool never_fits(const mb_sim *sim, const mb_request *request) {
    return sim->config->hardware_count > 1 && request->stage == MB_STAGE_NEW &&
           !sim->config->block_oversize &&
           !mb_engine_ever_fits(&sim->building->engine, request->prompt_tokens + request->output_tokens);
}

inline mb_refusal mb_step_add(mb_sim *sim, uint32_t slot, uint32_t chunk) {
    const mb_request *request = mb_request_at(&sim->requests, slot);
    const bool waiting = request->phase == MB_PHASE_WAITING;
    const uint32_t queue = request->queue;
    mb_refusal refusal = MB_FITS;
    if (waiting && takes_no(sim->building, request))
        refusal = MB_REFUSED_DRAINING;
    else if (waiting && never_fits(sim, request))
        refusal = MB_REFUSED_ELSEWHERE;
    else
        refusal = mb_engine_add(&sim->building->engine, slot, chunk);
    if (waiting) note_stop(sim, refusal, queue);
    if (waiting && refusal != MB_FITS && sim->observer.refused)
        sim->observer.refused(sim->observer.self, sim->now_s, sim->building->engine.id, request->id, refusal);
    return refusal;
}

uint32_t mb_step_admit(mb_sim *sim, uint32_t queue, uint32_t limit, mb_refusal *refusal) {
    uint32_t taken = 0;
    *refusal = MB_FITS;
    while (taken < limit) {
        const uint32_t slot = mb_queue_peek(&sim->queues[queue], &sim->requests);
        if (slot == MB_NONE) break;
        *refusal = mb_step_add(sim, slot, 0);
        if (*refusal != MB_FITS) break;
        taken++;
    }
    return taken;
}

mb_status mb_step_displace(mb_sim *sim, uint32_t queue, uint32_t limit, bool newest, double age,
                           mb_displaced *done, mb_error *error) {
    const mb_victim_rule rule = {.key = sim->queues[queue].order, .newest = newest, .age = age};
    mb_status status = MB_OK;
    // Who made room may be the next to be taken, and again in the way of one whose key fell while it waited:
    // each makes room once.
    const uint32_t most = mb_engine_running(&sim->building->engine);
    done->preempted = 0;
    done->taken = mb_step_admit(sim, queue, limit, &done->refusal);
    while (status == MB_OK && done->preempted < most &&
           (done->refusal == MB_REFUSED_REQUESTS || done->refusal == MB_REFUSED_MEMORY)) {
        const uint32_t first = mb_queue_peek(&sim->queues[queue], &sim->requests);
        const double above = mb_key_of(rule.key, mb_request_at(&sim->requests, first));
        uint32_t victim;
        mb_refusal ignored; // who is to compute again can always be set aside
        if (!mb_engine_find_victim(&sim->building->engine, &rule, above, &victim))
            return mb_fail_memory(error);
        if (victim == MB_NONE) break;
        done->preempted++;
        status = mb_step_preempt(sim, victim, MB_PREEMPT_RECOMPUTE, MB_NONE, true, &ignored, error);
        if (status == MB_OK) done->taken += mb_step_admit(sim, queue, limit - done->taken, &done->refusal);
    }
    return status;
}

bool mb_step_idle(mb_sim *sim, double until_s) {
    mb_replica *replica = sim->building;
    if (!replica->idle_on_purpose) {
        replica->idle_on_purpose = true;
        sim->idle_on_purpose_count++;
        mb_beside_look(sim, replica);
    }
    if (isinf(until_s)) return true;
    sim->wakes++;
    return mb_heap_push(&sim->heap, until_s, MB_EVENT_TIMER, MB_TIMER_WAKE);
}

bool mb_step_holds(const mb_sim *sim, uint32_t slot) {
    return mb_engine_in_step(&sim->building->engine, slot);
}

// What is thrown away was emitted, all the same.
static void count_waste(mb_sim *sim, uint32_t slot) {
    uint32_t computed, generated;
    mb_request_progress(sim, slot, &computed, &generated);
    mb_client_emitted(sim, mb_request_at(&sim->requests, slot));
}

mb_status mb_step_reject(mb_sim *sim, uint32_t slot, const char *reason, mb_error *error) {
    count_waste(sim, slot);
    const mb_status status = mb_engine_cancel(&sim->building->engine, slot, error);
    return status == MB_OK ? mb_sim_reject(sim, slot, reason, error) : status;
}

mb_status mb_step_preempt(mb_sim *sim, uint32_t slot, mb_preemption how, uint32_t queue, bool front,
                          mb_refusal *refusal, mb_error *error) {
    if (how == MB_PREEMPT_RESTART) count_waste(sim, slot);
    return mb_engine_preempt(&sim->building->engine, slot, how, queue, front, refusal, error);
}

mb_status mb_step_barrier(mb_sim *sim, uint32_t most, uint32_t *returned, mb_error *error) {
    if (sim->groups)
        return mb_fail(error, MB_FAILED,
                       "step:barrier: the replicas of cluster.experts step together, so none of them can "
                       "serve a static batch by itself");
    if (sim->building->engine.pipeline)
        return mb_fail(error, MB_FAILED,
                       "step:barrier: the stages of cluster.pipeline pass on single steps, so the replica "
                       "cannot serve a static batch as one");
    sim->ranked = false;
    const mb_status status = mb_engine_barrier(&sim->building->engine, most, returned, error);
    sim->taken_in -= *returned;
    if (*returned) sim->stop = MB_STOP_MEMORY;
    return status;
}

void mb_step_quantum(mb_sim *sim, uint64_t steps) {
    mb_engine_quantum(&sim->building->engine, steps);
}

bool mb_step_is_fresh(const mb_sim *sim) {
    const mb_stepper *stepper = sim->building->engine.stepper;
    return !stepper || stepper->fresh;
}

uint64_t mb_step_tokens(const mb_sim *sim) {
    const mb_engine *engine = &sim->building->engine;
    return engine->stepper ? engine->stepper->tokens : engine->prompt_tokens;
}

uint32_t mb_step_requests(const mb_sim *sim) {
    const mb_engine *engine = &sim->building->engine;
    return engine->stepper ? engine->stepper->built : engine->count;
}

void mb_request_progress(mb_sim *sim, uint32_t slot, uint32_t *computed, uint32_t *generated) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    if (request->stage == MB_STAGE_DECODE) {
        mb_engine *engine = &sim->replicas[request->replica]->engine;
        mb_engine_settle(engine);
        mb_engine_show_progress(engine, request);
    }
    *computed = request->computed;
    *generated = request->generated;
}
