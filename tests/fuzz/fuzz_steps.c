// SPDX-License-Identifier: MIT
// libFuzzer: no step log makes the reader or the fit crash, leak or give a number that is none.
#include "fit/step.h"
#include "fuzz.h"

#include <math.h>

static void fit_both_ways(mb_step_log *log) {
    for (int weight = 0; weight < 2; weight++) {
        mb_step_fit fit;
        mb_error error = {0};
        if (mb_fit_step_law(log, &(mb_step_fit_how){.weight = (mb_fit_weight)weight}, &fit, &error) !=
            MB_OK) {
            check(strlen(error.message) > 10);
            continue;
        }
        const double numbers[] = {
            fit.law.base_s, fit.law.per_token_s, fit.law.per_context_s, fit.law.per_request_s, fit.mape,
            fit.p95};
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            check(isfinite(numbers[i]) && numbers[i] >= 0);
        check(fit.worst_step < log->count && !isinf(fit.held_out_mape));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const fuzz_path file = input_file("steps", data, size);
    const char *path = file.text;
    mb_error error = {0};
    mb_step_log *log = NULL;
    if (mb_step_log_read(path, &log, &error) == MB_OK)
        fit_both_ways(log);
    else
        check(log == NULL && strlen(error.message) > 10);
    mb_step_log_free(log);
    unlink(path);
    return 0;
}
