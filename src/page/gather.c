// SPDX-License-Identifier: MIT
#include "page/gather.h"

#include <math.h>
#include <stdlib.h>

const double mb_gathered_at[MB_GATHERED_QUANTILES] = {
    0,    0.005, 0.01, 0.02, 0.05, 0.1, 0.15,  0.2,  0.25, 0.3,  0.35, 0.4,  0.45,  0.5,   0.55, 0.6,
    0.65, 0.7,   0.75, 0.8,  0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995, 0.999, 1};
const char *const mb_gathered_names[MB_GATHERED_TIMES] = {"ttft", "itl", "tpot", "e2e", "queue"};
const char *const mb_gathered_titles[MB_GATHERED_TIMES] = {"time to first token", "gap between tokens",
                                                           "time per output token", "end to end",
                                                           "wait before service"};

mb_status mb_gathered_init(mb_gathered *gathered, const mb_section *section, mb_error *error) {
    *gathered = (mb_gathered){.section = section};
    gathered->offsets = calloc(section->point_count + 1, sizeof *gathered->offsets);
    if (!gathered->offsets) return mb_fail_memory(error);
    size_t runs = 0;
    for (size_t i = 0; i < section->point_count; i++) {
        const mb_experiment *experiment = &section->points[i].experiment;
        gathered->offsets[i] = gathered->count;
        gathered->count += experiment->policy_count * experiment->seeds;
        runs += experiment->policy_count;
        if (i == 0 || runs <= MB_GATHERED_RUNS) gathered->recorded_points = i + 1;
    }
    gathered->jobs = calloc(gathered->count + 1, sizeof *gathered->jobs);
    gathered->recordings = calloc(gathered->count + 1, sizeof(mb_recording *));
    return gathered->jobs && gathered->recordings ? MB_OK : mb_fail_memory(error);
}

void mb_gathered_deinit(mb_gathered *gathered) {
    for (size_t i = 0; gathered->recordings && i < gathered->count; i++)
        mb_recording_free(gathered->recordings[i]);
    free(gathered->recordings);
    free(gathered->jobs);
    free(gathered->offsets);
    *gathered = (mb_gathered){0};
}

static size_t place_of(const mb_gathered *gathered, size_t point, size_t policy, uint32_t seed) {
    return gathered->offsets[point] + policy * gathered->section->points[point].experiment.seeds + seed;
}

const mb_gathered_job *mb_gathered_of(const mb_gathered *gathered, size_t point, size_t policy,
                                      uint32_t seed) {
    return &gathered->jobs[place_of(gathered, point, policy, seed)];
}

const mb_recording *mb_gathered_recording(const mb_gathered *gathered, size_t point, size_t policy) {
    return gathered->recordings[place_of(gathered, point, policy, 0)];
}

// --- the jobs' threads, each at places of its own ----------------------------------------------------------

static mb_status open_job(void *context, const mb_experiment *experiment, const mb_outcome *outcome,
                          const mb_source *source, mb_observer *observer, mb_error *error) {
    (void)source;
    mb_gathered *gathered = context;
    if (outcome->seed_index > 0 || outcome->point >= gathered->recorded_points) return MB_OK;
    // Not a reference's policies on the same requests.
    if (experiment != &gathered->section->points[outcome->point].experiment) return MB_OK;
    uint32_t replicas = 0;
    for (size_t i = 0; i < experiment->group_count; i++)
        replicas += experiment->groups[i].hardware.replicas;
    mb_recording *recording = mb_recording_new(replicas);
    if (!recording) return mb_fail_memory(error);
    gathered->recordings[place_of(gathered, outcome->point, outcome->policy, 0)] = recording;
    *observer = mb_recording_observer(recording);
    return MB_OK;
}

static mb_status close_job(void *context, mb_observer *observer, bool whole, mb_error *error) {
    (void)context, (void)whole, (void)error;
    mb_recording_end(observer->self);
    return MB_OK;
}

static void measured(void *context, const mb_experiment *experiment, const mb_outcome *outcome,
                     const mb_metrics *metrics) {
    mb_gathered *gathered = context;
    if (experiment != &gathered->section->points[outcome->point].experiment) return;
    const mb_sketch *sketches[MB_GATHERED_TIMES] = {&metrics->ttft, &metrics->itl, &metrics->tpot,
                                                    &metrics->e2e, &metrics->queue};
    mb_gathered_job *job =
        &gathered->jobs[place_of(gathered, outcome->point, outcome->policy, outcome->seed_index)];
    job->known = true;
    for (size_t i = 0; i < MB_GATHERED_TIMES; i++)
        for (size_t j = 0; j < MB_GATHERED_QUANTILES; j++)
            job->quantiles[i][j] = mb_sketch_quantile(sketches[i], mb_gathered_at[j]);
}

mb_job_observer mb_gathered_observer(mb_gathered *gathered) {
    return (mb_job_observer){.open = open_job, .close = close_job, .measured = measured, .context = gathered};
}
