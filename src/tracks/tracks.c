// SPDX-License-Identifier: MIT
#include "tracks/tracks.h"

#include <math.h>
#include <stdlib.h>

enum { MEMBERS_MOST = 64 }; // of a step that are told by number

struct mb_tracks {
    mb_events events;
    mb_lives lives;
    bool unlimited;
    uint32_t replicas;
    uint32_t *holds; // [replicas] requests
    double now_s;
    uint64_t waiting, running; // as they were written last
    bool counted;              // they were
    bool unfinished;           // somebody was in the system when the run ended
    // --- the batch that was shown last, whose members come
    mb_batch_record batch;
    bool shown;
    uint32_t prompts, decodes;
    mb_strbuf prompt_text, decode_text;
};

static void name_replica(mb_tracks *tracks, uint32_t replica) {
    char name[32];
    snprintf(name, sizeof name, "replica %u", replica + 1);
    mb_events_name(&tracks->events, replica + 1, "thread", name, replica + 1);
}

mb_tracks *mb_tracks_new(const mb_tracks_options *options, FILE *file) {
    mb_tracks *tracks = calloc(1, sizeof *tracks);
    uint32_t *holds = calloc(options->replicas ? options->replicas : 1, sizeof *holds);
    if (!tracks || !holds) {
        free(tracks);
        free(holds);
        return NULL;
    }
    *tracks = (mb_tracks){.events = {.file = file,
                                     .process = options->process,
                                     .most = options->most,
                                     .from_s = options->from_s,
                                     .to_s = options->to_s},
                          .unlimited = options->unlimited,
                          .replicas = options->replicas,
                          .holds = holds};
    mb_lives_init(&tracks->lives);
    mb_events *events = &tracks->events;
    mb_events_name(events, 0, "process", options->name, options->process);
    for (uint32_t i = 0; i < options->replicas; i++)
        name_replica(tracks, i);
    return tracks;
}

// --- steps -----------------------------------------------------------------------------------------------

// Memory grows evenly from the beginning of a run to its end: two values are the whole of it.
static void count_memory(mb_tracks *tracks, uint32_t replica, double at_s, uint64_t tokens) {
    mb_events *events = &tracks->events;
    char name[48], args[32];
    if (tracks->unlimited || !mb_events_see(events, at_s, at_s)) return;
    snprintf(name, sizeof name, "KV memory, replica %u", replica + 1);
    snprintf(args, sizeof args, "\"tokens\":%llu", (unsigned long long)tokens);
    mb_events_counter(events, name, at_s, args);
}

static void add_members(mb_strbuf *args, const char *name, uint32_t count, const mb_strbuf *list) {
    if (!count) return;
    mb_strbuf_printf(args, ",\"%s\":\"%s", name, list->text);
    if (count > MEMBERS_MOST) mb_strbuf_printf(args, " and %u more", count - MEMBERS_MOST);
    mb_strbuf_add(args, "\"");
}

// All members of the batch shown last are known.
static void write_batch(mb_tracks *tracks) {
    const mb_batch_record *batch = &tracks->batch;
    mb_events *events = &tracks->events;
    if (!tracks->shown) return;
    tracks->shown = false;
    if (!mb_events_see(events, batch->start_s, batch->end_s)) return;
    const bool whole = batch->longest_tokens > 0;
    mb_strbuf args = {0};
    mb_strbuf_printf(&args, "\"requests\":%u,\"prompt_tokens\":%llu,\"output_tokens\":%llu", batch->requests,
                     (unsigned long long)batch->prefill_tokens, (unsigned long long)batch->decode_tokens);
    if (whole)
        mb_strbuf_printf(&args, ",\"longest_tokens\":%u", batch->longest_tokens);
    else
        mb_strbuf_printf(&args, ",\"steps\":%llu,\"ms_per_step\":%.6g", (unsigned long long)batch->steps,
                         (batch->end_s - batch->start_s) / (double)batch->steps * 1e3);
    add_members(&args, "prefills", tracks->prompts, &tracks->prompt_text);
    add_members(&args, whole ? "members" : "decodes", tracks->decodes, &tracks->decode_text);
    events->failed = events->failed || args.failed;
    const char *name = whole                   ? "batch"
                       : batch->steps > 1      ? "steps"
                       : !tracks->decodes      ? "prefill"
                       : batch->prefill_tokens ? "mixed step"
                                               : "step";
    if (!args.failed)
        mb_events_slice(events, batch->replica + 1, name, batch->start_s, batch->end_s, args.text);
    mb_strbuf_deinit(&args);
    count_memory(tracks, batch->replica, batch->start_s, batch->kv_before);
    count_memory(tracks, batch->replica, batch->end_s, batch->kv_reserved);
}

static mb_status told(const mb_tracks *tracks, mb_error *error) {
    return tracks->events.failed || tracks->lives.failed ? mb_fail_memory(error) : MB_OK;
}

static void reach(mb_tracks *tracks, double now_s) {
    if (now_s > tracks->now_s) tracks->now_s = now_s;
    mb_events_reach(&tracks->events, now_s);
}

