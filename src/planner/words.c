// SPDX-License-Identifier: MIT
#include "planner/words.h"

#include "plan/kv_groups.h"
#include "plan/vllm.h"
#include "report/format.h"

#define GIB 1073741824.0

void mb_plan_add_count(mb_strbuf *out, double value) {
    char text[MB_TEXT_SIZE];
    mb_format_count(text, value);
    mb_strbuf_add(out, text);
}

// ", rules vllm 0.21 or later"
static void add_rules(mb_strbuf *out, const mb_plan *p) {
    char version[24];
    mb_plan_version(p, version);
    mb_strbuf_printf(out, ", rules %s%s%s\n", mb_rules_names[p->rules], p->rules == MB_RULES_VLLM ? " " : "",
                     p->rules == MB_RULES_VLLM ? version : "");
}

// " as 2 stages of 8", " as 4 engines of 2 that share experts": how the GPUs of a deployment are used.
static void add_arrangement(mb_strbuf *out, const mb_plan *p) {
    const uint32_t engines = mb_plan_engines(p);
    if (p->pipeline > 1) mb_strbuf_printf(out, " as %u stages of %u", p->pipeline, p->tp * engines);
    if (engines > 1)
        mb_strbuf_printf(out, "%s %u engines of %u that share the experts", p->pipeline > 1 ? "," : " as",
                         engines, p->tp);
    else if (p->expert_parallel)
        mb_strbuf_add(out, p->pipeline > 1 ? ", experts dealt out" : " with experts dealt out");
}

void mb_plan_add_title(mb_strbuf *out, const mb_plan_row *row) {
    const mb_plan *p = &row->plan;
    mb_strbuf_printf(out, "%s on ", p->model->name);
    if (mb_plan_gpus(p) > 1) mb_strbuf_printf(out, "%u x ", mb_plan_gpus(p));
    mb_strbuf_printf(out, "%s (%s, %.4g GiB)", p->gpu->name, p->gpu->title, row->budget.memory / GIB);
    add_arrangement(out, p);
    add_rules(out, p);
}

void mb_plan_add_gpus_title(mb_strbuf *out, const mb_plan_row *row) {
    const mb_plan *p = &row->plan;
    mb_strbuf_printf(out, "%s for %llu user%s with ", p->model->name, (unsigned long long)p->batch,
                     p->batch == 1 ? "" : "s");
    mb_plan_add_count(out, (double)p->context);
    mb_strbuf_add(out, " tokens: the fewest of each GPU, tensor parallelism inside a node");
    add_rules(out, p);
}

void mb_plan_add_formula(mb_strbuf *out, const mb_plan_row *row, bool on_each) {
    const mb_model_config *m = row->plan.model;
    const double bytes = row->plan.bytes_per_value > 0 ? row->plan.bytes_per_value : m->dtype_bytes;
    const uint32_t whole = m->kv_layers - m->window_layers;
    mb_plan_add_count(out, mb_model_kv_bytes(m, bytes, 1, UINT64_MAX, 1));
    if (m->latent_kv && m->index_dim && bytes == 1)
        mb_strbuf_printf(out,
                         " = %u layers x %g bytes: %u compressed, their scales, and %u rotary of two bytes",
                         m->kv_layers, mb_model_token_bytes(m, bytes), m->kv_lora_rank, m->rope_dim);
    else if (m->latent_kv)
        mb_strbuf_printf(out, " = %u layers x (%u compressed + %u rotary) x %g bytes", m->kv_layers,
                         m->kv_lora_rank, m->rope_dim, bytes);
    else if (whole && m->window_layers && mb_model_wide_kv_values(m) != mb_model_kv_values(m))
        mb_strbuf_printf(out, " = 2 (K and V) x (%u layers x %u KV heads x %u + %u x %u x %u) x %g bytes",
                         whole, m->wide_kv_heads, m->wide_head_dim, m->window_layers, m->kv_heads,
                         m->head_dim, bytes);
    else
        mb_strbuf_printf(out, " = 2 (K and V) x %u layers x %u KV heads x %u x %g bytes", m->kv_layers,
                         m->kv_heads, m->head_dim, bytes);
    if (m->index_dim) mb_strbuf_printf(out, " + %u x %u of the indexer", m->kv_layers, m->index_dim + 4);
    if (on_each && mb_plan_gpus(&row->plan) > 1) {
        mb_strbuf_add(out, "; ");
        mb_plan_add_count(out, row->budget.token_bytes);
        mb_strbuf_add(out, " on each GPU");
    }
    if (m->window_layers && row->budget.windows)
        mb_strbuf_printf(out, "; %u layers keep only the last %u tokens and the step's", m->window_layers,
                         m->window - 1);
    else if (m->window_layers)
        mb_strbuf_printf(out, "; %u layers need only the last %u tokens", m->window_layers, m->window);
    if (m->state_layers) {
        mb_strbuf_printf(out, "; %u layers without attention keep ", m->state_layers);
        mb_plan_add_count(out, mb_model_state_bytes(m));
        mb_strbuf_add(out, " bytes per user, however long");
    }
    const mb_kv_groups g = mb_kv_groups_of(&row->plan, bytes);
    if (row->plan.pipeline > 1 || (!g.padding && g.block == row->plan.block)) return;
    mb_strbuf_printf(out, "; laid out in groups of %u layers", g.size);
    if (g.padding) mb_strbuf_printf(out, ", %u more to fill them", g.padding);
    if (g.block > row->plan.block) mb_strbuf_printf(out, ", in blocks of %u tokens", g.block);
}
