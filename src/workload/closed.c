// SPDX-License-Identifier: MIT
#include "workload/closed.h"

#include "base/heap.h"
#include "workload/arrivals.h"
#include "workload/synthetic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NONE UINT32_MAX
#define MOST_AT_ONCE 1000000u // departures at one instant, beside a few of each user

// A user, or a session that began by itself.
typedef struct place {
    uint64_t user_key; // of the user's own draws
    uint64_t key;      // of the draws of its session; else user_key
    uint64_t number;   // of the next request, of all of this key
    uint64_t session;  // the one under way; 0: none
    uint64_t sessions; // that this user began
    uint32_t turns;    // of the session
    uint32_t class_index, client;
    uint32_t prompt_tokens, output_tokens, max_output; // of the next request, once it is drawn
    bool waiting;                                      // for an answer
    uint32_t next_free;
} place;

struct mb_closed {
    const mb_workload *workload;
    uint64_t seed, replication;
    place *places;
    uint32_t count, capacity, first_free;
    mb_heap heap;     // who comes when
    uint32_t waiting; // places that wait for an answer
    mb_arrivals_state arrivals;
    double next_session_s; // INFINITY where there are users
    uint64_t sessions;     // that began by themselves
    uint64_t prefix_id;
    double last_departure_s;
    uint64_t departures_then;
};

// ---- draws

// Each draw of each request starts a stream of its own: that costs a few nanoseconds and no memory, and
// nothing that happened before can shift it.
static mb_rng stream(uint64_t key, uint64_t number, const char *purpose) {
    mb_rng rng;
    mb_rng_init(&rng, key, number, purpose);
    return rng;
}

static uint64_t named_key(const mb_closed *closed, const char *kind, uint64_t number) {
    char name[40];
    snprintf(name, sizeof name, "%s-%llu", kind, (unsigned long long)number);
    mb_rng rng = stream(closed->seed, closed->replication, name);
    return mb_rng_bits(&rng);
}

static double draw_think(const mb_distribution *think, uint64_t key, uint64_t number) {
    mb_rng rng = stream(key, number, "think");
    return mb_distribution_draw(think, &rng);
}

// The next request of the place, whose prompt begins with `context` tokens. False if a session must end
// instead.
static bool draw_request(const mb_closed *closed, place *at, uint64_t context) {
    const mb_workload *workload = closed->workload;
    if (!workload->sessions.on || at->number == 0) {
        mb_rng choice = stream(at->key, at->number, "class");
        at->class_index = mb_draw_class(workload, 0, &choice);
    }
    mb_length_streams streams = {.prompt = stream(at->key, at->number, "prompt"),
                                 .output = stream(at->key, at->number, "output"),
                                 .bound = stream(at->key, at->number, "max_output")};
    mb_arrival drawn;
    mb_draw_lengths(workload, at->class_index, &streams, &drawn);
    const uint64_t prompt_tokens = context + drawn.prompt_tokens;
    at->output_tokens = drawn.output_tokens;
    at->max_output = drawn.max_output;
    const uint32_t most = workload->sessions.max_context;
    if (at->number > 0 && workload->sessions.on &&
        prompt_tokens + at->output_tokens > (most && most < MB_MAX_TOKENS ? most : MB_MAX_TOKENS))
        return false;
    at->prompt_tokens = (uint32_t)prompt_tokens;
    return true;
}

static void begin_session(const mb_closed *closed, place *at, uint64_t key, uint64_t session) {
    at->key = key;
    at->session = session;
    at->number = 0;
    mb_rng turns = stream(key, 0, "turns");
    at->turns = mb_distribution_draw_tokens(&closed->workload->sessions.turns, &turns);
    draw_request(closed, at, 0);
}

// ---- places and times

static uint32_t take_place(mb_closed *closed) {
    const uint32_t index = closed->first_free;
    if (index != NONE) {
        closed->first_free = closed->places[index].next_free;
        closed->places[index] = (place){0};
        return index;
    }
    if (closed->count == closed->capacity) {
        const uint32_t capacity = closed->capacity ? 2 * closed->capacity : 64;
        place *places = realloc(closed->places, capacity * sizeof *places);
        if (!places) return NONE;
        closed->places = places;
        closed->capacity = capacity;
    }
    closed->places[closed->count] = (place){0};
    return closed->count++;
}

