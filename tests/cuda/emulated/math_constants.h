// SPDX-License-Identifier: MIT
#pragma once
#include <math.h>

#include <algorithm>

#define CUDART_INF_F INFINITY
using std::min;

inline void sincospif(float x, float *s, float *c) {
    *s = (float)sin(M_PI * x);
    *c = (float)cos(M_PI * x);
}

inline float rsqrtf(float x) {
    return 1 / sqrtf(x);
}
