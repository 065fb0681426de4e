// SPDX-License-Identifier: MIT
// The operators of a layer that are not matrix products.
#pragma once
#include "probe/backend.h"
#include "probe/cuda/warp.cuh"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <math_constants.h>

// A step's rows as kernels see them.
struct step_view {
    const int *row_of;      // [tokens]
    const int *position;    // [tokens]: in its request
    const int *first_token; // [rows]
    const int *new_tokens;  // [rows]
    const int *context;     // [rows]
    const int *first_block; // [rows]: into `blocks`
    const int *blocks;
    const int *tile_row, *tile_first; // [tiles of prompts' queries]: whose, and from which row of them on
};

struct sizes {
    int hidden, heads, kv_heads, head_dim, intermediate, block;
    __host__ __device__ int width() const { return (heads + 2 * kv_heads) * head_dim; } // of a token in qkv
};

__device__ inline float to_float(__nv_bfloat16 x) {
    return __bfloat162float(x);
}
__device__ inline float to_float(__half x) {
    return __half2float(x);
}
__device__ inline void put(__nv_bfloat16 *to, float x) {
    *to = __float2bfloat16(x);
}
__device__ inline void put(__half *to, float x) {
    *to = __float2half(x);
}
__device__ inline void put(float *to, float x) {
    *to = x;
}

template <typename T>
__global__ void fill(T *tensor, uint64_t count, uint64_t seed, uint32_t id, float scale) {
    for (uint64_t i = blockIdx.x * (uint64_t)blockDim.x + threadIdx.x; i < count;
         i += (uint64_t)gridDim.x * blockDim.x)
        put(&tensor[i], mb_probe_value(seed, id, i, scale));
}

__device__ inline float sum_of_warp(float x) {
    for (int offset = 16; offset > 0; offset /= 2)
        x += __shfl_xor_sync(0xffffffffu, x, offset);
    return x;
}

// A block's threads give x each; all get the sum. blockDim.x is a multiple of 32, at most 1,024.
__device__ inline float sum_of_block(float x) {
    __shared__ float parts[32];
    x = sum_of_warp(x);
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
    __syncthreads();
    float sum = threadIdx.x % 32 < blockDim.x / 32 ? parts[threadIdx.x % 32] : 0;
    sum = sum_of_warp(sum);
    __syncthreads(); // `parts` may be used again
    return sum;
}

// y = x / rms(x), a block per output row; `which`: the input row of each, or NULL for the same.
template <typename T>
__global__ void normalise(const float *x, T *y, int hidden, const int *first_token, const int *new_tokens) {
    const size_t from =
        first_token ? (size_t)first_token[blockIdx.x] + new_tokens[blockIdx.x] - 1 : blockIdx.x;
    const float *row = x + from * hidden;
    float squares = 0;
    for (int i = threadIdx.x; i < hidden; i += blockDim.x)
        squares += row[i] * row[i];
    const float scale = rsqrtf(sum_of_block(squares) / hidden + (float)MB_PROBE_NORM_EPS);
    for (int i = threadIdx.x; i < hidden; i += blockDim.x)
        put(&y[(size_t)blockIdx.x * hidden + i], scale * row[i]);
}

// A token's head in the pages: [block][kv_head][slot]; and its element 0.
__device__ inline size_t head_of(const sizes &s, const step_view &v, int row, int kv_head, int position) {
    const size_t block = v.blocks[v.first_block[row] + position / s.block];
    return (block * s.kv_heads + kv_head) * s.block + position % s.block;
}
__device__ inline size_t slot_of(const sizes &s, const step_view &v, int row, int kv_head, int position) {
    return head_of(s, v, row, kv_head, position) * s.head_dim;
}

// Rotate queries and keys, put keys and values into the pages. A block per (token, head of queries and keys);
// a thread per pair of dimensions. turns: [head_dim / 2], of a pair from one position to the next. Few
// operations in float64, of which many cards do 1/64 as many as in float32.
template <typename T>
__global__ void rotate_and_place(sizes s, step_view v, const double *turns, T *qkv, T *keys, T *values) {
    const int token = blockIdx.x, head = blockIdx.y, half = s.head_dim / 2, position = v.position[token];
    T *x = qkv + (size_t)token * s.width() + (size_t)head * s.head_dim;
    const int kv_head = head - s.heads;
    const size_t slot = kv_head >= 0 ? slot_of(s, v, v.row_of[token], kv_head, position) : 0;
    for (int i = threadIdx.x; i < half; i += blockDim.x) {
        const double turned = position * turns[i];
        float c, n;
        sincospif(2 * (float)(turned - floor(turned)), &n, &c);
        const float a = to_float(x[i]), b = to_float(x[i + half]);
        if (kv_head < 0) {
            put(&x[i], a * c - b * n);
            put(&x[i + half], a * n + b * c);
            continue;
        }
        put(&keys[slot + i], a * c - b * n);
        put(&keys[slot + i + half], a * n + b * c);
        const T *value = x + (size_t)s.kv_heads * s.head_dim; // values follow the keys
        values[slot + i] = value[i];
        values[slot + i + half] = value[i + half];
    }
}

