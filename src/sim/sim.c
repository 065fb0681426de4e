// SPDX-License-Identifier: MIT
#include "sim/sim.h"

#include "base/apart.h"
#include "base/python_heap.h"
#include "sim/arrivals.h"
#include "sim/beside.h"
#include "sim/changes.h"
#include "sim/check.h"
#include "sim/dispatch.h"
#include "sim/end.h"
#include "sim/front.h"
#include "sim/handoff.h"
#include "sim/lifecycle.h"
#include "sim/lockstep.h"
#include "sim/moved.h"
#include "sim/news.h"
#include "sim/pending.h"
#include "sim/programs.h"
#include "sim/replica.h"
#include "sim/seen.h"
#include "sim/service.h"
#include "sim/surroundings.h"
#include "sim/transfer.h"
#include "sim/window.h"

#include <stdlib.h>

// So many timers in a row with nothing else happening are looked at: they may wait for an arrival or the end
// of a step, if the clock moves towards it by a microsecond each in the mean.
#define MAX_TIMERS_ALONE 1000000u
#define MIN_TIMER_SPACING_S 1e-6
// And so many where nothing else is to come: fewer, the more requests wait, since a policy may look at all of
// them each time.
#define MAX_TIMERS_AT_END 100000u
#define WAITING_PER_TIMER 200u
// Arrivals and instants between two calls of the observer's progress hook: often enough for a bar and for
// Ctrl-C, too rare to cost anything.
#define PROGRESS_EVERY 4096u

static void queue_changes(void *self, uint32_t owner, bool full) {
    mb_sim *sim = self;
    mb_beside_queue(sim, owner, full);
    mb_replica_queue_changed(sim, sim->replicas[owner]);
}

mb_status mb_sim_init(mb_sim *sim, const mb_sim_config *config, mb_source *source, mb_policy policy,
                      const mb_observer *observer, mb_error *error) {
    *sim = (mb_sim){.config = config, .source = source, .policy = policy, .newest_stamped = MB_NONE};
    sim->first_boundary_s = INFINITY;
    sim->refused_version = UINT64_MAX;
    sim->plans = 1;
    sim->clients_counted_s = NAN;
    sim->closed = mb_source_closed(source);
    if (observer) sim->observer = *observer;
    mb_request_store_init(&sim->requests);
    mb_rng_init(&sim->noise, config->seed, config->replication, "latency");
    mb_window_init(sim);
    sim->programs.first_free = MB_NONE;
    sim->owned = (mb_owned){.changes = queue_changes, .self = sim};
    sim->metrics.why = config->why;
    sim->metrics.parties.by = config->by;
    sim->metrics.usd_per_hour = config->usd_per_hour;
    if (config->exact_percentiles) mb_metrics_keep_samples(&sim->metrics);
    if (config->batch_means && !mb_metrics_keep_batches(&sim->metrics)) return mb_fail_memory(error);
    if (config->class_count) {
        sim->metrics.classes = calloc(config->class_count, sizeof *sim->metrics.classes);
        if (!sim->metrics.classes) return mb_fail_memory(error);
        sim->metrics.class_count = config->class_count;
    }
    if (mb_sim_add_queue(sim, MB_KEY_NONE) == MB_NONE) return mb_fail_memory(error);
    if (!mb_service_init(sim)) return mb_fail_memory(error);
    mb_sim_surround(sim);
    mb_status status = mb_replicas_init(sim, error);
    if (status == MB_OK) status = mb_lockstep_init(sim, error);
    sim->lifecycle.used = config->comes_and_goes;
    if (status == MB_OK && !mb_changes_init(sim)) status = mb_fail_memory(error);
    if (status == MB_OK) status = mb_seen_init(sim, error);
    return status == MB_OK ? mb_front_init(sim, error) : status;
}

void mb_sim_deinit(mb_sim *sim) {
    mb_replicas_deinit(sim);
    mb_lockstep_deinit(sim);
    mb_front_deinit(sim);
    mb_transfers_deinit(sim);
    free(sim->handoffs.list);
    mb_programs_deinit(sim);
    mb_notices_deinit(sim);
    mb_changes_deinit(sim);
    mb_seen_deinit(sim);
    mb_kv_table_deinit(&sim->failed);
    mb_service_deinit(sim);
    for (uint32_t i = 0; i < sim->bins_count; i++)
        mb_bins_deinit(&sim->bins[i]);
    free(sim->bins);
    mb_beside_deinit(sim);
    free(sim->clients);
    free(sim->queues);
    free(sim->candidates);
    free(sim->places.list);
    mb_heap_deinit(&sim->heap);
    mb_request_store_deinit(&sim->requests);
    mb_request_times_deinit(&sim->times);
    mb_metrics_deinit(&sim->metrics);
}

