// SPDX-License-Identifier: MIT
#include "sim/transfer.h"

#include "engine/room.h"
#include "sim/gauges.h"
#include "sim/news.h"
#include "sim/notice.h"
#include "sim/replica.h"
#include "sim/waiting.h"

#include <stdlib.h>

static mb_engine *engine_of(const mb_sim *sim, uint32_t replica) {
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
    for (uint32_t i = 0; i < all->count; i++)
        free(all->list[i].copy);
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
    if (index >= MB_WIRE_EVENT) return MB_NONE;
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

static uint32_t new_place(mb_sim *sim) {
    mb_transfers *all = open_transfers(sim);
    if (!all) return MB_NONE;
    const uint32_t index = all->first_free;
    if (index != MB_NONE) {
        all->first_free = all->list[index].next_free;
        return index;
    }
    if (all->count == MB_WIRE_EVENT) return MB_NONE;
    if (all->count == all->capacity) {
        const uint32_t more = all->capacity ? 2 * all->capacity : 16;
        mb_transfer *list = realloc(all->list, more * sizeof *list);
        if (!list) return MB_NONE;
        all->list = list;
        all->capacity = more;
    }
    return all->count++;
}

uint32_t mb_transfer_open(mb_sim *sim, uint32_t from, uint32_t to) {
    const uint32_t index = new_place(sim);
    if (index == MB_NONE) return MB_NONE;
    sim->transfers->list[index] = (mb_transfer){.number = ++sim->transfers->begun,
                                                .begun_s = sim->now_s,
                                                .event_s = INFINITY,
                                                .hold = {.left = MB_KV_NO_RUN},
                                                .slot = MB_NONE,
                                                .from = from,
                                                .to = to,
                                                .wire = MB_NONE,
                                                .queue = MB_NONE};
    engine_of(sim, to)->stepper->paused++; // it holds memory for one that does not run there
    return index;
}

uint32_t mb_transfer_new(mb_sim *sim, uint32_t slot, uint32_t to) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    const uint32_t index = mb_transfer_open(sim, request->replica, to);
    if (index == MB_NONE) return MB_NONE;
    sim->transfers->list[index].slot = slot;
    sim->transfers->list[index].stage = request->stage;
    request->transfer = index;
    return index;
}

void mb_transfer_free(mb_sim *sim, uint32_t index) {
    mb_transfers *all = sim->transfers;
    mb_transfer *transfer = &all->list[index];
    engine_of(sim, transfer->to)->stepper->paused--;
    all->staying -= transfer->kind == MB_TRANSFER_STAY;
    if (transfer->slot != MB_NONE) mb_request_at(&sim->requests, transfer->slot)->transfer = MB_NONE;
    free(transfer->copy);
    transfer->copy = NULL;
    transfer->number = 0;
    transfer->next_free = all->first_free;
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
    return mb_heap_push(&sim->heap, next_s, MB_EVENT_TRANSFER, MB_WIRE_EVENT | wire);
}

// What takes so long alone goes on the wire now. False when out of memory.
static bool enter_wire(mb_sim *sim, uint32_t index, const mb_link_rule *rule, double alone_s) {
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

bool mb_transfer_leave_wire(mb_sim *sim, uint32_t payload) {
    const uint32_t number = payload & ~MB_WIRE_EVENT;
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
    if (payload & MB_WIRE_EVENT) return all->wires[payload & ~MB_WIRE_EVENT].next_s == time_s;
    return all->list[payload].number && all->list[payload].event_s == time_s;
}

// Seconds that are left on the wire of a request whose memory went layer by layer, in the step that ended
// just now.
static double after_layers(const mb_sim *sim, const mb_engine *engine, uint32_t layers, double alone_s) {
    if (layers <= 1 || engine->stepper->last_end_s != sim->now_s) return alone_s;
    const double step_s = engine->stepper->last_end_s - engine->stepper->last_start_s;
    return fmax(alone_s / layers, alone_s - step_s);
}

mb_status mb_transfer_depart(mb_sim *sim, uint32_t index, uint64_t tokens, uint32_t layers, mb_error *error) {
    mb_transfer *transfer = &sim->transfers->list[index];
    const mb_link_rule *rule = mb_link_between(sim, transfer->from, transfer->to);
    const double alone_s = seconds_alone(sim, rule, transfer->from, tokens);
    transfer->leg = tokens;
    transfer->tokens += tokens;
    sim->transfers->sent += tokens;
    const double left_s = after_layers(sim, engine_of(sim, transfer->from), layers, alone_s);
    return enter_wire(sim, index, rule, left_s) ? MB_OK : mb_fail_memory(error);
}

bool mb_transfer_take_room(mb_sim *sim, uint32_t index) {
    mb_transfer *transfer = &sim->transfers->list[index];
    const uint32_t tokens = mb_request_at(&sim->requests, transfer->slot)->computed;
    bool late;
    if (!mb_room_take(engine_of(sim, transfer->to), &transfer->hold, tokens, &late)) return false;
    if (late) mb_replica_look_up(sim, sim->replicas[transfer->to]); // its next step may lack them
    return true;
}

// --- sending

const char *mb_transfer_refused(const mb_sim *sim, uint32_t to) {
    const mb_replica_state state = sim->replicas[to]->state;
    return state == MB_UP ? NULL : state == MB_DRAINING ? "draining" : "down";
}

void mb_transfer_pass_time(mb_sim *sim, uint32_t slot, mb_time_part part) {
    if (sim->around.times) mb_request_time_pass(&sim->times, slot, part, sim->now_s);
}

mb_status mb_transfer_come(mb_sim *sim, const mb_transfer *transfer, mb_error *error) {
    mb_status status = MB_OK;
    if (transfer->front && sim->queues[transfer->queue].order == MB_KEY_NONE)
        mb_sim_push(sim, transfer->queue, transfer->slot, true);
    else
        status = mb_sim_file(sim, transfer->queue, transfer->slot, error);
    if (status != MB_OK) return status;
    mb_notice notice = mb_notice_of(MB_SIGNAL_ARRIVED);
    notice.request = transfer->slot;
    notice.from = transfer->from;
    notice.to = transfer->to;
    notice.seconds = sim->now_s - transfer->begun_s;
    return mb_notify(sim, &notice) ? MB_OK : mb_fail_memory(error);
}

static void take_off_queue(mb_sim *sim, uint32_t slot) {
    const mb_request *request = mb_request_at(&sim->requests, slot);
    if (request->queue != MB_NONE) mb_queue_remove(&sim->queues[request->queue], &sim->requests, slot);
    mb_sim_unstamp(sim, slot);
}

// It stays where it is, and waits there to be resumed.
static mb_status stay(mb_sim *sim, uint32_t slot, uint32_t queue, bool front, mb_error *error) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    mb_sim_integrate(sim);
    take_off_queue(sim, slot);
    sim->away -= request->stage == MB_STAGE_HANDOFF;
    request->stage = MB_STAGE_PAUSED;
    const mb_transfer transfer = {.slot = slot,
                                  .from = request->replica,
                                  .to = request->replica,
                                  .begun_s = sim->now_s,
                                  .queue = queue,
                                  .front = front};
    return mb_transfer_come(sim, &transfer, error);
}

