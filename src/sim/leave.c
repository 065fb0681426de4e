// SPDX-License-Identifier: MIT
#include "sim/leave.h"

#include "base/apart.h"
#include "base/strbuf.h"
#include "sim/clients.h"
#include "sim/fail.h"
#include "sim/gauges.h"
#include "sim/judge.h"
#include "sim/migrate.h"
#include "sim/news.h"
#include "sim/pending.h"
#include "sim/programs.h"
#include "sim/transfer.h"

#include <stdio.h>
#include <stdlib.h>

MB_APART static mb_status show(const mb_sim *sim, const mb_request *request, mb_end why,
                               const mb_served *served, mb_error *error) {
    mb_finished record = {.request = request, .first_token_s = NAN, .end_s = NAN, .why = "rejected"};
    if (why == MB_END_DONE)
        record = (mb_finished){.request = request,
                               .first_token_s = served->first_token_s,
                               .end_s = sim->now_s,
                               .batch = served->batch,
                               .parts = served->parts,
                               .why = "done"};
    return sim->observer.finished(sim->observer.self, &record, error);
}

// Who asked for it may send another one now.
MB_APART static mb_status answer(mb_sim *sim, const mb_departure *departure, uint64_t program,
                                 mb_error *error) {
    const mb_status status = mb_source_finished(sim->source, departure, error);
    if (program && status == MB_OK && mb_source_session_over(sim->source, departure->user))
        mb_programs_over(sim, program);
    return status == MB_OK ? mb_sim_fetch_arrival(sim, error) : status;
}

static mb_departure departure_of(const mb_sim *sim, const mb_request *request, mb_end why) {
    return (mb_departure){.time_s = sim->now_s,
                          .rejected = why == MB_END_REJECTED,
                          .user = request->user,
                          .session = request->session,
                          .prompt_tokens = request->prompt_tokens,
                          .output_tokens = request->output_tokens};
}

// Statistics are done: observer, the policy's finish hook, recycle. served: NULL if it was not; seen_s: when
// the replicas saw it.
static inline mb_status leave(mb_sim *sim, uint32_t slot, mb_end why, const mb_served *served, double seen_s,
                              mb_error *error) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    mb_status status = sim->transfers ? mb_migration_fails(sim, slot, "done", true, error) : MB_OK;
    if (status != MB_OK) return status;
    sim->metrics.sojourn_s += sim->now_s - seen_s;
    mb_client_leaves(sim, request);
    const uint64_t program = sim->config->programs ? request->rest->program : 0;
    if (program) mb_programs_leave(sim, request, why == MB_END_REJECTED);
    if (sim->observer.finished) status = show(sim, request, why, served, error);
    if (status == MB_OK && sim->policy.ops->finish)
        status = sim->policy.ops->finish(sim->policy.self, sim, slot, why, error);
    if (sim->by_steps && request->prefix_ids) {
        free(request->prefix_ids);
        request->prefix_ids = NULL;
    }
    mb_failures_forget(sim, request);
    if (!sim->closed) {
        mb_request_recycle(&sim->requests, slot);
        return status;
    }
    const mb_departure departure = departure_of(sim, request, why);
    mb_request_recycle(&sim->requests, slot);
    return status == MB_OK && departure.user ? answer(sim, &departure, program, error) : status;
}

static mb_status count_finished(mb_sim *sim, const mb_request *request, mb_error *error) {
    mb_metrics *metrics = &sim->metrics;
    mb_sim_integrate(sim);
    metrics->finished++;
    metrics->prompt_tokens += request->prompt_tokens;
    metrics->output_tokens += request->output_tokens;
    sim->running--;
    const double tokens = (double)request->prompt_tokens + request->output_tokens;
    return mb_metrics_serve_client(metrics, request->client, tokens) ? MB_OK : mb_fail_memory(error);
}

static void count_reading(mb_metrics *metrics, const mb_reading *reading) {
    if (reading->reader && reading->tokens) mb_sketch_add(&metrics->qoe, mb_reading_qoe(reading));
    if (!reading->dated) return;
    metrics->dated_tokens += reading->tokens;
    metrics->late_tokens += reading->late;
    metrics->late_s += reading->late_s;
}

mb_status mb_sim_serve(mb_sim *sim, uint32_t slot, const mb_served *served, mb_error *error) {
    const mb_request *request = mb_request_at(&sim->requests, slot);
    mb_metrics *metrics = &sim->metrics;
    const double ttft = served->first_token_s - request->arrival_s, e2e = sim->now_s - request->arrival_s;
    const double seen_s = mb_sim_seen_s(sim, request), waited_s = request->start_s - seen_s;
    mb_judge_served(sim, request, served, waited_s, ttft, e2e);
    if (mb_sim_counts(sim, request)) {
        mb_sketch_add(&metrics->queue, waited_s);
        mb_sketch_add(&metrics->ttft, ttft);
        mb_sketch_add(&metrics->e2e, e2e);
        if (!isnan(served->tpot_s)) mb_sketch_add(&metrics->tpot, served->tpot_s);
        if (sim->config->gaps) mb_sketch_add(&metrics->gap, served->gap_s);
        if (sim->config->readings) count_reading(metrics, &request->rest->reading);
        if (served->parts) mb_part_sums_add(&metrics->parts, served->parts);
        if (served->gaps) mb_sketch_add_many(&metrics->itl, served->tbt_s, served->gaps);
    }
    const mb_status status = count_finished(sim, request, error);
    if (status != MB_OK) return status;
    return leave(sim, slot, MB_END_DONE, served, seen_s, error);
}

mb_status mb_sim_reject(mb_sim *sim, uint32_t slot, const char *reason, mb_error *error) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    mb_sim_integrate(sim);
    if (request->queue != MB_NONE) mb_queue_remove(&sim->queues[request->queue], &sim->requests, slot);
    mb_sim_unstamp(sim, slot);
    if (request->stage == MB_STAGE_MOVING) {
        const mb_status status = mb_transfer_abort(sim, slot, error);
        if (status != MB_OK) return status;
    }
    if (request->stage == MB_STAGE_HANDOFF) sim->away--;
    // A waiting request may hold memory: paused, on the host, or what it left behind.
    if (sim->by_steps && request->replica != MB_NONE &&
        !mb_engine_release(&sim->replicas[request->replica]->engine, request))
        return mb_fail_memory(error);
    if (!sim->metrics.rejected++) {
        snprintf(sim->metrics.first_rejection, sizeof sim->metrics.first_rejection, "request %llu: %s",
                 (unsigned long long)request->id, reason);
        mb_make_printable(sim->metrics.first_rejection, "");
    }
    sim->waiting--;
    mb_judge_rejected(sim, request);
    return leave(sim, slot, MB_END_REJECTED, NULL, mb_sim_seen_s(sim, request), error);
}
