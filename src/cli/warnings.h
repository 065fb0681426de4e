// SPDX-License-Identifier: MIT
// Notes on standard error.
#pragma once
#include "run/results.h"

// What must not be missed - failed runs above all - beside output that has no place for it.
void mb_print_warnings(const mb_results *results);
