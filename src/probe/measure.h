// SPDX-License-Identifier: MIT
// A grid of steps or of batches, measured cell by cell into a CSV file that an interrupted run goes on with.
#pragma once
#include "probe/task.h"

// MB_PROBE_PROFILE: `path` is a folder, made where it is not there. What a layer takes without attention is
// the time of a step whose rows are 16 tokens long and look back at nothing; attention is what a step takes
// beyond that.
mb_status mb_probe_measure_profile(const mb_probe_task *task, mb_probe_summary *summary, mb_error *error);
// A new file, or one that the same probe (model, backend, precision, grid) began. Rows are written as they
// are measured.
mb_status mb_probe_measure(const mb_probe_task *task, mb_probe_summary *summary, mb_error *error);
