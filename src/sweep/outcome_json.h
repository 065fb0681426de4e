// SPDX-License-Identifier: MIT
// What notes rest on in a run, beside its measures, as JSON.
#pragma once
#include "run/results.h"

struct json_t;

// The caller's; sets *lost when out of memory.
struct json_t *mb_outcome_json(bool *lost, const mb_outcome *outcome);
// False when out of memory.
bool mb_outcome_read(const struct json_t *details, mb_outcome *outcome);

// Members of an object.
double mb_json_number_of(const struct json_t *object, const char *key, double missing);
uint64_t mb_json_count_of(const struct json_t *object, const char *key);
bool mb_json_truth_of(const struct json_t *object, const char *key);
