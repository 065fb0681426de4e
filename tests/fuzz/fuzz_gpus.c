// SPDX-License-Identifier: MIT
// libFuzzer: no list of GPUs makes the reader crash or leak, or a GPU without memory.
#include "plan/gpu.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/dev/shm/mbsand-fuzz-gpus-%ld", (long)getpid());
    FILE *file = fopen(path, "wb");
    check(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0);
    mb_error error = {0};
    mb_gpu_table table;
    if (mb_gpu_table_read(path, &table, &error) == MB_OK) {
        const mb_gpu *gpu;
        check(table.count > 0 && mb_gpu_find(&table, table.items[0].name, &gpu, &error) == MB_OK);
        for (size_t i = 0; i < table.count; i++)
            check(table.items[i].memory_bytes > 0 && table.items[i].bandwidth > 0 && table.items[i].fp16 > 0);
        check(mb_gpu_find(&table, "none of these", &gpu, &error) != MB_OK || table.count > 0);
    } else
        check(strlen(error.message) > 10);
    mb_gpu_table_free(&table);
    unlink(path);
    return 0;
}
