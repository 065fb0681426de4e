// SPDX-License-Identifier: MIT
// One replica's executor, as its own files see it; others use engine.h and the limits.
//
// Without a stepper it serves whole batches (batch.c). With one it goes step by step: requests join and leave
// at each (docs/continuous-batching.md).
#pragma once
#include "engine/surroundings.h"
#include "model/kv_pool.h"
#include "model/latency.h"
#include "queue/queue.h"

#include <math.h>

// The KV memory of an engine.
typedef struct mb_engine_memory {
    mb_kv_kind kind;
    uint64_t capacity;   // tokens
    uint32_t max_length; // tokens, MB_KV_CONTIGUOUS
    uint32_t block;      // tokens; of steppers, with the next
    bool prefix_cache;   // freed blocks keep their content
} mb_engine_memory;

// Decodes advance together, one token per step, so their progress is a function of the stepper's count of
// iterations: nothing is touched per request and step. Sums are kept: what the decodes read, and how many
// need a block at which residue of the count. With `naive` (--step) none of these sums is used; every running
// request is visited at every iteration instead (visit.c), and the results must be the same to the bit.

// A decode among those that advance together: at iteration `at` it has emitted its last token, or (covered
// ends first) begins to need blocks.
typedef struct mb_decode {
    uint64_t at, order; // order of admission
    uint32_t slot;
    bool ends;
} mb_decode;

// How running requests go on.
typedef struct mb_carry_rule {
    bool spare;    // each decode must find a free block, whether it needs one or not
    bool oldest;   // where memory runs out, who was admitted first makes room, not last
    mb_key victim; // or who stands last in this order (of equals the newest); MB_KEY_NONE: none
} mb_carry_rule;

// One that may be asked to go, see victim.h.
typedef struct mb_victim {
    double key;
    uint64_t order; // of admission
    uint32_t slot;
} mb_victim;

typedef struct mb_victims {
    bool kept, newest;
    mb_key key;
    double age;
    mb_victim *heap;
    uint32_t count, capacity;
} mb_victims;

// A decode in the order of its expected end (see peak.c).
typedef struct mb_ending {
    int64_t at, held;
} mb_ending;

typedef struct mb_endings {
    bool kept;
    mb_ending *list; // the last first
    uint32_t count, capacity;
    uint32_t unasked; // times that it changed since somebody asked
} mb_endings;

// Decodes that emitted their last token at the same time.
typedef struct mb_token_group {
    double time_s;
    uint32_t count;
} mb_token_group;

// Of decode step number `iteration`: the time since the one before it.
typedef struct mb_token_gap {
    uint64_t iteration;
    double seconds;
} mb_token_gap;

// A decode that has made no step with the others yet, and when it emitted its last token.
typedef struct mb_gap_start {
    uint32_t slot;
    double since_s;
} mb_gap_start;

typedef struct mb_gaps { // see gaps.h
    mb_token_gap *stack; // gaps fall, iterations rise
    mb_gap_start *joined;
    uint32_t count, capacity, joined_count, joined_capacity;
    double last_s;      // end of the last step with decodes
    bool out_of_memory; // the next to join is told
} mb_gaps;

// Steps that the decodes made as one piece of a run, up to iteration `end`; step k of it ended at time number
// k of `times`.
typedef struct mb_past_piece {
    uint64_t end, steps;
    mb_token_times times;
} mb_past_piece;

typedef struct mb_pieces { // see pieces.h
    mb_past_piece *list;
    uint32_t count, capacity;
    bool out_of_memory; // the next that is done is told
} mb_pieces;

