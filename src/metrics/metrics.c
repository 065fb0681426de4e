// SPDX-License-Identifier: MIT
#include "metrics/metrics.h"

#include "metrics/batch_means.h"

#include <stdlib.h>

void mb_metrics_deinit(mb_metrics *metrics) {
    mb_sketch_deinit(&metrics->ttft);
    mb_sketch_deinit(&metrics->tpot);
    mb_sketch_deinit(&metrics->itl);
    mb_sketch_deinit(&metrics->e2e);
    mb_sketch_deinit(&metrics->queue);
    mb_sketch_deinit(&metrics->gap);
    mb_sketch_deinit(&metrics->qoe);
    mb_sketch_deinit(&metrics->program);
    mb_sketch_deinit(&metrics->program_token);
    free(metrics->client_tokens);
    free(metrics->classes);
    free(metrics->batch_means);
    mb_parties_deinit(&metrics->parties);
    *metrics = (mb_metrics){0};
}

void mb_metrics_keep_samples(mb_metrics *metrics) {
    mb_sketch *sketches[] = {&metrics->ttft, &metrics->tpot, &metrics->e2e,    &metrics->queue,
                             &metrics->gap,  &metrics->qoe,  &metrics->program};
    for (size_t i = 0; i < sizeof sketches / sizeof *sketches; i++)
        mb_sketch_keep_samples(sketches[i]);
    metrics->parties.exact = true;
}

bool mb_metrics_lost(const mb_metrics *metrics) {
    const mb_sketch *sketches[] = {&metrics->ttft, &metrics->tpot,    &metrics->itl,
                                   &metrics->e2e,  &metrics->queue,   &metrics->gap,
                                   &metrics->qoe,  &metrics->program, &metrics->program_token};
    bool lost = metrics->parties.lost;
    for (size_t i = 0; i < sizeof sketches / sizeof *sketches; i++)
        lost |= sketches[i]->failed;
    return lost;
}

bool mb_metrics_keep_batches(mb_metrics *metrics) {
    metrics->batch_means = calloc(1, sizeof *metrics->batch_means);
    return metrics->batch_means;
}

void mb_metrics_restart(mb_metrics *metrics, double now_s) {
    metrics->start_s = metrics->end_s = now_s;
    metrics->in_warmup_integral = metrics->in_system_integral;
    metrics->completed = metrics->good = metrics->prompt_tokens = metrics->output_tokens = 0;
    mb_sketch_deinit(&metrics->itl);
    metrics->batches = metrics->batch_requests = metrics->padded_tokens = metrics->useful_tokens = 0;
    metrics->busy_s = metrics->kv_reserved_integral = metrics->kv_used_integral = metrics->kv_peak = 0;
    for (int i = 0; i < MB_STOP_COUNT; i++)
        metrics->stops[i] = 0;
    metrics->idle_with_work_s = metrics->idle_beside_s = metrics->lost_s = 0;
    metrics->preemptions = metrics->admitted_tokens = metrics->cached_tokens = 0;
    metrics->transfers = 0;
    metrics->transfers_s = metrics->moved_bytes = 0;
    metrics->recomputed_tokens = metrics->wasted_tokens = metrics->extrapolated_batches = 0;
    for (uint32_t i = 0; i < metrics->clients; i++)
        metrics->client_tokens[i] = 0;
}

double mb_metrics_jain(const mb_metrics *metrics) {
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < metrics->clients; i++) {
        sum += metrics->client_tokens[i];
        squares += metrics->client_tokens[i] * metrics->client_tokens[i];
    }
    return squares > 0 ? sum * sum / (metrics->clients * squares) : 1;
}

bool mb_metrics_serve_new_client(mb_metrics *metrics, uint32_t client, double tokens) {
    const uint32_t count = client + 1;
    double *grown = realloc(metrics->client_tokens, count * sizeof *grown);
    if (!grown) return false;
    for (uint32_t i = metrics->clients; i < count; i++)
        grown[i] = 0;
    metrics->client_tokens = grown;
    metrics->clients = count;
    metrics->client_tokens[client] += tokens;
    return true;
}
