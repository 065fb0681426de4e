// SPDX-License-Identifier: MIT
// What src/probe/cuda/warp.cuh has of instructions, as the PTX ISA says what they do.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <math_constants.h>

#include <type_traits>

namespace emulated {

inline float value(__nv_bfloat16 x) {
    return __bfloat162float(x);
}
inline float value(__half x) {
    return __half2float(x);
}

template <typename T> float half_of(uint32_t pair, int which) {
    const uint16_t bits = (uint16_t)(pair >> 16 * which);
    T x;
    memcpy(&x, &bits, sizeof x);
    return value(x);
}

inline void check_shared(const void *at, size_t bytes) {
    const char *from = (const char *)shared.data(), *p = (const char *)at;
    if ((uintptr_t)p % 16) die("an address in shared memory is no multiple of 16");
    if (p < from || p + bytes > from + shared_size) die("an address beyond shared memory");
}

struct matrices {
    const void *row;
    uint32_t *to;
};

template <bool transposed> void do_load(void *const *lanes) {
    uint16_t m[4][8][8];
    for (int i = 0; i < WARP; i++)
        memcpy(m[i / 8][i % 8], ((const matrices *)lanes[i])->row, 16);
    for (int i = 0; i < WARP; i++)
        for (int k = 0; k < 4; k++) {
            const int a = i / 4, b = 2 * (i % 4);
            const uint32_t low = transposed ? m[k][b][a] : m[k][a][b],
                           high = transposed ? m[k][b + 1][a] : m[k][a][b + 1];
            ((const matrices *)lanes[i])->to[k] = low | high << 16;
        }
}

struct product {
    float *c;
    const uint32_t *a;
    uint32_t b[2];
};

template <typename T> void do_multiply(void *const *lanes) {
    float a[16][16], b[16][8];
    for (int i = 0; i < WARP; i++) {
        const product *p = (const product *)lanes[i];
        const int g = i / 4, t = 2 * (i % 4);
        for (int e = 0; e < 2; e++) {
            a[g][t + e] = half_of<T>(p->a[0], e);
            a[g + 8][t + e] = half_of<T>(p->a[1], e);
            a[g][t + 8 + e] = half_of<T>(p->a[2], e);
            a[g + 8][t + 8 + e] = half_of<T>(p->a[3], e);
            b[t + e][g] = half_of<T>(p->b[0], e);
            b[t + 8 + e][g] = half_of<T>(p->b[1], e);
        }
    }
    for (int i = 0; i < WARP; i++)
        for (int e = 0; e < 4; e++) {
            const int row = i / 4 + e / 2 * 8, column = 2 * (i % 4) + e % 2;
            float sum = 0;
            for (int k = 0; k < 16; k++)
                sum += a[row][k] * b[k][column];
            ((const product *)lanes[i])->c[e] += sum;
        }
}

} // namespace emulated

inline void *memory_of_block() {
    return emulated::shared.data() + ((uintptr_t)emulated::shared.data() % 16 ? 1 : 0);
}

inline void copy_16(void *to, const void *from, bool zeros) {
    emulated::check_shared(to, 16);
    if ((uintptr_t)from % 16) emulated::die("a copy from an address that is no multiple of 16");
    emulated::running->copies.push_back({to, zeros ? nullptr : from});
}

inline void wait_for_copies() {
    for (const emulated::copy &c : emulated::running->copies)
        if (c.from)
            memcpy(c.to, c.from, 16);
        else
            memset(c.to, 0, 16);
    emulated::running->copies.clear();
}

template <typename T> void load_matrices(uint32_t (&to)[4], const T *row) {
    emulated::matrices own = {row, to};
    emulated::check_shared(row, 16);
    emulated::together(emulated::do_load<false>, &own);
}

template <typename T> void load_transposed(uint32_t (&to)[4], const T *row) {
    emulated::matrices own = {row, to};
    emulated::check_shared(row, 16);
    emulated::together(emulated::do_load<true>, &own);
}

template <typename T> void multiply_add(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    emulated::product own = {c, a, {b0, b1}};
    emulated::together(emulated::do_multiply<T>, &own);
}

template <typename T> uint32_t pair_of(float first, float second) {
    uint16_t bits[2];
    if constexpr (std::is_same<T, __half>::value) {
        bits[0] = __float2half(first).bits;
        bits[1] = __float2half(second).bits;
    } else {
        bits[0] = __float2bfloat16(first).bits;
        bits[1] = __float2bfloat16(second).bits;
    }
    return bits[0] | (uint32_t)bits[1] << 16;
}

inline float power_of_two(float x) {
    return exp2f(x);
}

inline long long cycles() { // as of a processor that is never waited for
    static long long now;
    return now += 1000000;
}
