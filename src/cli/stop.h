// SPDX-License-Identifier: MIT
// Signals that ask the program to stop (Ctrl-C, the end of its terminal, nobody who reads, `kill`) raise a
// flag, and what works looks at it: what is finished is then printed and kept.
#pragma once
#include <stdatomic.h>

// From here on SIGINT, SIGTERM, SIGHUP and SIGPIPE raise the flag; the third of the first three ends the
// program at once.
void mb_stop_on_signals(void);
// A file that grows past the system's limit is a failed write, with a sentence.
void mb_stop_not_on_full_files(void);
const atomic_bool *mb_stop_flag(void);
