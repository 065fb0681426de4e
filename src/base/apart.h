// SPDX-License-Identifier: MIT
#pragma once

// Of a function that few calls of another reach: kept out of it, so that the many others save no registers
// for it.
#define MB_APART __attribute__((noinline))
// The opposite, of a path that every request takes: no call, whatever the compiler thinks of its size.
#define MB_WITHIN __attribute__((always_inline)) inline
