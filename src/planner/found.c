// SPDX-License-Identifier: MIT
#include "planner/found.h"

#include "planner/warnings.h"
#include "report/format.h"
#include "run/experiment.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static bool same_hardware(const mb_plan_tried *a, const mb_plan_tried *b) {
    return a->gpu == b->gpu && a->tp == b->tp;
}

// Of the numbers of replicas tried on the same hardware the fewest that meet the SLO, or else the most.
static bool is_shown(const mb_plan_found *s, size_t i) {
    const mb_plan_tried *t = &s->tried[i];
    for (size_t k = 0; k < s->count; k++) {
        const mb_plan_tried *other = &s->tried[k];
        if (k == i || !same_hardware(t, other)) continue;
        if (other->meets && (!t->meets || other->replicas < t->replicas)) return false;
        if (!other->meets && !t->meets && other->replicas > t->replicas) return false;
    }
    return true;
}

// As a cell of the table or of Markdown's.
static void add_cell(mb_strbuf *out, const mb_plan_found *s, int width, const char *text) {
    if (s->options->format == MB_PLAN_AS_MD)
        mb_strbuf_printf(out, " %s |", text);
    else
        mb_strbuf_printf(out, "%*s", width, text);
}

static void add_head(mb_strbuf *out, const mb_plan_found *s) {
    const mb_plan_options *o = s->options;
    const bool md = o->format == MB_PLAN_AS_MD;
    mb_strbuf_printf(
        out,
        "%s for %g requests/s (Poisson) of %g + %g tokens in the mean (log-normal), 3 seeds of 2,000 "
        "requests,\n"
        "replicas of vllm_v1 behind least_loaded, times by the roofline; the worst seed's values\n\n",
        o->plan.model->name, o->rate, o->prompt, o->output);
    mb_strbuf_add(out, md ? "|" : "");
    add_cell(out, s, -20, "GPU");
    add_cell(out, s, 6, "tp");
    add_cell(out, s, 10, "replicas");
    add_cell(out, s, 10, "USD/h");
    for (size_t i = 0; i < s->limit_count; i++)
        add_cell(out, s, 14, mb_measures[s->limits[i].measure].name);
    add_cell(out, s, 10, "USD/Mtok");
    mb_strbuf_add(out, md ? " |\n| --- |" : "\n");
    for (size_t i = 0; md && i < s->limit_count + 4; i++)
        mb_strbuf_add(out, " ---: |");
    mb_strbuf_add(out, md ? " --- |\n" : "");
}

static void add_line(mb_strbuf *out, const mb_plan_found *s, const mb_plan_tried *t) {
    const bool md = s->options->format == MB_PLAN_AS_MD;
    char text[MB_TEXT_SIZE];
    mb_strbuf_add(out, md ? "|" : "");
    add_cell(out, s, -20, t->gpu->name);
    snprintf(text, sizeof text, "%u", t->tp);
    add_cell(out, s, 6, text);
    snprintf(text, sizeof text, "%u", t->replicas);
    add_cell(out, s, 10, text);
    snprintf(text, sizeof text, "%.2f", t->usd_per_hour);
    add_cell(out, s, 10, text);
    for (size_t k = 0; k < s->limit_count; k++) {
        mb_format_value(text, t->values[k], mb_decimals(t->values[k], NAN));
        add_cell(out, s, 14, text);
    }
    snprintf(text, sizeof text, "%.3g", t->usd_per_mtok);
    add_cell(out, s, 10, text);
    const bool best = s->best != SIZE_MAX && t == &s->tried[s->best];
    mb_strbuf_printf(out, "%s%s", md ? " " : "  ",
                     best       ? "meets it, cheapest"
                     : t->meets ? "meets it"
                                : "no");
    if (t->served < 1) mb_strbuf_printf(out, ": serves %.4g %%", 100 * t->served);
    mb_strbuf_add(out, md ? " |\n" : "\n");
}

static void add_verdict(mb_strbuf *out, const mb_plan_found *s) {
    if (s->best == SIZE_MAX) {
        mb_strbuf_printf(out, "\nNone of the configurations tried meets the SLO.\n");
    } else {
        const mb_plan_tried *t = &s->tried[s->best];
        mb_strbuf_printf(
            out,
            "\nCheapest that meets %s: %u replica%s of %u x %s, %.2f USD per hour, %.3g USD per million "
            "output "
            "tokens.\n",
            s->options->slo, t->replicas, t->replicas == 1 ? "" : "s", t->tp, t->gpu->name, t->usd_per_hour,
            t->usd_per_mtok);
    }
    mb_strbuf_printf(
        out,
        "A row is the fewest replicas that meet it, or the most that were tried: more cost more than the "
        "best, or did "
        "not help.\n");
}

static void add_left_out(mb_strbuf *out, const mb_plan_found *s) {
    if (s->without_price)
        mb_strbuf_printf(out, "note: %zu GPU%s left out: no price in their description; give --price\n",
                         s->without_price, s->without_price == 1 ? "" : "s");
    if (s->too_small)
        mb_strbuf_printf(out, "note: %zu GPU%s left out: no node of them holds the model\n", s->too_small,
                         s->too_small == 1 ? "" : "s");
}

