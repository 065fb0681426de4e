// SPDX-License-Identifier: MIT
// How far from the best possible: a bound that no policy beats, and policies that know every length, on the
// same requests (docs/models.md).
#pragma once
#include "run/pool.h"

// Fills results->reference, which mb_results_deinit frees. `root`: of the project's files, for the bundled
// policies.
mb_status mb_run_reference(mb_results *results, const char *root, const mb_run_options *options,
                           mb_error *error);

// The same with outcomes that were kept: made empty, for somebody to fill, with the policies of each point
// and after them the two who know every length.
mb_status mb_reference_make(mb_results *results, const char *const oracles[2], mb_error *error);

// The measures that may have a bound, in the order of their columns; NULL after the last.
extern const char *const mb_bound_measures[];
// The bound of one seed. NAN: none.
double mb_bound_of(const mb_results *results, size_t point, uint32_t seed, int measure);
// The share of a policy's value that a better one could do without (of a rate: of the bound's, that is
// missing): 0 where it is as good as the bound. NAN: there is no bound, or the policy did not serve every
// request that can be served, so that its value is of others.
double mb_regret(const mb_results *results, size_t point, size_t policy, uint32_t seed, int measure);
// Over the seeds.
mb_estimate mb_regret_level(const mb_results *results, size_t point, size_t policy, int measure);
// The policy of reference->clairvoyant that does best in a measure, of those that served every request on
// every seed; SIZE_MAX: none.
size_t mb_clairvoyant(const mb_results *results, size_t point, int measure);
// Its value on one seed; NAN: none.
double mb_clairvoyant_of(const mb_results *results, size_t point, uint32_t seed, int measure);
