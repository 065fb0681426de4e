// SPDX-License-Identifier: MIT
#include "base/stopped.h"

#include <stddef.h>

// Of the program, as its signals are.
static const atomic_bool *asked;

void mb_stopped_by(const atomic_bool *flag) {
    asked = flag;
}

bool mb_stopped(void) {
    return asked && atomic_load_explicit(asked, memory_order_relaxed);
}
