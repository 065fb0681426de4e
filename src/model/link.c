// SPDX-License-Identifier: MIT
#include "model/link.h"

#include <math.h>
#include <stdlib.h>

enum { BYTES_OF_A_VALUE = 2 }; // activations have 16 bits

static const char *bytes_rule(double value) {
    return value < 0 || value > 1e15 ? "0 or more (bytes of the message)" : NULL;
}

static const char *tokens_rule(double value) {
    return value < 0 || value > 1e9 ? "0 or more (tokens of a step)" : NULL;
}

static const char *time_rule(double value) {
    return value <= 0 || value > 1e9 ? "greater than 0 (microseconds), at most 1e9" : NULL;
}

static const char *correction_rule(double value) {
    return fabs(value) > 1e9 ? "microseconds from -1e9 to 1e9" : NULL;
}

static const char *gpus_rule(double value) {
    return value < 2 || value > 1e6 || value != floor(value) ? "a whole number of GPUs from 2 on" : NULL;
}

static const char *prompts_rule(double value) {
    return value != 0 && value != 1 && value != 2
               ? "0 (steps of decodes only), 1 (steps with a prompt) or 2 (steps of prompts only)"
               : NULL;
}

static const mb_csv_kind link_kind = {
    .name = "a table of all-reduces",
    .columns = {{"bytes", false, bytes_rule}, {"time_us", false, time_rule}, {"gpus", true, gpus_rule}},
    .column_count = 3,
    .required = 2};

static const mb_csv_kind corrections_kind = {.name = "a table of corrections",
                                             .columns = {{"tokens", false, tokens_rule},
                                                         {"time_us", false, correction_rule},
                                                         {"prompts", false, prompts_rule}},
                                             .column_count = 3,
                                             .required = 3};

static mb_status read_link(const char *path, uint32_t gpus, mb_link *link, mb_error *error) {
    const mb_csv_kind *const kinds[] = {&link_kind};
    mb_number_csv csv;
    mb_status status = mb_number_csv_read(path, kinds, 1, &csv, error);
    if (!status) status = mb_curve_of_rows(&csv, gpus, &link->time_us, error);
    mb_number_csv_deinit(&csv);
    if (status || link->time_us.count > 0) return status;
    return mb_fail(error, MB_BAD_INPUT, "%s: no row of %u GPUs; as many work together here", path, gpus);
}

mb_status mb_link_read(const char *path, uint32_t gpus, uint32_t count, double values, mb_link **link,
                       mb_error *error) {
    mb_link *made = *link = calloc(1, sizeof *made);
    if (!made) return mb_fail_memory(error);
    made->token_bytes = BYTES_OF_A_VALUE * values;
    made->count = count;
    const mb_status status = read_link(path, gpus, made, error);
    if (!status) return MB_OK;
    mb_link_free(made);
    *link = NULL;
    return status;
}

void mb_link_free(mb_link *link) {
    if (!link) return;
    mb_curve_deinit(&link->time_us);
    free(link);
}

double mb_link_seconds(const mb_link *link, double tokens, bool *extrapolated) {
    const double time_us = mb_curve_at(&link->time_us, tokens * link->token_bytes, extrapolated);
    return 1e-6 * link->count * fmax(0, time_us);
}

static mb_status read_corrections(const char *path, mb_corrections *corrections, mb_error *error) {
    const mb_csv_kind *const kinds[] = {&corrections_kind};
    mb_number_csv csv;
    mb_status status = mb_number_csv_read(path, kinds, 1, &csv, error);
    for (int i = 0; i < MB_STEP_KINDS && !status; i++)
        status = mb_curve_of_rows(&csv, i, &corrections->time_us[i], error);
    mb_number_csv_deinit(&csv);
    return status;
}

mb_status mb_corrections_read(const char *path, mb_corrections **corrections, mb_error *error) {
    mb_corrections *made = *corrections = calloc(1, sizeof *made);
    if (!made) return mb_fail_memory(error);
    const mb_status status = read_corrections(path, made, error);
    if (!status) return MB_OK;
    mb_corrections_free(made);
    *corrections = NULL;
    return status;
}

void mb_corrections_free(mb_corrections *corrections) {
    if (!corrections) return;
    for (int i = 0; i < MB_STEP_KINDS; i++)
        mb_curve_deinit(&corrections->time_us[i]);
    free(corrections);
}

double mb_corrections_seconds(const mb_corrections *corrections, mb_step_kind kind, double tokens,
                              bool *extrapolated) {
    if (kind != MB_STEP_OF_DECODES && corrections->time_us[kind].count == 0)
        kind = kind == MB_STEP_OF_BOTH ? MB_STEP_OF_PROMPTS : MB_STEP_OF_BOTH;
    const mb_curve *curve = &corrections->time_us[kind];
    if (curve->count == 0) return 0;
    const double last = curve->x[curve->count - 1];
    if (tokens > last) *extrapolated = true;
    return 1e-6 * mb_curve_at(curve, fmin(tokens, last), extrapolated);
}
