// SPDX-License-Identifier: MIT
// Results as CSV: a row per run (policy, seed and point), every measure by name, all digits.
#pragma once
#include "run/results.h"

#include <stdio.h>

// Columns: `section` (its number from 1) where there are several sections; a column per swept key ("point"
// where labels are not lists of keys); policy; seed (from 1); the measures. A measure that is undefined, and
// every measure of a run that failed, is an empty field. Runs that never started have no row.
mb_status mb_report_csv(const mb_results *const *sections, size_t count, FILE *out, mb_error *error);
// With `by`, instead or as well: a row per run and class or client, whose name stands after the seed.
bool mb_has_parties(const mb_results *const *sections, size_t count);
mb_status mb_report_parties_csv(const mb_results *const *sections, size_t count, FILE *out, mb_error *error);
