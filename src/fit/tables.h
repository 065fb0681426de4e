// SPDX-License-Identifier: MIT
// Measured steps as tables for latency.profile: nothing is fitted, so kernels may change with the size of a
// step as they like.
#pragma once
#include "base/strbuf.h"
#include "model/number_csv.h"

// A probe's log of steps, by what is in each: a chunk of a prompt after `prefix` tokens, and decodes that
// have `decode_context` tokens each.
extern const mb_csv_kind mb_probe_log_kind;
enum {
    MB_PROBE_LOG_CHUNK,
    MB_PROBE_LOG_PREFIX,
    MB_PROBE_LOG_DECODES,
    MB_PROBE_LOG_CONTEXT,
    MB_PROBE_LOG_TIME
};

typedef struct mb_step_tables {
    mb_strbuf dense, sequence, attention; // the files of a profile of one layer: the whole step
    size_t steps;
} mb_step_tables;

// From such a log. dense is what a
// chunk of so many tokens takes beyond the smallest chunk, attention what a step takes beyond that: at each
// measured step the profile says what was measured. Needs chunks alone at the start of a prompt, and decodes
// alone; else MB_BAD_INPUT with a sentence. Release `tables` in any case.
mb_status mb_step_tables_read(const char *path, mb_step_tables *tables, mb_error *error);
void mb_step_tables_deinit(mb_step_tables *tables);
