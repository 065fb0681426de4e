// SPDX-License-Identifier: MIT
#include "sim/metrics.h"

#include "sim/batch_means.h"

#include <stdlib.h>

void mb_metrics_deinit(mb_metrics *metrics) {
    mb_sketch_deinit(&metrics->ttft);
    mb_sketch_deinit(&metrics->tpot);
    mb_sketch_deinit(&metrics->itl);
    mb_sketch_deinit(&metrics->e2e);
    mb_sketch_deinit(&metrics->queue);
    free(metrics->client_tokens);
    free(metrics->classes);
    free(metrics->batch_means);
    *metrics = (mb_metrics){0};
}

void mb_metrics_keep_samples(mb_metrics *metrics) {
    mb_sketch *sketches[] = {&metrics->ttft, &metrics->tpot, &metrics->e2e, &metrics->queue};
    for (size_t i = 0; i < sizeof sketches / sizeof *sketches; i++)
        mb_sketch_keep_samples(sketches[i]);
}

bool mb_metrics_keep_batches(mb_metrics *metrics) {
    metrics->batch_means = calloc(1, sizeof *metrics->batch_means);
    return metrics->batch_means;
}

double mb_metrics_duration(const mb_metrics *metrics) {
    return metrics->finished ? metrics->last_end_s - metrics->first_arrival_s : 0;
}

double mb_metrics_jain(const mb_metrics *metrics) {
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < metrics->clients; i++) {
        sum += metrics->client_tokens[i];
        squares += metrics->client_tokens[i] * metrics->client_tokens[i];
    }
    return squares > 0 ? sum * sum / (metrics->clients * squares) : 1;
}

bool mb_metrics_serve_client(mb_metrics *metrics, uint32_t client, double tokens) {
    if (client >= metrics->clients) {
        const uint32_t count = client + 1;
        double *grown = realloc(metrics->client_tokens, count * sizeof *grown);
        if (!grown) return false;
        for (uint32_t i = metrics->clients; i < count; i++)
            grown[i] = 0;
        metrics->client_tokens = grown;
        metrics->clients = count;
    }
    metrics->client_tokens[client] += tokens;
    return true;
}