// What plan would warn of, were it asked about this configuration with one request.
static mb_status warnings_of(const mb_plan_found *s, const mb_plan_tried *t, mb_plan_warnings *warnings,
                             mb_error *error) {
    const mb_plan_options *o = s->options;
    mb_plan plan = o->plan;
    mb_plan_row row;
    plan.gpu = t->gpu;
    plan.tp = t->tp;
    const mb_status status = mb_plan_row_make(o, &plan, (uint64_t)(o->prompt + o->output), 1, &row, error);
    *warnings = status ? (mb_plan_warnings){.count = 0} : mb_plan_warnings_of(o, &row);
    return status;
}

static mb_status add_text(mb_strbuf *out, const mb_plan_found *s, mb_error *error) {
    mb_status status = MB_OK;
    mb_plan_warnings said = {.count = 0}, warnings;
    mb_strbuf after = {0};
    add_head(out, s);
    for (size_t i = 0; i < s->count && !status; i++) {
        if (!is_shown(s, i)) continue;
        add_line(out, s, &s->tried[i]);
        status = warnings_of(s, &s->tried[i], &warnings, error);
        mb_plan_warnings_say(&after, &warnings, &said);
        mb_plan_warnings_deinit(&warnings);
    }
    add_verdict(out, s);
    add_left_out(out, s);
    mb_strbuf_add(out, "note: --compute, --bandwidth and --host take measurements of your own\n");
    if (after.text) mb_strbuf_add(out, after.text);
    out->failed = out->failed || after.failed;
    mb_strbuf_deinit(&after);
    mb_plan_warnings_deinit(&said);
    return status;
}

static void add_number(mb_strbuf *out, double value) {
    mb_strbuf_add(out, ",");
    if (isfinite(value)) mb_strbuf_printf(out, "%.17g", value);
}

static mb_status add_csv(mb_strbuf *out, const mb_plan_found *s, mb_error *error) {
    mb_status status = MB_OK;
    mb_strbuf_printf(out, "gpu,tp,replicas,usd_per_hour,usd_per_mtok");
    for (size_t i = 0; i < s->limit_count; i++)
        mb_strbuf_printf(out, ",%s", mb_measures[s->limits[i].measure].name);
    mb_strbuf_printf(out, ",served_share,meets,cheapest,warnings\n");
    for (size_t i = 0; i < s->count && !status; i++) {
        const mb_plan_tried *t = &s->tried[i];
        mb_plan_warnings warnings;
        mb_add_csv(out, t->gpu->name);
        mb_strbuf_printf(out, ",%u,%u", t->tp, t->replicas);
        add_number(out, t->usd_per_hour);
        add_number(out, t->usd_per_mtok);
        for (size_t k = 0; k < s->limit_count; k++)
            add_number(out, t->values[k]);
        add_number(out, t->served);
        mb_strbuf_printf(out, ",%d,%d,", t->meets, i == s->best);
        status = warnings_of(s, t, &warnings, error);
        mb_plan_warnings_add_csv(out, &warnings);
        mb_strbuf_add(out, "\n");
        mb_plan_warnings_deinit(&warnings);
    }
    return status;
}

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static mb_status add_json(mb_strbuf *out, const mb_plan_found *s, mb_error *error) {
    mb_status status = MB_OK;
    json_t *list = json_array();
    for (size_t i = 0; i < s->count && !status; i++) {
        const mb_plan_tried *t = &s->tried[i];
        mb_plan_warnings warnings;
        json_t *row = json_object(), *sentences = json_array();
        json_object_set_new(row, "gpu", json_string(t->gpu->name));
        json_object_set_new(row, "tp", json_integer(t->tp));
        json_object_set_new(row, "replicas", json_integer(t->replicas));
        json_object_set_new(row, "usd_per_hour", number(t->usd_per_hour));
        json_object_set_new(row, "usd_per_mtok", number(t->usd_per_mtok));
        for (size_t k = 0; k < s->limit_count; k++)
            json_object_set_new(row, mb_measures[s->limits[k].measure].name, number(t->values[k]));
        json_object_set_new(row, "served_share", number(t->served));
        json_object_set_new(row, "meets", json_boolean(t->meets));
        json_object_set_new(row, "cheapest", json_boolean(i == s->best));
        status = warnings_of(s, t, &warnings, error);
        for (size_t k = 0; k < warnings.count; k++)
            json_array_append_new(sentences, json_string(warnings.items[k]));
        json_object_set_new(row, "warnings", sentences);
        mb_plan_warnings_deinit(&warnings);
        json_array_append_new(list, row);
    }
    char *text = list ? json_dumps(list, JSON_INDENT(2)) : NULL;
    mb_strbuf_add(out, text ? text : "");
    mb_strbuf_add(out, "\n");
    out->failed = out->failed || !text;
    free(text);
    json_decref(list);
    return status;
}

mb_status mb_plan_found_write(const mb_plan_found *found, mb_strbuf *out, mb_strbuf *notes, mb_error *error) {
    const mb_plan_format format = found->options->format;
    if (format != MB_PLAN_AS_CSV && format != MB_PLAN_AS_JSON) return add_text(out, found, error);
    add_left_out(notes, found);
    return format == MB_PLAN_AS_CSV ? add_csv(out, found, error) : add_json(out, found, error);
}
