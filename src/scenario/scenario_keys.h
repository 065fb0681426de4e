// SPDX-License-Identifier: MIT
// What --set and --over may change.
#pragma once
#include "base/error.h"
#include "base/strbuf.h"

// Add a line for each key: its name, a tab, what it may hold. `root` is the folder of the project's files.
mb_status mb_scenario_keys(const char *root, mb_strbuf *text, mb_error *error);
// Add the JSON Schema of what `mbsand show-scenario --resolved` prints.
mb_status mb_scenario_schema(const char *root, mb_strbuf *text, mb_error *error);
