// SPDX-License-Identifier: MIT
// What a tuning found, as a table, Markdown, CSV (every run) and JSON.
#pragma once
#include "cli/options.h"
#include "sweep/tune.h"

// Warnings that CSV has no place for go to standard error.
mb_status mb_tune_print(const mb_tune_options *options, const mb_tune_result *result, mb_output_format format,
                        mb_error *error);
