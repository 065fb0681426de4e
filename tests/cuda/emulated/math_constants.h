// SPDX-License-Identifier: MIT
#pragma once
#include <math.h>

#include <algorithm>

#define CUDART_INF_F INFINITY
using std::min;

inline float rsqrtf(float x) {
    return 1 / sqrtf(x);
}
