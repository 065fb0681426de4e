// SPDX-License-Identifier: MIT
// A scenario with some of its keys changed, for those who look for the best values of keys.
#pragma once
#include "scenario/scenario.h"

// `sets` ("cluster.gpus=8") come after those of the overrides.
mb_status mb_variant_load(const char *path, const mb_overrides *overrides, const char *const *sets,
                          size_t set_count, mb_scenario **scenario, mb_error *error);
// It must run here, and be a single point. `who`: "a search".
mb_status mb_variant_check(const mb_scenario *scenario, const char *who, mb_error *error);
// What a reader must know of its step times, "warning: ..." where they are more than uncertain; *text is NULL
// where there is nothing. The caller frees it.
mb_status mb_variant_caution(const mb_scenario *scenario, char **text, mb_error *error);
