// SPDX-License-Identifier: MIT
#include "planner/gpu_list.h"

#include "base/paths.h"
#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static mb_status add(mb_gpu_list *list, const mb_gpu *gpu, const char *name, mb_error *error) {
    if (list->count == MB_PLAN_MOST_GPUS)
        return mb_fail(error, MB_BAD_INPUT, "plan: more than %d GPUs", MB_PLAN_MOST_GPUS);
    list->names[list->count] = mb_strdup(name);
    list->items[list->count] = gpu;
    return list->names[list->count++] ? MB_OK : mb_fail_memory(error);
}

static mb_status open_all(const char *root, mb_gpu_list *list, mb_error *error) {
    mb_gpu_table *table = &list->tables[list->table_count++];
    char *path = mb_paths_join(root, "data/gpus.csv");
    mb_status status = path ? mb_gpu_table_read(path, table, error) : mb_fail_memory(error);
    free(path);
    for (size_t i = 0; i < table->count && !status; i++)
        status = add(list, &table->items[i], table->items[i].name, error);
    return status;
}

mb_status mb_gpu_list_open(const char *root, const char *text, mb_gpu_list *list, mb_error *error) {
    *list = (mb_gpu_list){.count = 0};
    if (strcmp(text, "all") == 0) return open_all(root, list, error);
    for (const char *at = text;; at++) {
        const size_t length = strcspn(at, ",");
        char name[512];
        if (list->table_count == MB_PLAN_MOST_GPUS || length >= sizeof name)
            return mb_fail(error, MB_BAD_INPUT, "plan: too long a list of GPUs");
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        const mb_gpu *gpu;
        mb_status status = mb_gpu_open(root, NULL, name, &list->tables[list->table_count++], &gpu, error);
        if (!status) status = add(list, gpu, name, error);
        at += length;
        if (status || *at == '\0') return status;
    }
}

void mb_gpu_list_deinit(mb_gpu_list *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    for (size_t i = 0; i < list->table_count; i++)
        mb_gpu_table_free(&list->tables[i]);
    *list = (mb_gpu_list){.count = 0};
}
