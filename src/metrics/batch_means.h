// SPDX-License-Identifier: MIT
// Intervals within one long run: means of successive batches of requests in order of arrival, which are
// nearly independent where the batches are long (Law & Carson 1979). The number of requests need not be
// known: when all batches are full, neighbours are joined, so that there are 16 to 32 of equal size at the
// end.
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { MB_BATCHES = 32, MB_BATCH_MEASURES = 8 };
// The measures that have them, by name: means over requests.
extern const char *const mb_batch_measures[MB_BATCH_MEASURES];

typedef struct mb_mean_batch {
    uint64_t complete;                  // requests that have every measure; of the others those
    uint64_t counts[MB_BATCH_MEASURES]; // that have this one
    double sums[MB_BATCH_MEASURES];
} mb_mean_batch;

typedef struct mb_batch_means {
    uint64_t size; // requests of a batch; 0: none has come
    uint64_t last; // highest index so far
    mb_mean_batch batches[MB_BATCHES];
} mb_batch_means;

// The values of request number `index` (by arrival, from 0), NAN where it has none; zero-initialised means
// are empty.
void mb_batch_means_add(mb_batch_means *restrict means, uint64_t index,
                        const double values[restrict MB_BATCH_MEASURES]);

// The batch of that one; others are joined until there is room for it.
mb_mean_batch *mb_batch_means_make_room(mb_batch_means *means, uint64_t index);
static inline mb_mean_batch *mb_batch_means_of(mb_batch_means *means, uint64_t index) {
    if (index > means->last) means->last = index;
    const uint64_t number = means->size ? index >> __builtin_ctzll(means->size) : MB_BATCHES;
    return number < MB_BATCHES ? &means->batches[number] : mb_batch_means_make_room(means, index);
}
// The same of one that has them all and violated nothing, whose violations of 0 would change no sum.
static inline void mb_batch_means_add_kept(mb_batch_means *means, uint64_t index, double ttft_s, double e2e_s,
                                           double queue_s, bool waited) {
    mb_mean_batch *batch = mb_batch_means_of(means, index);
    batch->complete++;
    batch->sums[0] += ttft_s;
    batch->sums[1] += e2e_s;
    batch->sums[2] += queue_s;
    batch->sums[6] += 1;
    batch->sums[7] += waited;
}

typedef struct mb_batch_interval {
    uint32_t batches; // complete ones, that the intervals rest on; 0: fewer than 16
    uint64_t size;
    double half_width[MB_BATCH_MEASURES]; // NAN: no interval, since batches are still correlated
} mb_batch_interval;
mb_batch_interval mb_batch_means_interval(const mb_batch_means *means);
