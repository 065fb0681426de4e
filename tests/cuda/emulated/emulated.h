// SPDX-License-Identifier: MIT
// CUDA on the CPU, as much of it as src/probe/cuda uses, so that its sources are compiled by any C++ compiler
// and do the same arithmetic where no GPU is. Threads of a block are fibers: each runs until it needs others
// - its warp for an exchange, the block for a barrier. Stricter than a GPU where that finds mistakes: lanes
// that part ways before an exchange, barriers that not all reach, copies that nobody waited for and writes
// beyond memory end the program; memory is NaN until it is written; copies that run in the background land as
// late as they may; the order of warps is the other way round from block to block.
#pragma once
#ifdef _FORTIFY_SOURCE
#error "jumps between stacks: compile with -U_FORTIFY_SOURCE"
#endif
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <functional>
#include <map>
#include <memory>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __shared__ static // blocks run one after another
#define __launch_bounds__(...)

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

inline dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulated {

enum { WARP = 32, STACK = 256 << 10, CANARY = 64 };

[[noreturn]] inline void die(const char *what) {
    fprintf(stderr, "emulated CUDA: %s (block %u, %u, %u, thread %u)\n", what, blockIdx.x, blockIdx.y,
            blockIdx.z, threadIdx.x);
    fflush(stdout);
    abort();
}

typedef void operation(void *const *operands); // of a warp's lanes

struct copy {
    void *to;
    const void *from; // NULL: zeros
};

struct fiber {
    enum { READY, AT_WARP, AT_BARRIER, DONE } state = READY;
    bool begun = false;
    jmp_buf here;
    ucontext_t begin;
    std::unique_ptr<char[]> stack{new char[STACK]};
    void *operands = nullptr;
    operation *wanted = nullptr;
    std::vector<copy> copies;
};

inline std::vector<std::unique_ptr<fiber>> fibers;
inline fiber *running;
inline jmp_buf scheduler;
inline const std::function<void()> *body;
inline std::vector<uint64_t> shared; // the block's dynamic memory, and a canary
inline size_t shared_size;

inline void give_up(int state) {
    fiber *own = running;
    own->state = (decltype(own->state))state;
    if (!_setjmp(own->here)) _longjmp(scheduler, 1);
}

inline void live() { // of a fiber: a thread of one block after another
    for (;;) {
        (*body)();
        if (!running->copies.empty()) die("a thread ends while its copies are under way");
        give_up(fiber::DONE);
    }
}

inline void resume(unsigned thread) {
    running = fibers[thread].get();
    threadIdx = dim3(thread, 0, 0);
    if (_setjmp(scheduler)) return;
    if (running->begun) _longjmp(running->here, 1);
    running->begun = true;
    getcontext(&running->begin);
    running->begin.uc_stack.ss_sp = running->stack.get();
    running->begin.uc_stack.ss_size = STACK;
    running->begin.uc_link = nullptr;
    makecontext(&running->begin, live, 0);
    setcontext(&running->begin);
}

// All lanes of the caller's warp do `wanted` together.
inline void together(operation *wanted, void *operands) {
    running->wanted = wanted;
    running->operands = operands;
    give_up(fiber::AT_WARP);
}

// A warp until all its threads are at a barrier or at their ends. Returns which.
inline int run_warp(unsigned first) {
    for (;;) {
        for (unsigned i = first; i < first + WARP; i++)
            if (fibers[i]->state == fiber::READY) resume(i);
        void *operands[WARP];
        const fiber &one = *fibers[first];
        for (unsigned i = 0; i < WARP; i++) {
            const fiber &other = *fibers[first + i];
            if (other.state != one.state || (one.state == fiber::AT_WARP && other.wanted != one.wanted))
                die("the lanes of a warp part ways");
            operands[i] = other.operands;
        }
        if (one.state != fiber::AT_WARP) return one.state;
        one.wanted(operands);
        for (unsigned i = first; i < first + WARP; i++)
            fibers[i]->state = fiber::READY;
    }
}

// Threads that need nobody (a block of one, say) are a warp with the rest missing.
inline void run_alone(unsigned threads) {
    for (unsigned i = 0; i < threads; i++) {
        resume(i);
        if (fibers[i]->state != fiber::DONE) die("a warp with lanes missing exchanges numbers");
    }
}

inline void run_block(unsigned threads, bool backwards) {
    for (unsigned i = 0; i < threads; i++)
        fibers[i]->state = fiber::READY;
    if (threads % WARP) return run_alone(threads);
    for (int state = fiber::READY; state != fiber::DONE;) {
        const unsigned warps = threads / WARP;
        for (unsigned w = 0; w < warps; w++) {
            const int now = run_warp(WARP * (backwards ? warps - 1 - w : w));
            if (w > 0 && now != state) die("not all threads reach a barrier");
            state = now;
        }
        for (unsigned i = 0; i < threads && state == fiber::AT_BARRIER; i++)
            fibers[i]->state = fiber::READY;
    }
}

inline void run_grid(dim3 grid, unsigned threads, size_t bytes, const std::function<void()> &kernel) {
    while (fibers.size() < threads)
        fibers.emplace_back(new fiber);
    gridDim = grid;
    blockDim = dim3(threads);
    body = &kernel;
    shared_size = bytes;
    shared.resize((bytes + CANARY) / 8 + 2);
    bool backwards = false;
    for (unsigned z = 0; z < grid.z; z++)
        for (unsigned y = 0; y < grid.y; y++)
            for (unsigned x = 0; x < grid.x; x++, backwards = !backwards) {
                blockIdx = dim3(x, y, z);
                if (bytes) memset(shared.data(), 0xff, shared.size() * 8);
                run_block(threads, backwards);
                for (size_t i = (bytes + 15) / 8; i < shared.size() && bytes; i++)
                    if (shared[i] != ~(uint64_t)0) die("a write beyond shared memory");
            }
}

// --- what a warp exchanges

struct shuffle {
    float value, got;
    int mask;
};

inline void do_shuffle(void *const *operands) {
    for (int i = 0; i < WARP; i++) {
        shuffle *own = (shuffle *)operands[i];
        own->got = ((const shuffle *)operands[i ^ own->mask])->value;
    }
}

} // namespace emulated

inline void __syncthreads() {
    emulated::give_up(emulated::fiber::AT_BARRIER);
}

inline float __shfl_xor_sync(unsigned, float value, int mask) {
    emulated::shuffle own = {value, 0, mask};
    emulated::together(emulated::do_shuffle, &own);
    return own.got;
}
