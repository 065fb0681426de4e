// SPDX-License-Identifier: MIT
#include "sweep/compare.h"

#include "base/strbuf.h"
#include "report/asked.h"
#include "report/columns.h"
#include "report/format.h"
#include "report/labels.h"
#include "report/sheet.h"
#include "report/standing.h"
#include "report/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// A section of both: each policy at each point that both have is a point here, and has two policies, A and B.
typedef struct pairing {
    const mb_section *section; // of the first
    mb_section view;
    mb_results results;
    mb_policy_spec sides[2];
    size_t *points, *policies; // [view.point_count], of the first
    size_t alone;              // policies at points that one of them has alone
} pairing;

static size_t find_label(const mb_section *section, const char *label) {
    size_t at = 0;
    while (at < section->point_count && strcmp(section->points[at].label, label) != 0)
        at++;
    return at;
}

static size_t find_policy(const mb_experiment *experiment, const char *label) {
    size_t at = 0;
    while (at < experiment->policy_count && strcmp(experiment->policies[at].label, label) != 0)
        at++;
    return at;
}

static size_t count_policies(const mb_section *section) {
    size_t count = 0;
    for (size_t i = 0; i < section->point_count; i++)
        count += section->points[i].experiment.policy_count;
    return count;
}

// Outcomes of the pair, side by side; they stay owned by `results`.
static void take_outcomes(pairing *p, size_t row, size_t side, const mb_results *results, size_t point,
                          size_t policy) {
    for (uint32_t seed = 0; seed < p->view.points[row].experiment.seeds; seed++) {
        mb_outcome *to = mb_results_at(&p->results, row, side, seed);
        *to = *mb_results_at(results, point, policy, seed);
        to->point = row;
        to->policy = side;
    }
}

typedef struct match {
    size_t point, policy;
} match;

// The rows, and which policy at which point of the second belongs to each.
static void find_rows(pairing *p, const mb_section *other, match *matches) {
    size_t rows = 0;
    for (size_t i = 0; i < p->section->point_count; i++) {
        const mb_point *mine = &p->section->points[i];
        const size_t at = find_label(other, mine->label);
        for (size_t k = 0; k < mine->experiment.policy_count && at < other->point_count; k++) {
            const mb_experiment *theirs = &other->points[at].experiment;
            const size_t policy = find_policy(theirs, mine->experiment.policies[k].label);
            if (policy == theirs->policy_count) continue;
            p->points[rows] = i;
            p->policies[rows] = k;
            matches[rows] = (match){at, policy};
            mb_experiment *both = &p->view.points[rows].experiment;
            *both = mine->experiment;
            both->policies = p->sides;
            both->policy_count = 2;
            both->seeds = theirs->seeds < mine->experiment.seeds ? theirs->seeds : mine->experiment.seeds;
            p->view.points[rows++].label = mine->label;
        }
    }
    p->view.point_count = rows;
    p->alone = count_policies(p->section) + count_policies(other) - 2 * rows;
}

static mb_status pair_up(pairing *p, const mb_results *a, const mb_results *b, mb_error *error) {
    static char first[] = "A", second[] = "B";
    const mb_section *other = mb_results_section(b);
    *p = (pairing){.section = mb_results_section(a), .sides = {{.label = first}, {.label = second}}};
    const size_t most = count_policies(p->section) + 1;
    p->view = *p->section;
    p->view.points = calloc(most, sizeof *p->view.points);
    p->points = calloc(most, sizeof *p->points);
    p->policies = calloc(most, sizeof *p->policies);
    match *matches = calloc(most, sizeof *matches);
    mb_status status = p->view.points && p->points && p->policies && matches ? MB_OK : mb_fail_memory(error);
    if (status == MB_OK) {
        find_rows(p, other, matches);
        p->results = (mb_results){.view = &p->view};
        status = mb_results_init(&p->results, error);
    }
    for (size_t row = 0; row < p->view.point_count && status == MB_OK; row++) {
        take_outcomes(p, row, 0, a, p->points[row], p->policies[row]);
        take_outcomes(p, row, 1, b, matches[row].point, matches[row].policy);
    }
    free(matches);
    return status;
}

static void let_go(pairing *p) {
    free(p->results.outcomes);
    free(p->results.offsets);
    free(p->view.points);
    free(p->points);
    free(p->policies);
}

// B against A in a measure, in every row; p after Holm's correction over the rows.
static mb_difference *compare_rows(const pairing *p, int measure) {
    const size_t rows = p->view.point_count;
    mb_difference *found = calloc(rows + 1, sizeof *found);
    double *chances = calloc(rows + 1, sizeof *chances);
    for (size_t row = 0; found && chances && row < rows; row++) {
        found[row] = mb_compare(&p->results, row, 1, 0, measure);
        chances[row] = found[row].p;
    }
    const bool good = found && chances && mb_holm(chances, rows);
    for (size_t row = 0; good && row < rows; row++)
        found[row].p_holm = chances[row];
    free(chances);
    if (good) return found;
    free(found);
    return NULL;
}

