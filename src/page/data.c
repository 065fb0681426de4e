// SPDX-License-Identifier: MIT
#include "page/data.h"

#include "report/columns.h"
#include "report/json_values.h"
#include "report/labels.h"
#include "report/standing.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Measures that curves and fronts may be of, where any run has them; the table's own are added.
static const char *const chart_measures[] = {
    "goodput_rps",  "throughput_rps", "throughput_tps", "e2e_mean_s",    "e2e_p50_s",     "e2e_p99_s",
    "ttft_mean_s",  "ttft_p50_s",     "ttft_p99_s",     "tpot_mean_s",   "tpot_p99_s",    "itl_p99_s",
    "queue_mean_s", "queue_p99_s",    "slo_attainment", "tbt_violation", "e2e_violation", "gpu_util",
    "batch_mean",   "kv_mean",        "padding_waste",  "preemptions",   "usd_per_mtok",  "jain"};

typedef struct builder {
    const mb_results *results;
    const mb_section *section;
    const mb_gathered *gathered;
    int tuned; // by which measure; -1: no tuning
    double least_served;
    mb_label_columns labels;
    mb_column columns[MB_MAX_COLUMNS];
    size_t column_count;
    bool lost;
} builder;

// Four digits are more than a chart shows.
static json_t *number(double value) {
    if (!isfinite(value)) return json_null();
    if (value == floor(value) && fabs(value) < 1e9) return json_integer((json_int_t)value);
    const double scale = pow(10, 3 - floor(log10(fabs(value))));
    return json_real(isfinite(scale) && scale > 0 ? round(value * scale) / scale : value);
}

// --- measures

static void add_column(builder *b, int measure) {
    for (size_t i = 0; i < b->column_count; i++)
        if (b->columns[i].measure == measure) return;
    double largest = NAN;
    for (size_t i = 0; i < b->results->count; i++) {
        const mb_outcome *outcome = &b->results->outcomes[i];
        if (outcome->finished) largest = fmax(largest, outcome->values[measure]);
    }
    if (!isnan(largest)) b->columns[b->column_count++] = mb_column_of(measure, largest);
}

static json_t *measures_json(builder *b) {
    json_t *list = json_array();
    int headlines[MB_MAX_HEADLINES];
    const size_t count = mb_headlines(b->section, headlines);
    if (b->tuned >= 0) add_column(b, b->tuned); // the first, so that charts begin with it
    for (size_t i = 0; i < count; i++)
        add_column(b, headlines[i]);
    for (size_t i = 0; b->section->columns && b->section->columns[i]; i++) {
        const int measure = mb_measure_index(b->section->columns[i]);
        if (measure >= 0) add_column(b, measure);
    }
    for (size_t i = 0; i < sizeof chart_measures / sizeof *chart_measures; i++)
        add_column(b, mb_measure_index(chart_measures[i]));
    for (size_t i = 0; i < b->column_count; i++) {
        const mb_column *column = &b->columns[i];
        const mb_better better = mb_measures[column->measure].better;
        json_t *one = json_object();
        mb_json_set(&b->lost, one, "name", json_string(mb_measures[column->measure].name));
        mb_json_set(&b->lost, one, "label", json_string(column->label));
        mb_json_set(&b->lost, one, "unit", json_string(column->unit));
        mb_json_set(&b->lost, one, "meaning", json_string(mb_measures[column->measure].meaning));
        mb_json_set(&b->lost, one, "better",
                    json_integer(better == MB_BETTER_HIGHER  ? 1
                                 : better == MB_BETTER_LOWER ? -1
                                                             : 0));
        mb_json_append(&b->lost, list, one);
    }
    return list;
}

static json_t *levels_json(builder *b, size_t point, size_t policy) {
    json_t *list = json_array();
    const mb_summary summary = mb_summarise(b->results, point, policy);
    for (size_t i = 0; i < b->column_count; i++) {
        const mb_column *column = &b->columns[i];
        json_t *one = json_array();
        mb_json_append(&b->lost, one, number(summary.level[column->measure] * column->factor));
        mb_json_append(&b->lost, one, number(summary.low[column->measure] * column->factor));
        mb_json_append(&b->lost, one, number(summary.high[column->measure] * column->factor));
        mb_json_append(&b->lost, list, one);
    }
    return list;
}

// Plain means, which add up to the mean of the whole.
static json_t *parts_json(builder *b, size_t point, size_t policy) {
    const int first = mb_measure_index("why_waiting_s");
    const mb_summary summary = mb_summarise(b->results, point, policy);
    if (isnan(summary.mean[first])) return json_null();
    json_t *list = json_array();
    for (int i = 0; i < MB_PARTS; i++)
        mb_json_append(&b->lost, list, number(summary.mean[first + i]));
    return list;
}

