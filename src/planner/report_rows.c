// SPDX-License-Identifier: MIT
#include "planner/report_rows.h"

#include "planner/columns.h"
#include "planner/warnings.h"
#include "planner/words.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// "OOM" where the model alone is too large or the users do not fit.
static const char *verdict(const mb_plan_row *row) {
    return row->budget.fits ? "fits" : row->budget.pool < 0 ? "no: weights" : "no: KV";
}

// What all rows are of.
static void add_head(mb_strbuf *out, const mb_plan_answer *answer) {
    const mb_plan_row *row = &answer->rows[0];
    if (answer->options->gpus)
        mb_plan_add_gpus_title(out, row);
    else
        mb_plan_add_title(out, row);
    if (answer->options->format == MB_PLAN_AS_MD) mb_strbuf_add(out, "\n");
    mb_strbuf_add(out, "bytes per token: ");
    mb_plan_add_formula(out, row, !answer->options->gpus);
    mb_strbuf_add(out, "; memory in GiB per GPU\n\n");
}

static void add_column(mb_strbuf *out, const mb_plan_answer *answer, const mb_plan_column *c, size_t line) {
    char text[MB_TEXT_SIZE];
    size_t width = strlen(c->head);
    for (size_t r = 0; r < answer->count; r++) {
        mb_plan_cell(text, c, &answer->rows[r]);
        if (strlen(text) > width) width = strlen(text);
    }
    if (line == 0)
        snprintf(text, sizeof text, "%s", c->head);
    else
        mb_plan_cell(text, c, &answer->rows[line - 1]);
    mb_strbuf_printf(out, "%*s", (int)width, text);
}

static void add_gpu_name(mb_strbuf *out, const mb_plan_answer *answer, size_t line) {
    size_t width = 3;
    for (size_t r = 0; r < answer->count; r++)
        if (strlen(answer->rows[r].plan.gpu->name) > width) width = strlen(answer->rows[r].plan.gpu->name);
    mb_strbuf_printf(out, "%-*s", (int)width, line ? answer->rows[line - 1].plan.gpu->name : "GPU");
}

void mb_plan_add_table(mb_strbuf *out, const mb_plan_answer *answer) {
    add_head(out, answer);
    for (size_t line = 0; line <= answer->count; line++) {
        bool first = !answer->options->gpus;
        if (!first) add_gpu_name(out, answer, line);
        for (int i = 0; i < mb_plan_column_count; i++) {
            if (!mb_plan_column_shown(&mb_plan_columns[i], answer)) continue;
            mb_strbuf_add(out, first ? "" : "  ");
            add_column(out, answer, &mb_plan_columns[i], line);
            first = false;
        }
        if (line > 0) mb_strbuf_printf(out, "  %s", verdict(&answer->rows[line - 1]));
        mb_strbuf_add(out, "\n");
    }
}

void mb_plan_add_markdown(mb_strbuf *out, const mb_plan_answer *answer) {
    const bool gpus = answer->options->gpus != NULL;
    add_head(out, answer);
    mb_strbuf_add(out, gpus ? "| GPU |" : "|");
    for (int i = 0; i < mb_plan_column_count; i++)
        if (mb_plan_column_shown(&mb_plan_columns[i], answer))
            mb_strbuf_printf(out, " %s |", mb_plan_columns[i].head);
    mb_strbuf_add(out, gpus ? " |\n| --- |" : " |\n|");
    for (int i = 0; i < mb_plan_column_count; i++)
        if (mb_plan_column_shown(&mb_plan_columns[i], answer)) mb_strbuf_add(out, " ---: |");
    mb_strbuf_add(out, " --- |\n");
    for (size_t r = 0; r < answer->count; r++) {
        mb_strbuf_add(out, "|");
        if (gpus) mb_strbuf_printf(out, " %s |", answer->rows[r].plan.gpu->name);
        for (int i = 0; i < mb_plan_column_count; i++) {
            if (!mb_plan_column_shown(&mb_plan_columns[i], answer)) continue;
            char text[MB_TEXT_SIZE];
            mb_plan_cell(text, &mb_plan_columns[i], &answer->rows[r]);
            mb_strbuf_printf(out, " %s |", text);
        }
        mb_strbuf_printf(out, " %s |\n", verdict(&answer->rows[r]));
    }
}

