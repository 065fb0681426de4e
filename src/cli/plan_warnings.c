// SPDX-License-Identifier: MIT
#include "cli/plan_warnings.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(mb_plan_warnings *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(mb_plan_warnings *w, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char *copy = w->count < MB_PLAN_MOST_WARNINGS ? mb_strdup(text) : NULL;
    if (copy)
        w->items[w->count++] = copy;
    else
        w->failed = true;
}

static void add_model(mb_plan_warnings *w, const mb_plan_row *row) {
    const mb_model_config *m = row->plan.model;
    if (m->max_positions && row->plan.context > m->max_positions)
        add(w, "%s was made for at most %llu tokens (max_position_embeddings)", m->name,
            (unsigned long long)m->max_positions);
    if (!m->model_type[0])
        add(w, "%s has no model_type: counted as a plain transformer whose MLPs have three matrices",
            m->name);
    if (m->vision_left_out)
        add(w, "the weights of %s are those of its text part: its encoder of images or sounds is not counted",
            m->name);
    if (m->quant_kv && row->plan.bytes_per_value == 0)
        add(w,
            "%s carries scales for KV memory of 8 bits, counted at %g here: say --kv fp8 if the engine uses "
            "them",
            m->name, 8 * m->dtype_bytes);
}

mb_plan_warnings mb_plan_warnings_of(const mb_plan_report *report, const mb_plan_row *row) {
    mb_plan_warnings w = {.count = 0};
    const mb_plan *p = &row->plan;
    add_model(&w, row);
    if (p->rules == MB_RULES_KAITO && strncmp(p->model->model_type, "falcon", 6) == 0 && row->gpus_needed > 1)
        add(&w, "KAITO does not run Falcon models on more than one GPU");
    if (row->budget.estimated && p->tp > 1)
        add(&w, "what an engine takes on several GPUs is an estimate that two public logs missed by a third "
                "of the "
                "pool (docs/planning.md): give --blocks from a start-up log before buying");
    if (row->budget.estimated && row->budget.pool > 0 && row->budget.pool < 0.1 * row->budget.memory)
        add(&w,
            "the pool is what is left of much larger parts: half a GiB more of activations takes %.0f %% of "
            "it",
            fmin(100, 100 * 0.5 * 1073741824.0 / row->budget.pool));
    if (report->options->latency)
        add(&w,
            "a roofline knows no kernel launches, no engine and no queue, so real times are longer: against "
            "measured vLLM runs one published roofline was 49 %% off in end-to-end latency and 279 %% in "
            "time to "
            "first token (docs/planning.md)");
    return w;
}

void mb_plan_warnings_deinit(mb_plan_warnings *warnings) {
    for (size_t i = 0; i < warnings->count; i++)
        free(warnings->items[i]);
    *warnings = (mb_plan_warnings){.count = 0};
}