// --- what was gathered

// One quantile over the seeds: the level, the lowest and the highest.
static void add_quantile(builder *b, json_t *lists[3], size_t point, size_t policy, size_t time, size_t at) {
    const uint32_t seeds = b->section->points[point].experiment.seeds;
    mb_sample sample = {.scale = MB_SCALE_POSITIVE};
    double low = NAN, high = NAN;
    for (uint32_t seed = 0; seed < seeds; seed++) {
        const mb_gathered_job *job = mb_gathered_of(b->gathered, point, policy, seed);
        if (!job->known || isnan(job->quantiles[time][at])) continue;
        mb_sample_add(&sample, job->quantiles[time][at]);
        low = fmin(low, job->quantiles[time][at]);
        high = fmax(high, job->quantiles[time][at]);
    }
    mb_json_append(&b->lost, lists[0], number(mb_sample_level(&sample).value));
    mb_json_append(&b->lost, lists[1], number(low));
    mb_json_append(&b->lost, lists[2], number(high));
}

static json_t *times_json(builder *b, size_t point, size_t policy) {
    json_t *object = json_object();
    for (size_t time = 0; time < MB_GATHERED_TIMES; time++) {
        json_t *lists[3] = {json_array(), json_array(), json_array()};
        for (size_t i = 0; i < MB_GATHERED_QUANTILES; i++)
            add_quantile(b, lists, point, policy, time, i);
        json_t *one = json_array();
        for (size_t i = 0; i < 3; i++)
            mb_json_append(&b->lost, one, lists[i]);
        mb_json_set(&b->lost, object, mb_gathered_names[time], one);
    }
    return object;
}

static json_t *series_json(builder *b, const mb_recording *recording) {
    json_t *object = json_object();
    const size_t used = mb_recording_used(recording);
    mb_json_set(&b->lost, object, "width", json_real(recording->series[0].width_s));
    for (size_t i = 0; i < MB_RECORDED_COUNT; i++) {
        const double factor = mb_recorded_names[i].factor;
        json_t *mean = json_array(), *least = json_array(), *most = json_array(), *one = json_array();
        bool any = false;
        for (size_t j = 0; j < used; j++) {
            const mb_series_cell *cell = &recording->series[i].cells[j];
            const bool there = cell->seconds > 0;
            any = any || there;
            mb_json_append(&b->lost, mean,
                           number(there ? factor * cell->integral / cell->seconds : (double)NAN));
            mb_json_append(&b->lost, least, number(there ? factor * cell->least : (double)NAN));
            mb_json_append(&b->lost, most, number(there ? factor * cell->most : (double)NAN));
        }
        mb_json_append(&b->lost, one, mean);
        mb_json_append(&b->lost, one, least);
        mb_json_append(&b->lost, one, most);
        if (any)
            mb_json_set(&b->lost, object, mb_recorded_names[i].name, one);
        else
            json_decref(one);
    }
    return object;
}

static json_t *bins_json(builder *b, const mb_recording *recording) {
    if (!recording->bin_count) return json_null();
    json_t *list = json_array();
    const size_t used = mb_recording_used(recording);
    for (uint32_t bin = 0; bin < recording->bin_count && bin < MB_SERIES_BINS; bin++) {
        json_t *one = json_array();
        for (size_t i = 0; i < used; i++)
            mb_json_append(&b->lost, one, json_integer((json_int_t)recording->bins.counts[bin][i]));
        mb_json_append(&b->lost, list, one);
    }
    return list;
}

// --- the whole

// Does a trial count? As for the tuning: every run came to its end, and latencies are of what was served.
static bool counts(const builder *b, size_t point, size_t policy) {
    const int served = mb_measure_index("served_share");
    for (uint32_t seed = 0; seed < b->section->points[point].experiment.seeds; seed++) {
        const mb_outcome *outcome = mb_results_at(b->results, point, policy, seed);
        if (!outcome->finished || isnan(outcome->values[b->tuned])) return false;
        if (mb_measure_is_latency(b->tuned) && !(outcome->values[served] >= b->least_served)) return false;
    }
    return true;
}

