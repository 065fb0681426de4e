// SPDX-License-Identifier: MIT
// libFuzzer: no model's description makes the reader crash or leak, or a plan that is not a number.
#include "fuzz.h"
#include "plan/budget.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const fuzz_path file = input_file("model", data, size);
    const char *path = file.text;
    mb_error error = {0};
    mb_model_config model;
    if (mb_model_config_read(path, &model, &error) == MB_OK) {
        const mb_gpu gpu = {.memory_bytes = 80 * 1073741824.0, .per_node = 8};
        for (int rules = 0; rules < MB_RULES_COUNT; rules++) {
            const mb_plan plan = {.model = &model,
                                  .gpu = &gpu,
                                  .rules = (mb_rules)rules,
                                  .tp = 1,
                                  .utilization = NAN,
                                  .activation_bytes = NAN,
                                  .runtime_bytes = NAN,
                                  .block = 16,
                                  .context = 4096,
                                  .batch = 3};
            const mb_budget budget = mb_budget_of(&plan);
            check(isfinite(budget.pool) && isfinite(budget.weights) && budget.token_bytes > 0 &&
                  budget.used > 0);
        }
    } else
        check(strlen(error.message) > 10);
    mb_model_config_deinit(&model);
    unlink(path);
    return 0;
}
