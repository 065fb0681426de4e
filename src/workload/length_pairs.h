// SPDX-License-Identifier: MIT
// Prompts and outputs that were measured together, to be drawn together.
#pragma once
#include "workload/description.h"

// Read two columns of a CSV, or two values of each object of a JSON file (by path). Rows with a length of
// zero, or without one, are left out and counted.
mb_status mb_length_pairs_read(const char *path, const char *prompt, const char *output,
                               mb_length_pairs *pairs, mb_error *error);
void mb_length_pairs_deinit(mb_length_pairs *pairs);
