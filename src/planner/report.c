// SPDX-License-Identifier: MIT
#include "planner/report.h"

#include "plan/vllm.h"
#include "planner/columns.h"
#include "planner/report_rows.h"
#include "planner/warnings.h"
#include "planner/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define GIB 1073741824.0

// --- the budget of one combination
// -----------------------------------------------------------------------------

static const char *plural(uint64_t count) {
    return count == 1 ? "" : "s";
}

typedef struct part {
    const char *name;
    char sign;
    double bytes;
} part;
enum { PARTS = 6 };

static void fill_parts(const mb_plan_row *row, part parts[PARTS]) {
    const mb_budget *b = &row->budget;
    parts[0] = (part){"weights", 'W', b->weights};
    parts[1] = (part){"KV memory", 'K', b->used};
    parts[2] = (part){"activations", 'a', b->activation};
    parts[3] = (part){"runtime", 'r', b->runtime};
    parts[4] = (part){"free", '.', fmax(0, b->pool - b->used)};
    parts[5] = (part){"held back", '-', b->held_back};
}

// The memory as a line of letters, each part as long as its share; what is too much goes beyond the bracket.
static void add_bar(mb_strbuf *out, const mb_plan_row *row, size_t width) {
    part parts[PARTS];
    fill_parts(row, parts);
    const double cells = (double)(width > 100 ? 100 : width) - 4, most = row->budget.memory;
    double sum = 0;
    size_t drawn = 0;
    bool closed = false;
    mb_strbuf_add(out, "[");
    for (int i = 0; i < PARTS; i++) {
        sum += parts[i].bytes;
        for (const size_t end = (size_t)fmin(3 * cells, round(cells * sum / most)); drawn < end; drawn++) {
            if (!closed && (double)drawn >= cells) mb_strbuf_add(out, "]");
            closed = closed || (double)drawn >= cells;
            mb_strbuf_add_bytes(out, &parts[i].sign, 1);
            if (drawn > 2 * (size_t)cells) return mb_strbuf_add(out, " ...\n");
        }
    }
    mb_strbuf_add(out, closed ? "\n" : "]\n");
}

// The part of the parameters on one GPU.
static void add_here(mb_strbuf *out, const mb_plan_row *row) {
    const mb_plan *p = &row->plan;
    const mb_budget *b = &row->budget;
    if (p->pipeline > 1)
        mb_strbuf_printf(out, ", %.4g here, in stage %u with %u layers", b->parameters / 1e9, b->stage + 1,
                         b->layers);
    else if (p->expert_parallel)
        mb_strbuf_printf(out, ", %.4g here", b->parameters / 1e9);
    else if (p->tp > 1)
        mb_strbuf_printf(out, ", 1/%u of them here", p->tp);
}

static void add_parts(mb_strbuf *out, const mb_plan_row *row) {
    part parts[PARTS];
    fill_parts(row, parts);
    const mb_parameters p = mb_model_parameters(row->plan.model);
    for (int i = 0; i < PARTS; i++) {
        if (parts[i].bytes == 0 && i != 1) continue;
        mb_strbuf_printf(out, "  %c %-12s %8.2f GiB %5.1f %%", parts[i].sign, parts[i].name,
                         parts[i].bytes / GIB, 100 * parts[i].bytes / row->budget.memory);
        if (i == 0) {
            mb_strbuf_printf(out, "  %.4g billion parameters", p.total / 1e9);
            if (p.active < p.total) mb_strbuf_printf(out, ", %.3g of them active per token", p.active / 1e9);
            add_here(out, row);
        }
        if (i == 1) {
            const uint32_t engines = mb_plan_engines(&row->plan);
            const uint64_t users = (row->plan.batch + engines - 1) / engines; // of an engine
            mb_strbuf_printf(out, "  %llu user%s with ", (unsigned long long)users, plural(users));
            mb_plan_add_count(out, (double)row->plan.context);
            mb_strbuf_add(out, " tokens");
        }
        if (i == 5) mb_strbuf_printf(out, "  utilization %g", row->budget.utilization);
        mb_strbuf_add(out, "\n");
    }
}

static void add_gpus(mb_strbuf *out, const mb_plan_row *row) {
    mb_strbuf_add(out, "GPUs needed       ");
    if (row->gpus_needed) {
        const unsigned nodes_needed = (row->gpus_needed + row->per_node - 1) / row->per_node;
        mb_strbuf_printf(out, "%u (%u node%s of %u) for %llu user%s with ", row->gpus_needed, nodes_needed,
                         plural(nodes_needed), row->per_node, (unsigned long long)row->plan.batch,
                         plural(row->plan.batch));
        mb_plan_add_count(out, (double)row->plan.context);
        mb_strbuf_add(out, " tokens\n");
        if (row->inside_tp)
            mb_strbuf_printf(out,
                             "                  or %u as --tp %u --pipeline %u: layers stay inside a node\n",
                             row->inside_tp * row->inside_pipeline * mb_plan_engines(&row->plan),
                             row->inside_tp, row->inside_pipeline);
    } else {
        mb_strbuf_add(out, "no number of them is enough\n");
    }
}

