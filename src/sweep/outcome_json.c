// SPDX-License-Identifier: MIT
#include "sweep/outcome_json.h"

#include "report/json_values.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

double mb_json_number_of(const json_t *object, const char *key, double missing) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : missing;
}

uint64_t mb_json_count_of(const json_t *object, const char *key) {
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

bool mb_json_truth_of(const json_t *object, const char *key) {
    return json_is_true(json_object_get(object, key));
}

static json_t *numbers_json(bool *lost, const double *numbers, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        mb_json_append(lost, list, mb_json_number(numbers[i]));
    return list;
}

static void set_count(bool *lost, json_t *object, const char *key, uint64_t count) {
    mb_json_set(lost, object, key, json_integer((json_int_t)count));
}

json_t *mb_outcome_json(bool *lost, const mb_outcome *o) {
    json_t *object = json_object(), *classes = json_array(), *cuts = json_array();
    set_count(lost, object, "skipped_zero", o->skipped_zero);
    set_count(lost, object, "skipped_empty", o->skipped_empty);
    set_count(lost, object, "skipped_long", o->skipped_long);
    if (o->trace_first_s > 0) mb_json_set(lost, object, "trace_first_s", mb_json_number(o->trace_first_s));
    if (o->service_crowded) mb_json_set(lost, object, "service_crowded", json_true());
    set_count(lost, object, "memory_stops", o->memory_stops);
    set_count(lost, object, "extrapolated_batches", o->extrapolated_batches);
    set_count(lost, object, "computed_tokens", o->computed_tokens);
    set_count(lost, object, "recomputed_tokens", o->recomputed_tokens);
    mb_json_set(lost, object, "memory_peak", mb_json_number(o->memory_peak));
    mb_json_set(lost, object, "last_arrival_s", mb_json_number(o->last_arrival_s));
    mb_json_set(lost, object, "stopped", json_boolean(o->stopped));
    mb_json_set(lost, object, "arrivals_ended", json_boolean(o->arrivals_ended));
    mb_json_set(lost, object, "past_end", json_boolean(o->past_end));
    mb_json_set(lost, object, "cold", json_boolean(o->cold));
    mb_json_set(lost, object, "sampled", json_boolean(o->sampled));
    mb_json_set(lost, object, "sample_judged", json_boolean(o->sample_judged));
    mb_json_set(lost, object, "first_rejection", mb_json_text(o->first_rejection));
    set_count(lost, object, "stranded", o->stranded);
    set_count(lost, object, "mean_batches", o->batch_means.batches);
    set_count(lost, object, "mean_batch_requests", o->batch_means.size);
    if (o->batch_means.batches)
        mb_json_set(lost, object, "mean_batch_half_widths",
                    numbers_json(lost, o->batch_means.half_width, MB_BATCH_MEASURES));
    for (size_t i = 0; i < o->class_count; i++) {
        json_t *one = json_object();
        set_count(lost, one, "counted", o->classes[i].counted);
        set_count(lost, one, "measured", o->classes[i].measured);
        set_count(lost, one, "slo_met", o->classes[i].slo_met);
        set_count(lost, one, "censored", o->classes[i].censored);
        mb_json_set(lost, one, "ttft_s", mb_json_number(o->classes[i].ttft_s));
        mb_json_set(lost, one, "e2e_s", mb_json_number(o->classes[i].e2e_s));
        mb_json_append(lost, classes, one);
    }
    for (size_t i = 0; i < o->cut_count; i++)
        mb_json_append(lost, cuts, numbers_json(lost, o->cuts[i].edges, o->cuts[i].bins - 1));
    mb_json_set(lost, object, "classes", classes);
    mb_json_set(lost, object, "bin_edges", cuts);
    return object;
}

static bool read_lists(const json_t *details, mb_outcome *o) {
    const json_t *classes = json_object_get(details, "classes"),
                 *cuts = json_object_get(details, "bin_edges"),
                 *widths = json_object_get(details, "mean_batch_half_widths");
    o->class_count = json_array_size(classes);
    o->classes = calloc(o->class_count + 1, sizeof *o->classes);
    for (size_t i = 0; o->classes && i < o->class_count; i++) {
        const json_t *one = json_array_get(classes, i);
        o->classes[i] = (mb_class_metrics){.counted = mb_json_count_of(one, "counted"),
                                           .measured = mb_json_count_of(one, "measured"),
                                           .slo_met = mb_json_count_of(one, "slo_met"),
                                           .censored = mb_json_count_of(one, "censored"),
                                           .ttft_s = mb_json_number_of(one, "ttft_s", NAN),
                                           .e2e_s = mb_json_number_of(one, "e2e_s", NAN)};
    }
    for (size_t i = 0; i < MB_BATCH_MEASURES; i++) {
        const json_t *width = json_array_get(widths, i);
        o->batch_means.half_width[i] = json_is_number(width) ? json_number_value(width) : (double)NAN;
    }
    o->cuts = calloc(json_array_size(cuts) + 1, sizeof *o->cuts);
    if (!o->classes || !o->cuts) return false;
    for (; o->cut_count < json_array_size(cuts); o->cut_count++) {
        const json_t *edges = json_array_get(cuts, o->cut_count);
        mb_cut *cut = &o->cuts[o->cut_count];
        *cut = (mb_cut){(uint32_t)json_array_size(edges) + 1,
                        calloc(json_array_size(edges) + 1, sizeof(double))};
        if (!cut->edges) return false;
        for (size_t i = 0; i < json_array_size(edges); i++) {
            const json_t *edge = json_array_get(edges, i);
            cut->edges[i] = json_is_number(edge) ? json_number_value(edge) : INFINITY;
        }
    }
    return true;
}

bool mb_outcome_read(const json_t *details, mb_outcome *o) {
    o->skipped_zero = mb_json_count_of(details, "skipped_zero");
    o->skipped_empty = mb_json_count_of(details, "skipped_empty");
    o->skipped_long = mb_json_count_of(details, "skipped_long");
    o->service_crowded = mb_json_truth_of(details, "service_crowded");
    o->memory_stops = mb_json_count_of(details, "memory_stops");
    o->extrapolated_batches = mb_json_count_of(details, "extrapolated_batches");
    o->computed_tokens = mb_json_count_of(details, "computed_tokens");
    o->recomputed_tokens = mb_json_count_of(details, "recomputed_tokens");
    o->memory_peak = mb_json_number_of(details, "memory_peak", NAN);
    o->last_arrival_s = mb_json_number_of(details, "last_arrival_s", NAN);
    o->trace_first_s = mb_json_number_of(details, "trace_first_s", 0);
    o->stopped = mb_json_truth_of(details, "stopped");
    o->arrivals_ended = mb_json_truth_of(details, "arrivals_ended");
    o->past_end = mb_json_truth_of(details, "past_end");
    o->cold = mb_json_truth_of(details, "cold");
    o->sampled = mb_json_truth_of(details, "sampled");
    o->sample_judged = mb_json_truth_of(details, "sample_judged");
    const char *rejection = json_string_value(json_object_get(details, "first_rejection"));
    snprintf(o->first_rejection, sizeof o->first_rejection, "%s", rejection ? rejection : "");
    o->stranded = mb_json_count_of(details, "stranded");
    o->batch_means.batches = (uint32_t)mb_json_count_of(details, "mean_batches");
    o->batch_means.size = mb_json_count_of(details, "mean_batch_requests");
    return read_lists(details, o);
}
