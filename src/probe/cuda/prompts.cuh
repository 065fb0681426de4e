// SPDX-License-Identifier: MIT
// Attention of prompts, or of chunks of them, as one kernel: FlashAttention-2 (Dao 2023, arXiv:2307.08691,
// algorithm 1) over keys and values that stay in their pages. A block has a tile of queries, a tile of keys
// and one of values in shared memory, and of each query the highest score m so far, the sum l of the weights
// exp(score - m) and the sum o of the values so weighted. For tile j of keys (lines 8 to 10):
//   S = Q K_j^T    m' = max(m, rowmax S)    P = exp(S - m')    l' = exp(m - m') l + rowsum P
//   o' = exp(m - m') o + P V_j              and at the end (line 12) o / l.
// Queries of the heads that share keys are rows of one tile, so that these are read once for all of them.
#pragma once
#include "kernels.cuh"

#include <cuda_runtime.h>

#include <algorithm>
#include <vector>

enum { PROMPT_WARPS = 4, PROMPT_THREADS = 32 * PROMPT_WARPS };

// Shared memory of a block. DIM: head_dim, filled up with zeros. A warp has STRIPS strips of 16 queries,
// which share what it reads of keys and values; what that takes of registers allows one for long heads. Rows
// end in 16 bytes more, so that eight of them lie in different banks.
template <typename T, int DIM> struct prompt_memory {
    static constexpr int STRIPS = DIM > 128 ? 1 : 2, QUERIES = PROMPT_WARPS * STRIPS * 16,
                         KEYS = DIM > 128 ? 32 : 64;
    T queries[QUERIES][DIM + 8], keys[KEYS][DIM + 8], values[KEYS][DIM + 8];
    uint32_t heads[2][KEYS]; // where a tile's keys and values are: which head of the pages, or NOWHERE
};
constexpr uint32_t NOWHERE = 0xffffffffu;

// A row of shared memory from global memory, or zeros (from: NULL), by the threads of the block together:
// this one's part of it. Heads of other sizes than multiples of 8 do not begin at multiples of 16 bytes.
template <typename T, int DIM>
__device__ inline void bring(T (&to)[DIM + 8], int column, const T *from, const T *anything, int head_dim) {
    if (head_dim % 8 == 0) {
        const bool zeros = !from || column >= head_dim;
        copy_16(&to[column], zeros ? anything : from + column, zeros);
        return;
    }
    for (int i = column; i < column + 8; i++)
        if (from && i < head_dim)
            to[i] = from[i];
        else
            put(&to[i], 0.0f);
}

template <typename T, int DIM, int KEYS>
__device__ inline void bring_heads(T (&to)[KEYS][DIM + 8], const uint32_t (&heads)[KEYS], const T *pages,
                                   int head_dim) {
    for (int i = threadIdx.x; i < KEYS * DIM / 8; i += PROMPT_THREADS) {
        const uint32_t head = heads[i / (DIM / 8)];
        bring<T, DIM>(to[i / (DIM / 8)], i % (DIM / 8) * 8,
                      head == NOWHERE ? nullptr : pages + (size_t)head * head_dim, pages, head_dim);
    }
}

// S = Q K^T of a warp's strips; `queries`: its first.
template <typename T, int DIM, int KEYS, int STRIPS>
__device__ inline void score(float (&scores)[STRIPS][KEYS / 8][4], const T (*queries)[DIM + 8],
                             const T (&keys)[KEYS][DIM + 8]) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int t = 0; t < STRIPS; t++)
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                scores[t][n][e] = 0;
#pragma unroll
    for (int k = 0; k < DIM; k += 16) {
        uint32_t a[STRIPS][4], b[4];
#pragma unroll
        for (int t = 0; t < STRIPS; t++)
            load_matrices(a[t], &queries[16 * t + lane % 16][k + lane / 16 * 8]);
#pragma unroll
        for (int n = 0; n < KEYS / 8; n += 2) {
            load_matrices(b, &keys[8 * n + lane / 16 * 8 + lane % 8][k + lane / 8 % 2 * 8]);
#pragma unroll
            for (int t = 0; t < STRIPS; t++) {
                multiply_add<T>(scores[t][n], a[t], b[0], b[1]);
                multiply_add<T>(scores[t][n + 1], a[t], b[2], b[3]);
            }
        }
    }
}

