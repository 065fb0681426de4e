// SPDX-License-Identifier: MIT
// What a GPU is, as far as memory, time and cost depend on it: the rows of data/gpus.csv.
#pragma once
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mb_gpu {
    char *name, *title, *sources; // owned; sources: where each figure is from
    double memory_bytes;
    double usable_bytes;          // of it, what the driver gives to a program
    char *usable_source;          // where that is from, owned; "" where nobody says
    bool usable_estimated;        // it is not from a log or a message of this very GPU
    double bandwidth;             // of its memory, bytes/s
    double fp32, fp16, fp8, int8; // peak operations/s, dense; 0: it has none of that kind
    double link;                  // to the other GPUs of its node, one direction, bytes/s
    uint32_t per_node;            // GPUs in a usual node
    double usd_per_hour;          // NAN: not known
} mb_gpu;

typedef struct mb_gpu_table {
    char *path;
    mb_gpu *items;
    size_t count;
} mb_gpu_table;

// Read a CSV file with the columns name, memory_gib, bandwidth_gb_s and fp16_tflops, and optional ones:
// title, usable_gib (memory_gib), usable_source (an estimate begins with that word), fp32_tflops, fp8_tflops,
// int8_tops, link_gb_s, gpus_per_node (1), usd_per_hour, sources. Empty fields count as not given. Every
// error names file and line. Release with mb_gpu_table_free, whatever is returned.
mb_status mb_gpu_table_read(const char *path, mb_gpu_table *table, mb_error *error);
void mb_gpu_table_free(mb_gpu_table *table);
// The row of that name, or a sentence with the nearest one.
mb_status mb_gpu_find(const mb_gpu_table *table, const char *name, const mb_gpu **gpu, mb_error *error);
// Read the table that `name` means - "h100-80gb": root/data/gpus.csv; "mine.csv:big", or "mine.csv" if it has
// one row: a file of one's own, also looked for in `folder` (may be NULL) - and find the row.
mb_status mb_gpu_open(const char *root, const char *folder, const char *name, mb_gpu_table *table,
                      const mb_gpu **gpu, mb_error *error);
