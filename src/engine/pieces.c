// SPDX-License-Identifier: MIT
#include "engine/pieces.h"

#include <stdlib.h>

void mb_pieces_join(const mb_stepper *stepper, uint32_t slot) {
    mb_request_at(stepper->requests, slot)->rest->reading.from = stepper->iteration;
}

// The first piece that ends after this iteration; their number if none does.
static uint32_t find(const mb_stepper *stepper, uint64_t iteration) {
    const mb_pieces *pieces = &stepper->pieces;
    uint32_t low = 0, high = pieces->count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (pieces->list[middle].end > iteration)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void add_pieces(const mb_stepper *stepper, mb_reading *reading) {
    for (uint32_t i = find(stepper, reading->from); i < stepper->pieces.count; i++) {
        const mb_past_piece *piece = &stepper->pieces.list[i];
        const uint64_t first = reading->from - (piece->end - piece->steps) + 1;
        mb_reading_add(reading, &piece->times, first, piece->end - reading->from);
        reading->from = piece->end;
    }
}

void mb_pieces_part(const mb_stepper *stepper, uint32_t slot) {
    add_pieces(stepper, &mb_request_at(stepper->requests, slot)->rest->reading);
}

mb_reading mb_pieces_so_far(const mb_stepper *stepper, const mb_request *request) {
    mb_reading reading = request->rest->reading;
    if (request->stage != MB_STAGE_DECODE) return reading;
    add_pieces(stepper, &reading);
    const mb_token_times times = {stepper->piece_start_s, stepper->first_s, stepper->slope_s};
    const uint64_t first = reading.from - (stepper->iteration - stepper->steps) + 1;
    if (reading.from < stepper->iteration) // the piece is not over
        mb_reading_add(&reading, &times, first, stepper->iteration - reading.from);
    return reading;
}

void mb_pieces_token(const mb_stepper *stepper, uint32_t slot) {
    const mb_token_times now = {*stepper->around->clock, 0, 0};
    mb_reading_add(&mb_request_at(stepper->requests, slot)->rest->reading, &now, 0, 1);
}

// What no running request can ask for any more.
static void forget(mb_stepper *stepper) {
    mb_pieces *pieces = &stepper->pieces;
    uint64_t oldest = UINT64_MAX;
    for (uint32_t slot = stepper->oldest; slot != MB_NONE;) {
        const mb_request *request = mb_request_at(stepper->requests, slot);
        if (request->stage == MB_STAGE_DECODE && request->rest->reading.from < oldest)
            oldest = request->rest->reading.from;
        slot = request->next;
    }
    uint32_t gone = find(stepper, oldest), kept = 0;
    while (gone < pieces->count)
        pieces->list[kept++] = pieces->list[gone++];
    pieces->count = kept;
}

void mb_pieces_close(mb_stepper *stepper) {
    mb_pieces *pieces = &stepper->pieces;
    if (pieces->count == pieces->capacity) {
        forget(stepper);
        if (2 * pieces->count >= pieces->capacity) {
            const uint32_t more = pieces->capacity ? 2 * pieces->capacity : 16;
            mb_past_piece *list = realloc(pieces->list, more * sizeof *list);
            if (!list) {
                pieces->out_of_memory = true;
                return;
            }
            pieces->list = list;
            pieces->capacity = more;
        }
    }
    pieces->list[pieces->count++] = (mb_past_piece){
        stepper->iteration, stepper->steps, {stepper->piece_start_s, stepper->first_s, stepper->slope_s}};
}
