// SPDX-License-Identifier: MIT
#include "fit/step_log.h"

#include "base/strbuf.h"

#include <stdlib.h>

enum { TOKENS, CONTEXT, TIME, REQUESTS };

static const char *tokens_rule(double value) {
    return value <= 0 || value > 1e9 ? "greater than 0, at most 1e9" : NULL;
}

static const char *context_rule(double value) {
    return value < 0 || value > 1e12 ? "from 0 to 1e12 (tokens)" : NULL;
}

static const char *time_rule(double value) {
    return value <= 0 || value > 1e9 ? "greater than 0 (seconds), at most 1e9" : NULL;
}

static const char *requests_rule(double value) {
    return value < 0 || value > 1e9 ? "from 0 to 1e9" : NULL;
}

const mb_csv_kind mb_step_log_kind = {.name = "a step log",
                                      .columns = {{"tokens", false, tokens_rule},
                                                  {"context", false, context_rule},
                                                  {"time_s", false, time_rule},
                                                  {"requests", false, requests_rule}},
                                      .column_count = 4,
                                      .required = 3};

mb_status mb_step_log_from(const mb_number_csv *csv, mb_step_log **log, mb_error *error) {
    *log = NULL;
    mb_step_log *made = calloc(1, sizeof *made);
    if (!made) return mb_fail_memory(error);
    made->path = mb_strdup(csv->path);
    made->steps = malloc(csv->count * sizeof *made->steps);
    if (!made->path || !made->steps) {
        mb_step_log_free(made);
        return mb_fail_memory(error);
    }
    made->count = csv->count;
    made->has_requests = csv->has[REQUESTS];
    for (size_t i = 0; i < csv->count; i++) {
        const mb_csv_row *row = &csv->rows[i];
        made->steps[i] = (mb_logged_step){.tokens = row->value[TOKENS],
                                          .context = row->value[CONTEXT],
                                          .requests = row->value[REQUESTS],
                                          .time_s = row->value[TIME],
                                          .line = row->line};
    }
    *log = made;
    return MB_OK;
}

mb_status mb_step_log_read(const char *path, mb_step_log **log, mb_error *error) {
    *log = NULL;
    const mb_csv_kind *const kinds[] = {&mb_step_log_kind};
    mb_number_csv csv;
    mb_status status = mb_number_csv_read(path, kinds, 1, &csv, error);
    if (!status) status = mb_step_log_from(&csv, log, error);
    mb_number_csv_deinit(&csv);
    return status;
}

void mb_step_log_free(mb_step_log *log) {
    if (!log) return;
    free(log->steps);
    free(log->path);
    free(log->note);
    free(log);
}
