// SPDX-License-Identifier: MIT
// Results as JSON: {"manifest": {...}, "results": [a point: its policies: means, half widths, every run]}.
#pragma once
#include "report/manifest.h"

#include <stdio.h>

// An undefined value is null. `manifest` may be NULL.
mb_status mb_report_json(const mb_results *const *sections, size_t count, const mb_manifest *manifest,
                         FILE *out, mb_error *error);

// --- parts for other writers -------------------------------------------------------------------------------

// Add a new value; sets *lost when out of memory.
void mb_json_set(bool *lost, struct json_t *object, const char *key, struct json_t *value);
void mb_json_append(bool *lost, struct json_t *array, struct json_t *value);
// A number, or null for NAN and infinities; a text, or null for NULL.
struct json_t *mb_json_number(double value);
struct json_t *mb_json_text(const char *text);
