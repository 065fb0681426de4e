// SPDX-License-Identifier: MIT
// Numbers of 16 bits: IEEE 754 binary16.
#pragma once
#include "emulated.h"

#include <math.h>

struct __half {
    uint16_t bits;
};

inline float __half2float(__half x) {
    // The exponent where a float32 has it, 112 too low; of infinity and NaN it comes out 112 too low again.
    const uint32_t bits = (uint32_t)(x.bits & 0x7fff) << 13;
    float size;
    memcpy(&size, &bits, sizeof size);
    size *= 0x1p112f;
    if (bits >= 0x0f800000) size = bits > 0x0f800000 ? NAN : INFINITY;
    return x.bits >> 15 ? -size : size;
}

inline __half __float2half(float x) { // to the nearest, ties to even
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    const float size = fabsf(x);
    if (x != x) return {0x7fff};
    if (size >= 65520) return {(uint16_t)(sign | 0x7c00)};
    if (size < 6.103515625e-5f) return {(uint16_t)(sign | (uint16_t)rintf(size * 16777216))}; // denormal
    bits &= 0x7fffffff;
    return {(uint16_t)(sign | (((bits + 0xfff + (bits >> 13 & 1)) >> 13) - (112 << 10)))};
}
