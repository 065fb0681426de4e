// SPDX-License-Identifier: MIT
// A pool that was planned for a model whose layers do not all keep every token, or keep a state besides.
#pragma once
#include "base/strbuf.h"
#include "run/results.h"

// A sentence about the first model that an engine would have notably more or less room for than the
// simulated pool, which holds tokens of all layers; else nothing.
void mb_say_states(const mb_results *results, mb_strbuf *text);