static void free_place(mb_closed *closed, uint32_t index) {
    closed->places[index].next_free = closed->first_free;
    closed->first_free = index;
}

// After the last arrival time nobody comes back.
static mb_status come_at(mb_closed *closed, uint32_t index, double time_s, mb_error *error) {
    if (time_s <= closed->workload->until_s && isfinite(time_s))
        return mb_heap_push(&closed->heap, time_s, 0, index) ? MB_OK : mb_fail_memory(error);
    if (closed->workload->users == 0) free_place(closed, index);
    return MB_OK;
}

static void next_session(mb_closed *closed) {
    double time_s;
    const bool more = mb_arrivals_next(&closed->arrivals, &time_s) && time_s <= closed->workload->until_s;
    closed->next_session_s = more ? time_s : (double)INFINITY;
}

// ---- the stream

static mb_status add_user(mb_closed *closed, uint32_t user, mb_error *error) {
    const mb_workload *workload = closed->workload;
    const uint32_t index = take_place(closed);
    if (index == NONE) return mb_fail_memory(error);
    place *at = &closed->places[index];
    at->key = at->user_key = named_key(closed, "user", user + 1);
    if (workload->clients > 1) at->client = user % workload->clients;
    return come_at(closed, index, workload->ramp_s * user / workload->users, error);
}

mb_status mb_closed_open(const mb_workload *workload, uint64_t seed, uint64_t replication, mb_closed **out,
                         mb_error *error) {
    mb_closed *closed = *out = calloc(1, sizeof *closed);
    if (!closed) return mb_fail_memory(error);
    *closed = (mb_closed){.workload = workload,
                          .seed = seed,
                          .replication = replication,
                          .first_free = NONE,
                          .next_session_s = INFINITY,
                          .last_departure_s = -1};
    for (uint32_t user = 0; user < workload->users; user++) {
        const mb_status status = add_user(closed, user, error);
        if (status) return status;
    }
    if (workload->users) return MB_OK;
    mb_arrivals_open(&workload->arrivals, seed, replication, &closed->arrivals);
    next_session(closed);
    return MB_OK;
}

void mb_closed_close(mb_closed *closed) {
    if (!closed) return;
    mb_heap_deinit(&closed->heap);
    free(closed->places);
    free(closed);
}

static double next_return(const mb_closed *closed) {
    return closed->heap.count ? mb_heap_top(&closed->heap).time_s : (double)INFINITY;
}

double mb_closed_next_time(const mb_closed *closed) {
    return fmin(closed->next_session_s, next_return(closed));
}

bool mb_closed_over(const mb_closed *closed) {
    return closed->waiting == 0 && !isfinite(mb_closed_next_time(closed));
}

// The session that arrives now.
static mb_status arrive(mb_closed *closed, uint32_t *index, mb_error *error) {
    const mb_workload *workload = closed->workload;
    *index = take_place(closed);
    if (*index == NONE) return mb_fail_memory(error);
    if (*index > MB_EVENT_MAX_PAYLOAD)
        return mb_fail(
            error, MB_FAILED,
            "workload: more than %u sessions at once; expected fewer arrivals, or more to serve them",
            MB_EVENT_MAX_PAYLOAD);
    place *at = &closed->places[*index];
    const uint64_t number = ++closed->sessions;
    begin_session(closed, at, named_key(closed, "session", number), number);
    if (workload->clients > 1) {
        mb_rng client = stream(at->key, 0, "clients");
        at->client = mb_draw_client(workload, at->class_index, &client);
    }
    next_session(closed);
    return MB_OK;
}