// An event of a timer that was cancelled is none.
static bool is_gone(const mb_sim *sim, uint32_t timer) {
    const mb_policy_ops *ops = sim->policy.ops;
    return timer != MB_TIMER_WAKE && ops->timer_gone && ops->timer_gone(sim->policy.self, timer);
}

static mb_status fire_timer(mb_sim *sim, uint32_t timer, mb_error *error) {
    mb_sim_change_all(sim);
    if (timer == MB_TIMER_WAKE) {
        sim->wakes--;
        return MB_OK;
    }
    return sim->policy.ops->timer(sim->policy.self, sim, timer, error);
}

// --- the run

MB_APART static mb_status interrupted(const mb_sim *sim, mb_error *error) {
    return mb_fail(error, MB_FAILED, "interrupted at t = %.6g s", sim->now_s);
}

static inline mb_status look(mb_sim *sim, mb_error *error) {
    if (sim->observer.stop && atomic_load_explicit(sim->observer.stop, memory_order_relaxed))
        return interrupted(sim, error);
    if (++sim->looks % PROGRESS_EVERY || !sim->observer.progress) return MB_OK;
    return sim->observer.progress(sim->observer.watch, sim->arrived, sim->metrics.finished, sim->now_s,
                                  error);
}

// Is the next event of this kind, and now?
static inline bool due(const mb_sim *sim, unsigned kind, mb_event *event) {
    if (mb_heap_next_s(&sim->heap) > sim->now_s) return false;
    *event = mb_heap_top(&sim->heap);
    return event->kind == kind;
}

// An engine leaves events behind when it is interrupted; only the one that it waits for counts.
static bool is_current(const mb_replica *replica, double time_s) {
    return (replica->busy || replica->engine.pipeline) && replica->engine.event_s == time_s;
}

static bool is_stale(const mb_sim *sim, const mb_event *event) {
    switch (event->kind) {
    case MB_EVENT_TIMER:
        return is_gone(sim, event->payload);
    case MB_EVENT_TRANSFER:
        return !mb_transfer_is_current(sim, event->time_s, event->payload);
    default:
        return !mb_replica_rises(sim->replicas[event->payload], event->time_s);
    }
}

// Events that count no more must not move the clock. When the next is that does.
static double next_event_s(mb_sim *sim) {
    for (; sim->heap.count; mb_heap_pop(&sim->heap)) {
        const mb_event event = mb_heap_top(&sim->heap);
        if (event.kind != MB_EVENT_STEP_END) {
            if (is_stale(sim, &event)) continue;
            return event.time_s;
        }
        mb_replica *replica = sim->replicas[event.payload];
        if (is_current(replica, event.time_s) || !(sim->by_steps || sim->lifecycle.used)) return event.time_s;
        if (replica->far_s == event.time_s) replica->far_s = INFINITY;
    }
    return INFINITY;
}

// The event on top, of an engine's step, is taken. NULL: it does not count.
static inline mb_replica *take_step_end(mb_sim *sim, const mb_event *event) {
    mb_replica *replica = sim->replicas[event->payload];
    mb_heap_pop(&sim->heap);
    if (replica->far_s == event->time_s) replica->far_s = INFINITY;
    return is_current(replica, event->time_s) && !replica->ending ? replica : NULL;
}

// Steps end in order of the replicas' numbers: it must not matter when their events were pushed. `first` was
// taken already; NULL: it was none.
MB_APART static mb_status end_all(mb_sim *sim, mb_replica *first, mb_error *error) {
    uint32_t count = 0;
    if (first) {
        first->ending = true;
        sim->scratch[count++] = first->engine.id;
    }
    for (mb_event event; due(sim, MB_EVENT_STEP_END, &event);) {
        mb_replica *replica = take_step_end(sim, &event);
        if (!replica) continue;
        replica->ending = true;
        uint32_t at = count++;
        for (; at > 0 && sim->scratch[at - 1] > replica->engine.id; at--)
            sim->scratch[at] = sim->scratch[at - 1];
        sim->scratch[at] = replica->engine.id;
    }
    if (count) sim->timers_alone = 0;
    for (uint32_t i = 0; i < count; i++) {
        mb_engine_reach(&sim->replicas[sim->scratch[i]]->engine);
    }
    mb_status status = MB_OK;
    for (uint32_t i = 0; i < count && status == MB_OK; i++) {
        mb_replica *replica = sim->replicas[sim->scratch[i]];
        if (!replica->ending) continue; // it failed since
        replica->ending = false;
        if (replica->far_s <= sim->now_s) replica->far_s = INFINITY;
        if (replica->engine.pipeline)
            status = mb_replica_advance(sim, replica, error);
        else if (mb_engine_stops(&replica->engine))
            status = mb_replica_end(sim, replica, error);
        else
            mb_replica_mark_boundary(sim, replica);
        if (status == MB_OK) status = mb_sim_follow_up(sim, error);
    }
    return status;
}

