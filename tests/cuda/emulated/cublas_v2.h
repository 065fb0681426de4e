// SPDX-License-Identifier: MIT
// The one product that the plugin asks of cuBLAS, in loops.
#pragma once
#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "cuda_runtime.h"

enum cublasStatus_t { CUBLAS_STATUS_SUCCESS, CUBLAS_STATUS_NOT_SUPPORTED };
enum cublasOperation_t { CUBLAS_OP_N, CUBLAS_OP_T };
enum cudaDataType { CUDA_R_32F, CUDA_R_16F, CUDA_R_16BF };
enum cublasComputeType_t { CUBLAS_COMPUTE_32F };
enum cublasGemmAlgo_t { CUBLAS_GEMM_DEFAULT };
typedef int *cublasHandle_t;

inline const char *cublasGetStatusString(cublasStatus_t status) {
    return status ? "not supported" : "success";
}

inline cublasStatus_t cublasCreate(cublasHandle_t *handle) {
    *handle = new int(0);
    return CUBLAS_STATUS_SUCCESS;
}

inline cublasStatus_t cublasDestroy(cublasHandle_t handle) {
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}

inline cublasStatus_t cublasSetStream(cublasHandle_t, cudaStream_t) {
    return CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasSetWorkspace(cublasHandle_t, void *, size_t) {
    return CUBLAS_STATUS_SUCCESS;
}

namespace emulated {

inline float element(const void *matrix, cudaDataType type, size_t i) {
    if (type == CUDA_R_32F) return ((const float *)matrix)[i];
    if (type == CUDA_R_16F) return __half2float(((const __half *)matrix)[i]);
    return __bfloat162float(((const __nv_bfloat16 *)matrix)[i]);
}

inline void set(void *matrix, cudaDataType type, size_t i, float x) {
    if (type == CUDA_R_32F)
        ((float *)matrix)[i] = x;
    else if (type == CUDA_R_16F)
        ((__half *)matrix)[i] = __float2half(x);
    else
        ((__nv_bfloat16 *)matrix)[i] = __float2bfloat16(x);
}

} // namespace emulated

// Column by column, as Fortran has matrices: c[m][n] = alpha a[m][k] b[k][n] + beta c.
inline cublasStatus_t cublasGemmEx(cublasHandle_t, cublasOperation_t ta, cublasOperation_t tb, int m, int n,
                                   int k, const float *alpha, const void *a, cudaDataType type_a, int lda,
                                   const void *b, cudaDataType type_b, int ldb, const float *beta, void *c,
                                   cudaDataType type_c, int ldc, cublasComputeType_t, cublasGemmAlgo_t) {
    if (ta != CUBLAS_OP_N || tb != CUBLAS_OP_N || lda < m || ldb < k || ldc < m)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    const float one = *alpha, more = *beta;
    emulated::ask([=] {
        std::vector<float> sums(m);
        for (int j = 0; j < n; j++) {
            std::fill(sums.begin(), sums.end(), 0.0f);
            for (int l = 0; l < k; l++) {
                const float x = emulated::element(b, type_b, (size_t)j * ldb + l);
                for (int i = 0; i < m; i++)
                    sums[i] += x * emulated::element(a, type_a, (size_t)l * lda + i);
            }
            for (int i = 0; i < m; i++) {
                const size_t at = (size_t)j * ldc + i;
                emulated::set(c, type_c, at,
                              one * sums[i] + (more != 0 ? more * emulated::element(c, type_c, at) : 0));
            }
        }
    });
    return CUBLAS_STATUS_SUCCESS;
}
