// SPDX-License-Identifier: MIT
// What a run found of each class or client, where somebody asked.
#pragma once
#include "run/results.h"

// Read the parties out of a run; the names of clients are the source's.
mb_status mb_party_rows_read(const mb_metrics *metrics, const mb_experiment *experiment,
                             const mb_source *source, mb_outcome *outcome, mb_error *error);
// The row of that name, or NULL.
const mb_party_row *mb_party_row_find(const mb_outcome *outcome, const char *name);
