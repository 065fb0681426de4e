// SPDX-License-Identifier: MIT
// What a search for a load or a number of GPUs found, as a table, Markdown, CSV and JSON (every run).
#pragma once
#include "cli/options.h"
#include "sweep/search.h"

// Warnings that CSV has no place for go to standard error.
mb_status mb_search_print(const mb_search_options *options, const mb_search_result *result,
                          mb_output_format format, mb_error *error);
