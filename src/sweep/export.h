// SPDX-License-Identifier: MIT
// Results as files for other programs.
#pragma once
#include "sweep/record.h"

#include <stdio.h>

// Into the folder `dir`: results.csv, a row per run and a type per column; results.schema.json, which names
// them; and summary.json.
mb_status mb_export(mb_store *store, const mb_stored *stored, const char *dir, mb_error *error);
// As mb_report_json, with what the results rest on as the manifest.
mb_status mb_stored_json(mb_store *store, const mb_stored *stored, FILE *out, mb_error *error);
