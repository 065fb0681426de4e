// SPDX-License-Identifier: MIT
#include "sim/transfer.h"

#include "engine/room.h"
#include "sim/gauges.h"
#include "sim/news.h"
#include "sim/notice.h"
#include "sim/replica.h"
#include "sim/waiting.h"

#include <stdlib.h>

// Events of wires, not of transfers, have this in their payload.
#define WIRE_EVENT (UINT32_C(1) << 23)

static mb_engine *engine_of(mb_sim *sim, uint32_t replica) {
    return &sim->replicas[replica]->engine;
}

static mb_transfers *open_transfers(mb_sim *sim) {
    if (sim->transfers) return sim->transfers;
    sim->transfers = calloc(1, sizeof *sim->transfers);
    if (sim->transfers) sim->transfers->first_free = MB_NONE;
    return sim->transfers;
}

void mb_transfers_deinit(mb_sim *sim) {
    mb_transfers *all = sim->transfers;
    if (!all) return;
    for (uint32_t i = 0; i < all->wire_count; i++)
        mb_wire_deinit(&all->wires[i]);
    free(all->wires);
    free(all->list);
    free(all->due);
    free(all);
}

// --- links and wires

static uint32_t group_of(const mb_sim *sim, uint32_t replica) {
    return (uint32_t)(sim->replicas[replica]->hardware - sim->config->hardware);
}

const mb_link_rule *mb_link_between(const mb_sim *sim, uint32_t from, uint32_t to) {
    const uint32_t source = group_of(sim, from), target = group_of(sim, to);
    for (size_t i = 0; i < sim->config->link_count; i++) {
        const mb_link_rule *rule = &sim->config->links[i];
        if ((rule->from == MB_NONE || rule->from == source) && (rule->to == MB_NONE || rule->to == target))
            return rule;
    }
    return NULL;
}

// The wire of the link between two replicas; MB_NONE when out of memory.
static uint32_t find_wire(mb_sim *sim, const mb_link_rule *rule, uint32_t from, uint32_t to) {
    mb_transfers *all = sim->transfers;
    const uint32_t groups = (uint32_t)sim->config->hardware_count;
    const uint32_t index =
        rule->per_replica ? groups * groups + from : group_of(sim, from) * groups + group_of(sim, to);
    if (index >= WIRE_EVENT) return MB_NONE;
    if (index >= all->wire_count) {
        mb_wire *wires = realloc(all->wires, (index + 1) * sizeof *wires);
        if (!wires) return MB_NONE;
        all->wires = wires;
        for (; all->wire_count <= index; all->wire_count++)
            mb_wire_init(&wires[all->wire_count], MB_SHARE_COUNT);
    }
    if (all->wires[index].share == MB_SHARE_COUNT) all->wires[index].share = rule->share;
    return index;
}

static double seconds_alone(const mb_sim *sim, const mb_link_rule *rule, uint32_t from, uint64_t tokens) {
    const double n = (double)tokens;
    if (rule->bandwidth > 0) return n * sim->replicas[from]->hardware->kv_bytes_per_token / rule->bandwidth;
    return n * rule->seconds_per_token;
}

// --- places

static uint32_t new_transfer(mb_sim *sim) {
    mb_transfers *all = sim->transfers;
    uint32_t index = all->first_free;
    if (index == MB_NONE) {
        if (all->count == WIRE_EVENT) return MB_NONE;
        if (all->count == all->capacity) {
            const uint32_t more = all->capacity ? 2 * all->capacity : 16;
            mb_transfer *list = realloc(all->list, more * sizeof *list);
            if (!list) return MB_NONE;
            all->list = list;
            all->capacity = more;
        }
        index = all->count++;
    } else
        all->first_free = all->list[index].next_free;
    all->list[index] = (mb_transfer){.number = ++all->begun,
                                     .begun_s = sim->now_s,
                                     .event_s = INFINITY,
                                     .hold = {.left = MB_KV_NO_RUN},
                                     .wire = MB_NONE};
    return index;
}

static void free_transfer(mb_sim *sim, uint32_t index) {
    mb_transfers *all = sim->transfers;
    mb_request_at(&sim->requests, all->list[index].slot)->transfer = MB_NONE;
    all->list[index].number = 0;
    all->list[index].next_free = all->first_free;
    all->first_free = index;
}

