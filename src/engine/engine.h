// SPDX-License-Identifier: MIT
// The iteration-level engine of one replica (docs/continuous-batching.md): which requests it runs, what they
// have computed, and the run of equal steps that is under way.
//
// Decodes advance together, one token per step, so their progress is a function of the engine's count of
// iterations: nothing is touched per request and step. Sums are kept: what the decodes read, and how many
// need a block at which residue of the count. With `naive` (--step) none of these sums is used; every running
// request is visited at every iteration instead (visit.c), and the results must be the same to the bit.
#pragma once
#include "sim/sim.h"

// A decode among those that advance together: at iteration `at` it has emitted its last token, or (covered
// ends first) begins to need blocks.
typedef struct mb_decode {
    uint64_t at, order; // order of admission
    uint32_t slot;
    bool ends;
} mb_decode;

// Decodes that emitted their last token at the same time.
typedef struct mb_token_group {
    double time_s;
    uint32_t count;
} mb_token_group;

struct mb_engine {
    mb_kv_blocks kv;
    bool naive;
    // --- who runs here
    uint32_t oldest, newest, running; // list in order of admission
    uint32_t parked, paused;
    uint64_t admissions;
    uint32_t first_prefill, last_prefill, prefill_count; // list of the unfinished ones in order of admission
    mb_decode *decodes;                                  // heap by (at, order); empty where naive
    uint32_t decode_count, decode_capacity;
    uint64_t iteration; // steps that the decodes have made
    uint64_t context;   // tokens that the decodes' next step reads
    uint32_t *due;      // [block]: decodes that need a block at iterations i with i % block = index
    uint32_t due_total;
    uint64_t resident_tokens; // computed tokens in memory, of all requests here
    mb_token_group *groups;
    uint32_t group_count, group_capacity;
    double last_decode_s; // end of the last step with decodes
    // --- the step being built, or repeated
    uint32_t *rows; // slots of the prefill rows
    mb_chunk *chunks;
    uint32_t row_count, row_capacity;
    uint32_t *selected; // decodes added one by one
    uint32_t selected_count, selected_capacity;
    bool with_decodes;
    bool spare; // each decode must find a free block, whether it needs one or not
    bool barrier;
    bool fresh;        // nothing ran here when the step was begun
    uint64_t tokens;   // given to rows so far
    uint32_t requests; // rows
    uint64_t quantum;  // steps; 0: no limit
    double transfer_s; // moving blocks to and from the host
    // --- the run of equal steps
    bool stepping;
    bool single; // the present piece has one step, whatever follows
    double run_start_s;
    uint64_t run_steps; // of finished pieces
    double piece_start_s, first_s, slope_s;
    uint64_t steps; // of the piece, that have ended
    uint64_t begun; // of the piece, whose blocks are taken
    uint64_t limit; // the piece stops, or is looked at again, after so many
    uint32_t piece_decodes;
    bool ends;      // naive: a decode emitted its last token in the step that ended
    double event_s; // the event that this engine waits for; INFINITY: none
    double far_s;   // an event of this time is in the heap besides
    uint64_t run_decodes, run_prefill_tokens;
    uint32_t run_requests;
    bool extrapolated;
    uint64_t uncounted;                      // steps of the piece that ended before the warm-up did
    double sums_start_s;                     // of the run, or when the warm-up ended in it
    double blocks_at_start, tokens_at_start; // then, for the averages of memory
    double accounted_s;                      // the averages hold up to here, while no run is on
    // --- averages
    double reserved_integral, used_integral;
    uint64_t computed_tokens;
};