// *over: nothing else happens at this instant, and who was to plan has planned.
static inline mb_status end_steps(mb_sim *sim, bool *over, mb_error *error) {
    mb_event event;
    if (!due(sim, MB_EVENT_STEP_END, &event)) return MB_OK;
    mb_replica *first = take_step_end(sim, &event);
    const bool alone = first && sim->plain_sailing && !first->engine.pipeline &&
                       mb_heap_next_s(&sim->heap) > sim->now_s && sim->now_s < sim->warmup_end_s &&
                       mb_changes_next_s(sim) > sim->now_s &&
                       (sim->arrivals_ended || sim->pending.time_s > sim->now_s);
    if (!alone) return end_all(sim, first, error);
    sim->timers_alone = 0;
    return mb_dispatch_alone(sim, first, over, error);
}

static mb_status take_arrivals(mb_sim *sim, mb_error *error) {
    mb_status status = MB_OK;
    while (status == MB_OK && !sim->arrivals_ended && sim->pending.time_s <= sim->now_s) {
        sim->timers_alone = 0;
        if (sim->front && mb_front_is_sent_next(sim))
            status = mb_front_enter(sim, error);
        else
            status = mb_sim_arrive(sim, sim->arrived, error);
        if (status == MB_OK) status = mb_sim_follow_up(sim, error);
        if (status == MB_OK) status = look(sim, error);
        if (status == MB_OK) status = mb_sim_fetch_arrival(sim, error);
    }
    return status;
}

static mb_status stuck(const mb_sim *sim, uint32_t timers, const char *why, mb_error *error) {
    return mb_fail(
        error, MB_FAILED,
        "stuck at t = %.9g s: %u timers fired in a row and nothing else happened, %s; %llu requests "
        "wait, %llu run",
        sim->now_s, timers, why, (unsigned long long)sim->waiting, (unsigned long long)sim->running);
}

static mb_status may_fire(mb_sim *sim, mb_error *error) {
    if (sim->timers_alone++ == 0) sim->alone_since_s = sim->now_s;
    if (!sim->running && (sim->arrivals_ended || isinf(sim->pending.time_s))) {
        const uint64_t most = MAX_TIMERS_AT_END / (1 + sim->waiting / WAITING_PER_TIMER);
        if (sim->timers_alone > most) return stuck(sim, (uint32_t)most, "and nothing else is to come", error);
    }
    if (sim->timers_alone <= MAX_TIMERS_ALONE) return MB_OK;
    sim->timers_alone = 0;
    if (sim->now_s - sim->alone_since_s >= MAX_TIMERS_ALONE * MIN_TIMER_SPACING_S) return MB_OK;
    return stuck(sim, MAX_TIMERS_ALONE, "while the clock moved by less than a microsecond each", error);
}

static mb_status fire_timers(mb_sim *sim, mb_error *error) {
    mb_status status = MB_OK;
    for (mb_event event; status == MB_OK && due(sim, MB_EVENT_TIMER, &event);) {
        mb_heap_pop(&sim->heap);
        if (is_gone(sim, event.payload)) continue;
        status = may_fire(sim, error);
        if (status == MB_OK) status = fire_timer(sim, event.payload, error);
        if (status == MB_OK) status = mb_sim_follow_up(sim, error);
        if (status == MB_OK) status = look(sim, error);
    }
    return status;
}

