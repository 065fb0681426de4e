// SPDX-License-Identifier: MIT
// The runtime: one stream, which runs what is asked of it at once, or notes it where it is being captured.
#pragma once
#include "emulated.h"

#include <time.h>

#include <tuple>
#include <utility>

enum cudaError_t {
    cudaSuccess,
    cudaErrorInvalidValue,
    cudaErrorMemoryAllocation,
    cudaErrorInvalidConfiguration,
    cudaErrorStreamCaptureUnsupported
};
enum cudaMemcpyKind {
    cudaMemcpyHostToDevice,
    cudaMemcpyDeviceToDevice,
    cudaMemcpyDeviceToHost,
    cudaMemcpyDefault
};
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
enum cudaDeviceAttr { cudaDevAttrClockRate, cudaDevAttrMultiProcessorCount };

struct cudaDeviceProp {
    char name[64];
};
typedef int *cudaStream_t;
typedef double *cudaEvent_t;
typedef std::vector<std::function<void()>> *cudaGraph_t, *cudaGraphExec_t;
struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    size_t dynamicSmemBytes;
    cudaStream_t stream;
};

namespace emulated {

inline std::vector<std::function<void()>> *captured; // NULL: nothing is being captured
inline std::map<void *, size_t> owned;               // sizes; canaries follow
inline std::map<const void *, int> allowed;          // dynamic shared memory of kernels beyond the usual
constexpr int USUAL_SHARED = 48 << 10, MOST_SHARED = 99 << 10; // of cards with the least

inline cudaError_t ask(std::function<void()> work) {
    if (captured)
        captured->push_back(std::move(work));
    else
        work();
    return cudaSuccess;
}

// For calls that a capture does not allow.
inline cudaError_t unless_captured() {
    return captured ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

inline void check_memory(void *memory) {
    const unsigned char *end = (unsigned char *)memory + owned.at(memory);
    for (int i = 0; i < CANARY; i++)
        if (end[i] != 0xff) die("a write beyond an allocation");
}

} // namespace emulated

inline const char *cudaGetErrorString(cudaError_t error) {
    static const char *const words[] = {"success", "invalid value", "out of memory", "invalid configuration",
                                        "not permitted while a stream is captured"};
    return words[error];
}

inline cudaError_t cudaGetLastError() {
    return cudaSuccess;
}

inline cudaError_t cudaGetDeviceCount(int *count) {
    *count = 1;
    return cudaSuccess;
}

inline cudaError_t cudaGetDevice(int *device) {
    *device = 0;
    return cudaSuccess;
}

inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int) {
    snprintf(properties->name, sizeof properties->name, "no GPU, but kernels emulated on the CPU");
    return cudaSuccess;
}

inline cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total) {
    *free_bytes = *total = (size_t)1 << 30;
    return cudaSuccess;
}

inline cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr, int) {
    *value = 1;
    return cudaSuccess;
}

inline cudaError_t cudaRuntimeGetVersion(int *version) {
    *version = 0;
    return cudaSuccess;
}

template <typename M> cudaError_t cudaMalloc(M **memory, size_t bytes) {
    if (emulated::captured) return cudaErrorStreamCaptureUnsupported;
    if (bytes > (size_t)1 << 30) return cudaErrorMemoryAllocation;
    void *got = aligned_alloc(256, (bytes + emulated::CANARY + 255) / 256 * 256);
    if (!got) return cudaErrorMemoryAllocation;
    memset(got, 0xff, bytes + emulated::CANARY);
    emulated::owned[got] = bytes;
    *memory = (M *)got;
    return cudaSuccess;
}

inline cudaError_t cudaFree(void *memory) {
    if (!memory) return cudaSuccess;
    emulated::check_memory(memory);
    emulated::owned.erase(memory);
    free(memory);
    return cudaSuccess;
}

inline cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind) {
    memcpy(to, from, bytes);
    return emulated::unless_captured();
}

inline cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t) {
    return emulated::ask([=] { memcpy(to, from, bytes); });
}

inline cudaError_t cudaMemsetAsync(void *to, int byte, size_t bytes, cudaStream_t) {
    return emulated::ask([=] { memset(to, byte, bytes); });
}

inline cudaError_t cudaStreamCreate(cudaStream_t *stream) {
    *stream = new int(0);
    return cudaSuccess;
}

inline cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    delete stream;
    return cudaSuccess;
}

inline cudaError_t cudaStreamSynchronize(cudaStream_t) {
    return emulated::unless_captured();
}
inline cudaError_t cudaDeviceSynchronize() {
    return emulated::unless_captured();
}

inline cudaError_t cudaEventCreate(cudaEvent_t *event) {
    *event = new double(0);
    return cudaSuccess;
}

inline cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    return cudaSuccess;
}

inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    *event = 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
    return emulated::unless_captured();
}

inline cudaError_t cudaEventSynchronize(cudaEvent_t) {
    return cudaSuccess;
}

inline cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t from, cudaEvent_t to) {
    *milliseconds = *to > *from ? (float)(*to - *from) : 1e-6f;
    return cudaSuccess;
}

// --- graphs. MBSAND_EMULATED_GRAPHS=0: none can be captured.

inline cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) {
    const char *graphs = getenv("MBSAND_EMULATED_GRAPHS");
    if (emulated::captured || (graphs && strcmp(graphs, "0") == 0)) return cudaErrorStreamCaptureUnsupported;
    emulated::captured = new std::vector<std::function<void()>>;
    return cudaSuccess;
}

inline cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t *graph) {
    *graph = emulated::captured;
    emulated::captured = nullptr;
    return *graph ? cudaSuccess : cudaErrorStreamCaptureUnsupported;
}

inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t *ready, cudaGraph_t graph, unsigned long long) {
    *ready = new std::vector<std::function<void()>>(*graph);
    return cudaSuccess;
}

inline cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t) {
    return cudaSuccess;
}

inline cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t) {
    for (const auto &work : *graph)
        work();
    return cudaSuccess;
}

inline cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}

inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
    delete graph;
    return cudaSuccess;
}

// --- kernels

template <typename... P>
cudaError_t cudaFuncSetAttribute(void (*kernel)(P...), cudaFuncAttribute, int bytes) {
    if (bytes > emulated::MOST_SHARED) return cudaErrorInvalidValue;
    emulated::allowed[(const void *)kernel] = bytes;
    return cudaSuccess;
}

template <typename... P, typename... A>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config, void (*kernel)(P...), A &&...arguments) {
    const dim3 grid = config->gridDim, block = config->blockDim;
    const size_t bytes = config->dynamicSmemBytes;
    const auto more = emulated::allowed.find((const void *)kernel);
    const size_t most =
        more == emulated::allowed.end() ? (size_t)emulated::USUAL_SHARED : (size_t)more->second;
    if (!grid.x || !grid.y || !grid.z || grid.y > 65535 || grid.z > 65535 || !block.x || block.x > 1024 ||
        block.y != 1 || block.z != 1 || bytes > most)
        return cudaErrorInvalidConfiguration;
    const std::tuple<P...> values(std::forward<A>(arguments)...); // as they are now, as in a graph
    return emulated::ask([=] {
        const std::function<void()> thread = [&] { std::apply(kernel, values); };
        emulated::run_grid(grid, block.x, bytes, thread);
    });
}
