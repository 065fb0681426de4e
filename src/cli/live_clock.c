// SPDX-License-Identifier: MIT
#include "cli/live_clock.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

mb_status mb_live_clock_init(mb_live_clock *c, mb_probe_session *session, bool engine, uint32_t most,
                             mb_error *error) {
    c->session = session;
    c->engine = engine;
    c->most = most;
    c->rows = calloc(most, sizeof *c->rows);
    c->tokens = calloc(most, sizeof *c->tokens);
    c->contexts = calloc(most, sizeof *c->contexts);
    c->sequences = calloc(most, sizeof *c->sequences);
    return c->rows && c->tokens && c->contexts && c->sequences ? MB_OK : mb_fail_memory(error);
}

void mb_live_clock_deinit(mb_live_clock *c) {
    free(c->rows);
    free(c->tokens);
    free(c->contexts);
    free(c->sequences);
    free(c->sequence_of);
}

// --- sums
// -----------------------------------------------------------------------------------------------------

void mb_live_sums_add(mb_live_sums *sums, const mb_live_sums *more) {
    sums->steps += more->steps;
    sums->tokens += more->tokens;
    sums->sequences += more->sequences;
    sums->device_s += more->device_s;
    sums->host_s += more->host_s;
    sums->idle_s += more->idle_s;
    sums->law_s += more->law_s;
    sums->miss_s += more->miss_s;
    sums->lost_s += more->lost_s;
}

double mb_live_excess(const mb_live_sums *s) {
    return (s->device_s + s->host_s) / s->law_s - 1;
}

double mb_live_miss(const mb_live_sums *s) {
    return s->miss_s / (s->device_s + s->host_s);
}

void mb_live_warn_busy(const mb_live_sums *s) {
    const double share = s->lost_s / s->device_s;
    if (share > 0.02)
        printf("warning: this machine was busy: for %.0f %% of the steps' time others had the processor; "
               "what is "
               "said of live times is said of that\n",
               100 * share);
}

// Time that this thread lost in the middle of a step: only where the kernel took the processor away from the
// program, since who waits for a GPU does not compute either.
typedef struct taken {
    long times;
    double cpu_s, wall_s;
} taken;

static taken look_at_processor(void) {
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    return (taken){usage.ru_nivcsw, mb_clock_read(CLOCK_THREAD_CPUTIME_ID), mb_clock_wall()};
}

static double lost_since(const taken *before) {
    const taken now = look_at_processor();
    if (now.times == before->times) return 0;
    return fmax(0, (now.wall_s - before->wall_s) - (now.cpu_s - before->cpu_s));
}

// --- time
// -----------------------------------------------------------------------------------------------------

static double now_s(const mb_live_clock *c) {
    return c->time == MB_LIVE_PROCESSOR ? mb_clock_read(CLOCK_THREAD_CPUTIME_ID) : mb_clock_wall();
}

// An instant of the simulation is about to begin: it does when the wall says so. (It may be late: what came
// while a step ran is looked at after it.)
static mb_status await(void *self, const mb_sim *sim, double next_s, mb_error *error) {
    (void)error; // the simulation asks for itself whether it is to stop
    mb_live_clock *c = self;
    if (!c->sim) {
        c->sim = sim;
        c->origin_s = c->last_end_s = now_s(c);
        c->origin_s -= next_s;
    }
    const double from = mb_clock_wall();
    if (c->time != MB_LIVE_WALL) return MB_OK;
    const double spin_s = 1e-4; // a sleep may be late by about as much
    for (double left; (left = c->origin_s + next_s - mb_clock_wall()) > 0 && !atomic_load(c->stop);) {
        const double nap = fmin(left - spin_s, 0.02);
        if (nap > 0) nanosleep(&(struct timespec){.tv_nsec = (long)(1e9 * nap)}, NULL);
    }
    if (next_s > from - c->origin_s) c->sums->idle_s += mb_clock_wall() - from;
    return MB_OK;
}