// o += P V of a warp's strips: the accumulators of S, two of 8 columns side by side, are the operand of 16.
template <typename T, int DIM, int KEYS, int STRIPS>
__device__ inline void add_values(float (&sums)[STRIPS][DIM / 8][4],
                                  const float (&weights)[STRIPS][KEYS / 8][4],
                                  const T (&values)[KEYS][DIM + 8]) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int k = 0; k < KEYS / 8; k += 2) {
        uint32_t a[STRIPS][4], b[4];
#pragma unroll
        for (int t = 0; t < STRIPS; t++)
#pragma unroll
            for (int e = 0; e < 4; e++) {
                const float *w = &weights[t][k + e / 2][2 * (e % 2)];
                a[t][e] = pair_of<T>(w[0], w[1]);
            }
#pragma unroll
        for (int n = 0; n < DIM / 8; n += 2) {
            load_transposed(b, &values[8 * k + lane % 16][8 * n + lane / 16 * 8]);
#pragma unroll
            for (int t = 0; t < STRIPS; t++) {
                multiply_add<T>(sums[t][n], a[t], b[0], b[1]);
                multiply_add<T>(sums[t][n + 1], a[t], b[2], b[3]);
            }
        }
    }
}

// Of a thread: two rows of a strip, lane / 4 and 8 further; of each every fourth pair of columns.
struct running {
    float most[2], weights[2]; // m; l, of this thread's columns
    int last[2];               // the last position that the query sees
};

// Scores of the keys from `first` on become weights, and o shrinks to what the new maxima leave of it. scale:
// of scores, for powers of two.
template <int DIM, int KEYS>
__device__ inline void weigh(float (&scores)[KEYS / 8][4], float (&sums)[DIM / 8][4], running &r, int first,
                             float scale) {
    const int column = threadIdx.x % 4 * 2;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        float most = r.most[h];
        if (first + KEYS - 1 > r.last[h]) {
#pragma unroll
            for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
                for (int e = 0; e < 2; e++)
                    if (first + 8 * n + column + e > r.last[h]) scores[n][2 * h + e] = -CUDART_INF_F;
        }
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
            most = fmaxf(most, fmaxf(scores[n][2 * h], scores[n][2 * h + 1]));
        most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, 1));
        most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, 2));
        // Every query sees position 0, which is in the first tile: `most` is finite.
        const float shrink = power_of_two(scale * (r.most[h] - most));
        r.most[h] = most;
        r.weights[h] *= shrink;
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
            for (int e = 0; e < 2; e++) {
                float *x = &scores[n][2 * h + e];
                *x = power_of_two(scale * (*x - most));
                r.weights[h] += *x;
            }
#pragma unroll
        for (int n = 0; n < DIM / 8; n++) {
            sums[n][2 * h] *= shrink;
            sums[n][2 * h + 1] *= shrink;
        }
    }
}