// What the GPUs of a deployment talk over.
static void add_links(mb_strbuf *out, const mb_plan_row *row) {
    const uint32_t all = mb_plan_gpus(&row->plan), used = (all + row->per_node - 1) / row->per_node;
    const double link = row->plan.gpu->link;
    if (all == 1) return;
    mb_strbuf_printf(out, "links             %u GPUs on %u node%s", all, used, plural(used));
    if (link > 0) mb_strbuf_printf(out, ": %g GB/s each way inside a node", link / 1e9);
    mb_strbuf_add(out, used > 1 ? ", the network between them\n" : "\n");
}

static void add_answers(mb_strbuf *out, const mb_plan_row *row) {
    const mb_budget *b = &row->budget;
    mb_strbuf_add(out, "bytes per token   ");
    mb_plan_add_formula(out, row, true);
    mb_strbuf_add(out, "\nusers             ");
    mb_plan_add_count(out, (double)b->users);
    mb_strbuf_add(out, " with ");
    mb_plan_add_count(out, (double)row->plan.context);
    mb_strbuf_add(out, " tokens, in ");
    if (mb_plan_engines(&row->plan) > 1)
        mb_strbuf_printf(out, "%u pools of ", mb_plan_engines(&row->plan));
    else
        mb_strbuf_add(out, "a pool of ");
    mb_plan_add_count(out, (double)b->tokens);
    mb_strbuf_add(out, " (");
    mb_plan_add_count(out, (double)b->blocks);
    mb_strbuf_printf(out, " blocks of %u)", row->plan.block);
    const mb_pool_margin margin = mb_pool_margin_of(&row->plan);
    if (!isnan(mb_plan_margin(row)))
        mb_strbuf_printf(out, "\n                  plus or minus %g %% in %d of %d deployments",
                         100 * margin.share, margin.within, margin.compared);
    mb_strbuf_add(out, "\nlongest context   ");
    mb_plan_add_count(out, (double)b->longest);
    if (b->bound_by_positions)
        mb_strbuf_add(out, " tokens: max_position_embeddings; the memory would hold more\n");
    else
        mb_strbuf_add(out, " tokens: what the memory holds\n");
    add_gpus(out, row);
    add_links(out, row);
}

static void add_error(mb_strbuf *out, double error) {
    if (!isnan(error)) mb_strbuf_printf(out, " +- %.0f %%", 100 * error);
}

static void add_times(mb_strbuf *out, const mb_plan_row *row) {
    char ttft_text[MB_TEXT_SIZE], tpot_text[MB_TEXT_SIZE];
    for (int i = 0; i < mb_plan_column_count; i++) {
        if (strcmp(mb_plan_columns[i].key, "ttft_s") == 0) mb_plan_cell(ttft_text, &mb_plan_columns[i], row);
        if (strcmp(mb_plan_columns[i].key, "tpot_s") == 0) mb_plan_cell(tpot_text, &mb_plan_columns[i], row);
    }
    const mb_roofline_efficiency *e = &row->efficiency;
    mb_strbuf_printf(out, "roofline          TTFT %s", ttft_text);
    add_error(out, e->prompt_error);
    mb_strbuf_printf(out, ", TPOT %s", tpot_text);
    add_error(out, e->decode_error);
    mb_strbuf_add(out, ", ");
    mb_plan_add_count(out, row->output_tps);
    mb_strbuf_printf(out, " output tokens/s (%.3g of the peak arithmetic, %.3g of the bandwidth)", e->compute,
                     e->bandwidth);
    if (!isnan(mb_plan_cost(row))) mb_strbuf_printf(out, ", %.3g USD per million", mb_plan_cost(row));
    mb_strbuf_add(out, "\n");
}

static void add_too_small(mb_strbuf *out, const mb_plan_row *row) {
    const mb_budget *b = &row->budget;
    if (b->fits) return;
    mb_strbuf_printf(out, "It does not fit: %.2f GiB per GPU too little for %s.\n",
                     (b->pool < 0 ? -b->pool : b->used - b->pool) / GIB,
                     b->pool < 0 ? "the weights and what is held back" : "these users");
}

