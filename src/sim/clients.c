// SPDX-License-Identifier: MIT
#include "sim/clients.h"

#include <stdlib.h>

void mb_client_comes(mb_sim *sim, uint32_t index) {
    mb_client *client = &sim->clients[index];
    mb_fairness *service = &sim->service;
    client->comes = true;
    client->next_comer = service->first_comer;
    service->first_comer = index;
}

bool mb_client_make_room(mb_sim *sim, uint32_t client) {
    const uint32_t count = client + 1;
    if (count > sim->client_capacity) {
        const uint32_t capacity = count > 2 * sim->client_capacity ? count : 2 * sim->client_capacity;
        mb_client *clients = realloc(sim->clients, capacity * sizeof *clients);
        if (!clients) return false;
        sim->clients = clients;
        sim->client_capacity = capacity;
    }
    for (uint32_t i = sim->client_count; i < count; i++)
        sim->clients[i] = (mb_client){0};
    sim->client_count = count;
    return true;
}

void mb_client_emitted(mb_sim *sim, mb_request *request) {
    sim->clients[request->client].output_tokens += request->generated - request->counted;
    request->counted = request->generated;
}

void mb_client_stops(mb_sim *sim, mb_request *request) {
    sim->clients[request->client].running--;
    if (isnan(request->start_s)) // a static batch gave it back before it began, or never was
        sim->clients[request->client].prompt_tokens -= request->prompt_tokens;
    if (sim->by_steps) mb_client_emitted(sim, request);
    mb_client_waits(sim, request->client);
}

// Under a batch model they come with the batch's end.
void mb_clients_count(mb_sim *sim) {
    if (!sim->by_steps || sim->clients_counted_s == sim->now_s) return;
    sim->clients_counted_s = sim->now_s;
    for (uint32_t i = 0; i < sim->replica_count; i++) {
        mb_engine *engine = &sim->replicas[i]->engine;
        mb_engine_settle(engine);
        for (uint32_t slot = mb_engine_oldest(engine); slot != MB_NONE;) {
            mb_request *request = mb_request_at(&sim->requests, slot);
            mb_engine_show_progress(engine, request);
            mb_client_emitted(sim, request);
            slot = request->next;
        }
    }
}

mb_client mb_sim_client(mb_sim *sim, uint32_t client) {
    mb_clients_count(sim);
    return client < sim->client_count ? sim->clients[client] : (mb_client){0};
}