// The user, or the session, that comes back now.
static uint32_t come_back(mb_closed *closed) {
    const uint32_t index = mb_heap_top(&closed->heap).payload, users = closed->workload->users;
    mb_heap_pop(&closed->heap);
    place *at = &closed->places[index];
    if (!closed->workload->sessions.on) {
        draw_request(closed, at, 0);
    } else if (at->session == 0) { // numbered so that it does not matter who began one first
        mb_rng rng = stream(at->user_key, at->sessions, "session");
        begin_session(closed, at, mb_rng_bits(&rng), at->sessions * users + index + 1);
        at->sessions++;
    }
    return index;
}

mb_status mb_closed_next(mb_closed *closed, mb_arrival *arrival, mb_draw_key *key, mb_error *error) {
    const mb_workload *workload = closed->workload;
    const double time_s = mb_closed_next_time(closed);
    uint32_t index;
    if (closed->next_session_s < next_return(closed)) {
        const mb_status status = arrive(closed, &index, error);
        if (status) return status;
    } else {
        index = come_back(closed);
    }
    place *at = &closed->places[index];
    *arrival = (mb_arrival){.time_s = time_s,
                            .prompt_tokens = at->prompt_tokens,
                            .output_tokens = at->output_tokens,
                            .max_output = at->max_output,
                            .client = at->client,
                            .deadline_s = INFINITY,
                            .user = index + 1,
                            .session = at->session,
                            .program = at->session};
    mb_set_class(workload, at->class_index, arrival);
    mb_rng prefix = stream(at->key, at->number, "prefix"), service = stream(at->key, at->number, "service");
    mb_add_prefix(workload, &prefix, arrival, &closed->prefix_id);
    if (workload->has_service) arrival->service_s = mb_distribution_draw(&workload->service, &service);
    *key = (mb_draw_key){at->key, at->number};
    at->number++;
    at->waiting = true;
    closed->waiting++;
    return MB_OK;
}

// ---- answers

// Users who do not think and are answered in no time would go on for ever.
static mb_status check_progress(mb_closed *closed, double time_s, mb_error *error) {
    closed->departures_then = time_s > closed->last_departure_s ? 0 : closed->departures_then + 1;
    closed->last_departure_s = time_s;
    if (closed->departures_then <= MOST_AT_ONCE + 10 * (uint64_t)closed->count) return MB_OK;
    return mb_fail(
        error, MB_BAD_INPUT,
        "workload: at %.6g s, %llu requests left without any time passing (rejected, or served in 0 s); "
        "expected think above 0, or requests that fit",
        time_s, (unsigned long long)closed->departures_then);
}

// What comes after an answer (or a refusal) in a session: the next turn, or its end.
static mb_status go_on(mb_closed *closed, uint32_t index, const mb_departure *departure, mb_error *error) {
    const mb_workload *workload = closed->workload;
    place *at = &closed->places[index];
    const uint64_t context = (uint64_t)departure->prompt_tokens + departure->output_tokens;
    if (!departure->rejected && at->number < at->turns && draw_request(closed, at, context))
        return come_at(closed, index,
                       departure->time_s + draw_think(&workload->sessions.think, at->key, at->number - 1),
                       error);
    at->session = 0;
    if (workload->users)
        return come_at(closed, index,
                       departure->time_s + draw_think(&workload->think, at->user_key, at->sessions - 1),
                       error);
    free_place(closed, index);
    return MB_OK;
}

bool mb_closed_session_over(const mb_closed *closed, uint32_t user) {
    return closed->places[user - 1].session == 0;
}

mb_status mb_closed_finished(mb_closed *closed, const mb_departure *departure, mb_error *error) {
    const uint32_t index = departure->user - 1;
    if (index >= closed->count || !closed->places[index].waiting)
        return mb_fail(error, MB_FAILED, "workload: an answer for user %u, who waits for none",
                       departure->user);
    place *at = &closed->places[index];
    at->waiting = false;
    closed->waiting--;
    const mb_status status = check_progress(closed, departure->time_s, error);
    if (status) return status;
    if (closed->workload->sessions.on) return go_on(closed, index, departure, error);
    const double think_s = draw_think(&closed->workload->think, at->user_key, at->number - 1);
    return come_at(closed, index, departure->time_s + think_s, error);
}
