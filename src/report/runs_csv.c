// SPDX-License-Identifier: MIT
#include "report/runs_csv.h"

#include "report/format.h"
#include "report/labels.h"
#include "run/reference.h"

#include <math.h>
#include <stdlib.h>

// The union of the sections' label columns, in order of appearance.
typedef struct key_list {
    size_t count;
    mb_slice *names;
} key_list;

static bool collect_keys(const mb_results *const *sections, size_t count, key_list *all) {
    *all = (key_list){.names = malloc((count * MB_MAX_KEYS + 1) * sizeof *all->names)};
    for (size_t i = 0; all->names && i < count; i++) {
        const mb_label_columns columns = mb_label_columns_of(mb_results_section(sections[i]));
        for (size_t c = 0; c < columns.count; c++) {
            size_t at = 0;
            while (at < all->count && !mb_slice_equal(all->names[at], columns.names[c]))
                at++;
            if (at == all->count) all->names[all->count++] = columns.names[c];
        }
    }
    return all->names != NULL;
}

static void add_slice(mb_strbuf *line, mb_slice slice) {
    mb_strbuf text = {0};
    mb_strbuf_add_bytes(&text, slice.text, slice.length);
    if (text.text) mb_add_csv(line, text.text);
    line->failed = line->failed || text.failed;
    mb_strbuf_deinit(&text);
}

// The measures that are there always, or that some run has.
typedef struct measure_set {
    bool measures[MB_MEASURE_COUNT];
} measure_set;

static measure_set measures_of(const mb_results *const *sections, size_t count) {
    measure_set found;
    for (size_t m = 0; m < MB_MEASURE_COUNT; m++)
        found.measures[m] = m < MB_MEASURES_ALWAYS;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < sections[i]->count; k++) {
            const mb_outcome *outcome = &sections[i]->outcomes[k];
            for (size_t m = MB_MEASURES_ALWAYS; outcome->finished && m < MB_MEASURE_COUNT; m++)
                found.measures[m] = found.measures[m] || !isnan(outcome->values[m]);
        }
    return found;
}

static void add_first_heads(mb_strbuf *line, const key_list *keys, bool several) {
    if (several) mb_strbuf_add(line, "section,");
    for (size_t i = 0; i < keys->count; i++) {
        add_slice(line, keys->names[i]);
        mb_strbuf_add(line, ",");
    }
    mb_strbuf_add(line, "policy,seed");
}

static void add_header(mb_strbuf *line, const key_list *keys, const measure_set *there, bool several,
                       bool reference) {
    add_first_heads(line, keys, several);
    for (size_t i = 0; i < MB_MEASURE_COUNT; i++)
        if (there->measures[i]) mb_strbuf_printf(line, ",%s", mb_measures[i].name);
    for (const char *const *name = mb_bound_measures; reference && *name; name++)
        mb_strbuf_printf(line, ",bound_%s,regret_%s,clairvoyant_%s", *name, *name, *name);
    mb_strbuf_add(line, "\n");
}

static void add_keys(mb_strbuf *line, const key_list *keys, const mb_label_columns *columns,
                     const char *label) {
    for (size_t i = 0; i < keys->count; i++) {
        for (size_t c = 0; c < columns->count; c++)
            if (mb_slice_equal(columns->names[c], keys->names[i]))
                add_slice(line, mb_label_value(columns, label, c));
        mb_strbuf_add(line, ",");
    }
}

static void add_number(mb_strbuf *line, double value) {
    mb_strbuf_add(line, ",");
    if (!isnan(value)) mb_strbuf_printf(line, "%.17g", value);
}

static void add_outcome(mb_strbuf *line, const mb_outcome *outcome, const measure_set *there) {
    mb_strbuf_printf(line, ",%u", outcome->seed_index + 1);
    for (size_t i = 0; i < MB_MEASURE_COUNT; i++)
        if (there->measures[i]) add_number(line, outcome->finished ? outcome->values[i] : (double)NAN);
}

static void add_reference(mb_strbuf *line, const mb_results *results, const mb_outcome *outcome) {
    const size_t point = outcome->point;
    const uint32_t seed = outcome->seed_index;
    for (const char *const *name = mb_bound_measures; results->reference && *name; name++) {
        const int measure = mb_measure_index(*name);
        add_number(line, mb_bound_of(results, point, seed, measure));
        add_number(line, mb_regret(results, point, outcome->policy, seed, measure));
        add_number(line, mb_clairvoyant_of(results, point, seed, measure));
    }
}

