// SPDX-License-Identifier: MIT
// What this GPU can do at best, for tests/gpu_check.sh: the bandwidth of a copy, and the arithmetic of a large
// product. Prints "copy_gb_s gemm_tflop_s".
#include <cublas_v2.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdio>

namespace {

const int SIDE = 8192, TRIALS = 20;
const size_t BYTES = size_t(1) << 30;

// Milliseconds of one call, of the fastest of TRIALS after one that does not count; below 0: it failed.
template <typename Work> float fastest(Work work) {
    cudaEvent_t from, to;
    cudaEventCreate(&from);
    cudaEventCreate(&to);
    float best = -1;
    for (int i = 0; i <= TRIALS; i++) {
        cudaEventRecord(from);
        if (!work()) return -1;
        cudaEventRecord(to);
        float ms = -1;
        if (cudaEventSynchronize(to) != cudaSuccess || cudaEventElapsedTime(&ms, from, to) != cudaSuccess) return -1;
        if (i > 0 && (best < 0 || ms < best)) best = ms;
    }
    return best;
}

} // namespace

int main() {
    void *a, *b, *c;
    cublasHandle_t blas;
    if (cudaMalloc(&a, BYTES) != cudaSuccess || cudaMalloc(&b, BYTES) != cudaSuccess ||
        cudaMalloc(&c, BYTES) != cudaSuccess || cublasCreate(&blas) != CUBLAS_STATUS_SUCCESS) {
        std::fprintf(stderr, "no GPU, or no memory on it\n");
        return 1;
    }
    cudaMemset(a, 0, BYTES);
    cudaMemset(b, 0, BYTES);
    const float copy_ms = fastest([&] { return cudaMemcpyAsync(b, a, BYTES, cudaMemcpyDeviceToDevice) == cudaSuccess; });
    const float one = 1, zero = 0;
    const float gemm_ms = fastest([&] {
        return cublasGemmEx(blas, CUBLAS_OP_N, CUBLAS_OP_N, SIDE, SIDE, SIDE, &one, a, CUDA_R_16BF, SIDE, b, CUDA_R_16BF,
                            SIDE, &zero, c, CUDA_R_16BF, SIDE, CUBLAS_COMPUTE_32F,
                            CUBLAS_GEMM_DEFAULT) == CUBLAS_STATUS_SUCCESS;
    });
    if (copy_ms <= 0 || gemm_ms <= 0) {
        std::fprintf(stderr, "the GPU did not do what it was asked: %s\n", cudaGetErrorString(cudaGetLastError()));
        return 1;
    }
    // A copy reads and writes.
    std::printf("%.1f %.2f\n", 2e-6 * BYTES / copy_ms, 2e-9 * SIDE * SIDE * double(SIDE) / gemm_ms);
    return 0;
}