// --- engine.c: requests come, advance and go
mb_status mb_engine_init(mb_engine *engine, const mb_sim_config *config, mb_error *error);
void mb_engine_deinit(mb_engine *engine);
static inline uint64_t mb_engine_blocks_used(const mb_engine *engine) {
    return engine->kv.total - engine->kv.free;
}
// What names a request's content.
mb_kv_names mb_engine_names(const mb_request *request);
// Append to the running, as the newest.
void mb_engine_enlist(mb_sim *sim, mb_engine *engine, uint32_t slot);
// Take out of the running list.
void mb_engine_delist(mb_sim *sim, mb_engine *engine, uint32_t slot);
// A running request that emitted a token joins the decodes. False when out of memory.
bool mb_engine_join(mb_sim *sim, mb_engine *engine, uint32_t slot);
// The opposite; its progress is written into the request.
void mb_engine_part(mb_sim *sim, mb_engine *engine, uint32_t slot);
// Write a decode's progress into the request.
void mb_engine_materialize(const mb_engine *engine, mb_request *request);
void mb_engine_add_prefill(mb_sim *sim, mb_engine *engine, uint32_t slot);
void mb_engine_drop_prefill(mb_sim *sim, mb_engine *engine, uint32_t slot);
void mb_engine_clear_prefills(mb_engine *engine);
// Tokens that are known of a request and not computed.
static inline uint32_t mb_todo(const mb_request *request) {
    return request->prompt_tokens + request->generated - request->computed;
}
// The heap's first decode leaves the decodes; its slot.
uint32_t mb_engine_pop_decode(mb_sim *sim, mb_engine *engine);
// The first decode's cover ends: from now on it needs blocks.
void mb_engine_uncover_first(mb_sim *sim, mb_engine *engine);
// Blocks that the decodes need for their next step.
uint64_t mb_engine_due_now(const mb_sim *sim, const mb_engine *engine);
// Does the newest decode need a block for its step at this iteration, the present or a later one?
bool mb_engine_newest_due(const mb_sim *sim, const mb_engine *engine, uint64_t iteration);
// Has the request emitted a token since it was admitted? (One that computes its last known token again has
// not.)
bool mb_engine_has_emitted(const mb_engine *engine, const mb_request *request);
// Can all decodes make their next step, and leave `more` blocks free?
bool mb_engine_has_blocks(const mb_sim *sim, const mb_engine *engine, uint64_t more);
bool mb_engine_count_token(mb_engine *engine, double time_s, int count);
// Grow a list of slots. False when out of memory.
bool mb_slots_room(uint32_t **slots, uint32_t count, uint32_t *capacity);

// --- steps.c: the run of equal steps
// Start the step that was built, which has a row at least.
mb_status mb_run_start(mb_sim *sim, mb_replica *replica, mb_error *error);
// Time of the end of step k of the piece; k = 0 is its start.
static inline double mb_piece_time(const mb_engine *engine, uint64_t k) {
    const double n = (double)k;
    return engine->piece_start_s + (n * engine->first_s + engine->slope_s * (n * (n - 1) / 2));
}
// Bring the counts up to `now`.
void mb_engine_settle(mb_sim *sim, mb_replica *replica);
// The event of this engine is due. First the counts of all engines reach this instant, then each looks
// whether its run ends by itself; if not, the planning of this instant decides.
void mb_run_reach(mb_sim *sim, mb_replica *replica);
mb_status mb_run_stop(mb_sim *sim, mb_replica *replica, mb_error *error);
// End the run at the present boundary: requests leave, `stepped` is told.
mb_status mb_run_end(mb_sim *sim, mb_replica *replica, mb_error *error);
// The simulation stops in the middle of a run: its steps so far count.
void mb_run_abandon(mb_sim *sim, mb_replica *replica);
// The warm-up is over, perhaps in the middle of a run: what was summed up to now does not count.
void mb_run_restart_sums(mb_sim *sim, mb_replica *replica);
// At a boundary nothing has changed for this replica: the same step goes on.
mb_status mb_run_continue(mb_sim *sim, mb_replica *replica, mb_error *error);
// Look at the first boundary from now on (after now, if this replica has had its turn).
void mb_run_interrupt(mb_sim *sim, mb_replica *replica);
double mb_run_next_boundary(mb_sim *sim, const mb_replica *replica);
// While no run is on: the averages of memory up to now. To be called before the memory in use changes.
void mb_engine_account(const mb_sim *sim, mb_engine *engine);

// Add to the error of a clock that failed which step it was to time.
mb_status mb_step_untimed(const mb_sim *sim, const mb_replica *replica, const mb_step_shape *shape,
                          mb_error *error);

// --- visit.c: the same, request by request
typedef struct mb_visit {
    uint64_t decodes, context, due;
} mb_visit;
mb_visit mb_visit_decodes(const mb_sim *sim, const mb_engine *engine);
// One step of every decode. Returns whether one has emitted its last token.
bool mb_visit_step(mb_sim *sim, mb_engine *engine);
// Take the blocks of the next step.
void mb_visit_take(mb_sim *sim, mb_engine *engine);
