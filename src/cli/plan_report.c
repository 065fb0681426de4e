// SPDX-License-Identifier: MIT
#include "cli/plan_report.h"

#include "cli/plan_warnings.h"
#include "report/format.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIB 1073741824.0

// --- columns
// ---------------------------------------------------------------------------------------------------

typedef enum kind { COUNT, GIBIBYTES, SHARE, SECONDS, PLAIN } kind;

typedef struct column {
    const char *key, *head;
    kind kind;
    double (*value)(const mb_plan_row *row);
    bool shown;   // in tables
    bool latency; // only with --latency
} column;

static double total(const mb_plan_row *r) {
    return r->budget.weights + r->budget.activation + r->budget.runtime + r->budget.used;
}
static double context(const mb_plan_row *r) {
    return (double)r->plan.context;
}
static double batch(const mb_plan_row *r) {
    return (double)r->plan.batch;
}
static double tp(const mb_plan_row *r) {
    return r->plan.tp;
}
static double memory(const mb_plan_row *r) {
    return r->budget.memory;
}
static double held_back(const mb_plan_row *r) {
    return r->budget.held_back;
}
static double weights(const mb_plan_row *r) {
    return r->budget.weights;
}
static double activation(const mb_plan_row *r) {
    return r->budget.activation;
}
static double runtime(const mb_plan_row *r) {
    return r->budget.runtime;
}
static double pool(const mb_plan_row *r) {
    return r->budget.pool;
}
static double used(const mb_plan_row *r) {
    return r->budget.used;
}
static double share(const mb_plan_row *r) {
    return total(r) / r->budget.memory;
}
static double token_bytes(const mb_plan_row *r) {
    return r->budget.token_bytes;
}
static double tokens(const mb_plan_row *r) {
    return (double)r->budget.tokens;
}
static double blocks(const mb_plan_row *r) {
    return (double)r->budget.blocks;
}
static double margin(const mb_plan_row *r) {
    return r->budget.estimated && r->plan.tp == 1 ? MB_POOL_MARGIN : (double)NAN;
}
static double users(const mb_plan_row *r) {
    return (double)r->budget.users;
}
static double longest(const mb_plan_row *r) {
    return (double)r->budget.longest;
}
static double gpus(const mb_plan_row *r) {
    return r->gpus_needed ? r->gpus_needed : (double)NAN;
}
static double nodes(const mb_plan_row *r) {
    return ceil(gpus(r) / r->per_node);
}
static double price(const mb_plan_row *r) {
    return r->usd_per_hour;
}
static double ttft(const mb_plan_row *r) {
    return r->ttft_s;
}
static double tpot(const mb_plan_row *r) {
    return r->tpot_s;
}
static double output_tps(const mb_plan_row *r) {
    return r->output_tps;
}
static double cost(const mb_plan_row *r) {
    return r->usd_per_hour / 3600 / (r->output_tps / 1e6);
}

static const column COLUMNS[] = {
    {"context", "context", COUNT, context, true, false},
    {"batch", "users", COUNT, batch, true, false},
    {"tp", "GPUs", COUNT, tp, false, false},
    {"memory_gib", "memory", GIBIBYTES, memory, false, false},
    {"held_back_gib", "held back", GIBIBYTES, held_back, false, false},
    {"weights_gib", "weights", GIBIBYTES, weights, true, false},
    {"activation_gib", "activations", GIBIBYTES, activation, false, false},
    {"runtime_gib", "runtime", GIBIBYTES, runtime, false, false},
    {"pool_gib", "pool", GIBIBYTES, pool, false, false},
    {"kv_gib", "KV memory", GIBIBYTES, used, true, false},
    {"total_gib", "total", GIBIBYTES, total, true, false},
    {"memory_share", "of memory", SHARE, share, true, false},
    {"kv_bytes_per_token", "bytes per token", COUNT, token_bytes, false, false},
    {"pool_tokens", "pool tokens", COUNT, tokens, false, false},
    {"pool_blocks", "blocks", COUNT, blocks, false, false},
    {"pool_margin", "margin", SHARE, margin, false, false},
    {"users", "most users", COUNT, users, true, false},
    {"longest_context", "longest context", COUNT, longest, false, false},
    {"gpus_needed", "GPUs needed", COUNT, gpus, true, false},
    {"nodes_needed", "nodes", COUNT, nodes, false, false},
    {"usd_per_hour", "USD/h", PLAIN, price, false, false},
    {"ttft_s", "TTFT", SECONDS, ttft, true, true},
    {"tpot_s", "TPOT", SECONDS, tpot, true, true},
    {"output_tps", "output tok/s", COUNT, output_tps, true, true},
    {"usd_per_mtok", "USD/Mtok", PLAIN, cost, false, true},
};
enum { COLUMN_COUNT = sizeof COLUMNS / sizeof *COLUMNS };

