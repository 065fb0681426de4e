// SPDX-License-Identifier: MIT
// What no policy can beat on the requests of one seed (docs/models.md, "How far from the best possible").
#pragma once
#include "run/results.h"

#include <stdatomic.h>

// Reads the requests of the outcome's seed once, in memory that does not grow with them, and fills the
// outcome: `finished` with the number of requests that are not too large to be served, a measure without a
// bound with NAN. Where no bound holds the outcome does not finish, and its error says why. Fails where the
// requests cannot be read.
mb_status mb_bound_compute(const mb_experiment *experiment, const atomic_bool *stop, mb_outcome *outcome,
                           mb_error *error);
