// SPDX-License-Identifier: MIT
#include "sim/service.h"

#include "sim/clients.h"

#include <stdlib.h>

bool mb_service_init(mb_sim *sim) {
    mb_fairness *service = &sim->service;
    service->first_comer = MB_NONE;
    if (!sim->config->fair.measured) return true;
    service->low = calloc(MB_SERVICE_MOST, sizeof *service->low);
    service->high = calloc(MB_SERVICE_MOST, sizeof *service->high);
    for (uint32_t i = 0; i < MB_SERVICE_MOST; i++)
        service->places[i].client = MB_NONE;
    return service->low && service->high;
}

void mb_service_deinit(mb_sim *sim) {
    free(sim->service.low);
    free(sim->service.high);
}

static double served(const mb_sim *sim, uint32_t client) {
    if (client == MB_NONE) return 0;
    const mb_client *of = &sim->clients[client];
    return sim->config->fair.prompt * (double)of->prompt_tokens +
           sim->config->fair.output * (double)of->output_tokens;
}

// Each pair of those that waited up to now.
static void compare(mb_fairness *service) {
    for (uint32_t i = 1; i < service->used; i++) {
        if (service->places[i].client == MB_NONE) continue;
        for (uint32_t j = 0; j < i; j++) {
            if (service->places[j].client == MB_NONE) continue;
            const double apart = service->places[i].served - service->places[j].served;
            double *low = &service->low[i][j], *high = &service->high[i][j];
            if (service->afresh) *low = *high = apart;
            if (apart < *low) *low = apart;
            if (apart > *high) *high = apart;
            if (*high - *low > service->gap) service->gap = *high - *low;
        }
    }
}

static void begin(mb_sim *sim, uint32_t client) {
    mb_fairness *service = &sim->service;
    uint32_t place = MB_NONE;
    for (uint32_t i = 0; i < service->used; i++) {
        if (service->places[i].client == client) return;
        if (place == MB_NONE && service->places[i].client == MB_NONE) place = i;
    }
    if (place == MB_NONE && service->used == MB_SERVICE_MOST) {
        service->crowded = true;
        return;
    }
    if (place == MB_NONE) place = service->used++;
    const double so_far = served(sim, client);
    service->places[place] = (mb_service_place){client, so_far};
    for (uint32_t i = 0; i < service->used; i++) {
        const uint32_t a = i > place ? i : place, b = i > place ? place : i;
        const double apart = service->places[a].served - service->places[b].served;
        service->low[a][b] = service->high[a][b] = apart;
    }
}

void mb_service_restart(mb_sim *sim) {
    sim->service.gap = 0;
    sim->service.changed = sim->service.afresh = true;
}

void mb_service_look(mb_sim *sim) {
    mb_fairness *service = &sim->service;
    if (!service->changed) return;
    service->changed = false;
    mb_clients_count(sim);
    for (uint32_t i = 0; i < service->used; i++)
        service->places[i].served = served(sim, service->places[i].client);
    compare(service);
    service->afresh = false;
    for (uint32_t i = 0; i < service->used; i++)
        if (service->places[i].client != MB_NONE && !sim->clients[service->places[i].client].waiting)
            service->places[i].client = MB_NONE;
    while (service->used && service->places[service->used - 1].client == MB_NONE)
        service->used--;
    for (uint32_t client = service->first_comer; client != MB_NONE;
         client = sim->clients[client].next_comer) {
        sim->clients[client].comes = false;
        if (sim->clients[client].waiting) begin(sim, client);
    }
    service->first_comer = MB_NONE;
}
