// SPDX-License-Identifier: MIT
// Replicas that stood idle beside another's full queue.
#pragma once
#include "base/strbuf.h"
#include "run/results.h"

// A sentence about the policies under which that took much time; else nothing.
void mb_say_beside(const mb_results *results, mb_strbuf *text);