// --- on the way

static bool push_arrival(mb_sim *sim, uint32_t index, double time_s) {
    sim->transfers->list[index].event_s = time_s;
    return mb_heap_push(&sim->heap, time_s, MB_EVENT_TRANSFER, index);
}

static bool push_wire(mb_sim *sim, uint32_t wire, double before_s) {
    const double next_s = sim->transfers->wires[wire].next_s;
    if (next_s == before_s || isinf(next_s)) return true;
    return mb_heap_push(&sim->heap, next_s, MB_EVENT_TRANSFER, WIRE_EVENT | wire);
}

// What takes so long alone goes on the wire now. False when out of memory.
static bool depart(mb_sim *sim, uint32_t index, const mb_link_rule *rule, double alone_s) {
    mb_transfer *transfer = &sim->transfers->list[index];
    transfer->latency_s = rule->latency_s;
    transfer->event_s = INFINITY;
    if (rule->share == MB_SHARE_NONE) return push_arrival(sim, index, sim->now_s + alone_s + rule->latency_s);
    transfer->wire = find_wire(sim, rule, transfer->from, transfer->to);
    if (transfer->wire == MB_NONE) return false;
    mb_wire *wire = &sim->transfers->wires[transfer->wire];
    const double before_s = wire->next_s;
    return mb_wire_enter(wire, index, alone_s, sim->now_s) && push_wire(sim, transfer->wire, before_s);
}

// Its turn on the wire is over: it arrives after the latency.
static bool leave_wire(mb_sim *sim, uint32_t number) {
    mb_wire *wire = &sim->transfers->wires[number];
    bool done = true;
    while (done && wire->next_s <= sim->now_s) {
        const uint32_t index = mb_wire_through(wire);
        mb_transfer *transfer = &sim->transfers->list[index];
        transfer->wire = MB_NONE;
        done = push_arrival(sim, index, sim->now_s + transfer->latency_s);
    }
    return done && push_wire(sim, number, INFINITY);
}

bool mb_transfer_concerns(const mb_sim *sim, uint32_t slot, uint32_t replica) {
    const mb_request *request = mb_request_at(&sim->requests, slot);
    if (request->stage != MB_STAGE_MOVING) return false;
    const mb_transfer *transfer = &sim->transfers->list[request->transfer];
    return transfer->from == replica || transfer->to == replica;
}

bool mb_transfer_is_current(const mb_sim *sim, double time_s, uint32_t payload) {
    const mb_transfers *all = sim->transfers;
    if (payload & WIRE_EVENT) return all->wires[payload & ~WIRE_EVENT].next_s == time_s;
    return all->list[payload].number && all->list[payload].event_s == time_s;
}

// --- sending

// Both replicas must have it taken into account that their memory changes.
static void take_notice(mb_sim *sim, uint32_t replica, bool late) {
    if (late) mb_replica_look_up(sim, sim->replicas[replica]);
}

static mb_status queue_up(mb_sim *sim, uint32_t slot, uint32_t queue, bool front, mb_error *error) {
    if (!front || sim->queues[queue].order != MB_KEY_NONE) return mb_sim_file(sim, queue, slot, error);
    mb_sim_push(sim, queue, slot, true);
    return MB_OK;
}

static void pass_time(mb_sim *sim, uint32_t slot, mb_time_part part) {
    if (sim->around.times) mb_request_time_pass(&sim->times, slot, part, sim->now_s);
}

static mb_status tell_arrived(mb_sim *sim, const mb_transfer *transfer, mb_error *error) {
    mb_notice notice = mb_notice_of("arrived");
    notice.request = transfer->slot;
    notice.from = transfer->from;
    notice.to = transfer->to;
    notice.seconds = sim->now_s - transfer->begun_s;
    return mb_notify(sim, &notice) ? MB_OK : mb_fail_memory(error);
}

// It stays where it is, and waits there to be resumed.
static mb_status stay(mb_sim *sim, uint32_t slot, uint32_t queue, bool front, mb_error *error) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    mb_sim_integrate(sim);
    sim->away -= request->stage == MB_STAGE_HANDOFF;
    if (request->stage == MB_STAGE_HANDOFF) request->stage = MB_STAGE_PAUSED;
    const mb_transfer transfer = {
        .slot = slot, .from = request->replica, .to = request->replica, .begun_s = sim->now_s};
    const mb_status status = queue_up(sim, slot, queue, front, error);
    return status == MB_OK ? tell_arrived(sim, &transfer, error) : status;
}