mb_status mb_transfer_send(mb_sim *sim, uint32_t slot, uint32_t to, const mb_sending *how,
                           const char **refused, mb_error *error) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    uint32_t queue = how->queue;
    *refused = NULL;
    if (queue == MB_NONE) queue = mb_replica_own_queue(sim, sim->replicas[to]);
    if (queue == MB_NONE) return mb_fail_memory(error);
    if (request->replica == to && request->stage != MB_STAGE_SWAPPED)
        return stay(sim, slot, queue, how->front, error);
    *refused = mb_transfer_refused(sim, to);
    if (*refused) return MB_OK;
    const uint32_t index = mb_transfer_new(sim, slot, to);
    if (index == MB_NONE) return mb_fail_memory(error);
    if (!mb_transfer_take_room(sim, index)) {
        mb_transfer_free(sim, index);
        *refused = "memory";
        return MB_OK;
    }
    mb_sim_integrate(sim);
    take_off_queue(sim, slot);
    sim->away += request->stage != MB_STAGE_HANDOFF;
    mb_transfer_pass_time(sim, slot, request->stage == MB_STAGE_SWAPPED ? MB_PART_MOVED : MB_PART_ASIDE);
    request->stage = MB_STAGE_MOVING;
    sim->transfers->list[index].queue = queue;
    sim->transfers->list[index].front = how->front;
    return mb_transfer_depart(sim, index, request->computed, how->layers, error);
}

// --- giving up

bool mb_transfer_leave_source(mb_sim *sim, const mb_transfer *transfer) {
    mb_request *request = mb_request_at(&sim->requests, transfer->slot);
    if (transfer->stage == MB_STAGE_SWAPPED) {
        sim->around.host_used -= request->computed;
        return true;
    }
    mb_replica *source = sim->replicas[transfer->from];
    const bool done = mb_room_leave(&source->engine, request);
    mb_sim_change_one(sim, source);
    return done;
}

bool mb_transfer_leave_its_wire(mb_sim *sim, uint32_t index) {
    const uint32_t number = sim->transfers->list[index].wire;
    if (number == MB_NONE) return true;
    mb_wire *wire = &sim->transfers->wires[number];
    const double before_s = wire->next_s;
    mb_wire_leave(wire, index, sim->now_s);
    return push_wire(sim, number, before_s);
}

mb_status mb_transfer_abort(mb_sim *sim, uint32_t slot, mb_error *error) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    const uint32_t index = request->transfer;
    mb_transfer transfer = sim->transfers->list[index];
    sim->transfers->dropped += transfer.leg;
    if (!mb_transfer_leave_its_wire(sim, index)) return mb_fail_memory(error);
    mb_transfer_free(sim, index);
    if (!mb_room_give(engine_of(sim, transfer.to), &transfer.hold)) return mb_fail_memory(error);
    mb_sim_change_one(sim, sim->replicas[transfer.to]);
    if (request->stage != MB_STAGE_MOVING) return MB_OK; // it ran on all the time
    mb_sim_integrate(sim);
    request->stage = transfer.stage;
    sim->away -= transfer.stage != MB_STAGE_HANDOFF;
    mb_transfer_pass_time(sim, slot, MB_PART_MOVED);
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
    return mb_transfer_leave_source(sim, &transfer) ? MB_OK : mb_fail_memory(error);
}