static bool is_used(const column *c, const mb_plan_report *report) {
    return !c->latency || report->options->latency;
}

static void add_unit(char text[MB_TEXT_SIZE], double value, const char *unit) {
    char number[MB_TEXT_SIZE];
    mb_digits(number, MB_TEXT_SIZE, value, 3);
    snprintf(text, MB_TEXT_SIZE, "%.40s %s", number, unit);
}

static void cell(char text[MB_TEXT_SIZE], const column *c, const mb_plan_row *row) {
    const double value = c->value(row);
    if (isnan(value))
        snprintf(text, MB_TEXT_SIZE, "-");
    else if (c->kind == COUNT)
        mb_format_count(text, value);
    else if (c->kind == GIBIBYTES)
        snprintf(text, MB_TEXT_SIZE, "%.2f", value / GIB);
    else if (c->kind == SHARE)
        snprintf(text, MB_TEXT_SIZE, "%.1f %%", 100 * value);
    else if (c->kind == SECONDS && value < 1)
        add_unit(text, 1e3 * value, "ms");
    else if (c->kind == SECONDS)
        add_unit(text, value, "s");
    else
        mb_digits(text, MB_TEXT_SIZE, value, 4);
}

// "OOM" where the model alone is too large or the users do not fit.
static const char *verdict(const mb_plan_row *row) {
    return row->budget.fits ? "fits" : row->budget.pool < 0 ? "no: weights" : "no: KV";
}

// --- words
// -----------------------------------------------------------------------------------------------------

static void add_count(mb_strbuf *out, double value) {
    char text[MB_TEXT_SIZE];
    mb_format_count(text, value);
    mb_strbuf_add(out, text);
}

static const char *plural(uint64_t count) {
    return count == 1 ? "" : "s";
}

static void add_title(mb_strbuf *out, const mb_plan_row *row) {
    const mb_plan *p = &row->plan;
    mb_strbuf_printf(out, "%s on ", p->model->name);
    if (p->tp > 1) mb_strbuf_printf(out, "%u x ", p->tp);
    char version[24];
    mb_plan_version(p, version);
    mb_strbuf_printf(out, "%s (%s, %.4g GiB), rules %s%s%s\n", p->gpu->name, p->gpu->title,
                     row->budget.memory / GIB, mb_rules_names[p->rules], p->rules == MB_RULES_VLLM ? " " : "",
                     p->rules == MB_RULES_VLLM ? version : "");
}

// "131,072 = 2 (K and V) x 32 layers x 8 KV heads x 128 x 2 bytes"
static void add_formula(mb_strbuf *out, const mb_plan_row *row) {
    const mb_model_config *m = row->plan.model;
    const double bytes = row->plan.bytes_per_value > 0 ? row->plan.bytes_per_value : m->dtype_bytes;
    const uint32_t whole = m->kv_layers - m->window_layers;
    add_count(out, mb_model_kv_bytes(m, bytes, 1, UINT64_MAX, 1));
    if (m->kv_lora_rank)
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
    if (row->plan.tp > 1) {
        mb_strbuf_add(out, "; ");
        add_count(out, row->budget.token_bytes);
        mb_strbuf_add(out, " on each GPU");
    }
    if (m->window_layers && row->budget.windows)
        mb_strbuf_printf(out, "; %u layers keep only the last %u tokens and the step's", m->window_layers,
                         m->window - 1);
    else if (m->window_layers)
        mb_strbuf_printf(out, "; %u layers need only the last %u tokens", m->window_layers, m->window);
    if (m->state_layers) {
        mb_strbuf_printf(out, "; %u layers without attention keep ", m->state_layers);
        add_count(out, mb_model_state_bytes(m));
        mb_strbuf_add(out, " bytes per user, however long");
    }
}

