// SPDX-License-Identifier: MIT
#include "explain/report.h"
#include "explain/waits.h"
#include "report/format.h"
#include "report/json_values.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static json_t *gap_json(bool *lost, const mb_explanation *e, const mb_gap *gap) {
    json_t *object = json_object(), *means = json_object(), *alone = json_object();
    mb_json_set(lost, object, "served_by_both", json_integer((json_int_t)gap->both));
    for (int p = 0; p < 2; p++) {
        const char *label = e->duel->experiment->policies[p].label;
        mb_json_set(lost, means, label, mb_json_number(gap->mean[p]));
        mb_json_set(lost, alone, label, json_integer((json_int_t)gap->alone[p]));
    }
    mb_json_set(lost, object, "served_alone", alone);
    mb_json_set(lost, object, "mean_s", means);
    const int winner = e->found->winner;
    mb_json_set(lost, object, "difference",
                winner < 0 ? json_null() : mb_json_number(mb_gap_share(gap, winner)));
    return object;
}

static json_t *request_json(bool *lost, const mb_explanation *e, size_t index) {
    const mb_requests *requests = e->duel->requests;
    const mb_trial *stretch = &e->found->stretch;
    const mb_arrival *arrival = &requests->arrivals[stretch->numbers[index]];
    const char letter[2] = {mb_chart_letter(index), '\0'};
    json_t *object = json_object();
    mb_json_set(lost, object, "letter", json_string(letter));
    mb_json_set(lost, object, "id", json_integer((json_int_t)stretch->numbers[index]));
    mb_json_set(lost, object, "arrival_s", mb_json_number(e->arrivals[index]));
    mb_json_set(lost, object, "prompt_tokens", json_integer(arrival->prompt_tokens));
    mb_json_set(lost, object, "output_tokens", json_integer(arrival->output_tokens));
    mb_json_set(lost, object, "predicted_output", json_integer(arrival->predicted_output));
    return object;
}

// Numbers within the stretch, from 0.
static json_t *others_json(bool *lost, const unsigned char *others, size_t count, unsigned bit) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        if (others[i] & bit) mb_json_append(lost, list, json_integer((json_int_t)i));
    return list;
}

static json_t *wait_json(bool *lost, const mb_wait *wait, const unsigned char *others, size_t count) {
    json_t *object = json_object();
    mb_json_set(lost, object, "seconds", mb_json_number(wait->seconds));
    mb_json_set(lost, object, "replica_idle_s", mb_json_number(wait->idle_s));
    mb_json_set(lost, object, "busy_with", others_json(lost, others, count, MB_WAIT_BUSY));
    mb_json_set(lost, object, "behind", others_json(lost, others, count, MB_WAIT_BEHIND));
    mb_json_set(lost, object, "overtaken_by", others_json(lost, others, count, MB_WAIT_OVERTAKEN));
    json_t *hindered = json_object();
    for (int i = 0; i < MB_HINDRANCES; i++)
        mb_json_set(lost, hindered, mb_hindrance_names[i], json_integer((json_int_t)wait->hindered[i]));
    mb_json_set(lost, object, "turned_away", hindered);
    return object;
}

static json_t *pieces_json(bool *lost, const mb_timeline *timeline, size_t request, size_t *at) {
    json_t *list = json_array();
    for (; *at < timeline->count && timeline->pieces[*at].request == request; ++*at) {
        const mb_piece *piece = &timeline->pieces[*at];
        json_t *one = json_object();
        mb_json_set(lost, one, "doing", json_string(mb_doing_names[piece->doing]));
        mb_json_set(lost, one, "from_s", mb_json_number(piece->from_s));
        mb_json_set(lost, one, "to_s", mb_json_number(piece->to_s));
        mb_json_set(lost, one, "replica",
                    piece->replica == MB_NONE ? json_null() : json_integer((json_int_t)piece->replica + 1));
        mb_json_append(lost, list, one);
    }
    return list;
}