// Seconds that are left on the wire of a request whose memory went layer by layer, in the step that ended
// just now.
static double after_layers(const mb_sim *sim, const mb_engine *engine, uint32_t layers, double alone_s) {
    if (layers <= 1 || engine->stepper->last_end_s != sim->now_s) return alone_s;
    const double step_s = engine->stepper->last_end_s - engine->stepper->last_start_s;
    return fmax(alone_s / layers, alone_s - step_s);
}

mb_status mb_transfer_send(mb_sim *sim, uint32_t slot, uint32_t to, const mb_sending *how,
                           const char **refused, mb_error *error) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    const uint32_t from = request->replica;
    mb_engine *source = engine_of(sim, from), *target = engine_of(sim, to);
    *refused = NULL;
    if (!open_transfers(sim)) return mb_fail_memory(error);
    uint32_t queue = how->queue;
    if (queue == MB_NONE) queue = mb_replica_own_queue(sim, sim->replicas[to]);
    if (queue == MB_NONE) return mb_fail_memory(error);
    if (from == to && request->stage != MB_STAGE_SWAPPED) {
        if (request->queue != MB_NONE) mb_queue_remove(&sim->queues[request->queue], &sim->requests, slot);
        return stay(sim, slot, queue, how->front, error);
    }
    const mb_link_rule *rule = mb_link_between(sim, from, to);
    if (sim->replicas[to]->state != MB_UP) {
        *refused = sim->replicas[to]->state == MB_DRAINING ? "draining" : "down";
        return MB_OK;
    }
    mb_kv_hold hold = {.left = MB_KV_NO_RUN};
    bool late;
    if (!mb_room_take(target, &hold, request->computed, &late)) {
        *refused = "memory";
        return MB_OK;
    }
    take_notice(sim, to, late);
    target->stepper->paused++;
    mb_sim_integrate(sim);
    if (request->queue != MB_NONE) mb_queue_remove(&sim->queues[request->queue], &sim->requests, slot);
    mb_sim_unstamp(sim, slot);
    sim->away += request->stage != MB_STAGE_HANDOFF;
    pass_time(sim, slot, request->stage == MB_STAGE_SWAPPED ? MB_PART_MOVED : MB_PART_ASIDE);
    const uint32_t index = new_transfer(sim);
    if (index == MB_NONE) return mb_fail_memory(error);
    mb_transfer *transfer = &sim->transfers->list[index];
    transfer->kind = MB_TRANSFER_SEND;
    transfer->stage = request->stage;
    transfer->slot = slot;
    transfer->from = from;
    transfer->to = to;
    transfer->hold = hold;
    transfer->tokens = request->computed;
    transfer->queue = queue;
    transfer->front = how->front;
    request->stage = MB_STAGE_MOVING;
    request->transfer = index;
    const double alone_s =
        after_layers(sim, source, how->layers, seconds_alone(sim, rule, from, request->computed));
    return depart(sim, index, rule, alone_s) ? MB_OK : mb_fail_memory(error);
}

// --- arriving

static void count(mb_sim *sim, const mb_transfer *transfer) {
    mb_metrics *metrics = &sim->metrics;
    const double bytes = sim->replicas[transfer->from]->hardware->kv_bytes_per_token;
    metrics->transfers++;
    metrics->transfers_s += sim->now_s - transfer->begun_s;
    metrics->moved_bytes += bytes > 0 ? bytes * (double)transfer->tokens : (double)NAN;
}

// The source has its memory back.
static bool leave_source(mb_sim *sim, const mb_transfer *transfer) {
    mb_request *request = mb_request_at(&sim->requests, transfer->slot);
    mb_engine *source = engine_of(sim, transfer->from);
    if (transfer->stage == MB_STAGE_SWAPPED) {
        sim->around.host_used -= request->computed;
        return true;
    }
    const bool done = mb_room_leave(source, request);
    mb_sim_change_one(sim, sim->replicas[transfer->from]);
    return done;
}

