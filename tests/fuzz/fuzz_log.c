// SPDX-License-Identifier: MIT
// libFuzzer: no log of an engine makes its readers crash, hang, or give a pool or a step that is none.
#include "fit/server_log.h"
#include "fuzz.h"
#include "plan/engine_log.h"

#include <math.h>

static void read_steps(const char *path, mb_server server) {
    mb_error error = {0};
    mb_step_log *log = NULL;
    if (mb_server_log_read(path, server, &log, &error) != MB_OK) {
        check(log == NULL && strlen(error.message) > 10);
        return;
    }
    check(log->count > 0 && log->note);
    for (size_t i = 0; i < log->count; i++) {
        const mb_logged_step *step = &log->steps[i];
        check(step->tokens > 0 && step->context >= 0 && step->requests >= 0 && step->time_s > 0);
        check(isfinite(step->tokens) && isfinite(step->context) && isfinite(step->requests) &&
              isfinite(step->time_s));
    }
    mb_step_log_free(log);
}

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
    read_steps(file.text, MB_SERVER_VLLM);
    read_steps(file.text, MB_SERVER_SGLANG);
    unlink(file.text);
    return 0;
}