// Everything that happens at this instant: steps end, then KV memory that was moved arrives, then replicas
// change their states, then requests arrive, then timers fire, then replicas plan.
static mb_status run_instant(mb_sim *sim, double time_s, mb_error *error) {
    mb_status status = mb_seen_pass(sim, time_s, error);
    sim->now_s = time_s;
    if (status == MB_OK) status = look(sim, error);
    if (status == MB_OK && mb_heap_next_s(&sim->heap) <= time_s) {
        bool over = false;
        status = end_steps(sim, &over, error);
        if (over) {
            if (status == MB_OK) mb_sim_check(sim);
            return status;
        }
    }
    if (status == MB_OK && sim->transfers) status = mb_transfers_arrive(sim, error);
    if (sim->now_s >= sim->warmup_end_s) mb_window_open(sim);
    if (status == MB_OK && mb_changes_due(sim)) status = mb_changes_take(sim, error);
    if (status == MB_OK) status = take_arrivals(sim, error);
    if (status == MB_OK) status = fire_timers(sim, error);
    if (status == MB_OK && sim->seen) status = mb_seen_publish_now(sim, error);
    if (status == MB_OK) status = mb_handoffs_send(sim, error);
    if (status == MB_OK) status = mb_dispatch(sim, error);
    if (sim->config->fair.measured) mb_service_look(sim);
    if (status == MB_OK) mb_sim_check(sim); // a hook that failed may have left a step half built
    return status;
}

// --- the order of mb_policy_ops.python_ties: all arrivals lie in the heap from the start, events come one by
// one

typedef struct python_run {
    mb_python_heap
        heap; // what: index of an arrival, or TAKEN_OUT + kind and payload of an event of sim->heap
    mb_arrival *arrivals;
    size_t count, capacity;
} python_run;

#define TAKEN_OUT (UINT64_C(1) << 63)

static mb_status read_arrivals(mb_sim *sim, python_run *run, mb_error *error) {
    mb_status status = MB_OK;
    while (status == MB_OK && !sim->arrivals_ended) {
        if (run->count == run->capacity) {
            run->capacity = run->capacity ? 2 * run->capacity : 1024;
            mb_arrival *arrivals = realloc(run->arrivals, run->capacity * sizeof *arrivals);
            if (!arrivals) return mb_fail_memory(error);
            run->arrivals = arrivals;
        }
        run->arrivals[run->count] = sim->pending;
        if (!mb_python_heap_push(&run->heap, sim->pending.time_s, run->count++)) return mb_fail_memory(error);
        status = mb_sim_fetch_arrival(sim, error);
    }
    return status;
}

static mb_status take_event(mb_sim *sim, const python_run *run, uint64_t what, mb_error *error) {
    if (!(what & TAKEN_OUT)) {
        sim->pending = run->arrivals[what];
        return mb_sim_arrive(sim, what, error);
    }
    const uint32_t payload = (uint32_t)what;
    if ((what & ~TAKEN_OUT) >> 32 == MB_EVENT_TIMER)
        return is_gone(sim, payload) ? MB_OK : fire_timer(sim, payload, error);
    mb_replica *replica = sim->replicas[payload];
    if ((what & ~TAKEN_OUT) >> 32 == MB_EVENT_CHANGE)
        return mb_replica_rises(replica, sim->now_s) && !mb_replica_rise(sim, replica) ? mb_fail_memory(error)
                                                                                       : MB_OK;
    // (A batch that was lost with its replica does not end.)
    return is_current(replica, sim->now_s) ? mb_replica_end(sim, replica, error) : MB_OK;
}

static mb_status run_python(mb_sim *sim, python_run *run, mb_error *error) {
    mb_status status = read_arrivals(sim, run, error);
    while (status == MB_OK && run->heap.count) {
        const double next = run->heap.events[0].time_s;
        if (sim->config->stop_s > 0 && next > sim->config->stop_s) {
            sim->now_s = sim->config->stop_s;
            sim->stopped = true;
            break;
        }
        if (sim->warmup_end_s <= next) {
            sim->now_s = sim->warmup_end_s;
            mb_window_open(sim);
        }
        sim->now_s = next;
        status = look(sim, error);
        if (status == MB_OK) status = take_event(sim, run, mb_python_heap_pop(&run->heap).what, error);
        if (status == MB_OK) status = mb_sim_follow_up(sim, error);
        if (status == MB_OK) status = mb_dispatch(sim, error);
        if (sim->config->fair.measured) mb_service_look(sim);
        for (; status == MB_OK && sim->heap.count; mb_heap_pop(&sim->heap)) { // batches that started, timers
            const mb_event event = mb_heap_top(&sim->heap);
            const uint64_t what = TAKEN_OUT | (uint64_t)event.kind << 32 | event.payload;
            if (!mb_python_heap_push(&run->heap, event.time_s, what)) status = mb_fail_memory(error);
        }
        if (status == MB_OK) mb_sim_check(sim);
        if (status == MB_OK && sim->observer.instant)
            status = sim->observer.instant(sim->observer.self, sim, error);
    }
    mb_python_heap_deinit(&run->heap);
    free(run->arrivals);
    return status;
}