mb_status mb_live_clock_begin(mb_live_clock *c, mb_live_sums *sums, mb_observer *observer, mb_error *error) {
    c->sim = NULL;
    c->begun_s = c->last_end_s = -1;
    c->sums = sums;
    mb_status status = MB_OK;
    for (uint32_t i = 0; i < c->most && c->engine && !status; i++) {
        c->sequences[i].used = false;
        status = mb_probe_session_hold(c->session, i, 0, error);
    }
    *observer = (mb_observer){.before = await, .self = c};
    return status;
}

// --- rows without names
// --------------------------------------------------------------------------------------

// The decodes share the context that they read as evenly as whole numbers allow. (A decode reads its own
// token too.)
static mb_status step_of_shape(mb_live_clock *c, const mb_step_shape *shape, double *seconds,
                               mb_error *error) {
    uint32_t row = 0;
    const uint64_t read = shape->decode_context - shape->decode_requests;
    for (uint32_t i = 0; i < shape->decode_requests; i++, row++) {
        c->tokens[row] = 1;
        c->contexts[row] = (uint32_t)(read / shape->decode_requests + (i < read % shape->decode_requests));
    }
    bool begins = shape->prefill_requests > 0;
    for (uint32_t i = 0; i < shape->prefill_requests; i++, row++) {
        c->tokens[row] = shape->chunks[i].tokens;
        c->contexts[row] = shape->chunks[i].prefix;
        begins &= shape->chunks[i].prefix == 0;
    }
    if (c->engine && begins) c->sums->sequences += row;
    for (uint32_t i = 0; i < c->most; i++)
        c->sequences[i].used = false;
    return mb_probe_session_rows(c->session, c->tokens, c->contexts, row, seconds, error);
}

// --- sequences of an engine
// ------------------------------------------------------------------------------

static bool is_kept(const mb_live_clock *c, const mb_live_sequence *sequence) {
    const mb_request *request = mb_request_at(&c->sim->requests, sequence->slot);
    return request->id == sequence->id &&
           (request->phase == MB_PHASE_RUNNING ||
            (request->phase == MB_PHASE_WAITING && mb_stage_holds(request->stage)));
}

// Those of requests that are done, or were preempted, are free.
static mb_status release(mb_live_clock *c, mb_error *error) {
    mb_status status = MB_OK;
    for (uint32_t i = 0; i < c->most && !status; i++) {
        if (!c->sequences[i].used || is_kept(c, &c->sequences[i])) continue;
        c->sequences[i].used = false;
        status = mb_probe_session_hold(c->session, i, 0, error);
    }
    return status;
}

static mb_status find_sequence(mb_live_clock *c, uint32_t slot, uint32_t *found, mb_error *error) {
    const uint64_t id = mb_request_at(&c->sim->requests, slot)->id;
    if (slot >= c->slots) {
        const uint32_t slots = mb_request_slots(&c->sim->requests);
        uint32_t *grown = realloc(c->sequence_of, slots * sizeof *grown);
        if (!grown) return mb_fail_memory(error);
        for (uint32_t i = c->slots; i < slots; i++)
            grown[i] = MB_NONE;
        c->sequence_of = grown;
        c->slots = slots;
    }
    *found = c->sequence_of[slot];
    if (*found != MB_NONE && c->sequences[*found].used && c->sequences[*found].id == id) return MB_OK;
    for (*found = 0; *found < c->most && c->sequences[*found].used;)
        (*found)++;
    if (*found == c->most)
        return mb_fail(error, MB_BAD_INPUT,
                       "live: more requests hold memory at once than the %u sequences of the engine "
                       "(cluster.max_requests)",
                       c->most);
    c->sequences[*found] = (mb_live_sequence){.id = id, .slot = slot, .used = true};
    c->sequence_of[slot] = *found;
    c->sums->sequences++;
    return MB_OK;
}

