// SPDX-License-Identifier: MIT
// What a scenario's own report function prints.
#pragma once
#include "run/results.h"

// On standard output.
mb_status mb_own_report(const mb_results *results, mb_error *error);
// As a text, which the caller frees.
mb_status mb_own_report_text(const mb_results *results, char **text, mb_error *error);