// --- for people ------------------------------------------------------------------------------------------

static void put_level(const pairing *p, size_t row, size_t side, const mb_column *column, mb_sheet *sheet,
                      char **cell) {
    char text[MB_TEXT_SIZE];
    const mb_estimate level = mb_level(&p->results, row, side, column->measure);
    mb_format_interval(text, level.value * column->factor, level.low * column->factor,
                       level.high * column->factor);
    mb_sheet_put(sheet, cell, text);
}

static void put_change(const mb_difference *change, const mb_column *column, mb_sheet *sheet, char **cell) {
    char text[MB_TEXT_SIZE];
    if (change->ratio)
        mb_format_interval(text, 100 * (change->value - 1), 100 * (change->low - 1),
                           100 * (change->high - 1));
    else
        mb_format_interval(text, change->value * column->factor, change->low * column->factor,
                           change->high * column->factor);
    const bool sign = change->pairs && (change->ratio ? change->value > 1 : change->value > 0);
    mb_strbuf whole = {0};
    mb_strbuf_printf(&whole, "%s%s%s", sign ? "+" : "", text, change->pairs && change->ratio ? " %" : "");
    mb_sheet_put(sheet, cell, whole.text ? whole.text : "");
    mb_strbuf_deinit(&whole);
}

static void fill_names(const pairing *p, const mb_label_columns *labels, mb_sheet *sheet) {
    for (size_t i = 0; i < labels->count; i++) {
        mb_strbuf name = {0};
        mb_strbuf_add_bytes(&name, labels->names[i].text, labels->names[i].length);
        mb_sheet_put(sheet, &sheet->heads[i], name.text ? name.text : "");
        mb_sheet_put(sheet, &sheet->units[i], "");
        mb_strbuf_deinit(&name);
    }
    mb_sheet_put(sheet, &sheet->heads[labels->count], "policy");
    mb_sheet_put(sheet, &sheet->units[labels->count], "");
    for (size_t row = 0; row < sheet->rows; row++) {
        char **cells = sheet->cells + row * sheet->columns;
        for (size_t i = 0; i < labels->count; i++) {
            const mb_slice value = mb_label_value(labels, p->view.points[row].label, i);
            mb_strbuf text = {0};
            mb_strbuf_add_bytes(&text, value.text, value.length);
            mb_sheet_put(sheet, &cells[i], text.text ? text.text : "");
            mb_strbuf_deinit(&text);
        }
        const mb_experiment *experiment = &p->section->points[p->points[row]].experiment;
        mb_sheet_put(sheet, &cells[labels->count], experiment->policies[p->policies[row]].label);
        sheet->group[row] = true;
    }
}

static void fill_measure(const pairing *p, int measure, size_t first, mb_sheet *sheet) {
    static const char *const parts[] = {" A", " B", " B-A"};
    const mb_column column = mb_column_of(measure, INFINITY);
    mb_difference *changes = compare_rows(p, measure);
    sheet->failed = sheet->failed || !changes;
    if (!changes) return;
    for (size_t i = 0; i < 3; i++) {
        char head[64];
        snprintf(head, sizeof head, "%s%s", column.label, parts[i]);
        mb_sheet_put(sheet, &sheet->heads[first + i], head);
        mb_sheet_put(sheet, &sheet->units[first + i], i < 2 ? column.unit : "");
    }
    for (size_t row = 0; row < sheet->rows; row++) {
        char **cells = sheet->cells + row * sheet->columns + first;
        put_level(p, row, 0, &column, sheet, &cells[0]);
        put_level(p, row, 1, &column, sheet, &cells[1]);
        put_change(&changes[row], &column, sheet, &cells[2]);
        const bool real = changes[row].pairs > 1 && mb_difference_real(&changes[row]) &&
                          mb_shares_alike(&p->results, row, 0, 1, measure);
        sheet->best[row * sheet->columns + first + 2] = real;
        sheet->any_best = sheet->any_best || real;
    }
    free(changes);
}

static bool build(const pairing *p, mb_sheet *sheet) {
    int measures[MB_MAX_HEADLINES];
    const size_t count = mb_headlines(p->section, measures);
    const mb_label_columns labels = mb_label_columns_of(p->section);
    *sheet = (mb_sheet){.text_columns = labels.count + 1, .rows = p->view.point_count};
    sheet->columns = sheet->text_columns + 3 * count;
    if (!mb_sheet_allocate(sheet)) return false;
    fill_names(p, &labels, sheet);
    for (size_t i = 0; i < count; i++)
        fill_measure(p, measures[i], sheet->text_columns + 3 * i, sheet);
    return !sheet->failed;
}

