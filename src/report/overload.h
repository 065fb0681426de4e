// SPDX-License-Identifier: MIT
// A load beyond what the cluster can serve.
#pragma once
#include "base/strbuf.h"
#include "run/results.h"

// A sentence about the policies whose queue grows all along, with every seed of some point; else nothing.
void mb_say_overload(const mb_results *results, mb_strbuf *text);
