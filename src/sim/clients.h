// SPDX-License-Identifier: MIT
// What each client has in the system and was served: for policies that share fairly.
#pragma once
#include "sim/state.h"

// A request arrives, starts (again), is set aside, leaves.
void mb_client_comes(mb_sim *sim, uint32_t index);      // it begins to wait, and is looked at (service.h)
bool mb_client_make_room(mb_sim *sim, uint32_t client); // false when out of memory
static inline void mb_client_waits(mb_sim *sim, uint32_t index) {
    mb_client *client = &sim->clients[index];
    sim->service.changed = true;
    if (!client->waiting++ && !client->comes && sim->config->fair.measured) mb_client_comes(sim, index);
}
static inline bool mb_client_arrives(mb_sim *sim, const mb_request *request) {
    if (request->client >= sim->client_count && !mb_client_make_room(sim, request->client)) return false;
    mb_client_waits(sim, request->client);
    return true;
}
static inline void mb_client_starts(mb_sim *sim, const mb_request *request) {
    mb_client *client = &sim->clients[request->client];
    client->waiting--;
    client->running++;
    sim->service.changed = true;
    const bool again = sim->by_steps && (request->preemptions > 0 || request->start_s != sim->now_s);
    if (!again) client->prompt_tokens += request->prompt_tokens;
}
void mb_client_stops(mb_sim *sim, mb_request *request);
// What it has generated counts from now on, whatever becomes of it.
void mb_client_emitted(mb_sim *sim, mb_request *request);
static inline void mb_client_leaves(mb_sim *sim, const mb_request *request) {
    mb_client *client = &sim->clients[request->client];
    sim->service.changed = true;
    if (request->phase == MB_PHASE_WAITING) {
        client->waiting--;
        return;
    }
    client->running--;
    client->output_tokens += request->output_tokens - (sim->by_steps ? request->counted : 0);
}
// Bring what all were served up to now.
void mb_clients_count(mb_sim *sim);
// What a client was served up to now; zeros for one that is not known.
mb_client mb_sim_client(mb_sim *sim, uint32_t client);
