// SPDX-License-Identifier: MIT
#include "planner/sets.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define GIB 1073741824.0

static void add(mb_plan_sets *sets, const char *key, const char *text) {
    mb_strbuf set = {0};
    mb_strbuf_printf(&set, "%s=%s", key, text);
    if (sets->count < MB_PLAN_MOST_SETS && !set.failed)
        sets->items[sets->count++] = set.text;
    else
        mb_strbuf_deinit(&set);
}

static void add_number(mb_plan_sets *sets, const char *key, double value) {
    char text[32];
    snprintf(text, sizeof text, "%.17g", value);
    if (!isnan(value)) add(sets, key, text);
}

void mb_plan_sets_make(const mb_plan_options *o, const char *gpu, uint32_t tp, uint32_t replicas,
                       mb_plan_sets *sets) {
    const mb_plan *p = &o->plan;
    *sets = (mb_plan_sets){0};
    add(sets, "cluster.gpu", gpu);
    add(sets, "cluster.model", o->model);
    add_number(sets, "cluster.tp", tp);
    add_number(sets, "cluster.gpus", (double)tp * replicas);
    add(sets, "cluster.rules", mb_rules_names[p->rules]);
    if (o->weight_precision) add(sets, "cluster.weight_precision", o->weight_precision);
    if (o->kv_precision) add(sets, "cluster.kv_precision", o->kv_precision);
    add_number(sets, "cluster.memory_gib", p->memory_bytes > 0 ? p->memory_bytes / GIB : (double)NAN);
    add_number(sets, "cluster.utilization", p->utilization);
    add_number(sets, "cluster.activation_gib", p->activation_bytes / GIB);
    add_number(sets, "cluster.runtime_gib", p->runtime_bytes / GIB);
    if (p->step_tokens) add_number(sets, "cluster.step_tokens", p->step_tokens);
    add_number(sets, "cluster.usd_per_hour", o->price);
    if (p->blocks) add_number(sets, "cluster.kv_tokens", (double)p->blocks * p->block);
    add(sets, "latency.engine", o->engine);
    add_number(sets, "latency.compute", o->efficiency.compute);
    add_number(sets, "latency.bandwidth", o->efficiency.bandwidth);
    add_number(sets, "latency.link", o->efficiency.link);
    add_number(sets, "latency.host", o->host_s);
}

void mb_plan_sets_deinit(mb_plan_sets *sets) {
    for (size_t i = 0; i < sets->count; i++)
        free(sets->items[i]);
    *sets = (mb_plan_sets){0};
}

static void add_pages(const mb_plan_options *o, mb_plan_sets *sets) {
    const double context = (double)o->contexts.values[0], half = fmax(1, floor(context / 2));
    add_number(sets, "cluster.kv_max_length", context);
    if (o->batches.values[0] > 1) add_number(sets, "cluster.max_requests", (double)o->batches.values[0]);
    add_number(sets, "workload.prompt.high", half);
    add_number(sets, "workload.output.high", half);
    mb_strbuf list = {0};
    for (size_t i = 0; i < o->pages.count; i++)
        mb_strbuf_printf(&list, "%s%llu", i ? "," : "", (unsigned long long)o->pages.values[i]);
    if (list.text) add(sets, "cluster.kv_block", list.text);
    mb_strbuf_deinit(&list);
}

mb_status mb_plan_sets_pages(const mb_plan_options *options, mb_plan_sets *sets, mb_error *error) {
    *sets = (mb_plan_sets){0};
    if (options->contexts.count > 1 || options->batches.count > 1)
        return mb_fail(error, MB_BAD_INPUT, "plan: --page is for one --context and one --batch");
    mb_plan_sets_make(options, options->gpu, options->plan.tp, 1, sets);
    add_pages(options, sets);
    return MB_OK;
}
