// SPDX-License-Identifier: MIT
// Those that run on a replica in order of rank, kept from one ranking to the next, so that one costs what
// changed since the one before: who came, who went, who passed an edge, whose rank was set.
#pragma once
#include "sim/candidate.h"

// Of the replica whose step is open, as of now. *standing NULL: the keys are none that stand still but for
// edges, or some of those that run do not advance with the others. False when out of memory.
// Likewise, where it would have to be made anew and is not to be (`anew`).
bool mb_standing_settle(mb_sim *sim, const mb_ranking *ranking, bool anew, mb_standing **standing);
// The last of those that run, and do not make room by now; NULL: there is nobody.
const mb_candidate *mb_standing_last(mb_sim *sim, mb_standing *standing);
// In how many tokens the first of them comes to an edge; INFINITY: none does. False when out of memory.
bool mb_standing_left(mb_sim *sim, mb_standing *standing, double *left);
void mb_standing_free(mb_standing *standing);

// All of them may have another place (NULL: it does not matter), or one that runs.
void mb_standing_forget(mb_standing *standing);
void mb_standing_changed(mb_standing *standing, uint32_t slot);
static inline void mb_request_set_rank(mb_sim *sim, uint32_t slot, double rank) {
    mb_request *request = mb_request_at(&sim->requests, slot);
    mb_request_note(request)->rest->rank = rank;
    if (request->phase != MB_PHASE_RUNNING) return;
    mb_standing *standing = sim->replicas[request->replica]->standing;
    if (standing) mb_standing_changed(standing, slot);
}