static mb_status on_batch(void *self, const mb_batch_record *batch, mb_error *error) {
    mb_tracks *tracks = self;
    write_batch(tracks);
    reach(tracks, batch->end_s);
    tracks->batch = *batch;
    tracks->shown = true;
    tracks->prompts = tracks->decodes = 0;
    tracks->prompt_text.length = tracks->decode_text.length = 0;
    return told(tracks, error);
}

static void list_member(mb_tracks *tracks, const mb_member_record *member, bool prompt) {
    mb_strbuf *list = prompt ? &tracks->prompt_text : &tracks->decode_text;
    uint32_t *count = prompt ? &tracks->prompts : &tracks->decodes;
    if (++*count > MEMBERS_MOST) return;
    mb_strbuf_printf(list, *count > 1 ? " %llu" : "%llu", (unsigned long long)member->id);
    if (prompt) mb_strbuf_printf(list, " (%llu)", (unsigned long long)member->prompt_tokens);
    tracks->events.failed = tracks->events.failed || list->failed;
}

static mb_status on_member(void *self, const mb_member_record *member, mb_error *error) {
    mb_tracks *tracks = self;
    const mb_batch_record *batch = &tracks->batch;
    const bool whole = batch->longest_tokens > 0, prompt = !whole && member->prompt_tokens > 0;
    if (mb_events_see(&tracks->events, batch->start_s, batch->end_s)) list_member(tracks, member, prompt);
    mb_life *life = mb_lives_of(&tracks->lives, member->id);
    const mb_life_piece piece = {.from_s = batch->start_s,
                                 .to_s = batch->end_s,
                                 .replica = batch->replica,
                                 .what = whole    ? MB_LIVING_WHOLE
                                         : prompt ? MB_LIVING_PROMPT
                                                  : MB_LIVING_DECODE};
    if (life) mb_life_work(&tracks->lives, life, &piece);
    return told(tracks, error);
}

// --- requests --------------------------------------------------------------------------------------------

// Room for a replica, which may have come later: then it has a track from now on.
static bool find_replica(mb_tracks *tracks, uint32_t replica) {
    if (replica < tracks->replicas) return true;
    uint32_t *grown = realloc(tracks->holds, (replica + 1) * sizeof *grown);
    if (!grown) {
        tracks->events.failed = true;
        return false;
    }
    tracks->holds = grown;
    for (; tracks->replicas <= replica; tracks->replicas++) {
        grown[tracks->replicas] = 0;
        name_replica(tracks, tracks->replicas);
    }
    return true;
}

// One less is on the replica; when nobody is, nothing of anybody is in its memory.
static void let_go(mb_tracks *tracks, uint32_t replica) {
    if (replica == MB_NONE || replica >= tracks->replicas || --tracks->holds[replica]) return;
    write_batch(tracks);
    count_memory(tracks, replica, tracks->now_s, 0);
}

// From now on it is on this replica; MB_NONE: on none.
static void place(mb_tracks *tracks, mb_life *life, uint32_t replica) {
    const uint32_t before = life->replica;
    if (before == replica || (replica != MB_NONE && !find_replica(tracks, replica))) return;
    life->replica = replica;
    if (replica != MB_NONE) tracks->holds[replica]++;
    let_go(tracks, before);
}

static void on_taken(void *self, const mb_taken *taken) {
    mb_tracks *tracks = self;
    mb_events *events = &tracks->events;
    mb_life *life = mb_lives_of(&tracks->lives, taken->id);
    reach(tracks, taken->time_s);
    if (!life) return; // the next that can fail says so
    place(tracks, life, taken->replica);
    if (!mb_events_see(events, taken->time_s, taken->time_s)) return;
    char args[96];
    int length = snprintf(args, sizeof args, "\"request\":%llu", (unsigned long long)taken->id);
    if (taken->bin)
        snprintf(args + length, sizeof args - (size_t)length, ",\"bin\":%u,\"bins\":%u", taken->bin,
                 taken->bins);
    mb_events_instant(events, taken->replica + 1, "\"admit\"", taken->time_s, args);
}

static mb_status on_preempted(void *self, const mb_preempted *preempted, mb_error *error) {
    mb_tracks *tracks = self;
    mb_events *events = &tracks->events;
    reach(tracks, preempted->time_s);
    mb_life *life = mb_lives_of(&tracks->lives, preempted->id);
    if (!life) return mb_fail_memory(error);
    life->how = preempted->how;
    if (strcmp(preempted->how, "pause") != 0) place(tracks, life, MB_NONE); // a paused one keeps its memory
    if (!mb_events_see(events, preempted->time_s, preempted->time_s)) return MB_OK;
    char args[128];
    snprintf(args, sizeof args, "\"request\":%llu,\"how\":\"%s\",\"computed_tokens\":%u,\"lost_tokens\":%u",
             (unsigned long long)preempted->id, preempted->how, preempted->computed_tokens,
             preempted->lost_tokens);
    mb_events_instant(events, preempted->replica + 1, "\"preempt\"", preempted->time_s, args);
    return MB_OK;
}

