// SPDX-License-Identifier: MIT
// What the requests of each class, or of each client, got: where somebody asked (`by`).
#pragma once
#include "base/sketch.h"

typedef enum mb_by { MB_BY_NONE, MB_BY_CLASS, MB_BY_CLIENT } mb_by;

// The last of so many is of all that come after.
enum { MB_PARTIES_MOST = 128 };

typedef struct mb_party {
    uint64_t counted, measured, slo_met, censored; // as in mb_metrics
    mb_sketch ttft, tpot, e2e;                     // seconds
} mb_party;

typedef struct mb_parties {
    mb_by by;
    bool exact;      // keep samples
    bool lost;       // there was no memory for one
    mb_party **list; // [count]; NULL: nothing of it yet. Owned
    uint32_t count;
} mb_parties;

// "class", "client"; NULL: nobody asked.
const char *mb_by_name(mb_by by);
// The party of a class or client number; NULL: out of memory (and `lost`).
mb_party *mb_party_at(mb_parties *parties, uint32_t number);
void mb_parties_deinit(mb_parties *parties);

// What is told of each.
enum { MB_PARTY_VALUES = 12 };
typedef struct mb_party_value {
    const char *name, *label, *unit; // of JSON and CSV; of tables
    double factor;
    bool share;
} mb_party_value;
extern const mb_party_value mb_party_values[MB_PARTY_VALUES];
void mb_party_measure(const mb_party *party, double values[MB_PARTY_VALUES]);
