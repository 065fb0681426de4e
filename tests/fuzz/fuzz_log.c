// SPDX-License-Identifier: MIT
// libFuzzer: no start-up log of an engine makes the reader crash, hang, or give a pool that is none.
#include "fuzz.h"
#include "plan/engine_log.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const fuzz_path file = input_file("log", data, size);
    mb_error error = {0};
    mb_engine_log log;
    if (mb_engine_log_read(file.text, &log, &error) == MB_OK) {
        check(log.blocks >= 1 && log.block >= 1 && log.tokens >= 1);
        const double sizes[] = {log.memory_bytes, log.utilization,      log.weight_bytes,
                                log.pool_bytes,   log.activation_bytes, log.graph_bytes};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            check(isfinite(sizes[i]) && sizes[i] >= 0);
        check(memchr(log.engine, '\0', sizeof log.engine) && memchr(log.version, '\0', sizeof log.version));
    } else
        check(strlen(error.message) > 10);
    unlink(file.text);
    return 0;
}
