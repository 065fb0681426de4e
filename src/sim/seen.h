// SPDX-License-Identifier: MIT
// What somebody outside the replicas sees of them: their state at the last multiple of a period that is old
// enough. At each multiple, after the timers of its instant and before anybody plans, the state of all
// replicas is published. That wakes nobody, and is no instant of its own: between two instants nothing
// happens but steps that go on, so what it was is found when the next one comes. Publications that nobody
// could see are left out.
#pragma once
#include "model/kv_mirror.h"
#include "sim/state.h"

// The numbers of a replica.
typedef struct mb_seen_state {
    uint32_t running, waiting, decodes; // waiting: in its own queue,
    uint64_t waiting_tokens;            // and the prompts of these
    uint64_t context, kv_used;
} mb_seen_state;

struct mb_seen {
    uint64_t published; // publications so far: 0 .. published - 1
    uint64_t visible;   // the first so many are old enough; 0: none
    uint32_t depth;     // so many are kept
    uint32_t replicas;  // for which there is room
    double next_s;      // when the next published one is old enough; INFINITY: there is none
    double time_s;      // of the newest that is old enough, and its place among those kept
    uint32_t place;
    mb_seen_state *states;  // [replicas][depth]; owned
    mb_kv_mirror **mirrors; // [replicas]; NULL: it keeps nothing. Owned
};

// Where the scenario has signals with a period.
mb_status mb_seen_init(mb_sim *sim, mb_error *error);
void mb_seen_deinit(mb_sim *sim);
// All before this time, to which the clock is going to move.
mb_status mb_seen_pass_until(mb_sim *sim, double time_s, mb_error *error);
static inline double mb_seen_next_s(const mb_sim *sim) {
    return (double)sim->seen->published * sim->config->signal_period_s;
}
static inline mb_status mb_seen_pass(mb_sim *sim, double time_s, mb_error *error) {
    return sim->seen && mb_seen_next_s(sim) < time_s ? mb_seen_pass_until(sim, time_s, error) : MB_OK;
}
// At this instant, if it is one of them; of a scenario with signals.
mb_status mb_seen_publish_now(mb_sim *sim, mb_error *error);

// --- asking. How a replica is now; and how it is seen, and as of when. (The same, where signals have no
// period.)
mb_seen_state mb_replica_look(mb_sim *sim, uint32_t replica);
// Where it is as it is now, that is written to `now`.
const mb_seen_state *mb_replica_seen(mb_sim *sim, uint32_t replica, mb_seen_state *now, double *time_s);
// Tokens of a waiting request that are seen in its cache.
uint32_t mb_replica_seen_cached(mb_sim *sim, uint32_t replica, uint32_t slot);
// Tokens of its memory in use, as a policy may know them.
uint64_t mb_replica_known_use(const mb_sim *sim, mb_engine *engine);
