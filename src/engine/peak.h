// SPDX-License-Identifier: MIT
// The most tokens that requests hold at any time to come, if each ends as expected and nobody else comes.
#pragma once
#include "engine/state.h"

// Of a request, tokens: held now, and left to come.
typedef struct mb_place {
    uint64_t held, left;
} mb_place;

// Whose peak it is. Zero at first; `list` is to be freed.
typedef struct mb_places {
    mb_place *list;
    size_t count, capacity;
    size_t own; // the first of the list run here
    // The other running ones, in order: see mb_endings.
    const mb_ending *ends;
    size_t end_count;
    int64_t iteration;
} mb_places;

// Those that run on the engine, which has a stepper; then others. False when out of memory.
bool mb_peak_begin(mb_places *places, mb_engine *engine);
bool mb_peak_add(mb_places *places, const mb_request *request);
uint64_t mb_peak(mb_places *places);
#ifdef MB_DEBUG
// The same by its definition, of those that run and `count` others (check.c): every end against every
// request.
uint64_t mb_peak_walked(const mb_engine *engine, const mb_place *others, size_t count);
// Are the ends that are kept those of the decodes, in order?
bool mb_endings_hold(const mb_stepper *stepper);
#endif

// A request joins the decodes, or is about to leave them.
void mb_endings_join(mb_stepper *stepper, const mb_request *request);
void mb_endings_part(mb_stepper *stepper, const mb_request *request);
// What is expected of those that run has changed.
static inline void mb_endings_forget(mb_engine *engine) {
    if (engine->stepper) engine->stepper->in_order.kept = false;
}
