// SPDX-License-Identifier: MIT
// Calls that may never come back, since a script can do whatever Lua can: one pattern that backtracks for
// years, a loop that catches every error. Once the program is to stop they are left behind.
#pragma once
#include <stdatomic.h>
#include <stdbool.h>

// How long such a call has from then on.
#define MB_GRACE_S 0.25

// Make the call in a thread of its own. False: `stop` was set, and the call had not come back MB_GRACE_S
// later. It may come back yet, and nothing then happens in its thread; what it uses must not be freed, and
// the program ends with _exit. NULL for `stop`: called here, however long it takes.
bool mb_aside(void (*function)(void *), void *context, const atomic_bool *stop);

// The same for calls of a thread that works: whoever wants to leave it behind sends it a signal, whose
// handler alone sets `left`, and only while it finds the thread inside.
typedef struct mb_call_mark {
    atomic_bool inside, left;
} mb_call_mark;

// For a thread that was left behind: it does nothing any more.
_Noreturn void mb_park(void);

static inline void mb_call_begin(mb_call_mark *mark) {
    atomic_store(&mark->inside, true);
}

static inline void mb_call_end(mb_call_mark *mark) {
    atomic_store(&mark->inside, false);
    if (atomic_load(&mark->left)) mb_park();
}
