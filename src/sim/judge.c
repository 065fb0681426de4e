// SPDX-License-Identifier: MIT
// Requests against what they were promised: each that arrived after the warm-up is judged once, when it
// leaves or when the run ends (docs/models.md, "What a request was promised").
#include "sim/judge.h"

#include "base/apart.h"
#include "engine/gaps.h"
#include "engine/pieces.h"
#include "metrics/batch_means.h"
#include "sim/gauges.h"

typedef enum verdict { KEPT, MISSED, OPEN } verdict;

typedef struct judgement {
    verdict ttft, tbt, e2e, gap, late, all;
} judgement;

// INFINITY: none.
static double gap_bound(const mb_sim *sim, const mb_slo *slo) {
    return sim->config->gaps && slo->gap_s > 0 ? slo->gap_s : INFINITY;
}

// Are more of the tokens late than may be?
static bool too_many_late(const mb_slo *slo, uint64_t late, uint64_t tokens) {
    return mb_exceeds((double)late, slo->late * (double)tokens, 0);
}

static inline bool is_too_late(const mb_slo *slo, const mb_request *request) {
    return slo->of_late && too_many_late(slo, request->rest->reading.late, request->output_tokens);
}

static void count_bound(mb_bound_metrics *bound, verdict found) {
    bound->missed += found == MISSED;
    bound->censored += found == OPEN;
}

static double missed(verdict found) {
    return found == OPEN ? (double)NAN : found == MISSED;
}

// The party that it is measured in; NULL: nobody asked, or there is no memory (which ends the run).
static mb_party *party_of(mb_sim *sim, const mb_request *request) {
    mb_parties *parties = &sim->metrics.parties;
    if (!parties->by) return NULL;
    return mb_party_at(parties, parties->by == MB_BY_CLASS ? request->class_index : request->client);
}

// For who is asked of its class or client.
MB_APART static void count_apart(mb_sim *sim, const mb_request *request, verdict all) {
    mb_metrics *metrics = &sim->metrics;
    mb_party *party = party_of(sim, request);
    if (party) {
        party->counted++;
        party->slo_met += all == KEPT;
        party->censored += all == OPEN;
    }
    if (!metrics->classes) return;
    mb_class_metrics *of_class = &metrics->classes[request->class_index];
    of_class->counted++;
    of_class->slo_met += all == KEPT;
    of_class->censored += all == OPEN;
}

static inline bool is_counted_apart(const mb_metrics *metrics) {
    return metrics->parties.by || metrics->classes;
}

// ttft, e2e: NAN unless it was served.
MB_APART static void count(mb_sim *sim, const mb_request *request, judgement found, double ttft, double e2e) {
    mb_metrics *metrics = &sim->metrics;
    const double waited_s =
        (isnan(request->start_s) ? sim->now_s : request->start_s) - mb_sim_seen_s(sim, request);
    const bool waited = mb_exceeds(waited_s, 0, sim->now_s);
    metrics->counted++;
    metrics->waited += waited;
    count_bound(&metrics->ttft_bound, found.ttft);
    count_bound(&metrics->tbt_bound, found.tbt);
    count_bound(&metrics->e2e_bound, found.e2e);
    count_bound(&metrics->gap_bound, found.gap);
    count_bound(&metrics->late_bound, found.late);
    metrics->slo_met += found.all == KEPT;
    metrics->censored += found.all == OPEN;
    if (metrics->batch_means) {
        const double values[MB_BATCH_MEASURES] = {ttft,
                                                  e2e,
                                                  isnan(e2e) ? (double)NAN : waited_s,
                                                  missed(found.ttft),
                                                  missed(found.tbt),
                                                  missed(found.e2e),
                                                  1 - missed(found.all),
                                                  waited};
        mb_batch_means_add(metrics->batch_means, request->id - sim->first_counted, values);
    }
    if (is_counted_apart(metrics)) count_apart(sim, request, found.all);
}

// Of one that was served and kept every promise.
static inline void count_kept(mb_sim *sim, const mb_request *request, double waited_s, double ttft,
                              double e2e) {
    mb_metrics *metrics = &sim->metrics;
    const bool waited = mb_exceeds(waited_s, 0, sim->now_s);
    metrics->counted++;
    metrics->waited += waited;
    metrics->slo_met++;
    if (metrics->batch_means)
        mb_batch_means_add_kept(metrics->batch_means, request->id - sim->first_counted, ttft, e2e, waited_s,
                                waited);
    if (is_counted_apart(metrics)) count_apart(sim, request, KEPT);
}

