// SPDX-License-Identifier: MIT
#include "workload/length_pairs.h"

#include "workload/text_file.h"
#include "workload/trace_rows.h"

#include <stdlib.h>

void mb_length_pairs_deinit(mb_length_pairs *pairs) {
    free(pairs->prompt);
    free(pairs->output);
    *pairs = (mb_length_pairs){0};
}

// Whether the first character is one that JSON begins with.
static mb_status is_json(const char *path, bool *json, mb_error *error) {
    mb_text_file file;
    const mb_status status = mb_text_open(&file, path, "a CSV or JSON file", error);
    size_t at = file.at;
    while (!status && at < file.filled && (unsigned char)file.buffer[at] <= ' ')
        at++;
    *json = !status && at < file.filled && (file.buffer[at] == '{' || file.buffer[at] == '[');
    mb_text_close(&file);
    return status;
}

static mb_status append(mb_length_pairs *pairs, size_t *capacity, const mb_arrival *row, mb_error *error) {
    if (pairs->count == *capacity) {
        const size_t larger = *capacity ? 2 * *capacity : 1024;
        uint32_t *prompt = realloc(pairs->prompt, larger * sizeof *prompt);
        if (prompt) pairs->prompt = prompt;
        uint32_t *output = realloc(pairs->output, larger * sizeof *output);
        if (output) pairs->output = output;
        if (!prompt || !output) return mb_fail_memory(error);
        *capacity = larger;
    }
    pairs->prompt[pairs->count] = row->prompt_tokens;
    pairs->output[pairs->count++] = row->output_tokens;
    return MB_OK;
}

static mb_status read_rows(mb_rows *rows, mb_length_pairs *pairs, mb_error *error) {
    size_t capacity = 0;
    for (;;) {
        bool end, failed;
        mb_arrival row = {0};
        mb_status status = rows->format->next(rows, &end, error);
        if (!status && !end) status = mb_rows_lengths(rows, &row, &failed, error);
        if (status || end) return status;
        const bool zero = row.prompt_tokens == 0 || row.output_tokens == 0;
        if (failed || zero)
            ++*(failed ? &pairs->skipped_empty : &pairs->skipped_zero);
        else
            status = append(pairs, &capacity, &row, error);
        if (status) return status;
    }
}

mb_status mb_length_pairs_read(const char *path, const char *prompt, const char *output,
                               mb_length_pairs *pairs, mb_error *error) {
    *pairs = (mb_length_pairs){0};
    bool json;
    mb_status status = is_json(path, &json, error);
    if (status) return status;
    // Only read: the columns do not become anybody's.
    const mb_trace trace = {.path = (char *)path,
                            .layout = json ? MB_TRACE_JSONL : MB_TRACE_CSV,
                            .columns = {.prompt = (char *)prompt, .output = (char *)output},
                            .time_unit_s = 1,
                            .untimed = true};
    mb_rows *rows;
    status =
        json ? mb_rows_open_json(&trace, false, &rows, error) : mb_rows_open_csv(&trace, false, &rows, error);
    if (status) return status;
    status = read_rows(rows, pairs, error);
    if (!status && pairs->count == 0) {
        status = pairs->skipped_empty ? mb_rows_check_end(rows, error) : MB_OK;
        if (!status)
            status = mb_fail(error, MB_BAD_INPUT,
                             "%s: no row with a prompt and an output; expected at least one", path);
    }
    rows->format->close(rows);
    if (status) mb_length_pairs_deinit(pairs);
    return status;
}
