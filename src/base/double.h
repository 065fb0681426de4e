// SPDX-License-Identifier: MIT
#pragma once
#include <stdint.h>

// A count as a number. Processors convert signed integers in one instruction, unsigned ones with a branch for
// those from 2^63 on, which nothing here counts up to.
static inline double mb_double(uint64_t count) {
    return (double)(int64_t)count;
}
