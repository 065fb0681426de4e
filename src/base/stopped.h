// SPDX-License-Identifier: MIT
// Whether the program is to stop (Ctrl-C): looked at by whatever reads files, however long they are.
#pragma once
#include <stdatomic.h>
#include <stdbool.h>

// The flag that says so from now on; NULL: nothing does.
void mb_stopped_by(const atomic_bool *flag);
bool mb_stopped(void);