// Line by line, so that memory stays small; false when out of memory. A failed write shows at the end.
static bool write_section(const mb_results *results, size_t number, const key_list *keys,
                          const measure_set *there, mb_strbuf *line, FILE *out) {
    const mb_section *section = mb_results_section(results);
    const mb_label_columns columns = mb_label_columns_of(section);
    for (size_t i = 0; i < results->count && !ferror(out) && !line->failed; i++) {
        const mb_outcome *outcome = &results->outcomes[i];
        if (!outcome->started && !outcome->finished) continue;
        const mb_point *point = &section->points[outcome->point];
        line->length = 0;
        if (number) mb_strbuf_printf(line, "%zu,", number);
        add_keys(line, keys, &columns, point->label);
        mb_add_csv(line, point->experiment.policies[outcome->policy].label);
        add_outcome(line, outcome, there);
        add_reference(line, results, outcome);
        mb_strbuf_add(line, "\n");
        if (!line->failed) fwrite(line->text, 1, line->length, out);
    }
    return !line->failed;
}

// Rows of classes or clients in the place of the runs' own.
static bool write_parties(const mb_results *results, size_t number, const key_list *keys, mb_strbuf *line,
                          FILE *out) {
    const mb_section *section = mb_results_section(results);
    const mb_label_columns columns = mb_label_columns_of(section);
    for (size_t i = 0; i < results->count && !ferror(out) && !line->failed; i++) {
        const mb_outcome *outcome = &results->outcomes[i];
        const mb_point *point = &section->points[outcome->point];
        for (size_t g = 0; g < outcome->party_count && !line->failed; g++) {
            line->length = 0;
            if (number) mb_strbuf_printf(line, "%zu,", number);
            add_keys(line, keys, &columns, point->label);
            mb_add_csv(line, point->experiment.policies[outcome->policy].label);
            mb_strbuf_printf(line, ",%u,", outcome->seed_index + 1);
            mb_add_csv(line, outcome->parties[g].name);
            for (size_t v = 0; v < MB_PARTY_VALUES; v++)
                add_number(line, outcome->parties[g].values[v]);
            mb_strbuf_add(line, "\n");
            if (!line->failed) fwrite(line->text, 1, line->length, out);
        }
    }
    return !line->failed;
}

static const char *by_of(const mb_results *results) {
    const mb_section *section = mb_results_section(results);
    return section->point_count ? mb_by_name(section->points[0].experiment.by) : NULL;
}

bool mb_has_parties(const mb_results *const *sections, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (by_of(sections[i])) return true;
    return false;
}

mb_status mb_report_parties_csv(const mb_results *const *sections, size_t count, FILE *out, mb_error *error) {
    key_list keys;
    const char *reason, *by = NULL;
    if (!collect_keys(sections, count, &keys)) return mb_fail_memory(error);
    for (size_t i = 0; i < count && !by; i++)
        by = by_of(sections[i]);
    mb_strbuf line = {0};
    add_first_heads(&line, &keys, count > 1);
    mb_strbuf_printf(&line, ",%s", by);
    for (size_t v = 0; v < MB_PARTY_VALUES; v++)
        mb_strbuf_printf(&line, ",%s", mb_party_values[v].name);
    mb_strbuf_add(&line, "\n");
    bool complete = !line.failed;
    if (complete) fwrite(line.text, 1, line.length, out);
    for (size_t i = 0; i < count && complete; i++)
        complete = write_parties(sections[i], count > 1 ? i + 1 : 0, &keys, &line, out);
    mb_strbuf_deinit(&line);
    free(keys.names);
    if (!complete) return mb_fail_memory(error);
    if (mb_flushed(out, &reason)) return MB_OK;
    return mb_fail(error, MB_FAILED, "cannot write the CSV: %s", reason);
}

mb_status mb_report_csv(const mb_results *const *sections, size_t count, FILE *out, mb_error *error) {
    key_list keys;
    const char *reason;
    if (!collect_keys(sections, count, &keys)) return mb_fail_memory(error);
    mb_strbuf line = {0};
    const measure_set there = measures_of(sections, count);
    add_header(&line, &keys, &there, count > 1, count && sections[0]->reference);
    bool complete = !line.failed;
    if (complete) fwrite(line.text, 1, line.length, out);
    for (size_t i = 0; i < count && complete; i++)
        complete = write_section(sections[i], count > 1 ? i + 1 : 0, &keys, &there, &line, out);
    mb_strbuf_deinit(&line);
    free(keys.names);
    if (!complete) return mb_fail_memory(error);
    if (mb_flushed(out, &reason)) return MB_OK;
    return mb_fail(error, MB_FAILED, "cannot write the CSV: %s", reason);
}