static const char explanation[] =
    "B-A: B against A on the same seeds, with its 95 % CI, of times and rates in percent. *: real, at 5 % "
    "after "
    "Holm's correction over the rows (none where they served different shares of the requests).";

static mb_status print(const pairing *p, mb_compare_format format, bool color, FILE *out, mb_error *error) {
    mb_sheet sheet;
    mb_strbuf markdown = {0};
    const char *reason;
    bool complete = build(p, &sheet);
    if (complete && format == MB_COMPARE_MD) {
        mb_markdown_sheet(&sheet, &markdown);
        complete = !markdown.failed;
        if (complete) fputs(markdown.text, out);
    } else if (complete)
        mb_print_sheet(&sheet, out, color);
    mb_sheet_deinit(&sheet);
    mb_strbuf_deinit(&markdown);
    if (!complete) return mb_fail_memory(error);
    if (p->alone) fprintf(out, "\n%zu rows of one of them have no counterpart in the other.\n", p->alone);
    if (mb_flushed(out, &reason)) return MB_OK;
    return mb_fail(error, MB_FAILED, "cannot write the table: %s", reason);
}

// --- for programs ----------------------------------------------------------------------------------------

static void add_value(mb_strbuf *line, double value) {
    mb_strbuf_add(line, ",");
    if (!isnan(value)) mb_strbuf_printf(line, "%.17g", value);
}

static mb_status write_csv(const pairing *p, size_t section, FILE *out, mb_error *error) {
    mb_strbuf line = {0};
    for (int measure = 0; measure < MB_MEASURE_COUNT && !line.failed; measure++) {
        if (strncmp(mb_measures[measure].name, "sim_", 4) == 0) continue;
        mb_difference *changes = compare_rows(p, measure);
        line.failed = line.failed || !changes;
        for (size_t row = 0; changes && row < p->view.point_count; row++) {
            const mb_experiment *experiment = &p->section->points[p->points[row]].experiment;
            mb_strbuf_printf(&line, "%zu,", section + 1);
            mb_add_csv(&line, p->view.points[row].label);
            mb_strbuf_add(&line, ",");
            mb_add_csv(&line, experiment->policies[p->policies[row]].label);
            mb_strbuf_printf(&line, ",%s,%u", mb_measures[measure].name, changes[row].pairs);
            add_value(&line, mb_level(&p->results, row, 0, measure).value);
            add_value(&line, mb_level(&p->results, row, 1, measure).value);
            mb_strbuf_printf(&line, ",%s", changes[row].ratio ? "ratio" : "difference");
            add_value(&line, changes[row].value);
            add_value(&line, changes[row].low);
            add_value(&line, changes[row].high);
            add_value(&line, changes[row].p_holm);
            mb_strbuf_printf(&line, ",%d\n", (int)mb_shares_alike(&p->results, row, 0, 1, measure));
            if (line.text) fputs(line.text, out);
            line.length = 0;
        }
        free(changes);
    }
    const bool failed = line.failed;
    const char *reason;
    mb_strbuf_deinit(&line);
    if (failed) return mb_fail_memory(error);
    if (mb_flushed(out, &reason)) return MB_OK;
    return mb_fail(error, MB_FAILED, "cannot write the CSV: %s", reason);
}

// --- what they rest on -----------------------------------------------------------------------------------

static mb_status add_differences(mb_store *a, const char *sql, mb_strbuf *text, mb_error *error) {
    sqlite3_stmt *statement = NULL;
    bool row = false;
    mb_status status = mb_store_prepare(a, sql, &statement, error);
    while (status == MB_OK && (status = mb_store_next(a, statement, &row, error)) == MB_OK && row)
        mb_strbuf_printf(text, "%s%s", text->length ? "; " : "", mb_column_words(statement, 0));
    sqlite3_finalize(statement);
    return status;
}

