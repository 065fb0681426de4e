// SPDX-License-Identifier: MIT
// The probe on an NVIDIA GPU: products by cuBLAS with float32 accumulation, the residual stream in float32,
// decodes by flash decoding over the pages and replayed as CUDA graphs, prompts' attention by batched
// products over gathered keys and values. A plugin: it shares probe/backend.h with the program and nothing
// else.
#include "kernels.cuh"

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <map>
#include <new>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

// The plugin does not link the program: it fills errors by itself.
static mb_status fail(mb_error *error, mb_status status, const char *format, ...) {
    if (!error) return status;
    va_list arguments;
    va_start(arguments, format);
    error->status = status;
    vsnprintf(error->message, sizeof error->message, format, arguments);
    error->traceback[0] = '\0';
    va_end(arguments);
    return status;
}

static mb_status check(cudaError_t result, const char *what, mb_error *error) {
    if (result == cudaSuccess) return MB_OK;
    if (result == cudaErrorMemoryAllocation)
        return fail(error, MB_FAILED, "out of memory on the GPU (%s)", what);
    return fail(error, MB_FAILED, "CUDA: %s: %s", what, cudaGetErrorString(result));
}

static mb_status check(cublasStatus_t result, const char *what, mb_error *error) {
    return result == CUBLAS_STATUS_SUCCESS
               ? MB_OK
               : fail(error, MB_FAILED, "cuBLAS: %s: %s", what, cublasGetStatusString(result));
}

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        const mb_status status_ = (call);                                                                    \
        if (status_) return status_;                                                                         \
    } while (0)

struct mb_probe_device { // what the interface sees of both precisions
    virtual ~mb_probe_device() {}
    virtual mb_status run(const mb_probe_row *rows, uint32_t count, uint32_t layers, bool head,
                          double *seconds, mb_error *error) = 0;
    mb_probe_shape shape;
    cudaStream_t stream = nullptr;
    float *hidden = nullptr; // [most_tokens][hidden]
    float *logits = nullptr; // [most_rows][vocabulary]
};