// A block per (tile of queries, kv_head). Row i of a prompt is query i / group of head i % group of those of
// the kv_head.
template <typename T, int DIM>
__global__ void __launch_bounds__(PROMPT_THREADS)
    prompt_attention(sizes s, step_view v, const T *qkv, const T *pages_keys, const T *pages_values,
                     T *attended) {
    typedef prompt_memory<T, DIM> memory;
    constexpr int STRIPS = memory::STRIPS, KEYS = memory::KEYS;
    memory &m = *static_cast<memory *>(memory_of_block());
    const int request = v.tile_row[blockIdx.x], first = v.tile_first[blockIdx.x], kv_head = blockIdx.y;
    const int group = s.heads / s.kv_heads, rows = v.new_tokens[request] * group;
    const int context = v.context[request], token = v.first_token[request];
    const int seen =
        context + (min(first + memory::QUERIES, rows) - 1) / group + 1; // by the tile's last query
    const int tiles = (seen + KEYS - 1) / KEYS;

    const auto place = [&](int tile) { // of its keys and values
        const int i = threadIdx.x, position = tile * KEYS + i;
        if (i < KEYS)
            m.heads[tile % 2][i] =
                position < seen ? (uint32_t)head_of(s, v, request, kv_head, position) : NOWHERE;
    };
    place(0);
    for (int i = threadIdx.x; i < memory::QUERIES * DIM / 8; i += PROMPT_THREADS) {
        const int row = first + i / (DIM / 8);
        const T *from = qkv + (size_t)(token + row / group) * s.width() +
                        (size_t)(kv_head * group + row % group) * s.head_dim;
        bring<T, DIM>(m.queries[i / (DIM / 8)], i % (DIM / 8) * 8, row < rows ? from : nullptr, qkv,
                      s.head_dim);
    }
    __syncthreads();
    bring_heads<T, DIM, KEYS>(m.keys, m.heads[0], pages_keys, s.head_dim);

    const int strip = threadIdx.x / 32 * STRIPS * 16, lane = threadIdx.x % 32; // strip: the warp's first
    const bool busy = first + strip < rows;                                    // all its lanes or none
    float sums[STRIPS][DIM / 8][4] = {}, scores[STRIPS][KEYS / 8][4];
    running r[STRIPS];
#pragma unroll
    for (int t = 0; t < STRIPS; t++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            r[t].most[h] = -CUDART_INF_F;
            r[t].weights[h] = 0;
            r[t].last[h] = context + (first + strip + 16 * t + lane / 4 + 8 * h) / group;
        }
    const float scale = rsqrtf((float)s.head_dim) * 1.44269504f; // exp(x) = 2^(x / ln 2)
    for (int j = 0; j < tiles; j++) {
        wait_for_copies();
        __syncthreads(); // the tile's keys are here, and nobody needs the values before
        bring_heads<T, DIM, KEYS>(m.values, m.heads[j % 2], pages_values, s.head_dim);
        if (j + 1 < tiles) place(j + 1);
        if (busy) score<T, DIM, KEYS, STRIPS>(scores, &m.queries[strip], m.keys);
        wait_for_copies();
        __syncthreads(); // the values are here, and nobody needs the keys
        if (j + 1 < tiles) bring_heads<T, DIM, KEYS>(m.keys, m.heads[(j + 1) % 2], pages_keys, s.head_dim);
        if (!busy) continue;
#pragma unroll
        for (int t = 0; t < STRIPS; t++)
            weigh<DIM, KEYS>(scores[t], sums[t], r[t], j * KEYS, scale);
        add_values<T, DIM, KEYS, STRIPS>(sums, scores, m.values);
    }
    if (!busy) return;
#pragma unroll
    for (int t = 0; t < STRIPS; t++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            float weights = r[t].weights[h];
            weights += __shfl_xor_sync(0xffffffffu, weights, 1);
            weights += __shfl_xor_sync(0xffffffffu, weights, 2);
            const int row = first + strip + 16 * t + lane / 4 + 8 * h;
            T *to = attended +
                    ((size_t)(token + row / group) * s.heads + kv_head * group + row % group) * s.head_dim;
#pragma unroll
            for (int n = 0; n < DIM / 8; n++) {
                const int column = 8 * n + lane % 4 * 2;
                if (row < rows && column < s.head_dim) // head_dim is even
                    *reinterpret_cast<uint32_t *>(to + column) =
                        pair_of<T>(sums[t][n][2 * h] / weights, sums[t][n][2 * h + 1] / weights);
            }
        }
}

// --- from the host

inline int prompt_queries(int head_dim) { // rows of a tile
    return head_dim > 128 ? prompt_memory<__half, 256>::QUERIES : prompt_memory<__half, 128>::QUERIES;
}

// Tiles of the rows from `decodes` on, longest first: a block that begins late should not be one that takes
// long.
struct prompt_tiles {
    std::vector<int> row, first;
    void cut(const sizes &s, const std::vector<mb_probe_row> &rows, size_t decodes) {
        struct tile {
            uint32_t seen;
            int row, first;
        };
        std::vector<tile> all;
        const int group = s.heads / s.kv_heads, queries = prompt_queries(s.head_dim);
        for (size_t r = decodes; r < rows.size(); r++)
            for (int first = 0; first < (int)rows[r].tokens * group; first += queries)
                all.push_back({rows[r].context + (first + queries) / group, (int)r, first});
        std::stable_sort(all.begin(), all.end(),
                         [](const tile &a, const tile &b) { return a.seen > b.seen; });
        row.clear();
        first.clear();
        for (const tile &one : all) {
            row.push_back(one.row);
            first.push_back(one.first);
        }
    }
};

template <typename T> struct prompt_kernel {
    void (*kernel)(sizes, step_view, const T *, const T *, const T *, T *);
    size_t shared;
};

template <typename T> prompt_kernel<T> prompt_kernel_for(int head_dim) {
    if (head_dim <= 64) return {prompt_attention<T, 64>, sizeof(prompt_memory<T, 64>)};
    if (head_dim <= 128) return {prompt_attention<T, 128>, sizeof(prompt_memory<T, 128>)};
    return {prompt_attention<T, 256>, sizeof(prompt_memory<T, 256>)};
}
