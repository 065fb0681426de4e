// SPDX-License-Identifier: MIT
#include "report/columns.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// Measures whose label and unit do not follow from the name.
static const struct {
    const char *name, *label, *unit;
    double factor;
} styles[] = {
    {"served_share", "served", "%", 100},
    {"duration_s", "duration", "s", 1},
    {"throughput_rps", "throughput", "req/s", 1},
    {"throughput_tps", "output", "tok/s", 1},
    {"total_tps", "tokens", "tok/s", 1},
    {"goodput_rps", "goodput", "req/s", 1},
    {"ttft_violation", "TTFT viol", "%", 100},
    {"tbt_violation", "TBT viol", "%", 100},
    {"gap_violation", "gap viol", "%", 100},
    {"e2e_violation", "E2E viol", "%", 100},
    {"slo_attainment", "SLO met", "%", 100},
    {"qoe_mean", "QoE mean", "%", 100},
    {"qoe_p10", "QoE p10", "%", 100},
    {"late_tokens", "late tokens", "%", 100},
    {"program_tokens_s", "program", "s/tok", 1},
    {"late_violation", "late viol", "%", 100},
    {"service_gap", "service gap", "tokens", 1},
    {"gpu_util", "GPU util", "%", 100},
    {"batch_mean", "batch", "req", 1},
    {"at_queue", "queue out", "%", 100},
    {"at_cap", "at cap", "%", 100},
    {"at_b_sla", "at b_SLA", "%", 100},
    {"at_b_mem", "at b_mem", "%", 100},
    {"at_memory", "mem full", "%", 100},
    {"at_tokens", "budget out", "%", 100},
    {"padding_waste", "padding", "%", 100},
    {"kv_mean", "KV mean", "%", 100},
    {"kv_peak", "KV peak", "%", 100},
    {"kv_fragmentation", "KV unused", "%", 100},
    {"cache_hit", "cache hit", "%", 100},
    {"waited_fraction", "waited", "%", 100},
    {"idle_with_work_s", "idle+work", "GPU s", 1},
    {"idle_beside_s", "idle beside", "GPU s", 1},
    {"jain", "fairness", "Jain", 1},
    {"usd_per_mtok", "cost", "$/Mtok", 1},
    {"sim_wall_s", "sim wall", "s", 1},
    {"sim_requests_per_s", "sim speed", "req/s", 1},
};

static const char *const acronyms[][2] = {
    {"ttft_", "TTFT "}, {"tpot_", "TPOT "}, {"itl_", "ITL "}, {"e2e_", "E2E "}};

// "e2e_p99_s": "E2E p99" in s.
static void style_by_name(mb_column *column, const char *name) {
    const char *prefix = "";
    for (size_t i = 0; i < sizeof acronyms / sizeof *acronyms; i++) {
        const size_t length = strlen(acronyms[i][0]);
        if (strncmp(name, acronyms[i][0], length) != 0) continue;
        prefix = acronyms[i][1];
        name += length;
        break;
    }
    snprintf(column->label, sizeof column->label, "%s%s", prefix, name);
    const size_t length = strlen(column->label);
    if (length > 2 && strcmp(column->label + length - 2, "_s") == 0) {
        column->label[length - 2] = '\0';
        snprintf(column->unit, sizeof column->unit, "s");
    }
    for (char *c = column->label; *c; c++)
        if (*c == '_') *c = ' ';
}

mb_column mb_column_of(int measure, double largest) {
    const char *name = mb_measures[measure].name;
    mb_column column = {.measure = measure, .factor = 1};
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        if (strcmp(styles[i].name, name) != 0) continue;
        snprintf(column.label, sizeof column.label, "%s", styles[i].label);
        snprintf(column.unit, sizeof column.unit, "%s", styles[i].unit);
        column.factor = styles[i].factor;
        return column;
    }
    style_by_name(&column, name);
    if (strcmp(column.unit, "s") == 0 && largest > 0 && largest < 0.1) {
        snprintf(column.unit, sizeof column.unit, "ms");
        column.factor = 1000;
    }
    return column;
}

static const char *const usual[] = {"goodput_rps",   "throughput_rps", "throughput_tps", "e2e_mean_s",
                                    "e2e_p99_s",     "ttft_p99_s",     "ttft_violation", "tbt_violation",
                                    "gap_violation", "late_violation", "e2e_violation",  "qoe_mean",
                                    "batch_mean",    "gpu_util"};

static bool shown(const char *name, const mb_slo *slo, const mb_reader *reader) {
    if (strcmp(name, "qoe_mean") == 0) return reader->speed > 0;
    const bool gap = slo->gap_s > 0 && isfinite(slo->gap_s);
    if (strcmp(name, "gap_violation") == 0) return gap;
    if (strcmp(name, "late_violation") == 0) return slo->of_late;
    const bool any = gap || isfinite(slo->ttft_s) || isfinite(slo->tbt_s) || isfinite(slo->e2e_s);
    if (strcmp(name, "goodput_rps") == 0) return any;
    if (strcmp(name, "throughput_tps") == 0 || strcmp(name, "ttft_p99_s") == 0)
        return !any; // no room beside the others
    if (strcmp(name, "ttft_violation") == 0) return isfinite(slo->ttft_s);
    if (strcmp(name, "tbt_violation") == 0) return isfinite(slo->tbt_s);
    if (strcmp(name, "e2e_violation") == 0) return isfinite(slo->e2e_s);
    return true;
}

size_t mb_choose_columns(char *const *names, const mb_slo *slo, const mb_reader *reader,
                         int measures[MB_MAX_COLUMNS]) {
    size_t count = 0;
    for (size_t i = 0; names && names[i] && count < MB_MAX_COLUMNS; i++) {
        const int measure = mb_measure_index(names[i]);
        if (measure >= 0) measures[count++] = measure;
    }
    for (size_t i = 0; !names && i < sizeof usual / sizeof *usual; i++)
        if (shown(usual[i], slo, reader)) measures[count++] = mb_measure_index(usual[i]);
    return count;
}