static mb_status arrive(mb_sim *sim, uint32_t index, mb_error *error) {
    const mb_transfer transfer = sim->transfers->list[index];
    mb_request *request = mb_request_at(&sim->requests, transfer.slot);
    free_transfer(sim, index);
    count(sim, &transfer);
    mb_sim_integrate(sim);
    if (!leave_source(sim, &transfer)) return mb_fail_memory(error);
    if (!mb_room_come(engine_of(sim, transfer.to), request, &transfer.hold)) return mb_fail_memory(error);
    request->stage = MB_STAGE_PAUSED;
    sim->away--;
    pass_time(sim, transfer.slot, MB_PART_MOVED);
    const mb_status status = queue_up(sim, transfer.slot, transfer.queue, transfer.front, error);
    return status == MB_OK ? tell_arrived(sim, &transfer, error) : status;
}

static bool note_due(mb_transfers *all, uint32_t index) {
    if (!mb_slots_room(&all->due, all->due_count, &all->due_capacity)) return false;
    uint32_t at = all->due_count++;
    for (; at > 0 && all->list[all->due[at - 1]].number > all->list[index].number; at--)
        all->due[at] = all->due[at - 1];
    all->due[at] = index;
    return true;
}

static mb_status collect_due(mb_sim *sim, mb_error *error) {
    mb_transfers *all = sim->transfers;
    bool done = true;
    all->due_count = 0;
    while (done && sim->heap.count) {
        const mb_event event = mb_heap_top(&sim->heap);
        if (event.kind != MB_EVENT_TRANSFER || event.time_s > sim->now_s) break;
        mb_heap_pop(&sim->heap);
        if (!mb_transfer_is_current(sim, event.time_s, event.payload)) continue;
        done = event.payload & WIRE_EVENT ? leave_wire(sim, event.payload & ~WIRE_EVENT)
                                          : note_due(all, event.payload);
    }
    return done ? MB_OK : mb_fail_memory(error);
}

mb_status mb_transfers_arrive(mb_sim *sim, mb_error *error) {
    mb_status status = MB_OK;
    while (status == MB_OK && sim->transfers && (status = collect_due(sim, error)) == MB_OK &&
           sim->transfers->due_count) {
        sim->timers_alone = 0;
        for (uint32_t i = 0; i < sim->transfers->due_count && status == MB_OK; i++) {
            const uint32_t index = sim->transfers->due[i];
            if (mb_transfer_is_current(sim, sim->now_s, index)) status = arrive(sim, index, error);
            if (status == MB_OK) status = mb_notices_tell(sim, error);
        }
    }
    return status;
}

// --- giving up

mb_status mb_transfer_abort(mb_sim *sim, uint32_t slot, mb_error *error) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    const mb_transfer transfer = sim->transfers->list[request->transfer];
    if (transfer.wire != MB_NONE) {
        mb_wire *wire = &sim->transfers->wires[transfer.wire];
        const double before_s = wire->next_s;
        mb_wire_leave(wire, request->transfer, sim->now_s);
        if (!push_wire(sim, transfer.wire, before_s)) return mb_fail_memory(error);
    }
    free_transfer(sim, request->transfer);
    mb_engine *target = engine_of(sim, transfer.to);
    mb_kv_hold hold = transfer.hold;
    target->stepper->paused--;
    if (!mb_room_give(target, &hold)) return mb_fail_memory(error);
    mb_sim_change_one(sim, sim->replicas[transfer.to]);
    mb_sim_integrate(sim);
    request->stage = transfer.stage;
    sim->away -= transfer.stage != MB_STAGE_HANDOFF;
    pass_time(sim, slot, MB_PART_MOVED);
    return MB_OK;
}

mb_status mb_transfer_lose(mb_sim *sim, uint32_t slot, uint32_t failed, mb_error *error) {
    const mb_request *request = mb_request_at(&sim->requests, slot);
    const mb_transfer transfer = sim->transfers->list[request->transfer];
    const mb_status status = mb_transfer_abort(sim, slot, error);
    if (status != MB_OK) return status;
    sim->away -= transfer.stage == MB_STAGE_HANDOFF;
    // (The memory of the one that failed is cleared as a whole.)
    if (transfer.from == failed && transfer.stage != MB_STAGE_SWAPPED) return MB_OK;
    return leave_source(sim, &transfer) ? MB_OK : mb_fail_memory(error);
}
