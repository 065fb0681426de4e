// SPDX-License-Identifier: MIT
#include "workload/sorted_rows.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define RUN_BYTES ((size_t)64 * 1024 * 1024)
enum { AHEAD = 1 << 16 };

// Rows that were sorted and written.
typedef struct run {
    off_t at, end; // in the file: what is not read yet
    char *ahead;   // [AHEAD], read from the file
    size_t taken, filled;
    mb_row row; // the next one
    uint64_t *ids;
    size_t id_capacity;
    bool over;
} run;

struct mb_sorted_rows {
    mb_rows *rows;
    bool has_read;
    uint64_t number;
    mb_row *held; // those that are not written
    size_t count, capacity, at;
    uint64_t *ids; // of the held ones, side by side
    size_t id_count, id_capacity;
    FILE *file; // of all runs; NULL: there is none, and all rows are held
    run *runs;
    size_t run_count;
    run *given; // whose row the caller looks at
};

mb_status mb_sorted_open(mb_rows *rows, mb_sorted_rows **out, mb_error *error) {
    mb_sorted_rows *sorted = *out = calloc(1, sizeof *sorted);
    if (!sorted) return mb_fail_memory(error);
    sorted->rows = rows;
    // Behind the walls around a policy no file is made: what is opened before them has its own, what the
    // policy opens in its `init` (the sample of lengths) does without.
    sorted->file = tmpfile();
    return MB_OK;
}

void mb_sorted_close(mb_sorted_rows *sorted) {
    if (!sorted) return;
    for (size_t i = 0; i < sorted->run_count; i++) {
        free(sorted->runs[i].ahead);
        free(sorted->runs[i].ids);
    }
    if (sorted->file) fclose(sorted->file);
    free(sorted->runs);
    free(sorted->held);
    free(sorted->ids);
    free(sorted);
}

// ---- reading and sorting

static int by_time(const void *left, const void *right) {
    const mb_row *a = left, *b = right;
    if (mb_stamp_before(a->time, b->time)) return -1;
    if (mb_stamp_before(b->time, a->time)) return 1;
    return (a->number > b->number) - (a->number < b->number);
}

static bool reserve(void **block, size_t *capacity, size_t needed, size_t size) {
    if (needed <= *capacity) return true;
    size_t larger = *capacity ? *capacity : 1024;
    while (larger < needed)
        larger *= 2;
    void *grown = realloc(*block, larger * size);
    if (!grown) return false;
    *block = grown;
    *capacity = larger;
    return true;
}

static bool hold(mb_sorted_rows *sorted, mb_row *row) {
    const size_t count = row->arrival.prefix_count;
    if (!reserve((void **)&sorted->held, &sorted->capacity, sorted->count + 1, sizeof *sorted->held) ||
        !reserve((void **)&sorted->ids, &sorted->id_capacity, sorted->id_count + count, sizeof *sorted->ids))
        return false;
    if (count) memcpy(sorted->ids + sorted->id_count, row->arrival.prefix_ids, count * sizeof *sorted->ids);
    row->ids_at = sorted->id_count;
    sorted->id_count += count;
    sorted->held[sorted->count++] = *row;
    return true;
}

static void sort_held(mb_sorted_rows *sorted) {
    for (size_t i = 0; i < sorted->count; i++) {
        mb_arrival *arrival = &sorted->held[i].arrival;
        arrival->prefix_ids = arrival->prefix_count ? sorted->ids + sorted->held[i].ids_at : NULL;
    }
    if (sorted->count) qsort(sorted->held, sorted->count, sizeof *sorted->held, by_time);
}

static mb_status fail_file(const mb_sorted_rows *sorted, mb_error *error) {
    return mb_fail(error, MB_FAILED, "%s: sort = true: a temporary file cannot be used: %s",
                   sorted->rows->trace->path, strerror(errno));
}

