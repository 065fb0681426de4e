// SPDX-License-Identifier: MIT
#include "engine/words.h"

const char *mb_reserve_name(mb_reserve reserve) {
    static const char *const names[] = {"chunk",    "sequence", "prompt", "predicted",
                                        "expected", "maximum",  "final"};
    return names[reserve];
}

const char *mb_preemption_name(mb_preemption how) {
    static const char *const names[] = {"recompute", "swap", "pause", "restart"};
    return names[how];
}

const char *mb_refusal_name(mb_refusal refusal) {
    static const char *const names[] = {"fits",      "memory", "requests", "tokens",  "host",
                                        "elsewhere", "late",   "flight",   "draining"};
    return names[refusal];
}
