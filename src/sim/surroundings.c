// SPDX-License-Identifier: MIT
#include "sim/surroundings.h"

#include "sim/clients.h"
#include "sim/gauges.h"
#include "sim/handoff.h"
#include "sim/leave.h"
#include "sim/migrate.h"
#include "sim/news.h"
#include "sim/replica.h"
#include "sim/transfer.h"
#include "sim/waiting.h"

// An engine that looks up at an early boundary leaves the event of its run's end behind; it is good for
// later.
static bool wake(void *self, const mb_engine *engine, double time_s) {
    mb_sim *sim = self;
    mb_replica *replica = sim->replicas[engine->id];
    if (mb_engine_stepping(engine)) mb_bits_add(&sim->dozing, engine->id);
    if (sim->by_steps && time_s == replica->far_s) return true; // still in the heap from before
    replica->far_s = time_s;
    return mb_heap_push(&sim->heap, time_s, MB_EVENT_STEP_END, engine->id);
}

static void show_taken(const mb_sim *sim, const mb_engine *engine, const mb_request *request) {
    mb_taken taken = {.time_s = sim->now_s,
                      .replica = engine->id,
                      .id = request->id,
                      .queue = request->queue,
                      .owner = request->queue == MB_NONE ? MB_NONE : sim->queues[request->queue].owner};
    for (uint32_t i = 0; i < sim->bins_count && request->queue != MB_NONE; i++) {
        const mb_bins *bins = &sim->bins[i];
        for (uint32_t j = 0; j < bins->count; j++)
            if (bins->queues[j] == request->queue) {
                taken.bin = j + 1;
                taken.bins = bins->count;
            }
    }
    sim->observer.taken(sim->observer.self, &taken);
}

static void took(void *self, const mb_engine *engine, uint32_t slot) {
    mb_sim *sim = self;
    const mb_request *request = mb_request_at(&sim->requests, slot);
    if (sim->observer.taken) show_taken(sim, engine, request);
    mb_sim_integrate(sim);
    if (request->queue != MB_NONE) mb_queue_remove(&sim->queues[request->queue], &sim->requests, slot);
    if (request->stamp) mb_sim_unstamp(sim, slot);
    if (request->stage == MB_STAGE_HANDOFF) sim->away--;
    sim->waiting--;
    sim->running++;
    mb_replica_recount(sim, engine->id);
    mb_client_starts(sim, request);
}

static mb_status gave_back(void *self, const mb_engine *engine, uint32_t slot, uint32_t queue, bool front,
                           mb_error *error) {
    mb_sim *sim = self;
    mb_request *request = mb_request_at(&sim->requests, slot);
    mb_sim_integrate(sim);
    mb_replica_recount(sim, engine->id);
    if (sim->transfers && request->transfer != MB_NONE &&
        sim->transfers->list[request->transfer].kind != MB_TRANSFER_SEND) {
        const mb_status status = mb_migration_fails(sim, slot, "preempted", false, error);
        if (status != MB_OK) return status;
    }
    sim->running--;
    sim->waiting++;
    mb_client_stops(sim, request);
    if (queue == MB_NO_QUEUE) return MB_OK;
    if (queue == MB_NONE) queue = request->home != MB_NONE ? request->home : 0;
    const uint32_t owner = sim->queues[queue].owner;
    if (owner != MB_NONE && sim->replicas[owner]->state == MB_OFF) queue = 0;
    return mb_sim_file_again(sim, queue, slot, front, error);
}

static void forget(void *self, uint32_t slot) {
    mb_sim *sim = self;
    mb_request *request = mb_request_at(&sim->requests, slot);
    mb_engine_forget(&sim->replicas[request->replica]->engine, request);
}

static void handed(void *self, const mb_engine *engine, uint32_t slot) {
    mb_sim *sim = self;
    (void)engine;
    sim->away++;
    if (!mb_handoff_add(sim, slot)) sim->around.out_of_memory = true;
}

static mb_status done(void *self, const mb_engine *engine, uint32_t slot, const mb_served *served,
                      mb_error *error) {
    mb_replica_recount(self, engine->id);
    return mb_sim_serve(self, slot, served, error);
}

static mb_status ran(void *self, const mb_batch_record *record, mb_error *error) {
    const mb_observer *observer = &((mb_sim *)self)->observer;
    return observer->batch(observer->self, record, error);
}

static mb_status member(void *self, const mb_member_record *record, mb_error *error) {
    const mb_observer *observer = &((mb_sim *)self)->observer;
    return observer->member(observer->self, record, error);
}

static mb_status preempted(void *self, const mb_preempted *record, mb_error *error) {
    const mb_observer *observer = &((mb_sim *)self)->observer;
    return observer->preempted(observer->self, record, error);
}

void mb_sim_surround(mb_sim *sim) {
    const mb_sim_config *config = sim->config;
    sim->around = (mb_surroundings){.clock = &sim->now_s,
                                    .requests = &sim->requests,
                                    .noise = &sim->noise,
                                    .async = config->async,
                                    .together = config->group > 1,
                                    .front_end = config->front_end,
                                    .host_tokens = config->swap_tokens,
                                    .swap_s_per_token = config->swap_s_per_token,
                                    .seed = config->seed,
                                    .replication = config->replication,
                                    .metrics = &sim->metrics,
                                    .gaps = config->gaps,
                                    .readings = config->readings,
                                    .times = config->why ? &sim->times : NULL,
                                    .self = sim,
                                    .wake = wake,
                                    .took = took,
                                    .gave_back = gave_back,
                                    .handed = handed,
                                    .forget = forget,
                                    .done = done};
    if (sim->observer.batch) sim->around.ran = ran;
    if (sim->observer.member) sim->around.member = member;
    if (sim->observer.preempted) sim->around.preempted = preempted;
}
