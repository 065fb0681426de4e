// SPDX-License-Identifier: MIT
// Looking at a simulation that stands still, with the eyes of its policy.
#pragma once
#include "base/strbuf.h"
#include "policy/host.h"

// Add what a line of Lua gives in the policy's closed environment, where `self`, `sim` and `replicas` are
// known: an expression's values, or what a statement returns. It may look at anything and change nothing in
// the simulation, the policy's random stream included. `who` names the line in sentences.
mb_status mb_inspect(mb_host *host, const char *line, const char *who, mb_strbuf *text, mb_error *error);
