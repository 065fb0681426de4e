// SPDX-License-Identifier: MIT
#include "cli/own_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Rows for the function.
typedef struct row_store {
    mb_row *rows;
    mb_summary *summaries;
    const double **values;
    size_t count;
} row_store;

static void free_rows(row_store *store) {
    free(store->rows);
    free(store->summaries);
    free(store->values);
}

static mb_status make_rows(const mb_results *results, row_store *store, mb_error *error) {
    const mb_section *section = mb_scenario_section(results->scenario, results->section);
    *store = (row_store){0};
    store->rows = calloc(results->count + 1, sizeof *store->rows);
    store->summaries = calloc(results->count + 1, sizeof *store->summaries);
    store->values = calloc(results->count + 1, sizeof *store->values);
    if (!store->rows || !store->summaries || !store->values) return mb_fail_memory(error);
    size_t used = 0;
    for (size_t point = 0; point < section->point_count; point++) {
        const mb_experiment *experiment = &section->points[point].experiment;
        for (size_t policy = 0; policy < experiment->policy_count; policy++) {
            mb_summary *summary = &store->summaries[store->count];
            *summary = mb_summarise(results, point, policy);
            store->rows[store->count++] = (mb_row){.point = point,
                                                   .policy = policy,
                                                   .seeds = summary->seeds,
                                                   .level = summary->level,
                                                   .low = summary->low,
                                                   .high = summary->high,
                                                   .mean = summary->mean,
                                                   .half_width = summary->half_width,
                                                   .values = store->values + used};
            for (uint32_t seed = 0; seed < experiment->seeds; seed++) {
                const mb_outcome *outcome = mb_results_at(results, point, policy, seed);
                store->values[used++] = outcome->finished ? outcome->values : NULL;
            }
        }
    }
    return MB_OK;
}

mb_status mb_own_report(const mb_results *results, mb_error *error) {
    row_store store;
    mb_status status = make_rows(results, &store, error);
    fflush(stdout); // the script has its own idea of standard output's buffer
    if (status == MB_OK)
        status = mb_scenario_report(results->scenario, results->section, store.rows, store.count, error);
    free_rows(&store);
    return status;
}

// The script prints as it does always, but standard output is a file meanwhile.
mb_status mb_own_report_text(const mb_results *results, char **text, mb_error *error) {
    mb_strbuf read = {0};
    *text = NULL;
    fflush(stdout);
    FILE *file = tmpfile();
    const int kept = dup(STDOUT_FILENO);
    if (!file || kept < 0 || dup2(fileno(file), STDOUT_FILENO) < 0) {
        const int reason = errno;
        if (file) fclose(file);
        if (kept >= 0) close(kept);
        return mb_fail(error, MB_FAILED, "cannot keep what the scenario prints: %s", strerror(reason));
    }
    const mb_status status = mb_own_report(results, error);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    char piece[4096];
    rewind(file);
    for (size_t length; (length = fread(piece, 1, sizeof piece, file)) > 0;)
        mb_strbuf_add_bytes(&read, piece, length);
    fclose(file);
    if (read.failed) {
        mb_strbuf_deinit(&read);
        return status == MB_OK ? mb_fail_memory(error) : status;
    }
    *text = read.text;
    return status;
}