// What to start, with the options that the figures rest on.
static void add_command(mb_strbuf *out, const mb_plan_row *row) {
    const mb_plan *p = &row->plan;
    if (p->rules != MB_RULES_VLLM || !row->budget.fits) return;
    static const char before[] = "config.json of ";
    const char *source = p->model->source, *name = p->model->name, *space = NULL;
    if (source && strncmp(source, before, sizeof before - 1) == 0)
        space = strchr(source + sizeof before - 1, ' ');
    mb_strbuf_add(out, "start it          vllm serve ");
    if (space)
        mb_strbuf_add_bytes(out, source + sizeof before - 1, (size_t)(space - source) - (sizeof before - 1));
    else
        mb_strbuf_add(out, name);
    if (p->tp > 1) mb_strbuf_printf(out, " --tensor-parallel-size %u", p->tp);
    if (p->pipeline > 1) mb_strbuf_printf(out, " --pipeline-parallel-size %u", p->pipeline);
    if (p->expert_parallel) mb_strbuf_add(out, " --enable-expert-parallel");
    if (mb_plan_engines(p) > 1) mb_strbuf_printf(out, " --data-parallel-size %u", mb_plan_engines(p));
    mb_strbuf_printf(
        out,
        " --max-model-len %llu --gpu-memory-utilization %g\n                  --max-num-batched-tokens %u",
        (unsigned long long)p->context, row->budget.utilization, mb_plan_step_tokens(p));
    mb_strbuf_printf(out, " --max-num-seqs %u%s\n", mb_plan_step_requests(p),
                     p->bytes_per_value == 1 ? " --kv-cache-dtype fp8" : "");
}

static void add_single(mb_strbuf *out, const mb_plan_answer *answer) {
    const mb_plan_row *row = &answer->rows[0];
    mb_plan_add_title(out, row);
    add_bar(out, row, answer->width);
    add_parts(out, row);
    add_too_small(out, row);
    mb_strbuf_add(out, "\n");
    add_answers(out, row);
    if (answer->options->latency) add_times(out, row);
    add_command(out, row);
}

// --- all
// ------------------------------------------------------------------------------------------------------

// Of the row with the longest context, which has those of the others; of every GPU where there are several.
void mb_plan_report_warnings(mb_strbuf *out, const mb_plan_answer *answer) {
    size_t longest = 0;
    for (size_t i = 1; i < answer->count; i++)
        if (answer->rows[i].asked_context > answer->rows[longest].asked_context) longest = i;
    const size_t from = answer->options->gpus ? 0 : longest,
                 to = answer->options->gpus ? answer->count : longest + 1;
    mb_plan_warnings said = {.count = 0};
    for (size_t r = from; r < to; r++) {
        mb_plan_warnings warnings = mb_plan_warnings_of(answer->options, &answer->rows[r]);
        mb_plan_warnings_say(out, &warnings, &said);
        mb_plan_warnings_deinit(&warnings);
    }
    mb_plan_warnings_deinit(&said);
}

// How far pools of the rows were off elsewhere, each kind of deployment once.
static void add_margins(mb_strbuf *out, const mb_plan_answer *answer) {
    bool said[2] = {false, false}; // on one GPU, on several
    for (size_t r = 0; r < answer->count; r++) {
        const mb_plan_row *row = &answer->rows[r];
        const int several = mb_plan_gpus(&row->plan) > 1;
        if (isnan(mb_plan_margin(row)) || said[several]) continue;
        const mb_pool_margin margin = mb_pool_margin_of(&row->plan);
        mb_strbuf_printf(out, "%s plus or minus %g %% in %d of %d deployments on %s",
                         said[0] || said[1] ? "," : "\nPools are estimates:", 100 * margin.share,
                         margin.within, margin.compared, several ? "several GPUs" : "one GPU");
        said[several] = true;
    }
    if (said[0] || said[1]) mb_strbuf_add(out, ".\n");
}

void mb_plan_report_write(mb_strbuf *out, const mb_plan_answer *answer) {
    switch (answer->options->format) {
    case MB_PLAN_AS_CSV:
        mb_plan_add_csv(out, answer);
        return;
    case MB_PLAN_AS_JSON:
        mb_plan_add_json(out, answer);
        return;
    case MB_PLAN_AS_MD:
        mb_plan_add_markdown(out, answer);
        add_margins(out, answer);
        break;
    default:
        if (answer->count == 1 && !answer->options->gpus) {
            add_single(out, answer);
        } else {
            mb_plan_add_table(out, answer);
            add_margins(out, answer);
        }
    }
    if (answer->options->gpus)
        mb_strbuf_add(out, "\nPrices are those of public lists, each with its date in data/gpus.csv; --price "
                           "gives one's own.\n");
    mb_plan_report_warnings(out, answer);
}
