// SPDX-License-Identifier: MIT
#include "planner/report_rows.h"

#include "planner/columns.h"
#include "planner/warnings.h"
#include "planner/words.h"
#include "report/table.h"

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

// The head of a column and its values; to the right among the names too, since these are numbers.
static void put_column(mb_sheet *sheet, size_t at, const mb_plan_answer *answer, const mb_plan_column *c) {
    char text[MB_TEXT_SIZE], padded[MB_TEXT_SIZE];
    size_t width = at < sheet->text_columns ? strlen(c->head) : 0;
    for (size_t r = 0; r < answer->count && at < sheet->text_columns; r++) {
        mb_plan_cell(text, c, &answer->rows[r]);
        if (strlen(text) > width) width = strlen(text);
    }
    snprintf(padded, sizeof padded, "%*s", (int)width, c->head);
    mb_sheet_put(sheet, &sheet->heads[at], padded);
    for (size_t r = 0; r < answer->count; r++) {
        mb_plan_cell(text, c, &answer->rows[r]);
        snprintf(padded, sizeof padded, "%*s", (int)width, text);
        mb_sheet_put(sheet, &sheet->cells[r * sheet->columns + at], padded);
    }
}

static void fill_sheet(mb_sheet *sheet, const mb_plan_answer *answer) {
    size_t at = 0;
    if (answer->options->gpus) {
        mb_sheet_put(sheet, &sheet->heads[at], "GPU");
        for (size_t r = 0; r < answer->count; r++)
            mb_sheet_put(sheet, &sheet->cells[r * sheet->columns], answer->rows[r].plan.gpu->name);
        at++;
    }
    for (int i = 0; i < mb_plan_column_count; i++)
        if (mb_plan_column_shown(&mb_plan_columns[i], answer))
            put_column(sheet, at++, answer, &mb_plan_columns[i]);
    mb_sheet_put(sheet, &sheet->heads[at], "verdict");
    for (size_t r = 0; r < answer->count; r++) {
        mb_sheet_put(sheet, &sheet->cells[r * sheet->columns + at], verdict(&answer->rows[r]));
        sheet->group[r] = true; // every row has its own names
    }
    for (size_t i = 0; i < sheet->columns; i++)
        mb_sheet_put(sheet, &sheet->units[i], "");
}

// What a row is of stands in front of every piece of it: the GPU, or the context and the users.
void mb_plan_add_table(mb_strbuf *out, const mb_plan_answer *answer) {
    const bool gpus = answer->options->gpus != NULL;
    mb_sheet sheet = {.text_columns = gpus ? 1 : 2, .columns = gpus + 1, .rows = answer->count};
    for (int i = 0; i < mb_plan_column_count; i++)
        sheet.columns += mb_plan_column_shown(&mb_plan_columns[i], answer);
    add_head(out, answer);
    if (mb_sheet_allocate(&sheet)) fill_sheet(&sheet, answer);
    if (sheet.failed)
        out->failed = true;
    else
        mb_add_sheet(&sheet, answer->table_width, out);
    mb_sheet_deinit(&sheet);
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
