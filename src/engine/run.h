// SPDX-License-Identifier: MIT
// The run of equal steps.
#pragma once
#include "base/double.h"
#include "engine/state.h"

// Start the step that was built, which has a row at least.
mb_status mb_run_start(mb_engine *engine, mb_error *error);
// Time of the end of step k of the piece; k = 0 is its start.
static inline double mb_piece_time(const mb_stepper *stepper, uint64_t k) {
    const double n = mb_double(k);
    return stepper->piece_start_s + (n * stepper->first_s + stepper->slope_s * (n * (n - 1) / 2));
}
// The same of its first step.
static inline double mb_piece_first(const mb_stepper *stepper) {
    return stepper->piece_start_s + stepper->first_s;
}
// How long the steps of a piece take: the k-th first_s + (k - 1) slope_s.
typedef struct mb_run_piece {
    double first_s, slope_s;
    bool single;     // what repetitions of the step would take does not follow from it
    uint64_t inside; // steps before the first outside the range that the model was fitted on
    double alone_s;  // what its decodes would take without prompts; 0: not known, there are none
} mb_run_piece;

// --- the parts of a piece, for ranks that begin as one
// What the step that was built computes; how long it and its repetitions take; the piece begins now; the end
// of its step `limit` is waited for. How many steps it lasts by itself. It is over.
mb_step_shape mb_run_shape(const mb_stepper *stepper);
mb_status mb_run_time(const mb_engine *engine, const mb_step_shape *shape, mb_run_piece *piece,
                      mb_error *error);
void mb_run_set_piece(mb_engine *engine, const mb_step_shape *shape, const mb_run_piece *piece);
mb_status mb_run_wait(mb_engine *engine, mb_error *error);
uint64_t mb_run_limit(const mb_stepper *stepper);
void mb_run_close_piece(mb_stepper *stepper);

// Bring the counts up to `now`.
void mb_run_settle(mb_engine *engine);
// The event of this engine is due. First the counts of all engines reach this instant, then each looks
// whether its run ends by itself; if not, it stands between two steps, and is to be continued or ended.
void mb_run_reach(mb_engine *engine);
bool mb_run_stops(mb_engine *engine);
bool mb_run_reach_alone(mb_engine *engine); // both, where it is the only one
// --- what a run and a batch of a pipeline do alike
// A prefill row has computed its chunk. Returns whether the request is done; false and *failed when out of
// memory.
bool mb_run_advance_row(mb_stepper *stepper, uint32_t slot, bool *failed);
// A request that is done leaves.
mb_status mb_run_finish(mb_engine *engine, uint32_t slot, mb_error *error);

// End the run at the present boundary: the requests that are done leave. report: NULL, or what it was.
mb_status mb_run_end(mb_engine *engine, mb_step_report *report, mb_error *error);
// End it in the middle of a step, which never was; how long that one has taken. Steps that ended by now
// count.
mb_status mb_run_cut(mb_engine *engine, double *lost_s, mb_error *error);
// Averages of memory: those of the run up to now; they go on from here, with what there is now.
void mb_run_account(mb_stepper *stepper);
void mb_run_restart_account(mb_stepper *stepper);
// The simulation stops in the middle of a run: its steps so far count.
void mb_run_abandon(mb_engine *engine);
// The warm-up is over, perhaps in the middle of a run: what was summed up to now does not count.
void mb_run_restart_sums(mb_engine *engine);
// At a boundary nothing has changed for this replica: the same step goes on.
mb_status mb_run_continue(mb_engine *engine, mb_error *error);
// It is to look up at the first boundary from now on (after now, if it has had its turn): when that is, which
// may be now; INFINITY: it stops by itself as soon.
double mb_run_interrupt(mb_engine *engine);
double mb_run_next_boundary(const mb_engine *engine);
