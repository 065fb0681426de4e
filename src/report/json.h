// SPDX-License-Identifier: MIT
// Results as JSON: {"manifest": {...}, "results": [a point: its policies: means, half widths, every run]}.
#pragma once
#include "report/manifest.h"

#include <stdio.h>

// An undefined value is null. `manifest` may be NULL.
mb_status mb_report_json(const mb_results *const *sections, size_t count, const mb_manifest *manifest,
                         FILE *out, mb_error *error);
