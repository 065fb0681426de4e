// SPDX-License-Identifier: MIT
// Requests against what they were promised.
#pragma once
#include "sim/state.h"

// Does it count? Each that does is judged once.
static inline bool mb_sim_counts(const mb_sim *sim, const mb_request *request) {
    return request->id >= sim->first_counted;
}
static inline const mb_slo *mb_sim_slo(const mb_sim *sim, const mb_request *request) {
    return sim->config->classes ? &sim->config->classes[request->class_index].slo : &sim->config->slo;
}
// waited_s: until it started.
void mb_judge_served(mb_sim *sim, const mb_request *request, const mb_served *served, double waited_s,
                     double ttft, double e2e);
void mb_judge_rejected(mb_sim *sim, const mb_request *request);
// The run is over, and it is still in the system.
void mb_judge_unfinished(mb_sim *sim, mb_request *request);
