// SPDX-License-Identifier: MIT
// Who among the running stands last in the order of a queue: in logarithmic time, however many run.
#pragma once
#include "engine/state.h"

#include <stdlib.h>

// By `key`, as of now (no MB_KEY_NONE, no MB_KEY_GIVEN); of equals the one admitted last, or first. Who has
// generated `age` of its prediction does not count; INFINITY: all do.
typedef struct mb_victim_rule {
    mb_key key;
    bool newest;
    double age;
} mb_victim_rule;

// Slot of the last of those whose key is larger than `above`; MB_NONE if there is none, or this is no
// stepper. False when out of memory.
bool mb_victim_find(mb_stepper *stepper, const mb_victim_rule *rule, double above, uint32_t *slot);
// Who goes one after the other while a step carries on what runs, and nothing else changes: the first few are
// found so, the others in a list that is made once. Zero at first; to be released.
typedef struct mb_departures {
    uint32_t found;
    mb_victim *list; // who goes first is the last; owned
    uint32_t count;
} mb_departures;

// By MB_KEY_NONE all are equal. Who is found must leave before the next is asked for.
bool mb_victim_next(mb_stepper *stepper, const mb_victim_rule *rule, mb_departures *all, uint32_t *slot);
static inline void mb_departures_deinit(mb_departures *all) {
    free(all->list);
}
// A request has joined the decodes. False when out of memory.
bool mb_victim_joined(mb_stepper *stepper, uint32_t slot);