static mb_status write_run(mb_sorted_rows *sorted, mb_error *error) {
    run *runs = realloc(sorted->runs, (sorted->run_count + 1) * sizeof *runs);
    if (!runs) return mb_fail_memory(error);
    sorted->runs = runs;
    run *into = &runs[sorted->run_count++];
    *into = (run){.at = ftello(sorted->file), .ahead = malloc(AHEAD)};
    if (!into->ahead) return mb_fail_memory(error);
    sort_held(sorted);
    for (size_t i = 0; i < sorted->count; i++) {
        const mb_row *row = &sorted->held[i];
        const size_t count = row->arrival.prefix_count;
        if (fwrite(row, sizeof *row, 1, sorted->file) != 1 ||
            fwrite(row->arrival.prefix_ids, sizeof(uint64_t), count, sorted->file) != count)
            return fail_file(sorted, error);
    }
    if (fflush(sorted->file) != 0) return fail_file(sorted, error);
    into->end = ftello(sorted->file);
    sorted->count = sorted->id_count = 0;
    return MB_OK;
}

static mb_status read_row(mb_sorted_rows *sorted, bool *end, mb_error *error) {
    mb_rows *rows = sorted->rows;
    mb_row row = {.arrival.deadline_s = INFINITY};
    mb_status status = rows->format->next(rows, end, error);
    if (status || *end) return status;
    row.number = sorted->number++;
    status = mb_rows_time(rows, &row.time, error);
    if (!status) status = mb_rows_lengths(rows, &row.arrival, &row.failed, error);
    if (!status && !row.failed) status = mb_rows_extras(rows, row.time, &row.arrival, error);
    return status || hold(sorted, &row) ? status : mb_fail_memory(error);
}

// ---- merging

// The next bytes of a run.
static bool take(const mb_sorted_rows *sorted, run *from, void *to, size_t size) {
    for (char *place = to; size > 0;) {
        if (from->taken == from->filled) {
            const off_t left = from->end - from->at;
            const ssize_t count = pread(fileno(sorted->file), from->ahead,
                                        left < (off_t)AHEAD ? (size_t)left : AHEAD, from->at);
            if (count <= 0) return false;
            from->at += count;
            from->taken = 0;
            from->filled = (size_t)count;
        }
        const size_t there = from->filled - from->taken, part = size < there ? size : there;
        memcpy(place, from->ahead + from->taken, part);
        from->taken += part;
        place += part;
        size -= part;
    }
    return true;
}

static mb_status advance(mb_sorted_rows *sorted, run *from, mb_error *error) {
    from->over = from->taken == from->filled && from->at == from->end;
    if (from->over) return MB_OK;
    if (!take(sorted, from, &from->row, sizeof from->row)) return fail_file(sorted, error);
    const size_t count = from->row.arrival.prefix_count;
    if (!reserve((void **)&from->ids, &from->id_capacity, count, sizeof *from->ids))
        return mb_fail_memory(error);
    if (!take(sorted, from, from->ids, count * sizeof *from->ids)) return fail_file(sorted, error);
    from->row.arrival.prefix_ids = count ? from->ids : NULL;
    return MB_OK;
}

static mb_status read_all(mb_sorted_rows *sorted, mb_error *error) {
    for (bool end = false; !end;) {
        mb_status status = read_row(sorted, &end, error);
        const size_t bytes = sorted->count * sizeof *sorted->held + sorted->id_count * sizeof *sorted->ids;
        if (!status && !end && bytes > RUN_BYTES && sorted->file) status = write_run(sorted, error);
        if (status) return status;
    }
    sort_held(sorted);
    for (size_t i = 0; i < sorted->run_count; i++) {
        const mb_status status = advance(sorted, &sorted->runs[i], error);
        if (status) return status;
    }
    return MB_OK;
}

mb_status mb_sorted_next(mb_sorted_rows *sorted, const mb_row **row, mb_error *error) {
    mb_status status = MB_OK;
    *row = NULL;
    if (!sorted->has_read) status = read_all(sorted, error);
    sorted->has_read = true;
    if (!status && sorted->given) status = advance(sorted, sorted->given, error);
    if (status) return status;
    sorted->given = NULL;
    const mb_row *best = sorted->at < sorted->count ? &sorted->held[sorted->at] : NULL;
    for (size_t i = 0; i < sorted->run_count; i++) {
        run *candidate = &sorted->runs[i];
        if (candidate->over || (best && by_time(&candidate->row, best) > 0)) continue;
        best = &candidate->row;
        sorted->given = candidate;
    }
    if (best && !sorted->given) sorted->at++;
    *row = best;
    return MB_OK;
}
