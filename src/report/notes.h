// SPDX-License-Identifier: MIT
// What a reader must know beside the numbers: failures, rejected requests, a load that tells nothing apart.
#pragma once
#include "run/results.h"

typedef enum mb_note_kind {
    MB_NOTE_PLAIN,
    MB_NOTE_WARNING,
    MB_NOTE_TRACE, // a traceback, line by line as it is; belongs to the note before
} mb_note_kind;

typedef struct mb_note {
    mb_note_kind kind;
    char *text; // owned
} mb_note;

typedef struct mb_notes {
    mb_note *items;
    size_t count, capacity;
    bool failed; // out of memory
} mb_notes;

// Fill zero-initialised notes; release with mb_notes_deinit.
void mb_notes_collect(const mb_results *results, mb_notes *notes);
void mb_notes_deinit(mb_notes *notes);
