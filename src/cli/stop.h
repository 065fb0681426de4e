// SPDX-License-Identifier: MIT
// Signals that ask the program to stop (Ctrl-C, the end of its terminal, `kill`) raise a flag, and what works
// looks at it: what is finished is then printed and kept.
#pragma once
#include <stdatomic.h>

// From here on SIGINT, SIGTERM and SIGHUP raise the flag; the third of them ends the program at once. A file
// that grows past the system's limit is a failed write, with a sentence.
void mb_stop_on_signals(void);
const atomic_bool *mb_stop_flag(void);
