// SPDX-License-Identifier: MIT
#include "planner/warnings.h"

#include "report/format.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mb_plan_warnings_add(mb_plan_warnings *w, const char *format, ...) {
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
    if (m->max_positions && row->asked_context > m->max_positions)
        mb_plan_warnings_add(w, "%s was made for at most %llu tokens (max_position_embeddings)%s", m->name,
                             (unsigned long long)m->max_positions,
                             row->plan.context < row->asked_context ? ": the context is cut to that" : "");
    if (!m->model_type[0])
        mb_plan_warnings_add(
            w, "%s has no model_type: counted as a plain transformer whose MLPs have three matrices",
            m->name);
    if (m->estimated)
        mb_plan_warnings_add(
            w,
            "the dimensions of %s are an estimate: its number of parameters agrees, its config.json was not "
            "compared; --model takes the file",
            m->name);
    if (m->vision_left_out)
        mb_plan_warnings_add(
            w,
            "%s is counted without its encoder of images or sounds, and without the memory in which an "
            "engine tries the largest of them: 0.8 to 5 GiB per GPU in four public logs "
            "(docs/planning.md); vLLM's --language-model-only does without",
            m->name);
    if (m->index_heads && row->budget.estimated)
        mb_plan_warnings_add(
            w,
            "what an engine takes for the indexers of %s beside their keys is not known: one of two public "
            "logs had a seventh less KV memory (docs/planning.md)",
            m->name);
    if (m->quant_kv && row->plan.bytes_per_value == 0)
        mb_plan_warnings_add(
            w,
            "%s carries scales for KV memory of 8 bits, counted at %g here: say --kv fp8 if the engine uses "
            "them",
            m->name, 8 * m->dtype_bytes);
}

#define GIB 1073741824.0

static void add_difference(mb_plan_warnings *w, const char *what, double said, double estimated) {
    if (said > 0)
        mb_plan_warnings_add(w, "the log says %.2f GiB of %s per GPU, the estimate is %.2f (%+.1f %%)",
                             said / GIB, what, estimated / GIB, 100 * (estimated / said - 1));
}

static void add_kv_type(mb_plan_warnings *w, const mb_engine_log *log, const mb_plan *p) {
    if (!*log->kv_type) return;
    if (log->value_bytes > 0 && p->bytes_per_value == log->value_bytes)
        mb_plan_warnings_add(w, "KV memory is kept as %s, as the log says", log->kv_type);
    else if (p->bytes_per_value > 0)
        mb_plan_warnings_add(w, "KV memory is counted as was asked for; the log says that it is kept as %s",
                             log->kv_type);
    else
        mb_plan_warnings_add(w,
                             "the log says that KV memory is kept as %s, which is not known here, so it "
                             "counts as the model's type; --kv says another",
                             log->kv_type);
}

static void add_log(mb_plan_warnings *w, const mb_plan_options *o, const mb_plan_row *row) {
    const mb_engine_log *log = &o->log;
    const mb_budget *e = &row->estimate;
    if (!o->from_log) return;
    const char *before = *log->version ? ", version " : "";
    if (!mb_plan_log_counts_groups(o))
        mb_plan_warnings_add(
            w, "the pool is that of %s's log%s%s: %llu tokens; the estimate is %llu (%+.1f %%)", log->engine,
            before, log->version, (unsigned long long)log->tokens, (unsigned long long)e->tokens,
            100 * ((double)e->tokens / (double)log->tokens - 1));
    else if (log->pool_bytes > 0)
        mb_plan_warnings_add(
            w,
            "the pool is the memory that %s's log%s%s has for it; its %llu tokens are counted by groups of "
            "layers",
            log->engine, before, log->version, (unsigned long long)log->tokens);
    else
        mb_plan_warnings_add(
            w,
            "the log has %llu tokens and not the memory of the pool: with layers that keep a state or a "
            "window an "
            "engine may count them by groups of layers, and the pool be several times as large",
            (unsigned long long)log->tokens);
    add_kv_type(w, log, &row->plan);
    add_difference(w, "weights", log->weight_bytes, e->weights);
    add_difference(w, "activations", log->activation_bytes, e->activation);
    add_difference(w, "KV memory", log->pool_bytes, e->pool);
}

static void add_memory(mb_plan_warnings *w, const mb_plan *p) {
    const mb_gpu *gpu = p->gpu;
    if (p->rules != MB_RULES_VLLM || p->memory_bytes > 0 || p->blocks || !gpu->usable_estimated) return;
    if (*gpu->usable_source)
        mb_plan_warnings_add(
            w, "what a program sees of the memory of %s is an %s (data/gpus.csv); --memory says otherwise",
            gpu->name, gpu->usable_source);
    else
        mb_plan_warnings_add(
            w,
            "what a program sees of the memory of %s is not known, so all of it counts; --memory says "
            "otherwise",
            gpu->name);
}

