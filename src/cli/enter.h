// SPDX-License-Identifier: MIT
// A case in the place of a scenario: unpacked, with its options before those of the command.
#pragma once
#include "cli/options.h"
#include "pack/case.h"

typedef struct mb_entered {
    mb_case opened;
    char **words;   // the command that was put together
    char **renamed; // paths of the command, made whole before the folder changed; NULL after the last
} mb_entered;

// arguments->scenario is a case: replace the arguments by those of its scenario. Paths in the command keep
// their meaning. 0, or the exit code after a sentence. mb_leave_case in any case, after the arguments.
int mb_enter_case(mb_entered *entered, mb_run_arguments *arguments, int argc, char **argv);
void mb_leave_case(mb_entered *entered);
