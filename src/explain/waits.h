// SPDX-License-Identifier: MIT
// What a request waited for before it first ran, read off who ran where and when.
#pragma once
#include "explain/record.h"

// Bits of what another request was to one that waited.
enum {
    MB_WAIT_BUSY = 1,     // it ran on the replica that was waited for
    MB_WAIT_BEHIND = 2,   // it came no later and was started meanwhile
    MB_WAIT_OVERTAKEN = 4 // it came later and was started meanwhile
};

// What turned a request away while it waited: times that it was refused for this reason, and times that the
// replica took others and said that it takes no more.
typedef enum mb_hindrance {
    MB_HINDER_MEMORY,   // its KV memory was not there
    MB_HINDER_REQUESTS, // as many ran as may
    MB_HINDER_TOKENS,   // the step's token budget was used up
    MB_HINDER_LATE,     // the step had been composed before it came
    MB_HINDER_CAP,      // the policy took no more
    MB_HINDER_SLA,      // for the sake of the time between tokens
    MB_HINDER_PLANNED,  // for the memory that it expects to be used
    MB_HINDRANCES
} mb_hindrance;
extern const char *const mb_hindrance_names[MB_HINDRANCES];

typedef struct mb_wait {
    bool ran;         // at all
    double seconds;   // until it did, or until the end
    uint32_t replica; // that took it
    double idle_s;    // of the seconds, in which that replica ran nothing
    size_t hindered[MB_HINDRANCES];
    size_t steps; // that the replica ran meanwhile, or had under way (runs of equal steps, batches)
} mb_wait;

// `others` ([requests]) takes the bits. The record has parts.
mb_status mb_wait_of(const mb_record *record, const double *arrivals, size_t request, unsigned char *others,
                     mb_wait *wait, mb_error *error);
