// SPDX-License-Identifier: MIT
// libFuzzer: no grid file makes the reader or the fit crash, leak or give a number that is none.
#include "fit/batch.h"
#include "fuzz.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const fuzz_path file = input_file("grid", data, size);
    const char *path = file.text;
    mb_error error = {0};
    mb_grid *grid = NULL;
    if (mb_grid_read(path, &grid, &error) == MB_OK) {
        mb_fit fit;
        if (mb_fit_batch_law(grid, MB_FIT_RELATIVE, &fit, &error) == MB_OK)
            check(isfinite(fit.law.alpha_s) && isfinite(fit.law.beta_s_per_token) && isfinite(fit.law.gamma));
        else
            check(strlen(error.message) > 10);
    } else
        check(grid == NULL && strlen(error.message) > 10);
    mb_grid_free(grid);
    unlink(path);
    return 0;
}
