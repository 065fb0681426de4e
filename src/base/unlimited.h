// SPDX-License-Identifier: MIT
// A capacity without a limit.
#pragma once
#include <stdint.h>

#define MB_UNLIMITED UINT64_MAX