// Its times, for its class or client.
MB_APART static void measure_party(mb_sim *sim, const mb_request *request, double ttft, double tpot,
                                   double e2e) {
    mb_party *party = party_of(sim, request);
    if (!party) return;
    party->measured++;
    mb_sketch_add(&party->ttft, ttft);
    mb_sketch_add(&party->e2e, e2e);
    if (!isnan(tpot)) mb_sketch_add(&party->tpot, tpot);
}

MB_APART static judgement judge(const mb_sim *sim, const mb_request *request, const mb_served *served,
                                double ttft, double e2e) {
    const mb_slo *slo = mb_sim_slo(sim, request);
    const double now_s = sim->now_s;
    return (judgement){.ttft = mb_exceeds(ttft, slo->ttft_s, now_s) ? MISSED : KEPT,
                       .tbt = mb_exceeds(served->tbt_s, slo->tbt_s, now_s) ? MISSED : KEPT,
                       .e2e = mb_exceeds(e2e, slo->e2e_s, now_s) ? MISSED : KEPT,
                       .gap = mb_exceeds(served->gap_s, gap_bound(sim, slo), now_s) ? MISSED : KEPT,
                       .late = is_too_late(slo, request) ? MISSED : KEPT,
                       .all = MISSED};
}

static inline bool keeps_all(const mb_sim *sim, const mb_request *request, const mb_served *served,
                             double ttft, double e2e) {
    const mb_slo *slo = mb_sim_slo(sim, request);
    const double now_s = sim->now_s;
    return !mb_exceeds(ttft, slo->ttft_s, now_s) && !mb_exceeds(served->tbt_s, slo->tbt_s, now_s) &&
           !mb_exceeds(e2e, slo->e2e_s, now_s) &&
           !(sim->config->gaps && mb_exceeds(served->gap_s, gap_bound(sim, slo), now_s)) &&
           !is_too_late(slo, request);
}

void mb_judge_served(mb_sim *sim, const mb_request *request, const mb_served *served, double waited_s,
                     double ttft, double e2e) {
    mb_metrics *metrics = &sim->metrics;
    const bool kept = keeps_all(sim, request, served, ttft, e2e);
    metrics->completed++;
    metrics->good += kept;
    if (!mb_sim_counts(sim, request)) return;
    metrics->measured++;
    if (kept)
        count_kept(sim, request, waited_s, ttft, e2e);
    else
        count(sim, request, judge(sim, request, served, ttft, e2e), ttft, e2e);
    if (!is_counted_apart(metrics)) return;
    measure_party(sim, request, ttft, served->tpot_s, e2e);
    if (!metrics->classes) return;
    mb_class_metrics *of_class = &metrics->classes[request->class_index];
    of_class->measured++;
    of_class->ttft_s += ttft;
    of_class->e2e_s += e2e;
}

// Who is never served misses every bound that there is.
static verdict missed_if_bound(double bound_s) {
    return isinf(bound_s) ? KEPT : MISSED;
}

void mb_judge_rejected(mb_sim *sim, const mb_request *request) {
    if (!mb_sim_counts(sim, request)) return;
    const mb_slo *slo = mb_sim_slo(sim, request);
    const judgement found = {missed_if_bound(slo->ttft_s), missed_if_bound(slo->tbt_s),
                             missed_if_bound(slo->e2e_s),  missed_if_bound(gap_bound(sim, slo)),
                             slo->of_late ? MISSED : KEPT, MISSED};
    count(sim, request, found, NAN, NAN);
}

// What has been seen of a request that is still in the system.
typedef struct progress {
    double first_token_s; // NAN: none yet
    double tbt_s;         // the least that its mean time between tokens can become
} progress;

static progress progress_of(const mb_sim *sim, mb_request *request) {
    const mb_engine *engine =
        request->phase == MB_PHASE_RUNNING ? &sim->replicas[request->replica]->engine : NULL;
    progress seen = {.first_token_s = NAN};
    if (sim->by_steps && request->generated > 0) seen.first_token_s = request->first_token_s;
    const bool in_batch = engine && (!engine->stepper || engine->stepper->barrier);
    if (in_batch && isnan(seen.first_token_s))
        seen.first_token_s = engine->start_s + engine->time.first_token_s;
    if (!(seen.first_token_s <= sim->now_s)) return (progress){.first_token_s = NAN};
    const double since_s = sim->now_s - seen.first_token_s;
    if (in_batch) // all gaps of a batch are equal, and the first may not be over yet
        seen.tbt_s = fmin(since_s, engine->time.tbt_s);
    else if (request->output_tokens > 1)
        seen.tbt_s = since_s / (request->output_tokens - 1);
    return seen;
}

