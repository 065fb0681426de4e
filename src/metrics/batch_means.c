// SPDX-License-Identifier: MIT
#include "metrics/batch_means.h"

#include "base/statistics.h"

#include <math.h>
#include <string.h>

const char *const mb_batch_measures[MB_BATCH_MEASURES] = {"ttft_mean_s",    "e2e_mean_s",     "queue_mean_s",
                                                          "ttft_violation", "tbt_violation",  "e2e_violation",
                                                          "slo_attainment", "waited_fraction"};

static void join_neighbours(mb_batch_means *means) {
    for (unsigned i = 0; i < MB_BATCHES / 2; i++) {
        mb_mean_batch joined = means->batches[2 * i];
        const mb_mean_batch *other = &means->batches[2 * i + 1];
        joined.complete += other->complete;
        for (unsigned m = 0; m < MB_BATCH_MEASURES; m++) {
            joined.counts[m] += other->counts[m];
            joined.sums[m] += other->sums[m];
        }
        means->batches[i] = joined;
    }
    memset(&means->batches[MB_BATCHES / 2], 0, MB_BATCHES / 2 * sizeof *means->batches);
    means->size *= 2;
}

mb_mean_batch *mb_batch_means_make_room(mb_batch_means *means, uint64_t index) {
    if (!means->size) means->size = 1;
    while (index >> __builtin_ctzll(means->size) >= MB_BATCHES) // the size is a power of two
        join_neighbours(means);
    return &means->batches[index >> __builtin_ctzll(means->size)];
}

void mb_batch_means_add(mb_batch_means *restrict means, uint64_t index,
                        const double values[restrict MB_BATCH_MEASURES]) {
    mb_mean_batch *batch = mb_batch_means_of(means, index);
    double all = 0;
    for (unsigned m = 0; m < MB_BATCH_MEASURES; m++)
        all += values[m];
    if (!isnan(all)) { // the usual case
        batch->complete++;
        for (unsigned m = 0; m < MB_BATCH_MEASURES; m++)
            batch->sums[m] += values[m];
        return;
    }
    for (unsigned m = 0; m < MB_BATCH_MEASURES; m++) {
        if (isnan(values[m])) continue;
        batch->counts[m]++;
        batch->sums[m] += values[m];
    }
}

// Is the correlation of neighbours above what one in twenty independent series shows?
static bool correlated(const double *values, uint32_t count, const mb_moments *moments) {
    double products = 0;
    for (uint32_t i = 0; i + 1 < count; i++)
        products += (values[i] - moments->mean) * (values[i + 1] - moments->mean);
    return products > 1.645 / sqrt(count) * moments->squares;
}

mb_batch_interval mb_batch_means_interval(const mb_batch_means *means) {
    mb_batch_interval result = {.size = means->size};
    const uint64_t complete = means->size ? (means->last + 1) / means->size : 0;
    result.batches = complete >= MB_BATCHES / 2 ? (uint32_t)complete : 0;
    for (unsigned m = 0; m < MB_BATCH_MEASURES; m++) {
        mb_moments moments = {0};
        double values[MB_BATCHES];
        bool empty = false;
        for (uint32_t i = 0; i < result.batches; i++) {
            const mb_mean_batch *batch = &means->batches[i];
            const uint64_t count = batch->complete + batch->counts[m];
            empty = empty || !count;
            values[i] = batch->sums[m] / (double)count;
            mb_moments_add(&moments, values[i]);
        }
        const bool none = empty || correlated(values, result.batches, &moments);
        result.half_width[m] = none ? (double)NAN : mb_moments_half_width(&moments);
    }
    return result;
}
