// SPDX-License-Identifier: MIT
#include "metrics/parties.h"

#include <math.h>
#include <stdlib.h>

const mb_party_value mb_party_values[MB_PARTY_VALUES] = {
    {"requests", "requests", "", 1, false},          {"served_share", "served", "%", 100, true},
    {"slo_attainment", "SLO met", "%", 100, true},   {"ttft_mean_s", "TTFT mean", "s", 1, false},
    {"ttft_p50_s", "TTFT p50", "s", 1, false},       {"ttft_p99_s", "TTFT p99", "s", 1, false},
    {"tpot_mean_s", "TPOT mean", "ms", 1000, false}, {"tpot_p99_s", "TPOT p99", "ms", 1000, false},
    {"e2e_mean_s", "E2E mean", "s", 1, false},       {"e2e_p50_s", "E2E p50", "s", 1, false},
    {"e2e_p90_s", "E2E p90", "s", 1, false},         {"e2e_p99_s", "E2E p99", "s", 1, false},
};

const char *mb_by_name(mb_by by) {
    return by == MB_BY_CLASS ? "class" : by == MB_BY_CLIENT ? "client" : NULL;
}

static mb_party *make(mb_parties *parties) {
    mb_party *party = calloc(1, sizeof *party);
    parties->lost = parties->lost || !party;
    if (!party || !parties->exact) return party;
    mb_sketch_keep_samples(&party->ttft);
    mb_sketch_keep_samples(&party->tpot);
    mb_sketch_keep_samples(&party->e2e);
    return party;
}

mb_party *mb_party_at(mb_parties *parties, uint32_t number) {
    const uint32_t at = number < MB_PARTIES_MOST ? number : MB_PARTIES_MOST - 1;
    if (at >= parties->count) {
        mb_party **list = realloc(parties->list, (at + 1) * sizeof *list);
        parties->lost = parties->lost || !list;
        if (!list) return NULL;
        parties->list = list;
        while (parties->count <= at)
            parties->list[parties->count++] = NULL;
    }
    if (!parties->list[at]) parties->list[at] = make(parties);
    return parties->list[at];
}

void mb_parties_deinit(mb_parties *parties) {
    for (uint32_t i = 0; i < parties->count; i++) {
        mb_party *party = parties->list[i];
        if (!party) continue;
        mb_sketch_deinit(&party->ttft);
        mb_sketch_deinit(&party->tpot);
        mb_sketch_deinit(&party->e2e);
        free(party);
    }
    free(parties->list);
    *parties = (mb_parties){0};
}

static double share(uint64_t part, uint64_t all) {
    return all ? (double)part / (double)all : (double)NAN;
}

void mb_party_measure(const mb_party *party, double values[MB_PARTY_VALUES]) {
    double *at = values;
    *at++ = (double)party->counted;
    *at++ = share(party->measured, party->counted);
    *at++ = share(party->slo_met, party->counted - party->censored);
    *at++ = mb_sketch_mean(&party->ttft);
    *at++ = mb_sketch_quantile(&party->ttft, 0.5);
    *at++ = mb_sketch_quantile(&party->ttft, 0.99);
    *at++ = mb_sketch_mean(&party->tpot);
    *at++ = mb_sketch_quantile(&party->tpot, 0.99);
    *at++ = mb_sketch_mean(&party->e2e);
    *at++ = mb_sketch_quantile(&party->e2e, 0.5);
    *at++ = mb_sketch_quantile(&party->e2e, 0.9);
    *at = mb_sketch_quantile(&party->e2e, 0.99);
}
