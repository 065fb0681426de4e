// SPDX-License-Identifier: MIT
// A replica whose layers are dealt out to stages, with a batch in each (docs/models.md, "Pipelines"). Each
// step is a batch in flight: it begins on the first stage when that is free, passes on from stage to stage,
// each of which serves one batch at a time in the order in which they came, and its tokens come when it
// leaves the last. A request is in one batch at a time. So there are no runs of equal steps: each batch is
// looked at when it starts and when it ends, whatever the number of stages.
#pragma once
#include "engine/state.h"

// NULL: none, of a plan with fewer than two stages. Release with mb_pipeline_free.
mb_status mb_pipeline_new(const mb_pipeline_plan *plan, mb_pipeline **pipeline, mb_error *error);
void mb_pipeline_free(mb_pipeline *pipeline);

// May another batch be built now?
static inline bool mb_pipeline_open(const mb_engine *engine) {
    const mb_pipeline *pipeline = engine->pipeline;
    return pipeline->count < pipeline->plan->batches &&
           (pipeline->plan->ahead || pipeline->free_s[0] <= mb_engine_now(engine));
}
// The step that was built becomes a batch in flight.
mb_status mb_pipeline_start(mb_engine *engine, mb_error *error);
// Does the oldest batch leave the last stage now? Then it is to be ended: who is done leaves, the others may
// join another batch.
bool mb_pipeline_ends(const mb_engine *engine);
mb_status mb_pipeline_end(mb_engine *engine, mb_step_report *report, mb_error *error);
// None of the batches in flight ever was: its replica fails. Seconds that the stages had spent on them, in
// the mean of them.
double mb_pipeline_cut(mb_engine *engine);
// Wait for what comes next: a batch that ends, or a first stage that is free for another.
mb_status mb_pipeline_wait(mb_engine *engine, mb_error *error);

// Seconds that a batch of so many tokens spends in the stages where no other is in its way: those of the law,
// and those that come before.
double mb_pipeline_through(const mb_pipeline *pipeline, double law_s, double before_s, uint64_t tokens);

// Of the time of observation up to now: seconds that its stages were busy, in the mean of them.
double mb_pipeline_busy(const mb_engine *engine);
// The time of observation begins now.
void mb_pipeline_restart(mb_engine *engine);

#ifdef MB_DEBUG
const char *mb_pipeline_broken(const mb_engine *engine);
#endif
