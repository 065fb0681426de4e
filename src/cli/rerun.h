// SPDX-License-Identifier: MIT
// mbsand run --watch: again whenever a file is saved.
#pragma once
#include <stddef.h>

// Call `run` in a process of its own, and again whenever a script or a data file in one of the folders has
// changed; a run that still goes on is ended. Returns when it is told to end (Ctrl-C, the end of the
// terminal, kill), after the run that goes on has printed what it finished: the exit code of the last run.
int mb_rerun(char *const *folders, size_t count, int (*run)(void *context), void *context);