// --- the budget of one combination
// -----------------------------------------------------------------------------

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
            if (row->plan.tp > 1) mb_strbuf_printf(out, ", 1/%u of them here", row->plan.tp);
        }
        if (i == 1) {
            mb_strbuf_printf(out, "  %llu user%s with ", (unsigned long long)row->plan.batch,
                             plural(row->plan.batch));
            add_count(out, (double)row->plan.context);
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
        add_count(out, (double)row->plan.context);
        mb_strbuf_add(out, " tokens\n");
    } else {
        mb_strbuf_add(out, "no number of them is enough\n");
    }
}

static void add_answers(mb_strbuf *out, const mb_plan_row *row) {
    const mb_budget *b = &row->budget;
    mb_strbuf_add(out, "bytes per token   ");
    add_formula(out, row);
    mb_strbuf_add(out, "\nusers             ");
    add_count(out, (double)b->users);
    mb_strbuf_add(out, " with ");
    add_count(out, (double)row->plan.context);
    mb_strbuf_add(out, " tokens, in a pool of ");
    add_count(out, (double)b->tokens);
    mb_strbuf_add(out, " (");
    add_count(out, (double)b->blocks);
    mb_strbuf_printf(out, " blocks of %u)", row->plan.block);
    if (!isnan(margin(row)))
        mb_strbuf_printf(out, "\n                  plus or minus %g %% in %d of %d deployments",
                         100 * MB_POOL_MARGIN, MB_POOLS_WITHIN, MB_POOLS_COMPARED);
    mb_strbuf_add(out, "\nlongest context   ");
    add_count(out, (double)b->longest);
    if (b->bound_by_positions)
        mb_strbuf_add(out, " tokens: max_position_embeddings; the memory would hold more\n");
    else
        mb_strbuf_add(out, " tokens: what the memory holds\n");
    add_gpus(out, row);
}

static void add_times(mb_strbuf *out, const mb_plan_report *report, const mb_plan_row *row) {
    char ttft_text[MB_TEXT_SIZE], tpot_text[MB_TEXT_SIZE];
    for (int i = 0; i < COLUMN_COUNT; i++) {
        if (strcmp(COLUMNS[i].key, "ttft_s") == 0) cell(ttft_text, &COLUMNS[i], row);
        if (strcmp(COLUMNS[i].key, "tpot_s") == 0) cell(tpot_text, &COLUMNS[i], row);
    }
    const mb_roofline_efficiency *e = &report->options->efficiency;
    mb_strbuf_printf(out, "roofline          TTFT %s, TPOT %s, ", ttft_text, tpot_text);
    add_count(out, row->output_tps);
    mb_strbuf_printf(out, " output tokens/s (%g of the peak arithmetic, %g of the bandwidth)", e->compute,
                     e->bandwidth);
    if (!isnan(cost(row))) mb_strbuf_printf(out, ", %.3g USD per million", cost(row));
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
    mb_strbuf_printf(
        out,
        " --max-model-len %llu --gpu-memory-utilization %g\n                  --max-num-batched-tokens %u",
        (unsigned long long)p->context, row->budget.utilization, mb_plan_step_tokens(p));
    mb_strbuf_printf(out, " --max-num-seqs %u%s\n", mb_plan_step_requests(p),
                     p->bytes_per_value == 1 ? " --kv-cache-dtype fp8" : "");
}

