// SPDX-License-Identifier: MIT
// How far from the best possible, beside the runs of a sweep (run/reference.h): a transaction a point.
#pragma once
#include "sweep/inputs.h"
#include "sweep/options.h"
#include "sweep/record.h"

// Of every point of the shard that has none yet. *done, *total: points of the shard that have one now, and
// all; fewer after an interruption, which is no failure.
mb_status mb_references_run(mb_store *store, mb_inputs *inputs, const mb_sweep_options *options,
                            size_t points, size_t *done, size_t *total, mb_error *error);
// Give the results what the database has; nothing where it has none.
mb_status mb_references_read(mb_store *store, mb_stored *stored, mb_error *error);
// From the attached database `part`, where it has any.
mb_status mb_references_merge(mb_store *store, mb_error *error);