void mb_plan_add_csv(mb_strbuf *out, const mb_plan_answer *answer) {
    mb_strbuf_add(out, "model,gpu,rules");
    for (int i = 0; i < mb_plan_column_count; i++)
        if (mb_plan_column_used(&mb_plan_columns[i], answer))
            mb_strbuf_printf(out, ",%s", mb_plan_columns[i].key);
    mb_strbuf_add(out, ",bound_by_positions,fits,warnings\n");
    for (size_t r = 0; r < answer->count; r++) {
        const mb_plan_row *row = &answer->rows[r];
        mb_add_csv(out, row->plan.model->name);
        mb_strbuf_add(out, ",");
        mb_add_csv(out, row->plan.gpu->name);
        mb_strbuf_printf(out, ",%s", mb_rules_names[row->plan.rules]);
        for (int i = 0; i < mb_plan_column_count; i++) {
            if (!mb_plan_column_used(&mb_plan_columns[i], answer)) continue;
            const double value = mb_plan_stored(&mb_plan_columns[i], row);
            mb_strbuf_add(out, ",");
            if (!isnan(value)) mb_strbuf_printf(out, "%.17g", value);
        }
        mb_strbuf_printf(out, ",%d,%d,", row->budget.bound_by_positions, row->budget.fits);
        mb_plan_warnings warnings = mb_plan_warnings_of(answer->options, row);
        mb_plan_warnings_add_csv(out, &warnings);
        mb_plan_warnings_deinit(&warnings);
        mb_strbuf_add(out, "\n");
    }
}

static json_t *json_row(const mb_plan_answer *answer, const mb_plan_row *row) {
    json_t *object = json_object();
    json_object_set_new(object, "model", json_string(row->plan.model->name));
    json_object_set_new(object, "gpu", json_string(row->plan.gpu->name));
    json_object_set_new(object, "rules", json_string(mb_rules_names[row->plan.rules]));
    for (int i = 0; i < mb_plan_column_count; i++) {
        if (!mb_plan_column_used(&mb_plan_columns[i], answer)) continue;
        const double value = mb_plan_stored(&mb_plan_columns[i], row);
        json_t *number = isnan(value)                                  ? json_null()
                         : value == floor(value) && fabs(value) < 9e15 ? json_integer((json_int_t)value)
                                                                       : json_real(value);
        json_object_set_new(object, mb_plan_columns[i].key, number);
    }
    json_object_set_new(object, "bound_by_positions", json_boolean(row->budget.bound_by_positions));
    json_object_set_new(object, "fits", json_boolean(row->budget.fits));
    json_t *list = json_array();
    mb_plan_warnings warnings = mb_plan_warnings_of(answer->options, row);
    for (size_t i = 0; i < warnings.count; i++)
        json_array_append_new(list, json_string(warnings.items[i]));
    json_object_set_new(object, "warnings", list);
    mb_plan_warnings_deinit(&warnings);
    return object;
}

void mb_plan_add_json(mb_strbuf *out, const mb_plan_answer *answer) {
    json_t *list = json_array();
    for (size_t r = 0; r < answer->count; r++)
        json_array_append_new(list, json_row(answer, &answer->rows[r]));
    char *text = list ? json_dumps(list, JSON_INDENT(2)) : NULL;
    mb_strbuf_add(out, text ? text : "");
    mb_strbuf_add(out, "\n");
    out->failed = out->failed || !text;
    free(text);
    json_decref(list);
}
