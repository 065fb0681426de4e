// SPDX-License-Identifier: MIT
#include "sim/clients.h"

#include <stdlib.h>

bool mb_client_arrives(mb_sim *sim, const mb_request *request) {
    if (request->client >= sim->client_count) {
        const uint32_t count = request->client + 1;
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
    }
    sim->clients[request->client].waiting++;
    return true;
}

void mb_client_starts(mb_sim *sim, const mb_request *request) {
    mb_client *client = &sim->clients[request->client];
    client->waiting--;
    client->running++;
    const bool again = sim->by_steps && (request->preemptions > 0 || request->start_s != sim->now_s);
    if (!again) client->prompt_tokens += request->prompt_tokens;
}

void mb_client_stops(mb_sim *sim, const mb_request *request) {
    mb_client *client = &sim->clients[request->client];
    client->running--;
    client->waiting++;
}

void mb_client_leaves(mb_sim *sim, const mb_request *request) {
    mb_client *client = &sim->clients[request->client];
    if (request->phase == MB_PHASE_WAITING) {
        client->waiting--;
        return;
    }
    client->running--;
    client->output_tokens += request->output_tokens - (sim->by_steps ? request->counted : 0);
}

// Tokens emitted since the last look. Under a batch model they come with the batch's end.
static void count_running(mb_sim *sim) {
    if (!sim->by_steps || sim->clients_counted_s == sim->now_s) return;
    sim->clients_counted_s = sim->now_s;
    for (uint32_t i = 0; i < sim->config->replicas; i++) {
        mb_engine *engine = &sim->replicas[i].engine;
        mb_engine_settle(engine);
        for (uint32_t slot = mb_engine_oldest(engine); slot != MB_NONE;) {
            mb_request *request = mb_request_at(&sim->requests, slot);
            mb_engine_show_progress(engine, request);
            sim->clients[request->client].output_tokens += request->generated - request->counted;
            request->counted = request->generated;
            slot = request->next;
        }
    }
}

mb_client mb_sim_client(mb_sim *sim, uint32_t client) {
    count_running(sim);
    return client < sim->client_count ? sim->clients[client] : (mb_client){0};
}
