// SPDX-License-Identifier: MIT
// Results as files for other programs.
#pragma once
#include "sweep/record.h"

// Into the folder `dir`: results.csv, a row per run and a type per column; results.schema.json, which names
// them; and summary.json.
mb_status mb_export(mb_store *store, const mb_stored *stored, const char *dir, mb_error *error);