namespace {

enum { WORKSPACE = 32 << 20, MOST_SPLITS = 64, POSITIONS_PER_SPLIT = 256 };
enum { PARTS = 2048 };                    // of a step's decodes together, unless there are more rows
constexpr size_t TILE_BYTES = 256u << 20; // of a prompt's scores at once

template <typename T> struct device_of : mb_probe_device {
    sizes s;
    cublasHandle_t blas = nullptr;
    cudaEvent_t before = nullptr, after = nullptr;
    std::vector<void *> owned; // device memory
    struct layer {
        T *tensors[MB_PROBE_TENSORS], *keys, *values;
    };
    std::vector<layer> layers;
    T *head = nullptr, *normed = nullptr, *qkv = nullptr, *attended = nullptr, *gate_up = nullptr,
      *gated = nullptr;
    T *gathered_keys = nullptr, *gathered_values = nullptr, *weights = nullptr; // of a prompt's attention
    float *scores = nullptr, *partial = nullptr;
    int tile = 0; // queries of a prompt at once
    // A step's rows: [row_of | position | first_token | new_tokens | context | first_block | blocks]
    int *numbers = nullptr;
    std::vector<int> host;
    step_view view{};
    bool graphs_work = true;
    std::map<std::tuple<uint32_t, uint32_t, bool, int>, cudaGraphExec_t>
        graphs; // by rows, layers, head, splits

    ~device_of() override {
        for (auto &graph : graphs)
            cudaGraphExecDestroy(graph.second);
        for (void *memory : owned)
            cudaFree(memory);
        if (blas) cublasDestroy(blas);
        if (before) cudaEventDestroy(before);
        if (after) cudaEventDestroy(after);
        if (stream) cudaStreamDestroy(stream);
    }

    template <typename U> mb_status make(U **memory, size_t count, const char *what, mb_error *error) {
        void *got = nullptr;
        TRY(check(cudaMalloc(&got, std::max<size_t>(1, count) * sizeof(U)), what, error));
        owned.push_back(got);
        *memory = static_cast<U *>(got);
        return MB_OK;
    }

    mb_status make_tensor(T **tensor, size_t rows, size_t columns, uint64_t seed, uint32_t id,
                          mb_error *error) {
        TRY(make(tensor, rows * columns, "weights", error));
        fill<<<1024, 256, 0, stream>>>(*tensor, rows * columns, seed, id, sqrtf(3.0f / rows));
        return check(cudaGetLastError(), "fill", error);
    }

    mb_status make_layer(layer *l, uint64_t seed, uint32_t index, mb_error *error) {
        const size_t sizes_of[MB_PROBE_TENSORS][2] = {{(size_t)s.hidden, (size_t)s.width()},
                                                      {(size_t)s.heads * s.head_dim, (size_t)s.hidden},
                                                      {(size_t)s.hidden, 2 * (size_t)s.intermediate},
                                                      {(size_t)s.intermediate, (size_t)s.hidden}};
        for (uint32_t t = 0; t < MB_PROBE_TENSORS; t++)
            TRY(make_tensor(&l->tensors[t], sizes_of[t][0], sizes_of[t][1], seed,
                            MB_PROBE_TENSORS * index + t, error));
        const size_t kept = (size_t)shape.blocks * s.kv_heads * s.block * s.head_dim;
        TRY(make(&l->keys, kept, "keys", error));
        TRY(make(&l->values, kept, "values", error));
        TRY(check(cudaMemsetAsync(l->keys, 0, kept * sizeof(T), stream), "keys", error));
        return check(cudaMemsetAsync(l->values, 0, kept * sizeof(T), stream), "values", error);
    }

    mb_status make_buffers(mb_error *error) {
        const size_t tokens = shape.most_tokens, rows = shape.most_rows,
                     seen = (size_t)shape.blocks * s.block;
        const size_t group = s.heads / s.kv_heads;
        TRY(make(&hidden, tokens * s.hidden, "hidden states", error));
        TRY(make(&normed, std::max(tokens, rows) * s.hidden, "hidden states", error));
        TRY(make(&qkv, tokens * s.width(), "queries", error));
        TRY(make(&attended, tokens * s.heads * s.head_dim, "attention", error));
        TRY(make(&gate_up, tokens * 2 * s.intermediate, "MLP", error));
        TRY(make(&gated, tokens * s.intermediate, "MLP", error));
        TRY(make(&logits, rows * shape.vocabulary, "logits", error));
        TRY(make(&partial, std::max<size_t>(rows, PARTS) * s.heads * (s.head_dim + 2), "decodes' attention",
                 error));
        TRY(make(&gathered_keys, seen * s.kv_heads * s.head_dim, "prompts' keys", error));
        TRY(make(&gathered_values, seen * s.kv_heads * s.head_dim, "prompts' values", error));
        tile = (int)std::min<size_t>(
            256, std::max<size_t>(1, TILE_BYTES / (group * seen * (sizeof(float) + sizeof(T)))));
        TRY(make(&scores, group * tile * seen, "prompts' scores", error));
        TRY(make(&weights, group * tile * seen, "prompts' scores", error));
        TRY(make(&numbers, 2 * tokens + 5 * rows + shape.blocks + rows, "rows", error));
        fill<<<1024, 256, 0, stream>>>(hidden, (uint64_t)tokens * s.hidden, 1, MB_PROBE_HEAD - 1,
                                       1.0f); // not zero
        return check(cudaGetLastError(), "fill", error);
    }

    mb_status open(const mb_probe_shape *given, uint64_t seed, mb_error *error) {
        shape = *given;
        s = {(int)shape.hidden,   (int)shape.heads,        (int)shape.kv_heads,
             (int)shape.head_dim, (int)shape.intermediate, (int)shape.block};
        if (s.head_dim > 32 * MOST_PER_LANE)
            return fail(error, MB_BAD_INPUT, "the CUDA backend takes a head_dim of at most %d, not %d",
                        32 * MOST_PER_LANE, s.head_dim);
        TRY(check(cudaStreamCreate(&stream), "stream", error));
        TRY(check(cudaEventCreate(&before), "event", error));
        TRY(check(cudaEventCreate(&after), "event", error));
        TRY(check(cublasCreate(&blas), "handle", error));
        TRY(check(cublasSetStream(blas, stream), "stream", error));
        char *workspace;
        TRY(make(&workspace, WORKSPACE, "workspace",
                 error)); // of its own, so that graphs may capture products
        TRY(check(cublasSetWorkspace(blas, workspace, WORKSPACE), "workspace", error));
        layers.resize(shape.layers);
        for (uint32_t i = 0; i < shape.layers; i++)
            TRY(make_layer(&layers[i], seed, i, error));
        TRY(make_tensor(&head, s.hidden, shape.vocabulary, seed, MB_PROBE_HEAD, error));
        TRY(make_buffers(error));
        return check(cudaStreamSynchronize(stream), "set-up", error);
    }

    // --- products. Row-major C = A B is column-major C' = B' A'.

    static cudaDataType type() { return std::is_same<T, __half>::value ? CUDA_R_16F : CUDA_R_16BF; }

    // c[m][n] = a[m][k] b[k][n], or added to c.
    template <typename U>
    mb_status product(const T *a, const T *b, U *c, int m, int n, int k, bool add, mb_error *error) {
        const float one = 1, more = add ? 1 : 0;
        const cudaDataType out = std::is_same<U, float>::value ? CUDA_R_32F : type();
        return check(cublasGemmEx(blas, CUBLAS_OP_N, CUBLAS_OP_N, n, m, k, &one, b, type(), n, a, type(), k,
                                  &more, c, out, n, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
                     "product", error);
    }

    // --- attention

    mb_status decode(const layer &l, int rows, int splits, mb_error *error) {
        decode_parts<<<dim3(rows, s.kv_heads, splits), 32 * DECODE_WARPS, 0, stream>>>(s, view, qkv, l.keys,
                                                                                       l.values, partial);
        decode_together<<<dim3(rows, s.heads), 128, 0, stream>>>(s, view, partial, splits, attended);
        return check(cudaGetLastError(), "decodes' attention", error);
    }

    // Queries first .. first + count - 1 of a row, for the heads that share one of keys and values.
    mb_status prompt_tile(const mb_probe_row &row, int token, int kv_head, int first, int count,
                          mb_error *error) {
        const int seen = (int)(row.context + row.tokens), group = s.heads / s.kv_heads;
        const float scale = 1 / sqrtf((float)s.head_dim), one = 1, none = 0;
        const T *queries = qkv + (size_t)(token + first) * s.width() + (size_t)kv_head * group * s.head_dim;
        const T *k = gathered_keys + (size_t)kv_head * seen * s.head_dim,
                *v = gathered_values + (size_t)kv_head * seen * s.head_dim;
        // scores'[seen][count] = keys'^T [seen][dim] x queries'[dim][count], a head of the group each
        TRY(check(cublasGemmStridedBatchedEx(blas, CUBLAS_OP_T, CUBLAS_OP_N, seen, count, s.head_dim, &scale,
                                             k, type(), s.head_dim, 0, queries, type(), s.width(), s.head_dim,
                                             &none, scores, CUDA_R_32F, seen, (long long)count * seen, group,
                                             CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
                  "scores", error));
        causal_softmax<<<dim3(count, group), 256, 0, stream>>>(scores, weights, seen,
                                                               (int)row.context + first);
        TRY(check(cudaGetLastError(), "softmax", error));
        T *out = attended + ((size_t)(token + first) * s.heads + (size_t)kv_head * group) * s.head_dim;
        // out'[dim][count] = values'[dim][seen] x weights'[seen][count]
        return check(cublasGemmStridedBatchedEx(
                         blas, CUBLAS_OP_N, CUBLAS_OP_N, s.head_dim, count, seen, &one, v, type(), s.head_dim,
                         0, weights, type(), seen, (long long)count * seen, &none, out, type(),
                         s.heads * s.head_dim, s.head_dim, group, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
                     "values", error);
    }

    mb_status prompt(const layer &l, const mb_probe_row &row, int index, int token, mb_error *error) {
        const int seen = (int)(row.context + row.tokens);
        gather<<<dim3(seen, s.kv_heads), 64, 0, stream>>>(s, view, index, l.keys, gathered_keys);
        gather<<<dim3(seen, s.kv_heads), 64, 0, stream>>>(s, view, index, l.values, gathered_values);
        TRY(check(cudaGetLastError(), "gather", error));
        for (int kv_head = 0; kv_head < s.kv_heads; kv_head++)
            for (int first = 0; first < (int)row.tokens; first += tile)
                TRY(prompt_tile(row, token, kv_head, first, std::min(tile, (int)row.tokens - first), error));
        return MB_OK;
    }

    // Rows of one token come first (order() sees to it), so that one launch serves them all.
    mb_status attention(const layer &l, const std::vector<mb_probe_row> &rows, int decodes, int splits,
                        mb_error *error) {
        if (decodes) TRY(decode(l, decodes, splits, error));
        int token = decodes;
        for (size_t r = decodes; r < rows.size(); token += (int)rows[r++].tokens)
            TRY(prompt(l, rows[r], (int)r, token, error));
        return MB_OK;
    }

    // --- a step

    mb_status run_layer(const layer &l, const std::vector<mb_probe_row> &rows, int tokens, int decodes,
                        int splits, mb_error *error) {
        normalise<<<tokens, 256, 0, stream>>>(hidden, normed, s.hidden, nullptr, nullptr);
        TRY(product(normed, l.tensors[MB_PROBE_QKV], qkv, tokens, s.width(), s.hidden, false, error));
        rotate_and_place<<<dim3(tokens, s.heads + s.kv_heads), 64, 0, stream>>>(s, view, qkv, l.keys,
                                                                                l.values);
        TRY(attention(l, rows, decodes, splits, error));
        TRY(product(attended, l.tensors[MB_PROBE_OUT], hidden, tokens, s.hidden, s.heads * s.head_dim, true,
                    error));
        normalise<<<tokens, 256, 0, stream>>>(hidden, normed, s.hidden, nullptr, nullptr);
        TRY(product(normed, l.tensors[MB_PROBE_GATE_UP], gate_up, tokens, 2 * s.intermediate, s.hidden, false,
                    error));
        gate<<<1024, 256, 0, stream>>>(gate_up, gated, s.intermediate, (size_t)tokens * s.intermediate);
        TRY(product(gated, l.tensors[MB_PROBE_DOWN], hidden, tokens, s.hidden, s.intermediate, true, error));
        return check(cudaGetLastError(), "layer", error);
    }

    mb_status run_all(const std::vector<mb_probe_row> &rows, int tokens, int decodes, int splits,
                      uint32_t times, bool with_head, mb_error *error) {
        for (uint32_t i = 0; i < times; i++)
            TRY(run_layer(layers[i % layers.size()], rows, tokens, decodes, splits, error));
        if (!with_head) return MB_OK;
        normalise<<<(unsigned)rows.size(), 256, 0, stream>>>(hidden, normed, s.hidden, view.first_token,
                                                             view.new_tokens);
        return product(normed, head, logits, (int)rows.size(), (int)shape.vocabulary, s.hidden, false, error);
    }

    // The rows' numbers on the device. The caller's order of rows is kept in what the interface gives back:
    // decodes must come first there too, which mbsand's sessions do.
    mb_status upload(const std::vector<mb_probe_row> &rows, size_t tokens, mb_error *error) {
        const size_t n = rows.size();
        size_t total = 0;
        for (const auto &row : rows)
            total += (row.context + row.tokens + s.block - 1) / s.block;
        if (total > shape.blocks + (size_t)shape.most_rows)
            return fail(error, MB_BAD_INPUT, "a step of %zu blocks is too large", total);
        host.assign(2 * tokens + 4 * n + total, 0);
        int *row_of = host.data(), *position = row_of + tokens, *first_token = position + tokens,
            *new_tokens = first_token + n;
        int *context = new_tokens + n, *first_block = context + n, *blocks = first_block + n;
        size_t token = 0, block = 0;
        for (size_t r = 0; r < n; r++) {
            first_token[r] = (int)token;
            new_tokens[r] = (int)rows[r].tokens;
            context[r] = (int)rows[r].context;
            first_block[r] = (int)block;
            for (uint32_t t = 0; t < rows[r].tokens; t++, token++) {
                row_of[token] = (int)r;
                position[token] = (int)(rows[r].context + t);
            }
            const size_t own = (rows[r].context + rows[r].tokens + s.block - 1) / s.block;
            for (size_t b = 0; b < own; b++)
                blocks[block++] = (int)rows[r].blocks[b];
        }
        const auto there = [this](const int *here) { return numbers + (here - host.data()); };
        view = {there(row_of),  there(position),    there(first_token), there(new_tokens),
                there(context), there(first_block), there(blocks)};
        TRY(check(
            cudaMemcpyAsync(numbers, host.data(), host.size() * sizeof(int), cudaMemcpyHostToDevice, stream),
            "rows", error));
        return check(cudaStreamSynchronize(stream), "rows", error);
    }

    // Enough parts for the longest context, a power of two so that few graphs serve all steps; many rows keep
    // the GPU busy by themselves.
    static int splits_for(const std::vector<mb_probe_row> &rows) {
        uint32_t longest = 0;
        for (const auto &row : rows)
            if (row.tokens == 1) longest = std::max(longest, row.context + 1);
        int splits = 1;
        while (splits < MOST_SPLITS && (uint32_t)splits * POSITIONS_PER_SPLIT < longest &&
               2 * splits * rows.size() <= PARTS)
            splits *= 2;
        return splits;
    }

    // A step of decodes as a graph: its numbers lie where they always lie (all rows have one token), so it
    // can be replayed.
    mb_status graph_of(const std::vector<mb_probe_row> &rows, int splits, uint32_t times, bool with_head,
                       cudaGraphExec_t *graph, mb_error *error) {
        const auto key = std::make_tuple((uint32_t)rows.size(), times, with_head, splits);
        const auto known = graphs.find(key);
        if (known != graphs.end()) {
            *graph = known->second;
            return MB_OK;
        }
        cudaGraph_t captured = nullptr;
        TRY(check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capture", error));
        const mb_status status =
            run_all(rows, (int)rows.size(), (int)rows.size(), splits, times, with_head, error);
        const mb_status ended =
            check(cudaStreamEndCapture(stream, &captured), "capture", status ? nullptr : error);
        if (!status && !ended) {
            const mb_status made = check(cudaGraphInstantiate(graph, captured, 0), "graph", error);
            cudaGraphDestroy(captured);
            if (!made) graphs[key] = *graph;
            return made;
        }
        if (captured) cudaGraphDestroy(captured);
        return status ? status : ended;
    }

    mb_status run(const mb_probe_row *given, uint32_t count, uint32_t times, bool with_head, double *seconds,
                  mb_error *error) override {
        const std::vector<mb_probe_row> rows(given, given + count);
        size_t tokens = 0;
        int decodes = 0;
        for (const auto &row : rows) {
            if (row.tokens == 1 && tokens == (size_t)decodes) decodes++; // those in front
            tokens += row.tokens;
        }
        if (count == 0 || count > shape.most_rows || tokens > shape.most_tokens)
            return fail(error, MB_BAD_INPUT,
                        "a step of %u rows and %zu tokens; the probe was opened for %u and %u", count, tokens,
                        shape.most_rows, shape.most_tokens);
        TRY(upload(rows, tokens, error));
        const int splits = splits_for(rows);
        cudaGraphExec_t graph = nullptr;
        if (decodes == (int)count && graphs_work && graph_of(rows, splits, times, with_head, &graph, error)) {
            graphs_work = false; // plain launches take over
            graph = nullptr;
            cudaGetLastError();
        }
        TRY(check(cudaEventRecord(before, stream), "event", error));
        if (graph)
            TRY(check(cudaGraphLaunch(graph, stream), "graph", error));
        else
            TRY(run_all(rows, (int)tokens, decodes, splits, times, with_head, error));
        TRY(check(cudaEventRecord(after, stream), "event", error));
        TRY(check(cudaEventSynchronize(after), "step", error));
        float milliseconds = 0;
        TRY(check(cudaEventElapsedTime(&milliseconds, before, after), "event", error));
        *seconds = 1e-3 * milliseconds;
        return MB_OK;
    }
};

// --- the interface

template <typename T>
mb_status open_as(const mb_probe_shape *shape, uint64_t seed, mb_probe_device **device, mb_error *error) {
    auto *made = new (std::nothrow) device_of<T>();
    if (!made) return fail(error, MB_FAILED, "out of memory");
    const mb_status status = made->open(shape, seed, error);
    if (status) {
        delete made;
        cudaGetLastError(); // a failed allocation must not fail the next call
        return status;
    }
    *device = made;
    return MB_OK;
}

mb_status open_cuda(const mb_probe_shape *shape, const char *precision, uint64_t seed,
                    mb_probe_device **device, mb_error *error) {
    *device = nullptr;
    int count = 0;
    const cudaError_t found = cudaGetDeviceCount(&count);
    if (found != cudaSuccess || count == 0)
        return fail(error, MB_BAD_INPUT, "no CUDA device: %s",
                    found == cudaSuccess ? "none is installed" : cudaGetErrorString(found));
    if (strcmp(precision, "bf16") == 0) return open_as<__nv_bfloat16>(shape, seed, device, error);
    if (strcmp(precision, "fp16") == 0) return open_as<__half>(shape, seed, device, error);
    return fail(error, MB_BAD_INPUT, "the CUDA backend computes in bf16 or fp16, not in %s", precision);
}

void close_cuda(mb_probe_device *device) {
    delete device;
}

void describe_cuda(mb_probe_device *, char *text, size_t size) {
    cudaDeviceProp properties{};
    size_t free_bytes = 0, total = 0;
    int device = 0, clock_khz = 0, runtime = 0;
    cudaGetDevice(&device);
    cudaGetDeviceProperties(&properties, device);
    cudaMemGetInfo(&free_bytes, &total);
    cudaDeviceGetAttribute(&clock_khz, cudaDevAttrClockRate, device);
    cudaRuntimeGetVersion(&runtime);
    snprintf(text, size, "%s, %.1f GiB (%.1f GiB free), up to %d MHz, CUDA %d.%d", properties.name,
             total / 1073741824.0, free_bytes / 1073741824.0, clock_khz / 1000, runtime / 1000,
             runtime % 1000 / 10);
}

mb_status run_cuda(mb_probe_device *d, const mb_probe_row *rows, uint32_t count, uint32_t layers, bool head,
                   double *seconds, mb_error *error) {
    return d->run(rows, count, layers, head, seconds, error);
}

mb_status copy(void *to, const void *from, size_t bytes, mb_error *error) {
    return check(cudaMemcpy(to, from, bytes, cudaMemcpyDefault), "copy", error);
}

mb_status set_input_cuda(mb_probe_device *d, const float *hidden, uint32_t tokens, mb_error *error) {
    return copy(d->hidden, hidden, (size_t)tokens * d->shape.hidden * sizeof *hidden, error);
}

mb_status get_output_cuda(mb_probe_device *d, float *hidden, uint32_t tokens, mb_error *error) {
    return copy(hidden, d->hidden, (size_t)tokens * d->shape.hidden * sizeof *hidden, error);
}

mb_status get_logits_cuda(mb_probe_device *d, float *logits, uint32_t rows, mb_error *error) {
    return copy(logits, d->logits, (size_t)rows * d->shape.vocabulary * sizeof *logits, error);
}

const mb_probe_backend BACKEND = {MB_PROBE_VERSION, "cuda",          open_cuda,
                                  close_cuda,       describe_cuda,   run_cuda,
                                  set_input_cuda,   get_output_cuda, get_logits_cuda, nullptr};

} // namespace

extern "C" __attribute__((visibility("default"))) const mb_probe_backend *mb_probe_plugin_backend(void) {
    return &BACKEND;
}