// Is there nobody who looks at an instant between the end of a step and the planning of what follows?
static bool is_plain_sailing(const mb_sim *sim) {
    return sim->by_steps && !sim->closed && !sim->front && !sim->seen && !sim->groups &&
           !sim->config->fair.measured && !sim->policy.ops->stepped;
}

static mb_status run_events(mb_sim *sim, mb_error *error) {
    mb_status status = mb_sim_fetch_arrival(sim, error);
    if (status == MB_OK && sim->policy.ops->init)
        status = sim->policy.ops->init(sim->policy.self, sim, error);
    if (status == MB_OK) status = mb_sim_follow_up(sim, error);
    if (status == MB_OK && sim->observer.ready) status = sim->observer.ready(sim->observer.watch, error);
    if (status == MB_OK && sim->policy.ops->python_ties && !sim->by_steps && !sim->closed && !sim->front &&
        !sim->failures.heap.count && !sim->seen)
        return run_python(sim, &(python_run){0}, error);
    sim->plain_sailing = is_plain_sailing(sim);
    while (status == MB_OK) {
        double next = next_event_s(sim);
        const bool work = !sim->arrivals_ended || sim->waiting || sim->running;
        if (!work || (sim->arrivals_ended && !sim->heap.count)) break; // timers alone do not keep a run alive
        if (!sim->arrivals_ended && sim->pending.time_s < next) next = sim->pending.time_s;
        if (isinf(next)) break; // every user waits for an answer that will not come
        if (sim->warmup_end_s < next) next = sim->warmup_end_s; // an instant of its own
        const double change_s = mb_changes_next_s(sim);
        if (change_s < next) next = change_s;
        // (What an instant brings forth at its own time comes after the turns that were had.)
        if (next > sim->now_s) sim->around.turn = 0;
        if (sim->config->stop_s > 0 && next > sim->config->stop_s) {
            status = mb_seen_pass(sim, sim->config->stop_s, error);
            sim->now_s = sim->config->stop_s;
            sim->around.turn = sim->replica_count; // all that this instant had to bring has happened
            sim->stopped = true;
            break;
        }
        if (sim->observer.before) status = sim->observer.before(sim->observer.self, sim, next, error);
        if (status == MB_OK) status = run_instant(sim, next, error);
        if (status == MB_OK && sim->observer.instant)
            status = sim->observer.instant(sim->observer.self, sim, error);
    }
    return status;
}

// What is still in the system when a run ends was never served: say so in the dump as well.
static mb_status report_unfinished(mb_sim *sim, mb_error *error) {
    mb_status status = MB_OK;
    if (!sim->observer.finished || !sim->metrics.unfinished) return status;
    for (uint32_t slot = 0; slot < mb_request_slots(&sim->requests) && status == MB_OK; slot++) {
        const mb_request *request = mb_request_at(&sim->requests, slot);
        if (request->phase == MB_PHASE_FREE) continue;
        const mb_finished record = {
            .request = request, .first_token_s = NAN, .end_s = NAN, .why = "unfinished"};
        status = sim->observer.finished(sim->observer.self, &record, error);
    }
    return status;
}

// Let the policy look back, before the books are closed.
static mb_status look_back(mb_sim *sim, mb_error *error) {
    sim->ended = true;
    if (!sim->policy.ops->done) return MB_OK;
    const mb_status status = sim->policy.ops->done(sim->policy.self, sim, error);
    sim->done_failed = status != MB_OK;
    return status;
}

mb_status mb_sim_run(mb_sim *sim, mb_error *error) {
    mb_error ignored;
    mb_status status = run_events(sim, error);
    if (status == MB_OK) status = look_back(sim, error);
    mb_window_close(sim);
    if (status == MB_OK) mb_sim_check_end(sim);
    if (status == MB_OK && mb_metrics_lost(&sim->metrics)) status = mb_fail_memory(error);
    const mb_source_counts counts = mb_source_get_counts(sim->source);
    sim->metrics.skipped_zero = counts.skipped_zero;
    sim->metrics.skipped_empty = counts.skipped_empty;
    sim->metrics.skipped_long = counts.skipped_long;
    sim->metrics.trace_first_s = counts.first_s;
    sim->metrics.past_end = counts.past_end;
    const mb_status reported = report_unfinished(sim, status == MB_OK ? error : &ignored);
    return status != MB_OK ? status : reported;
}
