// SPDX-License-Identifier: MIT
// The probe on an NVIDIA GPU: products by cuBLAS with float32 accumulation, the residual stream in float32,
// attention over the pages (decodes: flash decoding; prompts: prompts.cuh), steps of decodes replayed as CUDA
// graphs. A plugin: it shares probe/backend.h with the program and nothing else.
#include "prompts.cuh"

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
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
    std::string note; // of what is not as described
    mb_probe_shape shape;
    cudaStream_t stream = nullptr;
    float *hidden = nullptr; // [most_tokens][hidden]
    float *logits = nullptr; // [most_rows][vocabulary]
};

namespace {

enum { WORKSPACE = 32 << 20, MOST_SPLITS = 64 };
enum { BLOCKS_AT_ONCE = 8 }; // of decodes' attention, on a processor
// Of the processor, some 50 us: longer than it takes to hand over a graph. A few layers are measured and
// stand for all, so what handing over takes would count as often as they are multiplied.
constexpr long long HEAD_START = 100000;
constexpr uint32_t FEW_LAYERS = 8; // of more it is little beside what they take

// Blocks of 256 threads for so many numbers; above 1,024 they go round.
unsigned blocks_for(size_t count) {
    return (unsigned)std::min<size_t>(1024, (count + 255) / 256);
}

// Do nothing for so many cycles.
__global__ void idle(long long many) {
    for (const long long from = cycles(); cycles() - from < many;)
        ;
}

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
    double *turns = nullptr;                   // rotate_and_place
    float *partial = nullptr, *kept = nullptr; // kept: hidden states of a step of decodes
    int processors = 1;
    prompt_kernel<T> prompts{};
    prompt_tiles tiles;
    // A step's rows: [row_of | position | first_token | new_tokens | context | first_block | blocks | tiles]
    int *numbers = nullptr;
    std::vector<int> host;
    step_view view{};
    std::map<std::tuple<uint32_t, uint32_t, bool>, cudaGraphExec_t> graphs; // by rows, layers, head

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
        return start(fill<T>, blocks_for(rows * columns), 256, "fill", error, *tensor,
                     (uint64_t)rows * columns, seed, id, sqrtf(3.0f / rows));
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
                     cut = tokens * (s.heads / s.kv_heads) / prompt_queries(s.head_dim) + rows; // tiles
        TRY(make(&hidden, tokens * s.hidden, "hidden states", error));
        TRY(make(&normed, std::max(tokens, rows) * s.hidden, "hidden states", error));
        TRY(make(&qkv, tokens * s.width(), "queries", error));
        TRY(make(&attended, tokens * s.heads * s.head_dim, "attention", error));
        TRY(make(&gate_up, tokens * 2 * s.intermediate, "MLP", error));
        TRY(make(&gated, tokens * s.intermediate, "MLP", error));
        TRY(make(&logits, rows * shape.vocabulary, "logits", error));
        TRY(make(&partial,
                 std::max<size_t>(rows, processors * BLOCKS_AT_ONCE / s.kv_heads) * s.heads *
                     (s.head_dim + 2),
                 "decodes' attention", error));
        TRY(make(&kept, rows * s.hidden, "hidden states", error));
        std::vector<double> each(s.head_dim / 2);
        for (size_t i = 0; i < each.size(); i++)
            each[i] = std::pow(MB_PROBE_ROPE_BASE, -2.0 * i / s.head_dim) / (2 * M_PI);
        TRY(make(&turns, each.size(), "rotation", error));
        TRY(check(cudaMemcpy(turns, each.data(), each.size() * sizeof(double), cudaMemcpyHostToDevice),
                  "rotation", error));
        TRY(make(&numbers, 2 * tokens + 5 * rows + shape.blocks + rows + 2 * cut, "rows", error));
        return start(fill<float>, blocks_for(tokens * s.hidden), 256, "fill", error, hidden,
                     (uint64_t)tokens * s.hidden, (uint64_t)1, MB_PROBE_HEAD - 1, 1.0f); // not zero
    }

    mb_status open(const mb_probe_shape *given, uint64_t seed, mb_error *error) {
        shape = *given;
        s = {(int)shape.hidden,   (int)shape.heads,        (int)shape.kv_heads,
             (int)shape.head_dim, (int)shape.intermediate, (int)shape.block};
        if (s.head_dim > 32 * MOST_PER_LANE)
            return fail(error, MB_BAD_INPUT, "the CUDA backend takes a head_dim of at most %d, not %d",
                        32 * MOST_PER_LANE, s.head_dim);
        prompts = prompt_kernel_for<T>(s.head_dim);
        TRY(check(cudaFuncSetAttribute(prompts.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                       (int)prompts.shared),
                  "prompts' attention", error));
        int device = 0;
        TRY(check(cudaGetDevice(&device), "device", error));
        TRY(check(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device), "device",
                  error));
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

    template <typename... P, typename... A>
    mb_status start(void (*kernel)(P...), dim3 grid, unsigned threads, const char *what, mb_error *error,
                    A... arguments) {
        return start_with(0, kernel, grid, threads, what, error, arguments...);
    }

    // With dynamic shared memory.
    template <typename... P, typename... A>
    mb_status start_with(size_t shared, void (*kernel)(P...), dim3 grid, unsigned threads, const char *what,
                         mb_error *error, A... arguments) {
        cudaLaunchConfig_t config{};
        config.gridDim = grid;
        config.blockDim = dim3(threads);
        config.dynamicSmemBytes = shared;
        config.stream = stream;
        return check(cudaLaunchKernelEx(&config, kernel, static_cast<P>(arguments)...), what, error);
    }

    // --- attention

    // Enough parts of their contexts to keep the card busy, however long these are: so that one graph serves
    // all steps of as many rows, as in engines. Those without positions end at once.
    int splits_for(int rows) const {
        int splits = 1;
        while (splits < MOST_SPLITS && 2 * splits * rows * s.kv_heads <= processors * BLOCKS_AT_ONCE)
            splits *= 2;
        return splits;
    }

    mb_status decode(const layer &l, int rows, mb_error *error) {
        const int splits = splits_for(rows);
        TRY(start(decode_parts<T>, dim3(rows, s.kv_heads, splits), 32 * DECODE_WARPS, "decodes' attention",
                  error, s, view, qkv, l.keys, l.values, partial));
        return start(decode_together<T>, dim3(rows, s.heads), 128, "decodes' attention", error, s, view,
                     partial, splits, attended);
    }

    // Rows of one token come first (order() sees to it), so that one launch serves them all.
    mb_status attention(const layer &l, int decodes, mb_error *error) {
        if (decodes) TRY(decode(l, decodes, error));
        if (tiles.row.empty()) return MB_OK;
        return start_with(prompts.shared, prompts.kernel, dim3((unsigned)tiles.row.size(), s.kv_heads),
                          PROMPT_THREADS, "prompts' attention", error, s, view, qkv, l.keys, l.values,
                          attended);
    }

    // --- a step

    mb_status run_layer(const layer &l, int tokens, int decodes, mb_error *error) {
        TRY(start(normalise<T>, tokens, 256, "norm", error, hidden, normed, s.hidden, nullptr, nullptr));
        TRY(product(normed, l.tensors[MB_PROBE_QKV], qkv, tokens, s.width(), s.hidden, false, error));
        TRY(start(rotate_and_place<T>, dim3(tokens, s.heads + s.kv_heads), 64, "rotation", error, s, view,
                  turns, qkv, l.keys, l.values));
        TRY(attention(l, decodes, error));
        TRY(product(attended, l.tensors[MB_PROBE_OUT], hidden, tokens, s.hidden, s.heads * s.head_dim, true,
                    error));
        TRY(start(normalise<T>, tokens, 256, "norm", error, hidden, normed, s.hidden, nullptr, nullptr));
        TRY(product(normed, l.tensors[MB_PROBE_GATE_UP], gate_up, tokens, 2 * s.intermediate, s.hidden, false,
                    error));
        TRY(start(gate<T>, blocks_for((size_t)tokens * s.intermediate), 256, "gate", error, gate_up, gated,
                  s.intermediate, (size_t)tokens * s.intermediate));
        return product(gated, l.tensors[MB_PROBE_DOWN], hidden, tokens, s.hidden, s.intermediate, true,
                       error);
    }

    mb_status run_all(int rows, int tokens, int decodes, uint32_t times, bool with_head, mb_error *error) {
        for (uint32_t i = 0; i < times; i++)
            TRY(run_layer(layers[i % layers.size()], tokens, decodes, error));
        if (!with_head) return MB_OK;
        TRY(start(normalise<T>, rows, 256, "norm", error, hidden, normed, s.hidden, view.first_token,
                  view.new_tokens));
        return product(normed, head, logits, rows, (int)shape.vocabulary, s.hidden, false, error);
    }

    // The rows' numbers on the device. The caller's order of rows is kept in what the interface gives back:
    // decodes must come first there too, which mbsand's sessions do.
    mb_status upload(const std::vector<mb_probe_row> &rows, size_t tokens, int decodes, mb_error *error) {
        const size_t n = rows.size();
        size_t total = 0;
        for (const auto &row : rows)
            total += (row.context + row.tokens + s.block - 1) / s.block;
        if (total > shape.blocks + (size_t)shape.most_rows)
            return fail(error, MB_BAD_INPUT, "a step of %zu blocks is too large", total);
        tiles.cut(s, rows, decodes);
        const size_t cut = tiles.row.size();
        host.assign(2 * tokens + 4 * n + total + 2 * cut, 0);
        int *row_of = host.data(), *position = row_of + tokens, *first_token = position + tokens,
            *new_tokens = first_token + n;
        int *context = new_tokens + n, *first_block = context + n, *blocks = first_block + n,
            *tile_row = blocks + total, *tile_first = tile_row + cut;
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
        std::copy(tiles.row.begin(), tiles.row.end(), tile_row);
        std::copy(tiles.first.begin(), tiles.first.end(), tile_first);
        const auto there = [this](const int *here) { return numbers + (here - host.data()); };
        view = {there(row_of),      there(position), there(first_token), there(new_tokens), there(context),
                there(first_block), there(blocks),   there(tile_row),    there(tile_first)};
        TRY(check(
            cudaMemcpyAsync(numbers, host.data(), host.size() * sizeof(int), cudaMemcpyHostToDevice, stream),
            "rows", error));
        return check(cudaStreamSynchronize(stream), "rows", error);
    }

    // What was asked of the stream while it was captured, ready to be run.
    mb_status capture(int rows, uint32_t times, bool with_head, cudaGraphExec_t *graph, mb_error *error) {
        cudaGraph_t captured = nullptr;
        TRY(check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capture", error));
        const mb_status asked = run_all(rows, rows, rows, times, with_head, error);
        const mb_status ended =
            check(cudaStreamEndCapture(stream, &captured), "capture", asked ? nullptr : error);
        mb_status status = asked ? asked : ended;
        if (!status) status = check(cudaGraphInstantiate(graph, captured, 0), "graph", error);
        if (captured) cudaGraphDestroy(captured);
        if (status) return status;
        graphs[std::make_tuple((uint32_t)rows, times, with_head)] = *graph; // which closes it
        return check(cudaGraphUpload(*graph, stream), "graph", error);
    }

    // A step of decodes as a graph, one for each number of rows as engines have it; none where graphs do not
    // work. All its kernels are given are places in `numbers`, and as all rows have one token, a step of as
    // many rows has its numbers in the same places: contexts and blocks may be others when it is replayed.
    // Before it is captured the step is run once, since kernels that are used for the first time are loaded,
    // which must not happen during a capture.
    mb_status graph_of(int rows, uint32_t times, bool with_head, cudaGraphExec_t *graph, mb_error *error) {
        *graph = nullptr;
        const auto known = graphs.find(std::make_tuple((uint32_t)rows, times, with_head));
        if (known != graphs.end()) *graph = known->second;
        if (*graph || !note.empty()) return MB_OK;
        const size_t bytes = (size_t)rows * s.hidden * sizeof(float);
        TRY(check(cudaMemcpyAsync(kept, hidden, bytes, cudaMemcpyDeviceToDevice, stream), "copy", error));
        TRY(run_all(rows, rows, rows, times, with_head, error));
        TRY(check(cudaMemcpyAsync(hidden, kept, bytes, cudaMemcpyDeviceToDevice, stream), "copy", error));
        TRY(check(cudaStreamSynchronize(stream), "step", error));
        mb_error reason;
        if (!capture(rows, times, with_head, graph, &reason)) return MB_OK;
        note = "decodes run without CUDA graphs (" + std::string(reason.message) + ")";
        *graph = nullptr;
        cudaGetLastError(); // a failed capture must not fail the next call
        return MB_OK;
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
        TRY(upload(rows, tokens, decodes, error));
        cudaGraphExec_t graph = nullptr;
        if (decodes == (int)count) TRY(graph_of(decodes, times, with_head, &graph, error));
        if (graph && times > 0 && times <= FEW_LAYERS)
            TRY(start(idle, 1, 1, "head start", error, HEAD_START));
        TRY(check(cudaEventRecord(before, stream), "event", error));
        if (graph)
            TRY(check(cudaGraphLaunch(graph, stream), "graph", error));
        else
            TRY(run_all((int)count, (int)tokens, decodes, times, with_head, error));
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
    snprintf(text, size, "%s, %.1f GiB (%.1f GiB free), up to %d MHz, CUDA %d.%d, decodes as CUDA graphs",
             properties.name, total / 1073741824.0, free_bytes / 1073741824.0, clock_khz / 1000,
             runtime / 1000, runtime % 1000 / 10);
}

// Of what is not as described; NULL: of nothing.
const char *note_cuda(mb_probe_device *d) {
    return d->note.empty() ? nullptr : d->note.c_str();
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

const mb_probe_backend BACKEND = {MB_PROBE_VERSION, "cuda",   open_cuda,      close_cuda,
                                  describe_cuda,    run_cuda, set_input_cuda, get_output_cuda,
                                  get_logits_cuda,  nullptr,  note_cuda,      true};

} // namespace

extern "C" __attribute__((visibility("default"))) const mb_probe_backend *mb_probe_plugin_backend(void) {
    return &BACKEND;
}