typedef struct mb_stepper {
    mb_surroundings *around;
    mb_request_store *requests;
    mb_kv_blocks kv;
    bool naive;
    bool staged; // its steps are batches of a pipeline (pipeline.h), so no decodes advance together
    // --- who runs here
    uint32_t oldest, newest, running; // list in order of admission
    uint32_t parked, paused;
    uint32_t first_prefill, last_prefill, prefill_count; // list of the unfinished ones in order of admission
    mb_decode *decodes;                                  // heap by (at, order); empty where naive
    uint32_t decode_count, decode_capacity;
    uint64_t iteration; // steps that the decodes have made
    uint64_t context;   // tokens that the decodes' next step reads
    uint32_t *due;      // [block]: decodes that need a block at iterations i with i % block = index
    uint32_t due_total;
    uint64_t resident_tokens; // computed tokens in memory, of all requests here
    mb_victims victims;
    mb_endings in_order;
    mb_token_group *groups;
    uint32_t group_count, group_capacity;
    double last_decode_s; // end of the last step with decodes
    // --- the step being built, or repeated
    uint32_t *rows; // slots of the prefill rows
    mb_chunk *chunks;
    uint32_t row_count, row_capacity;
    uint32_t *selected; // decodes added one by one
    uint32_t selected_count, selected_capacity;
    uint32_t *aside; // that it has preempted, one after the other
    uint32_t aside_count, aside_capacity;
    bool hands_off; // who emits its first token is to be handed over: of the step that ends, these
    uint32_t *handed, handed_count, handed_capacity;
    bool with_decodes;
    bool spare; // each decode must find a free block, whether it needs one or not
    bool barrier;
    bool fresh;        // nothing ran here when the step was begun
    bool late;         // a request came too late for it
    uint64_t tokens;   // given to rows so far
    uint32_t built;    // rows
    uint64_t quantum;  // steps; 0: no limit
    double transfer_s; // moving blocks to and from the host
    // --- the run of equal steps
    bool stepping;
    bool single; // the present piece has one step, whatever follows
    bool held;   // the next step is built and waits for the other ranks of its group (lockstep.h)
    double run_start_s;
    uint64_t run_steps; // of finished pieces
    double piece_start_s, first_s, slope_s;
    uint64_t steps; // of the piece, that have ended
    uint64_t begun; // of the piece, whose blocks are taken
    uint64_t limit; // the piece stops, or is looked at again, after so many
    uint32_t piece_decodes;
    bool ends;         // naive: a decode emitted its last token in the step that ended
    double boundary_s; // of the run, the first boundary at or after the last look; INFINITY: no run
    double last_start_s, last_end_s; // of the last step of the run before this one
    double far_s;                    // `wake` was called for this time, besides event_s
    uint64_t run_decodes, run_prefill_tokens;
    uint64_t run_blocks, left_blocks; // in use as it began; as the one before it had ended
    uint32_t run_requests;
    uint64_t inside; // steps of the piece before the first outside the fitted range
    double lent_s;   // at this instant so many blocks were taken from outside, between two steps (room.h)
    uint64_t lent;
    uint64_t uncounted;                      // steps of the piece that ended before the warm-up did
    double sums_start_s;                     // of the run, or when the warm-up ended in it
    double blocks_at_start, tokens_at_start; // then, for the averages of memory
    double accounted_s;                      // the averages hold up to here, while no run is on
    mb_gaps gaps;
    mb_pieces pieces;
    // --- where time goes (spend.c)
    mb_step_spending spent; // up to accounted_ns
    int64_t accounted_ns;   // end of the last run or batch, or when idleness was last counted
    // Of the last step with prompts or transfers: when it began, and ended; what it spent.
    int64_t began_ns, ended_ns, step_stalled_ns, step_moved_ns;
    int64_t cut_ns; // its replica fails: when the step began that is cut short, or now where there is none
    double moved_s, alone_s; // moving blocks; what its decodes alone would take
    bool prompted;           // it has prompts in it, or those of a rank that steps with this one
    // --- averages
    double reserved_integral, used_integral;
    uint64_t computed_tokens;
} mb_stepper;

// A pipeline as the scenario describes it.
typedef struct mb_pipeline_plan {
    uint32_t stages;         // 0, 1: none
    uint32_t batches;        // in flight at most, 1 ..
    uint32_t batch_requests; // most of a batch; 0: max_requests / batches
    bool ahead;              // a batch is built as soon as there is room, though the first stage is busy
    double send_s, send_s_per_token; // from a stage to the next
    const double *shares;            // [stages] of a step's time; NULL: equal ones
} mb_pipeline_plan;

typedef struct mb_stage_time {
    double from_s, to_s;
} mb_stage_time;

// A batch in flight.
typedef struct mb_flight {
    uint32_t *slots; // owned; those of prompts first
    uint32_t rows, count, capacity;
    uint64_t prefill_tokens;
    double start_s, end_s;
    double work_s, alone_s; // what it spends in the stages; what its decodes alone would
    bool extrapolated;
    mb_stage_time *stages; // owned
} mb_flight;

typedef struct mb_pipeline { // see pipeline.h
    const mb_pipeline_plan *plan;
    mb_flight *flights;    // [batches], a ring; owned
    uint32_t first, count; // in flight
    uint32_t requests;     // in them
    double *free_s;        // of each stage, when the last of them leaves it; owned
    double busy_s, counted_from_s;
} mb_pipeline;

// A static batch that ended, for who asks where the time of its rows went.
typedef struct mb_batch_span {
    int64_t start_ns, all_ns;
    bool affine; // it is made of steps, of an affine model:
    mb_barrier_law law;
} mb_batch_span;

struct mb_engine {
    mb_surroundings *around;
    const mb_latency *latency;
    uint32_t id;
    // --- limits, which a policy may set
    uint32_t max_requests; // MB_NONE: no limit
    bool chunked;          // of steppers, with the next two
    mb_reserve reserve;
    double watermark;
    uint64_t token_budget; // of a step; UINT64_MAX: no limit
    double cost_s;         // of composing what is being built: its first step, or batch, takes so much longer
    double event_s;        // what it waits for: see mb_surroundings.wake; INFINITY: nothing
    mb_stepper *stepper;   // NULL under a batch latency model; owned
    mb_pipeline *pipeline; // NULL: one stage; owned
    // --- a whole batch that is being built or served
    mb_kv_pool kv;
    uint32_t *batch; // slots
    uint32_t count, capacity;
    uint32_t most_output; // tokens that a static batch gives each row at most; 0: all
    uint32_t longest_tokens;
    uint32_t longest_prompt, longest_output; // under a step model
    double longest_service_s;
    uint64_t prompt_tokens, output_tokens;
    uint64_t predicted_tokens; // prompts and predicted outputs: what a policy may know of the memory in use
    double start_s;
    uint32_t batch_number;
    mb_batch_time time;
    mb_batch_span span;
};

static inline double mb_engine_now(const mb_engine *engine) {
    return *engine->around->clock;
}

// Tokens that a running request has got since its progress was written into it.
static inline uint32_t mb_stepper_made(const mb_stepper *stepper, const mb_request *request) {
    return request->stage == MB_STAGE_DECODE ? (uint32_t)(stepper->iteration - request->joined) : 0;
}

// Tokens that a batch gives a request of it.
static inline uint32_t mb_batch_output(const mb_engine *engine, const mb_request *request) {
    const uint32_t left = request->output_tokens - (engine->stepper ? request->generated : 0);
    return engine->most_output && left > engine->most_output ? engine->most_output : left;
}