static void add_parallel(mb_plan_warnings *w, const mb_plan_row *row) {
    const mb_plan *p = &row->plan;
    const mb_pool_margin margin = mb_pool_margin_of(p);
    if (p->rules == MB_RULES_VLLM && p->tp > row->per_node)
        mb_plan_warnings_add(w,
                             "tensor parallelism over %u GPUs leaves a node of %u: two all-reduces a layer "
                             "go over the network; "
                             "stages of a pipeline (--pipeline) need it once a stage",
                             p->tp, row->per_node);
    if (p->expert_parallel > row->per_node)
        mb_plan_warnings_add(
            w, "experts over %u GPUs leave a node of %u: the tokens of every layer go over the network",
            p->expert_parallel, row->per_node);
    const bool stages = p->pipeline > 1, engines = mb_plan_engines(p) > 1;
    if (row->budget.estimated && mb_plan_gpus(p) > 1 && !margin.compared)
        mb_plan_warnings_add(
            w, "what an engine takes %s: give --blocks from a start-up log before buying",
            stages && engines ? "in stages, with experts over several engines, is an estimate that no public "
                                "log was compared with"
            : stages ? "in stages is an estimate that two public logs were compared with, 3 and 13 % off "
                       "(docs/planning.md)"
                     : "with experts over several engines is an estimate that a single public log was "
                       "compared with (docs/planning.md)");
    else if (row->budget.estimated && p->tp > 1)
        mb_plan_warnings_add(w,
                             "what an engine takes on several GPUs is an estimate that %d of %d public logs "
                             "missed by more than %g %% of the "
                             "pool (docs/planning.md): give --blocks from a start-up log before buying",
                             margin.compared - margin.within, margin.compared, 100 * margin.share);
}

static void add_roofline(mb_plan_warnings *w, const mb_plan_options *options, const mb_plan_row *row) {
    const mb_roofline_efficiency *e = &row->efficiency;
    if (row->plan.pipeline > 1 || row->plan.expert_parallel) return; // it knows neither
    if (isnan(e->prompt_error))
        mb_plan_warnings_add(w, "times are a roofline's with efficiencies that were given: nobody knows "
                                "how far off it is");
    else
        mb_plan_warnings_add(w,
                             "times are a roofline's (engine: %s), %.0f and %.0f %% off in the median on %s"
                             "%s",
                             options->engine, 100 * e->prompt_error, 100 * e->decode_error,
                             e->pooled ? "GPUs whose measurements were left out; nobody measured this one"
                                       : "measurements that were left out of its fit",
                             options->latency ? "; no queue is in them" : "");
    if (mb_roofline_unfitted(&row->plan))
        mb_plan_warnings_add(
            w, "the roofline was fitted to dense models in 16 bits: for mixtures of experts and other "
               "precisions its error is not known");
}

mb_plan_warnings mb_plan_warnings_of(const mb_plan_options *options, const mb_plan_row *row) {
    mb_plan_warnings w = {.count = 0};
    const mb_plan *p = &row->plan;
    add_model(&w, row);
    add_log(&w, options, row);
    add_memory(&w, p);
    const double counted = mb_model_weight_bytes(p->model, 0);
    if (p->weight_bytes > 0 && !p->model->quant_unknown && fabs(p->weight_bytes / counted - 1) > 0.02)
        mb_plan_warnings_add(
            &w, "the weights are %.2f GiB as measured; counted by the description they would be %.2f",
            p->weight_bytes / GIB, counted / GIB);
    add_parallel(&w, row);
    if (row->budget.estimated && row->budget.pool > 0 && row->budget.pool < 0.1 * row->budget.memory)
        mb_plan_warnings_add(
            &w,
            "the pool is what is left of much larger parts: half a GiB more of activations takes %.0f %% of "
            "it",
            fmin(100, 100 * 0.5 * 1073741824.0 / row->budget.pool));
    if (options->latency || options->slo) add_roofline(&w, options, row);
    return w;
}

void mb_plan_warnings_add_csv(mb_strbuf *out, const mb_plan_warnings *warnings) {
    mb_strbuf all = {0};
    for (size_t i = 0; i < warnings->count; i++)
        mb_strbuf_printf(&all, "%s%s", i ? "; " : "", warnings->items[i]);
    if (all.text) mb_add_csv(out, all.text);
    out->failed = out->failed || all.failed || warnings->failed;
    mb_strbuf_deinit(&all);
}

static bool was_said(const mb_plan_warnings *said, const char *sentence) {
    for (size_t i = 0; i < said->count; i++)
        if (strcmp(said->items[i], sentence) == 0) return true;
    return false;
}

void mb_plan_warnings_say(mb_strbuf *out, const mb_plan_warnings *warnings, mb_plan_warnings *said) {
    for (size_t i = 0; i < warnings->count; i++) {
        if (was_said(said, warnings->items[i])) continue;
        mb_strbuf_printf(out, "\nwarning: %s\n", warnings->items[i]);
        mb_plan_warnings_add(said, "%s", warnings->items[i]);
    }
    out->failed = out->failed || warnings->failed;
}

void mb_plan_warnings_deinit(mb_plan_warnings *warnings) {
    for (size_t i = 0; i < warnings->count; i++)
        free(warnings->items[i]);
    *warnings = (mb_plan_warnings){.count = 0};
}
