// SPDX-License-Identifier: MIT
// What prompts.cuh asks of the processor, an instruction or two each. Its kernels know nothing below this, so
// tests/cuda/emulated has a second file of this name for the CPU.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>
#include <type_traits>

// The block's dynamic shared memory.
__device__ inline void *memory_of_block() {
    extern __shared__ __align__(16) unsigned char memory[];
    return memory;
}

// Sixteen bytes from global to shared memory, or as many zeros, under way until wait_for_copies(); of the
// calling thread.
__device__ inline void copy_16(void *to, const void *from, bool zeros) {
    const uint32_t at = (uint32_t)__cvta_generic_to_shared(to);
    const int bytes = zeros ? 0 : 16; // read; the rest is filled with zeros
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(from), "r"(bytes) : "memory");
}

__device__ inline void wait_for_copies() {
    asm volatile("cp.async.wait_all;" ::: "memory");
}

// Four matrices of 8 x 8 numbers of 16 bits. Lane i has the address of row i % 8 of matrix i / 8, 16 bytes;
// it gets of each matrix the pair of row lane / 4 and columns 2 (lane % 4) and the next (PTX ISA,
// "ldmatrix").
template <typename T> __device__ inline void load_matrices(uint32_t (&to)[4], const T *row) {
    const uint32_t at = (uint32_t)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(at)
                 : "memory");
}

// The same of the matrices' transposes: the pair of column lane / 4 and rows 2 (lane % 4) and the next.
template <typename T> __device__ inline void load_transposed(uint32_t (&to)[4], const T *row) {
    const uint32_t at = (uint32_t)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(at)
                 : "memory");
}

// c[16][8] += a[16][16] b[16][8] on tensor cores (PTX ISA, "Matrix fragments for mma.m16n8k16"). With g =
// lane / 4 and t = 2 (lane % 4): a has the pairs (g, t), (g + 8, t), (g, t + 8), (g + 8, t + 8); b of column
// g those from rows t and t + 8; c (g, t), (g, t + 1), (g + 8, t), (g + 8, t + 1).
template <typename T>
__device__ inline void multiply_add(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    if constexpr (std::is_same<T, __half>::value)
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
                     "{%8, %9}, {%0, %1, %2, %3};"
                     : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    else
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
            "{%8, %9}, {%0, %1, %2, %3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Two numbers in the order in which they lie in memory.
template <typename T> __device__ inline uint32_t pair_of(float first, float second) {
    if constexpr (std::is_same<T, __half>::value) {
        const __half2 both = __floats2half2_rn(first, second);
        return *reinterpret_cast<const uint32_t *>(&both);
    } else {
        const __nv_bfloat162 both = __floats2bfloat162_rn(first, second);
        return *reinterpret_cast<const uint32_t *>(&both);
    }
}

__device__ inline float power_of_two(float x) { // 0 of minus infinity
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

__device__ inline long long cycles() {
    return clock64();
}