static mb_status on_finished(void *self, const mb_finished *record, mb_error *error) {
    mb_tracks *tracks = self;
    mb_events *events = &tracks->events;
    if (!isnan(record->end_s)) reach(tracks, record->end_s);
    let_go(tracks, mb_lives_end(&tracks->lives, events, record, tracks->now_s));
    tracks->unfinished = tracks->unfinished || strcmp(record->why, "unfinished") == 0;
    if (strcmp(record->why, "rejected") == 0 && mb_events_see(events, tracks->now_s, tracks->now_s)) {
        char args[48];
        snprintf(args, sizeof args, "\"request\":%llu", (unsigned long long)record->request->id);
        mb_events_instant(events, 0, "\"reject\"", tracks->now_s, args);
    }
    return told(tracks, error);
}

// Its memory went elsewhere: a piece of its life, and an arrow from replica to replica.
static void on_moved(void *self, const mb_moved *moved) {
    mb_tracks *tracks = self;
    mb_events *events = &tracks->events;
    reach(tracks, moved->time_s);
    mb_life *life = mb_lives_of(&tracks->lives, moved->id);
    if (!life) return;
    // It may have gone on meanwhile, until the last of its memory was sent.
    const double ran_s = life->count ? life->pieces[life->count - 1].to_s : 0;
    const mb_life_piece piece = {.from_s = ran_s > moved->begun_s ? ran_s : moved->begun_s,
                                 .to_s = moved->time_s,
                                 .replica = moved->from,
                                 .what = MB_LIVING_MOVING};
    mb_life_work(&tracks->lives, life, &piece);
    place(tracks, life, moved->to);
    if (!mb_events_see(events, moved->begun_s, moved->time_s)) return;
    char args[96];
    snprintf(args, sizeof args, "\"request\":%llu,\"tokens\":%llu", (unsigned long long)moved->id,
             (unsigned long long)moved->tokens);
    mb_events_arrow(events, moved->from + 1, moved->begun_s, moved->to + 1, moved->time_s, args);
}

static void on_lost(void *self, double now_s, uint32_t replica, uint64_t id) {
    mb_tracks *tracks = self;
    mb_events *events = &tracks->events;
    reach(tracks, now_s);
    mb_life *life = mb_lives_of(&tracks->lives, id);
    if (!life) return;
    life->how = "failure";
    place(tracks, life, MB_NONE);
    if (!mb_events_see(events, now_s, now_s)) return;
    char args[48];
    snprintf(args, sizeof args, "\"request\":%llu", (unsigned long long)id);
    mb_events_instant(events, replica + 1, "\"lost\"", now_s, args);
}

// --- the rest --------------------------------------------------------------------------------------------

static mb_status on_decision(void *self, double now_s, uint32_t replica, const char *name, double value,
                             mb_error *error) {
    mb_tracks *tracks = self;
    reach(tracks, now_s);
    if (!mb_events_see(&tracks->events, now_s, now_s)) return MB_OK;
    char args[48];
    snprintf(args, sizeof args, isfinite(value) ? "\"value\":%.17g" : "\"value\":null", value);
    const char *quoted = mb_events_quote(&tracks->events, name);
    mb_events_instant(&tracks->events, replica == MB_NONE ? 0 : replica + 1, quoted, now_s, args);
    return told(tracks, error);
}

static void on_held(void *self, double from_s, double to_s, uint64_t waiting, uint64_t running) {
    mb_tracks *tracks = self;
    mb_events *events = &tracks->events;
    char args[32];
    if (to_s > tracks->now_s) tracks->now_s = to_s;
    if (!mb_events_see(events, from_s, to_s)) return;
    if (!tracks->counted || waiting != tracks->waiting) {
        snprintf(args, sizeof args, "\"requests\":%llu", (unsigned long long)waiting);
        mb_events_counter(events, "waiting", from_s, args);
    }
    if (!tracks->counted || running != tracks->running) {
        snprintf(args, sizeof args, "\"requests\":%llu", (unsigned long long)running);
        mb_events_counter(events, "running", from_s, args);
    }
    tracks->counted = true;
    tracks->waiting = waiting;
    tracks->running = running;
    mb_events_reach(events, to_s);
}

mb_observer mb_tracks_observer(mb_tracks *tracks) {
    return (mb_observer){.finished = on_finished,
                         .batch = on_batch,
                         .member = on_member,
                         .preempted = on_preempted,
                         .taken = on_taken,
                         .decision = on_decision,
                         .moved = on_moved,
                         .lost = on_lost,
                         .held = on_held,
                         .self = tracks};
}

mb_status mb_tracks_end(mb_tracks *tracks, double *cut_s, mb_error *error) {
    write_batch(tracks);
    if (tracks->counted && !tracks->unfinished) on_held(tracks, tracks->now_s, tracks->now_s, 0, 0);
    const mb_status status = told(tracks, error);
    *cut_s = tracks->events.cut ? tracks->events.to_s : (double)NAN;
    mb_lives_deinit(&tracks->lives);
    mb_strbuf_deinit(&tracks->events.text);
    mb_strbuf_deinit(&tracks->prompt_text);
    mb_strbuf_deinit(&tracks->decode_text);
    free(tracks->holds);
    free(tracks);
    return status;
}
