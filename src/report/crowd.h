// SPDX-License-Identifier: MIT
// Where service_gap could not compare all clients.
#pragma once
#include "base/strbuf.h"
#include "run/results.h"

// One sentence; nothing where all were compared.
void mb_service_crowd(const mb_results *results, mb_strbuf *text);
