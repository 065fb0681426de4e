// SPDX-License-Identifier: MIT
#include "tracks/lives.h"

#include <stdlib.h>

void mb_lives_init(mb_lives *lives) {
    *lives = (mb_lives){.first_free = MB_NONE};
}

void mb_lives_deinit(mb_lives *lives) {
    for (uint32_t i = 0; i < lives->count; i++)
        free(lives->list[i].pieces);
    free(lives->list);
    mb_kv_table_deinit(&lives->places);
    mb_lives_init(lives);
}

static bool make_room(mb_lives *lives) {
    if (lives->first_free != MB_NONE || lives->count < lives->capacity) return true;
    const uint32_t more = lives->capacity ? 2 * lives->capacity : 64;
    mb_life *grown = realloc(lives->list, more * sizeof *grown);
    if (!grown) return false;
    lives->list = grown;
    lives->capacity = more;
    return true;
}

mb_life *mb_lives_of(mb_lives *lives, uint64_t id) {
    uint32_t place = mb_kv_table_find(&lives->places, id);
    if (place != MB_KV_ABSENT) return &lives->list[place];
    lives->failed = lives->failed || !make_room(lives);
    if (lives->failed) return NULL;
    place = lives->first_free != MB_NONE ? lives->first_free : lives->count;
    if (!mb_kv_table_put(&lives->places, id, place)) {
        lives->failed = true;
        return NULL;
    }
    mb_life *life = &lives->list[place];
    if (place == lives->count) {
        *life = (mb_life){0};
        lives->count++;
    } else
        lives->first_free = life->next_free;
    life->id = id;
    life->replica = MB_NONE;
    life->how = NULL;
    life->count = 0;
    return life;
}

// Pieces of one kind that touch are one.
static void put(mb_lives *lives, mb_life *life, const mb_life_piece *piece) {
    mb_life_piece *last = life->count ? &life->pieces[life->count - 1] : NULL;
    if (!(piece->to_s > piece->from_s)) return;
    if (last && last->to_s == piece->from_s && last->what == piece->what && last->how == piece->how &&
        last->replica == piece->replica && piece->what != MB_LIVING_WHOLE) {
        last->to_s = piece->to_s;
        return;
    }
    if (life->count == life->capacity) {
        const uint32_t more = life->capacity ? 2 * life->capacity : 4;
        mb_life_piece *grown = realloc(life->pieces, more * sizeof *grown);
        lives->failed = lives->failed || !grown;
        if (!grown) return;
        life->pieces = grown;
        life->capacity = more;
    }
    life->pieces[life->count++] = *piece;
}

void mb_life_work(mb_lives *lives, mb_life *life, const mb_life_piece *piece) {
    if (life->count) {
        const mb_life_piece between = {.from_s = life->pieces[life->count - 1].to_s,
                                       .to_s = piece->from_s,
                                       .replica = piece->replica,
                                       .what = life->how ? MB_LIVING_ASIDE : MB_LIVING_STALLED,
                                       .how = life->how};
        put(lives, life, &between);
    }
    life->how = NULL;
    put(lives, life, piece);
}

// --- at its end

static void write_piece(mb_events *events, uint64_t id, const char *name, double from_s, double to_s,
                        const char *args) {
    if (!(to_s > from_s) || !mb_events_see(events, from_s, to_s)) return;
    mb_events_request(events, 'b', id, name, from_s, args);
    mb_events_request(events, 'e', id, name, to_s, "");
}

static void write_work(mb_events *events, uint64_t id, const mb_life_piece *piece, double first_s) {
    static const char *const names[] = {"prefill", "decode", "batch", "stalled", "preempted", "moving"};
    char args[96];
    if (piece->how)
        snprintf(args, sizeof args, "\"how\":\"%s\"", piece->how);
    else
        snprintf(args, sizeof args, "\"replica\":%u", piece->replica + 1);
    if (piece->what != MB_LIVING_WHOLE || isnan(first_s)) {
        write_piece(events, id, names[piece->what], piece->from_s, piece->to_s, args);
        return;
    }
    const double until = first_s > piece->to_s     ? piece->to_s
                         : first_s > piece->from_s ? first_s
                                                   : piece->from_s;
    write_piece(events, id, "prefill", piece->from_s, until, args);
    write_piece(events, id, "decode", until, piece->to_s, args);
}

// What of it is known. One that never ran has waited all the time; where the run of a replica was given up
// when the simulation stopped, nothing is said of what its requests did in it.
static void write_life(mb_events *events, const mb_life *life, const mb_finished *record, double end_s) {
    const mb_request *request = record->request;
    const uint64_t id = request->id;
    char args[256];
    snprintf(args, sizeof args,
             "\"request\":%llu,\"prompt_tokens\":%u,\"output_tokens\":%u,\"predicted_output\":%u,"
             "\"preemptions\":%u,\"end\":\"%s\"",
             (unsigned long long)id, request->prompt_tokens, request->output_tokens,
             request->predicted_output, request->preemptions, record->why);
    mb_events_request(events, 'b', id, "request", request->arrival_s, args);
    const uint32_t count = life ? life->count : 0;
    double start_s = count ? life->pieces[0].from_s : end_s;
    if (!count && !isnan(request->start_s) && request->start_s < start_s) start_s = request->start_s;
    write_piece(events, id, "waiting", request->arrival_s, start_s, "");
    for (uint32_t i = 0; i < count; i++)
        write_work(events, id, &life->pieces[i], record->first_token_s);
    mb_events_request(events, 'e', id, "request", end_s, "");
}

uint32_t mb_lives_end(mb_lives *lives, mb_events *events, const mb_finished *record, double now_s) {
    const uint64_t id = record->request->id;
    const uint32_t place = mb_kv_table_find(&lives->places, id);
    mb_life *life = place == MB_KV_ABSENT ? NULL : &lives->list[place];
    const double end_s = isnan(record->end_s) ? now_s : record->end_s;
    if (life && life->how && life->count) { // it was set aside to the last
        const mb_life_piece last = {.from_s = life->pieces[life->count - 1].to_s,
                                    .to_s = end_s,
                                    .replica = life->pieces[life->count - 1].replica,
                                    .what = MB_LIVING_ASIDE,
                                    .how = life->how};
        put(lives, life, &last);
    }
    if (end_s >= record->request->arrival_s && mb_events_see(events, record->request->arrival_s, end_s))
        write_life(events, life, record, end_s);
    if (!life) return MB_NONE;
    mb_kv_table_remove(&lives->places, id);
    life->next_free = lives->first_free;
    lives->first_free = place;
    return life->replica;
}