static json_t *policy_json(builder *b, size_t point, size_t policy) {
    json_t *object = json_object();
    mb_json_set(&b->lost, object, "label",
                mb_json_text(b->section->points[point].experiment.policies[policy].label));
    mb_json_set(&b->lost, object, "levels", levels_json(b, point, policy));
    mb_json_set(&b->lost, object, "parts", parts_json(b, point, policy));
    if (b->tuned >= 0) mb_json_set(&b->lost, object, "counts", json_boolean(counts(b, point, policy)));
    const mb_recording *recording = b->gathered ? mb_gathered_recording(b->gathered, point, policy) : NULL;
    if (b->gathered && point < b->gathered->recorded_points)
        mb_json_set(&b->lost, object, "times", times_json(b, point, policy));
    if (!recording) return object;
    mb_json_set(&b->lost, object, "series", series_json(b, recording));
    mb_json_set(&b->lost, object, "bins", bins_json(b, recording));
    return object;
}

static json_t *keys_json(builder *b, const char *label) {
    json_t *list = json_array();
    for (size_t i = 0; i < b->labels.count; i++) {
        const mb_slice value = mb_label_value(&b->labels, label, i);
        char text[128];
        snprintf(text, sizeof text, "%.*s", (int)value.length, value.text ? value.text : "");
        mb_json_append(&b->lost, list, mb_json_text(text));
    }
    return list;
}

static json_t *point_json(builder *b, size_t point) {
    const char *label = b->section->points[point].label;
    json_t *object = json_object(), *policies = json_array();
    mb_json_set(&b->lost, object, "label", mb_json_text(label ? label : ""));
    mb_json_set(&b->lost, object, "keys", keys_json(b, label ? label : ""));
    for (size_t i = 0; i < b->section->points[point].experiment.policy_count; i++)
        mb_json_append(&b->lost, policies, policy_json(b, point, i));
    mb_json_set(&b->lost, object, "policies", policies);
    return object;
}

static json_t *words_json(builder *b) {
    json_t *words = json_object(), *at = json_array(), *times = json_array(), *series = json_array();
    json_t *parts = json_array(), *keys = json_array();
    for (size_t i = 0; i < MB_GATHERED_QUANTILES; i++)
        mb_json_append(&b->lost, at, number(mb_gathered_at[i]));
    for (size_t i = 0; i < MB_GATHERED_TIMES; i++)
        mb_json_append(&b->lost, times, json_pack("[s,s]", mb_gathered_names[i], mb_gathered_titles[i]));
    for (size_t i = 0; i < MB_RECORDED_COUNT; i++)
        mb_json_append(&b->lost, series,
                       json_pack("[s,s,s]", mb_recorded_names[i].name, mb_recorded_names[i].title,
                                 mb_recorded_names[i].unit));
    for (int i = 0; i < MB_PARTS; i++)
        mb_json_append(&b->lost, parts, json_string(mb_time_part_name((mb_time_part)i)));
    for (size_t i = 0; i < b->labels.count; i++) {
        char text[128];
        snprintf(text, sizeof text, "%.*s", (int)b->labels.names[i].length, b->labels.names[i].text);
        mb_json_append(&b->lost, keys, mb_json_text(text));
    }
    mb_json_set(&b->lost, words, "quantiles", at);
    mb_json_set(&b->lost, words, "times", times);
    mb_json_set(&b->lost, words, "series", series);
    mb_json_set(&b->lost, words, "parts", parts);
    mb_json_set(&b->lost, words, "keys", keys);
    return words;
}

json_t *mb_page_data(const mb_page_section *section) {
    builder b = {.results = section->results,
                 .section = mb_results_section(section->results),
                 .gathered = section->gathered,
                 .tuned = section->tuned ? mb_measure_index(section->tuned) : -1,
                 .least_served = section->least_served};
    b.labels = mb_label_columns_of(b.section);
    json_t *object = words_json(&b), *points = json_array();
    mb_json_set(&b.lost, object, "title", mb_json_text(b.section->title ? b.section->title : ""));
    mb_json_set(&b.lost, object, "seeds", json_integer(b.section->points[0].experiment.seeds));
    mb_json_set(&b.lost, object, "measures", measures_json(&b));
    mb_json_set(&b.lost, object, "tuned", json_boolean(b.tuned >= 0 && b.column_count));
    for (size_t i = 0; i < b.section->point_count; i++)
        mb_json_append(&b.lost, points, point_json(&b, i));
    mb_json_set(&b.lost, object, "points", points);
    if (!b.lost) return object;
    json_decref(object);
    return NULL;
}

bool mb_page_data_add(mb_strbuf *html, const json_t *data) {
    char *text = json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(5));
    if (!text) return false;
    for (char *from = text; *from;) {
        const size_t length = strcspn(from, "<");
        mb_strbuf_add_bytes(html, from, length);
        from += length;
        if (!*from) break;
        mb_strbuf_add(html, "\\u003c");
        from++;
    }
    free(text);
    return !html->failed;
}
