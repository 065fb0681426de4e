// SPDX-License-Identifier: MIT
// Times a thousandfold off.
#pragma once
#include "base/strbuf.h"
#include "run/results.h"

// One sentence, where a constant of a law or a promise is longer than any that was ever measured; else
// nothing.
void mb_doubt_units(const mb_results *results, mb_strbuf *text);
// One sentence, where the times of a trace begin thousands of years after 1970; else nothing.
void mb_doubt_stamps(const mb_results *results, mb_strbuf *text);