static void add_single(mb_strbuf *out, const mb_plan_report *report) {
    const mb_plan_row *row = &report->rows[0];
    add_title(out, row);
    add_bar(out, row, report->width);
    add_parts(out, row);
    add_too_small(out, row);
    mb_strbuf_add(out, "\n");
    add_answers(out, row);
    if (report->options->latency) add_times(out, report, row);
    add_command(out, row);
}

// --- tables
// ----------------------------------------------------------------------------------------------------

static void add_table(mb_strbuf *out, const mb_plan_report *report) {
    add_title(out, &report->rows[0]);
    mb_strbuf_add(out, "bytes per token: ");
    add_formula(out, &report->rows[0]);
    mb_strbuf_add(out, "; memory in GiB per GPU\n\n");
    for (size_t line = 0; line <= report->count; line++) {
        bool first = true;
        for (int i = 0; i < COLUMN_COUNT; i++) {
            const column *c = &COLUMNS[i];
            if (!c->shown || !is_used(c, report)) continue;
            char text[MB_TEXT_SIZE];
            size_t width = strlen(c->head);
            for (size_t r = 0; r < report->count; r++) {
                cell(text, c, &report->rows[r]);
                if (strlen(text) > width) width = strlen(text);
            }
            if (line == 0)
                snprintf(text, sizeof text, "%s", c->head);
            else
                cell(text, c, &report->rows[line - 1]);
            mb_strbuf_printf(out, "%s%*s", first ? "" : "  ", (int)width, text);
            first = false;
        }
        if (line > 0) mb_strbuf_printf(out, "  %s", verdict(&report->rows[line - 1]));
        mb_strbuf_add(out, "\n");
    }
}

static void add_markdown(mb_strbuf *out, const mb_plan_report *report) {
    add_title(out, &report->rows[0]);
    mb_strbuf_add(out, "\nbytes per token: ");
    add_formula(out, &report->rows[0]);
    mb_strbuf_add(out, "; memory in GiB per GPU\n\n|");
    for (int i = 0; i < COLUMN_COUNT; i++)
        if (COLUMNS[i].shown && is_used(&COLUMNS[i], report)) mb_strbuf_printf(out, " %s |", COLUMNS[i].head);
    mb_strbuf_add(out, " |\n|");
    for (int i = 0; i < COLUMN_COUNT; i++)
        if (COLUMNS[i].shown && is_used(&COLUMNS[i], report)) mb_strbuf_add(out, " ---: |");
    mb_strbuf_add(out, " --- |\n");
    for (size_t r = 0; r < report->count; r++) {
        mb_strbuf_add(out, "|");
        for (int i = 0; i < COLUMN_COUNT; i++) {
            if (!COLUMNS[i].shown || !is_used(&COLUMNS[i], report)) continue;
            char text[MB_TEXT_SIZE];
            cell(text, &COLUMNS[i], &report->rows[r]);
            mb_strbuf_printf(out, " %s |", text);
        }
        mb_strbuf_printf(out, " %s |\n", verdict(&report->rows[r]));
    }
}

// --- for programs
// ------------------------------------------------------------------------------------------------

// As cells are stored: GiB as numbers, everything else in its base unit.
static double stored(const column *c, const mb_plan_row *row) {
    const double value = c->value(row);
    return c->kind == GIBIBYTES ? value / GIB : value;
}

static void add_csv_warnings(mb_strbuf *out, const mb_plan_report *report, const mb_plan_row *row) {
    mb_plan_warnings warnings = mb_plan_warnings_of(report, row);
    mb_strbuf all = {0};
    for (size_t i = 0; i < warnings.count; i++)
        mb_strbuf_printf(&all, "%s%s", i ? "; " : "", warnings.items[i]);
    if (all.text) mb_add_csv(out, all.text);
    out->failed = out->failed || all.failed || warnings.failed;
    mb_strbuf_deinit(&all);
    mb_plan_warnings_deinit(&warnings);
}