static mb_status add_row(mb_live_clock *c, uint32_t *row, uint32_t slot, uint32_t tokens, uint32_t context,
                         mb_error *error) {
    uint32_t number = 0;
    mb_status status = find_sequence(c, slot, &number, error);
    if (status) return status;
    mb_live_sequence *sequence = &c->sequences[number];
    if (context > sequence->held)
        return mb_fail(
            error, MB_BAD_INPUT,
            "live: request %llu is to go on after %u tokens, of which the engine holds %u; it has no "
            "prefix cache and no memory on the host (cluster.prefix_cache = false)",
            (unsigned long long)sequence->id, context, sequence->held);
    if (context < sequence->held) status = mb_probe_session_hold(c->session, number, context, error);
    c->rows[(*row)++] = (mb_probe_row){.tokens = tokens, .context = context, .sequence = number};
    sequence->held = context + tokens;
    return status;
}

// The decodes in order of admission, then the chunks.
static mb_status step_of_requests(mb_live_clock *c, const mb_stepper *stepper, double *seconds,
                                  mb_error *error) {
    mb_status status = release(c, error);
    uint32_t row = 0;
    for (uint32_t slot = stepper->with_decodes ? stepper->oldest : MB_NONE; slot != MB_NONE && !status;) {
        const mb_request *request = mb_request_at(stepper->requests, slot);
        const uint32_t made = (uint32_t)(stepper->iteration - request->joined);
        if (request->stage == MB_STAGE_DECODE)
            status = add_row(c, &row, slot, 1, request->computed + made, error);
        slot = request->next;
    }
    for (uint32_t i = 0; i < stepper->row_count && !status; i++)
        status =
            add_row(c, &row, stepper->rows[i], stepper->chunks[i].tokens, stepper->chunks[i].prefix, error);
    return status ? status : mb_probe_session_sequences(c->session, c->rows, row, seconds, error);
}

// --- a step
// --------------------------------------------------------------------------------------------------

// In the wall's time it has begun when the simulation could begin it; the steps of a whole batch, which are
// all asked for at one instant, each after the one before. In the processor's, when the one before had ended.
static void add_host(mb_live_clock *c, double from_s, double device_s, double *seconds) {
    const double now = now_s(c);
    const bool follows = c->time == MB_LIVE_PROCESSOR || c->begun_s == c->sim->now_s;
    const double could = follows ? c->last_end_s : c->origin_s + c->sim->now_s;
    c->begun_s = c->sim->now_s;
    c->last_end_s = now;
    c->sums->device_s += device_s;
    c->sums->host_s += fmax(0, from_s - could) + (now - from_s - device_s);
    *seconds = c->time == MB_LIVE_STEPS ? device_s : now - could;
}

// Beside what the scenario's model says of it.
static void compare(mb_live_clock *c, const mb_step_shape *shape, double took_s, mb_error *error) {
    double law_s = 0;
    mb_latency exact = *c->law;
    exact.noise = 0;
    bool ignored;
    if (mb_latency_step(&exact, shape, NULL, &law_s, &ignored, error)) return;
    c->sums->law_s += law_s;
    c->sums->miss_s += fabs(took_s - law_s);
    if (c->rest) mb_live_rest_add(c->rest, shape, took_s - law_s);
}

mb_status mb_live_clock_step(void *self, const mb_step_shape *shape, double *seconds, mb_error *error) {
    mb_live_clock *c = self;
    const uint64_t rows = (uint64_t)shape->decode_requests + shape->prefill_requests;
    if (rows > c->most)
        return mb_fail(error, MB_BAD_INPUT,
                       "live: a step of %llu requests; the device was opened for %u (cluster.max_requests)",
                       (unsigned long long)rows, c->most);
    const double from = now_s(c);
    const taken before = look_at_processor();
    const mb_engine *engine = &c->sim->replicas[0]->engine;
    double device_s = 0;
    const mb_status status = c->engine && engine->count == 0
                                 ? step_of_requests(c, engine->stepper, &device_s, error)
                                 : step_of_shape(c, shape, &device_s, error);
    if (status) return status;
    if (c->time != MB_LIVE_PROCESSOR) c->sums->lost_s += lost_since(&before);
    c->sums->steps++;
    c->sums->tokens += shape->prefill_tokens + shape->decode_requests;
    add_host(c, from, device_s, seconds);
    compare(c, shape, *seconds, error);
    return MB_OK;
}
