// SPDX-License-Identifier: MIT
// What is measured only where somebody asks for it, or the scenario says what it needs.
#pragma once
#include "scenario/experiment.h"

// Somebody asks for a measure of this name.
void mb_experiment_want(mb_experiment *experiment, const char *measure);
// The experiment has been read. columns: names of measures, NULL after the last; NULL: none.
void mb_experiment_find_wanted(mb_experiment *experiment, char *const *columns);