static mb_status policy_json(bool *lost, const mb_explanation *e, int policy, json_t **object,
                             mb_error *error) {
    const mb_trial *stretch = &e->found->stretch;
    const mb_record *record = &stretch->records[policy];
    json_t *list = json_array();
    *object = json_object();
    mb_json_set(lost, *object, "policy", mb_json_text(e->duel->experiment->policies[policy].label));
    mb_json_set(lost, *object, "requests", list);
    unsigned char *others = calloc(stretch->count + 1, 1);
    if (!others) return mb_fail_memory(error);
    size_t at = 0;
    mb_status status = MB_OK;
    for (size_t i = 0; i < stretch->count && status == MB_OK; i++) {
        const mb_service *service = &record->services[i];
        mb_wait wait;
        status = mb_wait_of(record, e->arrivals, i, others, &wait, error);
        json_t *one = json_object();
        mb_json_set(lost, one, "id", json_integer((json_int_t)stretch->numbers[i]));
        mb_json_set(lost, one, "served", json_boolean(service->served));
        mb_json_set(lost, one, "start_s", mb_json_number(service->start_s));
        mb_json_set(lost, one, "first_token_s", mb_json_number(service->first_token_s));
        mb_json_set(lost, one, "end_s", mb_json_number(service->end_s));
        mb_json_set(lost, one, "preemptions", json_integer(service->preemptions));
        const mb_taken *taken = &record->taken[i];
        mb_json_set(lost, one, "queue",
                    isnan(service->start_s) || taken->queue == MB_NONE ? json_null()
                                                                       : json_integer(taken->queue));
        mb_json_set(lost, one, "bin", taken->bin ? json_integer(taken->bin) : json_null());
        if (status == MB_OK) mb_json_set(lost, one, "waited", wait_json(lost, &wait, others, stretch->count));
        json_t *spent = json_object();
        for (int k = 0; k < MB_PARTS && service->served; k++)
            mb_json_set(lost, spent, mb_time_part_name((mb_time_part)k),
                        mb_json_number((double)service->spent_ns[k] / 1e9));
        mb_json_set(lost, one, "spent_s", spent);
        mb_json_set(lost, one, "pieces", pieces_json(lost, &e->timelines[policy], i, &at));
        mb_json_append(lost, list, one);
    }
    free(others);
    return status;
}

static void put_stretch(bool *lost, const mb_explanation *e, json_t *root) {
    const mb_trial *stretch = &e->found->stretch;
    json_t *object = gap_json(lost, e, &stretch->gap), *requests = json_array();
    for (size_t i = 0; i < stretch->count; i++)
        mb_json_append(lost, requests, request_json(lost, e, i));
    mb_json_set(lost, object, "requests", requests);
    mb_json_set(lost, root, "stretch", object);
}

mb_status mb_explain_json(const mb_explanation *e, FILE *out, mb_error *error) {
    static const char *const names[] = {
        [MB_EXPLAIN_E2E] = "e2e", [MB_EXPLAIN_TTFT] = "ttft", [MB_EXPLAIN_TBT] = "tbt"};
    const mb_found *found = e->found;
    bool memory_lost = false, *lost = &memory_lost;
    json_t *root = json_object(), *policies = json_array();
    mb_status status = MB_OK;
    mb_json_set(lost, root, "mbsand", json_string(MB_VERSION));
    mb_json_set(lost, root, "measure", json_string(names[e->duel->measure]));
    mb_json_set(lost, root, "seed", json_integer((json_int_t)e->duel->experiment->seed));
    mb_json_set(lost, root, "requests", json_integer((json_int_t)found->requests));
    mb_json_set(lost, root, "same_schedule", json_boolean(found->same_schedule));
    mb_json_set(lost, root, "whole_run", gap_json(lost, e, &found->whole));
    mb_json_set(lost, root, "winner",
                found->winner < 0 ? json_null()
                                  : mb_json_text(e->duel->experiment->policies[found->winner].label));
    mb_json_set(lost, root, "pairs_of_runs", json_integer((json_int_t)found->trials));
    mb_json_set(lost, root, "chosen_for_length", json_boolean(found->lesser));
    mb_json_set(lost, root, "cut_short", json_boolean(found->cut_short));
    if (found->stretch.count) {
        mb_json_set(lost, root, "largest_difference", mb_json_number(found->largest));
        put_stretch(lost, e, root);
    }
    for (int p = 0; p < 2 && found->stretch.count && status == MB_OK; p++) {
        json_t *one;
        status = policy_json(lost, e, p, &one, error);
        mb_json_append(lost, policies, one);
    }
    mb_json_set(lost, root, "policies", policies);
    const bool written = !*lost && json_dumpf(root, out, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) == 0;
    if (written) fputc('\n', out);
    json_decref(root);
    if (status != MB_OK) return status;
    return *lost ? mb_fail_memory(error) : MB_OK;
}