// The least that its largest gap can become: those that are over, and the one that is open.
static double gap_so_far(const mb_sim *sim, const mb_request *request, const progress *seen) {
    if (!sim->by_steps || isnan(seen->first_token_s)) return seen->tbt_s;
    const mb_engine *engine =
        request->phase == MB_PHASE_RUNNING ? &sim->replicas[request->replica]->engine : NULL;
    if (request->generated == 0 || (engine && engine->stepper->barrier)) return seen->tbt_s;
    const double over = engine ? mb_gaps_so_far(engine->stepper, request) : request->gap_s;
    return fmax(over, sim->now_s - request->last_token_s);
}

// The fewest of its tokens that can become late: those that were, and those that are to come, if they came
// now.
static uint64_t late_so_far(const mb_sim *sim, const mb_request *request) {
    const mb_engine *engine =
        request->phase == MB_PHASE_RUNNING ? &sim->replicas[request->replica]->engine : NULL;
    const bool in_batch = engine && (!engine->stepper || engine->stepper->barrier);
    mb_reading reading =
        engine && !in_batch ? mb_pieces_so_far(engine->stepper, request) : request->rest->reading;
    const double since_s = sim->now_s - (in_batch ? engine->start_s + engine->time.first_token_s : INFINITY);
    uint64_t left = request->output_tokens - reading.tokens;
    if (in_batch && since_s >= 0) {
        const mb_token_times times = {sim->now_s - since_s, engine->time.tbt_s, 0};
        const uint64_t most = mb_batch_output(engine, request);
        uint64_t come = times.first_s > 0 && since_s / times.first_s < (double)most
                            ? (uint64_t)(since_s / times.first_s) + 1
                            : most;
        if (come > left) come = left;
        mb_reading_add(&reading, &times, 0, come);
        left -= come;
    }
    mb_reading_add(&reading, &(mb_token_times){sim->now_s, 0, 0}, 0, left);
    return reading.late;
}

void mb_judge_unfinished(mb_sim *sim, mb_request *request) {
    if (!mb_sim_counts(sim, request)) return;
    if (sim->by_steps && request->phase == MB_PHASE_RUNNING)
        mb_engine_show_progress(&sim->replicas[request->replica]->engine, request);
    const mb_slo *slo = mb_sim_slo(sim, request);
    const progress seen = progress_of(sim, request);
    const double now = sim->now_s, so_far = now - request->arrival_s;
    const bool begun = !isnan(seen.first_token_s), never = !sim->stopped;
    judgement found = {.ttft = never ? missed_if_bound(slo->ttft_s) : OPEN,
                       .tbt = never ? missed_if_bound(slo->tbt_s) : OPEN,
                       .e2e = never ? missed_if_bound(slo->e2e_s) : OPEN,
                       .gap = never ? missed_if_bound(gap_bound(sim, slo)) : OPEN,
                       .late = !never         ? OPEN
                               : slo->of_late ? MISSED
                                              : KEPT};
    if (begun) found.ttft = KEPT;
    if (mb_exceeds(begun ? seen.first_token_s - request->arrival_s : so_far, slo->ttft_s, now))
        found.ttft = MISSED;
    if (mb_exceeds(seen.tbt_s, slo->tbt_s, now)) found.tbt = MISSED;
    if (mb_exceeds(so_far, slo->e2e_s, now)) found.e2e = MISSED;
    if (mb_exceeds(gap_so_far(sim, request, &seen), gap_bound(sim, slo), now)) found.gap = MISSED;
    if (slo->of_late && too_many_late(slo, late_so_far(sim, request), request->output_tokens))
        found.late = MISSED;
    const bool too_late = never || found.ttft == MISSED || found.tbt == MISSED || found.e2e == MISSED ||
                          found.gap == MISSED || found.late == MISSED;
    found.all = too_late ? MISSED : OPEN;
    count(sim, request, found, NAN, NAN);
}