// A sentence that lists what differs; whether seeds may have seen other requests.
static mb_status describe_inputs(mb_store *a, const char *second, mb_strbuf *text, bool *other_requests,
                                 mb_error *error) {
    sqlite3_int64 count = 0;
    sqlite3_stmt *attach = NULL;
    mb_status status = mb_store_prepare(a, "ATTACH ? AS b", &attach, error);
    if (status == MB_OK) mb_bind_text(attach, 1, second);
    if (status == MB_OK) status = mb_store_step(a, attach, error);
    sqlite3_finalize(attach);
    if (status == MB_OK)
        status = add_differences(
            a,
            "SELECT 'the ' || x.kind || ' ' || x.name FROM main.inputs x JOIN b.inputs y USING(name)"
            " WHERE x.sha256 <> y.sha256 ORDER BY x.kind, x.name",
            text, error);
    if (status == MB_OK)
        status = add_differences(a,
                                 "SELECT 'A alone rests on ' || name FROM main.inputs WHERE name NOT IN "
                                 "(SELECT name FROM b.inputs)"
                                 " UNION ALL SELECT 'B alone rests on ' || name FROM b.inputs WHERE name NOT "
                                 "IN (SELECT name FROM main.inputs)"
                                 " UNION ALL SELECT 'A alone has ' || setting FROM main.settings WHERE "
                                 "setting NOT IN (SELECT setting FROM b.settings)"
                                 " UNION ALL SELECT 'B alone has ' || setting FROM b.settings WHERE setting "
                                 "NOT IN (SELECT setting FROM main.settings)",
                                 text, error);
    if (status == MB_OK)
        status = mb_store_number(
            a,
            "SELECT (SELECT count(*) FROM main.inputs x JOIN b.inputs y USING(name) WHERE x.sha256 <> "
            "y.sha256"
            " AND x.kind IN ('scenario', 'data', 'program')) + (SELECT count(*) FROM main.points x JOIN "
            "b.points y"
            " USING(section, label) WHERE json_extract(x.facts, '$.seed') <> json_extract(y.facts, '$.seed')"
            " OR x.description IS NOT y.description)",
            &count, error);
    *other_requests = count > 0;
    sqlite3_exec(a->db, "DETACH b", NULL, NULL, NULL);
    return status;
}

static void print_heading(const char *first, const char *second, const mb_strbuf *differences,
                          bool other_requests, mb_compare_format format, FILE *out) {
    mb_strbuf line = {0};
    mb_strbuf_printf(&line, "A is %s, B is %s. ", first, second);
    if (differences->length)
        mb_strbuf_printf(&line, "They differ in: %s.", differences->text);
    else
        mb_strbuf_add(&line, "They rest on the same texts and options.");
    if (other_requests)
        mb_strbuf_add(
            &line, " Warning: so a seed may have brought A other requests than B, and then pairing by seed "
                   "makes nothing narrower, but the intervals hold.");
    if (line.text) mb_make_printable(line.text, ""); // files have any names
    if (line.text && format == MB_COMPARE_CSV)
        fprintf(stderr, "mbsand: %s\n", line.text);
    else if (line.text) {
        mb_print_wrapped(out, line.text, 0);
        fputc('\n', out);
        mb_print_wrapped(out, explanation, 0);
    }
    mb_strbuf_deinit(&line);
}

static mb_status compare_all(const mb_stored *a, const mb_stored *b, mb_compare_format format, bool color,
                             FILE *out, mb_error *error) {
    mb_status status = MB_OK;
    size_t rows = 0;
    for (size_t i = 0; i < a->count && i < b->count && status == MB_OK; i++) {
        pairing p;
        status = pair_up(&p, &a->results[i], &b->results[i], error);
        rows += p.view.point_count;
        if (status == MB_OK && format == MB_COMPARE_CSV)
            status = write_csv(&p, i, out, error);
        else if (status == MB_OK && p.view.point_count) {
            mb_strbuf title = {0};
            mb_add_printable(&title, p.section->title ? p.section->title : "");
            fprintf(out, "\n%s\n", title.text ? title.text : "");
            mb_strbuf_deinit(&title);
            status = print(&p, format, color, out, error);
        }
        let_go(&p);
    }
    if (status == MB_OK && !rows)
        status =
            mb_fail(error, MB_BAD_INPUT, "the two have no policy at no point in common: nothing to compare");
    return status;
}

mb_status mb_compare_stores(const char *first, const char *second, mb_compare_format format, bool color,
                            FILE *out, mb_error *error) {
    mb_store stores[2] = {{.lock = -1}, {.lock = -1}};
    mb_stored stored[2] = {{0}, {0}};
    mb_strbuf differences = {0};
    bool other_requests = false;
    mb_status status = mb_store_read(&stores[0], first, error);
    if (status == MB_OK) status = mb_store_read(&stores[1], second, error);
    for (size_t i = 0; i < 2 && status == MB_OK; i++)
        status = mb_stored_read(&stores[i], &stored[i], error);
    if (status == MB_OK) status = describe_inputs(&stores[0], second, &differences, &other_requests, error);
    if (status == MB_OK && differences.failed) status = mb_fail_memory(error);
    if (status == MB_OK) print_heading(first, second, &differences, other_requests, format, out);
    if (status == MB_OK && format == MB_COMPARE_CSV)
        fputs("section,point,policy,measure,pairs,a,b,kind,value,low,high,p_holm,shares_alike\n", out);
    if (status == MB_OK) status = compare_all(&stored[0], &stored[1], format, color, out, error);
    mb_strbuf_deinit(&differences);
    for (size_t i = 0; i < 2; i++) {
        mb_stored_deinit(&stored[i]);
        mb_store_close(&stores[i]);
    }
    return status;
}
