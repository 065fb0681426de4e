// SPDX-License-Identifier: MIT
#include "sim/life.h"

#include "sim/step.h"

#include <math.h>

double mb_request_waited(const mb_sim *sim, const mb_request *request) {
    const bool waits = request->phase == MB_PHASE_WAITING;
    if (sim->by_steps) return request->waited_s + (waits ? sim->now_s - request->since_s : 0);
    return (waits ? sim->now_s : request->start_s) - request->arrival_s;
}

double mb_request_attained(const mb_sim *sim, const mb_request *request) {
    const bool running = request->phase == MB_PHASE_RUNNING;
    if (sim->by_steps) return request->attained_s + (running ? sim->now_s - request->since_s : 0);
    return running ? sim->now_s - request->start_s : 0;
}

double mb_request_first_token(const mb_sim *sim, const mb_request *request) {
    if (sim->by_steps) return request->first_token_s;
    if (request->phase != MB_PHASE_RUNNING) return NAN;
    const mb_replica *replica = sim->replicas[request->replica];
    const double at_s = replica->engine.start_s + replica->engine.time.first_token_s;
    return replica->busy && at_s <= sim->now_s ? at_s : (double)NAN;
}

static bool noted(const mb_request *request) {
    return request->rest->noted == request->id + 1;
}

double mb_request_clock_served(const mb_sim *sim, const mb_request *request) {
    return mb_request_attained(sim, request) - (noted(request) ? request->rest->served_from_s : 0);
}

double mb_request_clock_waited(const mb_sim *sim, const mb_request *request) {
    return mb_request_waited(sim, request) - (noted(request) ? request->rest->waited_from_s : 0);
}

void mb_request_set_clocks(const mb_sim *sim, mb_request *request, double served_s, double waited_s) {
    mb_request_note(request)->rest->served_from_s = mb_request_attained(sim, request) - served_s;
    request->rest->waited_from_s = mb_request_waited(sim, request) - waited_s;
}
