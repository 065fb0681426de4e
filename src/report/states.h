// SPDX-License-Identifier: MIT
// A pool that was planned for a model whose layers keep a state besides tokens.
#pragma once
#include "base/strbuf.h"
#include "run/results.h"

// A sentence about the first model of which the simulated pool holds tokens only; else nothing.
void mb_say_states(const mb_results *results, mb_strbuf *text);
