// SPDX-License-Identifier: MIT
// Several GPUs by name.
#pragma once
#include "plan/gpu.h"

enum { MB_PLAN_MOST_GPUS = 64 };

typedef struct mb_gpu_list {
    mb_gpu_table tables[MB_PLAN_MOST_GPUS];
    size_t table_count;
    const mb_gpu *items[MB_PLAN_MOST_GPUS];
    char *names[MB_PLAN_MOST_GPUS]; // as given: "h100-80gb", "mine.csv:big"; owned
    size_t count;
} mb_gpu_list;

// Each name of "h100-80gb,mine.csv:big"; "all": every bundled one. Release with mb_gpu_list_deinit, whatever
// is returned.
mb_status mb_gpu_list_open(const char *root, const char *text, mb_gpu_list *list, mb_error *error);
void mb_gpu_list_deinit(mb_gpu_list *list);