// --- decodes: flash decoding. Rows of one token, each query head over a part of its context, then the parts
// together.

enum { DECODE_WARPS = 4, MOST_PER_LANE = 8 }; // head_dim <= 256

// A block per (row, kv_head, split); its warps take positions in turn, all lanes the dimensions of one.
// partial: [rows][heads][splits][head_dim + 2]: sums weighted by exp(score - most), then `most`, then the sum
// of weights.
template <typename T>
__global__ void decode_parts(sizes s, step_view v, const T *qkv, const T *keys, const T *values,
                             float *partial) {
    const int row = blockIdx.x, kv_head = blockIdx.y, split = blockIdx.z, splits = gridDim.z;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, group = s.heads / s.kv_heads;
    const int seen = v.context[row] + 1, each = (seen + splits - 1) / splits;
    const int first = split * each, last = min(seen, first + each);
    const float scale = rsqrtf((float)s.head_dim);
    __shared__ float shared[DECODE_WARPS][256 + 2];
    for (int g = 0; g < group; g++) {
        const int head = kv_head * group + g;
        const T *query = qkv + (size_t)v.first_token[row] * s.width() + (size_t)head * s.head_dim;
        float q[MOST_PER_LANE], sum[MOST_PER_LANE], most = -CUDART_INF_F, weights = 0;
#pragma unroll
        for (int k = 0, i = lane; k < MOST_PER_LANE; k++, i += 32) {
            q[k] = i < s.head_dim ? scale * to_float(query[i]) : 0;
            sum[k] = 0;
        }
        for (int p = first + warp; p < last; p += DECODE_WARPS) {
            const size_t slot = slot_of(s, v, row, kv_head, p);
            float dot = 0;
#pragma unroll
            for (int k = 0, i = lane; k < MOST_PER_LANE && i < s.head_dim; k++, i += 32)
                dot += q[k] * to_float(keys[slot + i]);
            dot = sum_of_warp(dot);
            const float higher = fmaxf(most, dot), shrink = expf(most - higher), weight = expf(dot - higher);
            most = higher;
            weights = weights * shrink + weight;
#pragma unroll
            for (int k = 0, i = lane; k < MOST_PER_LANE && i < s.head_dim; k++, i += 32)
                sum[k] = sum[k] * shrink + weight * to_float(values[slot + i]);
        }
#pragma unroll
        for (int k = 0, i = lane; k < MOST_PER_LANE && i < s.head_dim; k++, i += 32)
            shared[warp][i] = sum[k];
        if (lane == 0) {
            shared[warp][s.head_dim] = most;
            shared[warp][s.head_dim + 1] = weights;
        }
        __syncthreads();
        float top = -CUDART_INF_F;
        for (int w = 0; w < DECODE_WARPS; w++)
            top = fmaxf(top, shared[w][s.head_dim]);
        float *out = partial + (((size_t)row * s.heads + head) * splits + split) * (s.head_dim + 2);
        for (int i = threadIdx.x; i < s.head_dim + 2; i += blockDim.x) {
            float x = 0;
            for (int w = 0; w < DECODE_WARPS; w++) // a warp, or a split, without positions has the weight 0
                if (shared[w][s.head_dim] > -CUDART_INF_F)
                    x += (i == s.head_dim ? 0 : shared[w][i]) * expf(shared[w][s.head_dim] - top);
            out[i] = i == s.head_dim ? top : x;
        }
        __syncthreads(); // `shared` is written again
    }
}

// A block per (row, head), a thread per dimension.
template <typename T>
__global__ void decode_together(sizes s, step_view v, const float *partial, int splits, T *attended) {
    const int row = blockIdx.x, head = blockIdx.y, stride = s.head_dim + 2;
    const float *parts = partial + ((size_t)row * s.heads + head) * splits * stride;
    float top = -CUDART_INF_F, weights = 0;
    for (int k = 0; k < splits; k++)
        top = fmaxf(top, parts[k * stride + s.head_dim]);
    for (int k = 0; k < splits; k++)
        if (parts[k * stride + s.head_dim] > -CUDART_INF_F)
            weights += parts[k * stride + s.head_dim + 1] * expf(parts[k * stride + s.head_dim] - top);
    for (int i = threadIdx.x; i < s.head_dim; i += blockDim.x) {
        float x = 0;
        for (int k = 0; k < splits; k++)
            if (parts[k * stride + s.head_dim] > -CUDART_INF_F)
                x += parts[k * stride + i] * expf(parts[k * stride + s.head_dim] - top);
        put(&attended[((size_t)v.first_token[row] * s.heads + head) * s.head_dim + i], x / weights);
    }
}

// --- MLP

// SiLU(gate) x up; gate_up: [tokens][2 intermediate].
template <typename T> __global__ void gate(const T *gate_up, T *to, int intermediate, size_t count) {
    for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < count;
         i += (size_t)gridDim.x * blockDim.x) {
        const size_t token = i / intermediate, column = i % intermediate;
        const float g = to_float(gate_up[token * 2 * intermediate + column]);
        const float u = to_float(gate_up[token * 2 * intermediate + intermediate + column]);
        put(&to[i], g / (1 + expf(-g)) * u);
    }
}