static void add_csv(mb_strbuf *out, const mb_plan_report *report) {
    mb_strbuf_add(out, "model,gpu,rules");
    for (int i = 0; i < COLUMN_COUNT; i++)
        if (is_used(&COLUMNS[i], report)) mb_strbuf_printf(out, ",%s", COLUMNS[i].key);
    mb_strbuf_add(out, ",bound_by_positions,fits,warnings\n");
    for (size_t r = 0; r < report->count; r++) {
        const mb_plan_row *row = &report->rows[r];
        mb_add_csv(out, row->plan.model->name);
        mb_strbuf_add(out, ",");
        mb_add_csv(out, row->plan.gpu->name);
        mb_strbuf_printf(out, ",%s", mb_rules_names[row->plan.rules]);
        for (int i = 0; i < COLUMN_COUNT; i++) {
            if (!is_used(&COLUMNS[i], report)) continue;
            const double value = stored(&COLUMNS[i], row);
            mb_strbuf_add(out, ",");
            if (!isnan(value)) mb_strbuf_printf(out, "%.17g", value);
        }
        mb_strbuf_printf(out, ",%d,%d,", row->budget.bound_by_positions, row->budget.fits);
        add_csv_warnings(out, report, row);
        mb_strbuf_add(out, "\n");
    }
}

static json_t *json_row(const mb_plan_report *report, const mb_plan_row *row) {
    json_t *object = json_object();
    json_object_set_new(object, "model", json_string(row->plan.model->name));
    json_object_set_new(object, "gpu", json_string(row->plan.gpu->name));
    json_object_set_new(object, "rules", json_string(mb_rules_names[row->plan.rules]));
    for (int i = 0; i < COLUMN_COUNT; i++) {
        if (!is_used(&COLUMNS[i], report)) continue;
        const double value = stored(&COLUMNS[i], row);
        json_t *number = isnan(value)                                  ? json_null()
                         : value == floor(value) && fabs(value) < 9e15 ? json_integer((json_int_t)value)
                                                                       : json_real(value);
        json_object_set_new(object, COLUMNS[i].key, number);
    }
    json_object_set_new(object, "bound_by_positions", json_boolean(row->budget.bound_by_positions));
    json_object_set_new(object, "fits", json_boolean(row->budget.fits));
    json_t *list = json_array();
    mb_plan_warnings warnings = mb_plan_warnings_of(report, row);
    for (size_t i = 0; i < warnings.count; i++)
        json_array_append_new(list, json_string(warnings.items[i]));
    json_object_set_new(object, "warnings", list);
    mb_plan_warnings_deinit(&warnings);
    return object;
}

static void add_json(mb_strbuf *out, const mb_plan_report *report) {
    json_t *list = json_array();
    for (size_t r = 0; r < report->count; r++)
        json_array_append_new(list, json_row(report, &report->rows[r]));
    char *text = list ? json_dumps(list, JSON_INDENT(2)) : NULL;
    mb_strbuf_add(out, text ? text : "");
    mb_strbuf_add(out, "\n");
    out->failed = out->failed || !text;
    free(text);
    json_decref(list);
}

// --- all
// ------------------------------------------------------------------------------------------------------

// Those of the longest context: the others have no more.
static void add_warnings(mb_strbuf *out, const mb_plan_report *report) {
    const mb_plan_row *longest = &report->rows[0];
    for (size_t i = 1; i < report->count; i++)
        if (report->rows[i].asked_context > longest->asked_context) longest = &report->rows[i];
    mb_plan_warnings warnings = mb_plan_warnings_of(report, longest);
    for (size_t i = 0; i < warnings.count; i++)
        mb_strbuf_printf(out, "\nwarning: %s\n", warnings.items[i]);
    out->failed = out->failed || warnings.failed;
    mb_plan_warnings_deinit(&warnings);
}

void mb_plan_report_write(mb_strbuf *out, const mb_plan_report *report) {
    switch (report->options->format) {
    case MB_PLAN_AS_CSV:
        add_csv(out, report);
        return;
    case MB_PLAN_AS_JSON:
        add_json(out, report);
        return;
    case MB_PLAN_AS_MD:
        add_markdown(out, report);
        break;
    default:
        if (report->count == 1)
            add_single(out, report);
        else
            add_table(out, report);
    }
    add_warnings(out, report);
}
