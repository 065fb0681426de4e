// SPDX-License-Identifier: MIT
// libFuzzer: no list of GPUs makes the reader crash or leak, or a GPU without memory.
#include "fuzz.h"
#include "plan/gpu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const fuzz_path file = input_file("gpus", data, size);
    const char *path = file.text;
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
