// SPDX-License-Identifier: MIT
#include "sweep/ranks.h"

#include <stdlib.h>

unsigned mb_ranks_started(void) {
    const char *size = getenv("OMPI_COMM_WORLD_SIZE");
    if (!size) size = getenv("PMI_SIZE");
    const long count = size ? strtol(size, NULL, 10) : 1;
    return count > 1 && count < 1000000 ? (unsigned)count : 1;
}

#ifdef MB_MPI

#include "base/clock.h"
#include "base/paths.h"
#include "base/strbuf.h"
#include "report/json_values.h"
#include "sweep/inputs.h"
#include "sweep/outcome_json.h"
#include "sweep/stretch.h"

#include <jansson.h>
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TO_ROOT = 1, TO_RANK = 2 };                       // tags
enum { ASK = 'a', RESULT = 'r', FAIL = 'f', BYE = 'b' }; // first byte of a message to rank 0
// Between two looks of rank 0 for messages, so that it can run jobs as well: a hundredth of what an answer's
// jobs take, within these. A look costs some 10 us and a rank waits half a pause: both stay below 1 % of a
// processor.
#define LEAST_PAUSE_S 1e-4
#define MOST_PAUSE_S 5e-3
#define LISTEN_NS 100000L    // between two looks of another rank, which has nothing else to do
#define WAIT_NS 20000000L    // until a rank asks again
#define MOST_SILENCE_S 600.0 // of rank 0, which otherwise answers at once

static void pause_for(long nanoseconds) {
    nanosleep(&(struct timespec){.tv_nsec = nanoseconds}, NULL);
}

mb_ranks mb_ranks_begin(void) {
    mb_ranks ranks = {.size = 1};
    int level;
    // Set by mpirun, Slurm's srun, and PMIx; a program that is started by hand is not to wait for peers.
    if (!getenv("OMPI_COMM_WORLD_SIZE") && !getenv("PMIX_RANK") && !getenv("PMI_RANK")) return ranks;
    // Who finalizes waits for all others, also for one that is lost, unless this is set; so the goodbye of a
    // rank is sent in a way that it is known to have come.
    setenv("OMPI_MCA_async_mpi_finalize", "1", 0);
    MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &level);
    if (level < MPI_THREAD_SERIALIZED) return ranks;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN); // a rank may be lost
    MPI_Comm_rank(MPI_COMM_WORLD, &ranks.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks.size);
    return ranks;
}

void mb_ranks_end(void) {
    int begun = 0;
    MPI_Initialized(&begun);
    if (begun) MPI_Finalize();
}

// --- rank 0 ----------------------------------------------------------------------------------------------

static void take_result(const mb_rank_host *host, const char *bytes, size_t size, int rank) {
    mb_rank_job job;
    mb_outcome outcome = {.started = true};
    const size_t fixed = 1 + sizeof job + sizeof outcome.values;
    if (size < fixed) return;
    memcpy(&job, bytes + 1, sizeof job);
    memcpy(outcome.values, bytes + 1 + sizeof job, sizeof outcome.values);
    json_t *message = json_loadb(bytes + fixed, size - fixed, 0, NULL);
    const char *text = json_string_value(json_object_get(message, "error")),
               *trace = json_string_value(json_object_get(message, "traceback"));
    outcome.policy = job.policy;
    outcome.seed_index = job.seed;
    outcome.finished = mb_json_truth_of(message, "finished");
    outcome.status = (mb_status)mb_json_count_of(message, "status");
    bool complete = message && mb_outcome_read(json_object_get(message, "details"), &outcome);
    if (text && complete) {
        outcome.error = calloc(1, sizeof *outcome.error);
        complete = outcome.error != NULL;
        if (complete) {
            outcome.error->status = outcome.status;
            snprintf(outcome.error->message, sizeof outcome.error->message, "%s", text);
            snprintf(outcome.error->traceback, sizeof outcome.error->traceback, "%s", trace ? trace : "");
        }
    }
    if (complete)
        host->give(host->context, &job, &outcome, json_object_get(message, "inputs"), rank);
    else
        host->fail(host->context, rank, "out of memory");
    json_decref(message);
    mb_outcome_deinit(&outcome);
}

static void hand_out(const mb_rank_host *host, int rank) {
    mb_rank_job jobs[MB_RANK_BATCH];
    double ignored;
    size_t most = host->batch(host->context, &ignored), count = 0;
    do
        jobs[count] = host->take(host->context, rank);
    while (jobs[count++].kind == MB_RANK_JOB && count < most);
    // What comes after a job and is none, the rank is told when it asks again.
    if (count > 1 && jobs[count - 1].kind != MB_RANK_JOB) count--;
    MPI_Send(jobs, (int)(count * sizeof *jobs), MPI_BYTE, rank, TO_RANK, MPI_COMM_WORLD);
}

// One message, if there is one; whether it was a goodbye.
static bool answer(const mb_rank_host *host, const MPI_Status *waiting) {
    int size = 0;
    const int rank = waiting->MPI_SOURCE;
    MPI_Get_count(waiting, MPI_BYTE, &size);
    char *bytes = malloc((size_t)size + 1);
    if (!bytes) {
        host->fail(host->context, rank, "out of memory");
        return false;
    }
    MPI_Recv(bytes, size, MPI_BYTE, rank, TO_ROOT, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    bytes[size] = '\0';
    const char kind = size ? bytes[0] : '\0';
    if (kind == ASK) hand_out(host, rank);
    if (kind == RESULT) take_result(host, bytes, (size_t)size, rank);
    if (kind == FAIL) host->fail(host->context, rank, bytes + 1);
    free(bytes);
    return kind == BYE;
}

bool mb_ranks_serve(const mb_ranks *ranks, const mb_rank_host *host) {
    int left = ranks->size - 1;
    double heard = mb_clock_wall();
    while (left > 0) {
        int there = 0;
        MPI_Status waiting;
        MPI_Iprobe(MPI_ANY_SOURCE, TO_ROOT, MPI_COMM_WORLD, &there, &waiting);
        if (there) {
            left -= answer(host, &waiting);
            heard = mb_clock_wall();
            continue;
        }
        const double patience_s = host->patience_s(host->context); // below 0: there is still something to do
        if (patience_s >= 0 && mb_clock_wall() - heard > patience_s) return false;
        double batch_s = 0;
        host->batch(host->context, &batch_s);
        pause_for((long)(1e9 * fmin(fmax(batch_s / 100, LEAST_PAUSE_S), MOST_PAUSE_S)));
    }
    return true;
}

// --- another rank ----------------------------------------------------------------------------------------

typedef struct slot {
    mb_stretch *stretch;
    mb_outcome outcome;
    mb_rank_job job;
} slot;

typedef struct helper {
    const mb_sweep_options *options;
    pthread_mutex_t mutex; // of MPI, and of everything here
    mb_inputs inputs;
    size_t told; // of the inputs
    mb_stretch *stretch;
    slot *slots;
    mb_rank_job jobs[MB_RANK_BATCH]; // of the last answer, from `next` on
    size_t job_count, next;
    bool failed;
} helper;

static void send_text(char kind, const char *text) {
    mb_strbuf message = {0};
    mb_strbuf_add_bytes(&message, &kind, 1);
    if (text) mb_strbuf_add(&message, text);
    if (!message.failed && kind == BYE)
        MPI_Ssend(message.text, (int)message.length, MPI_BYTE, 0, TO_ROOT, MPI_COMM_WORLD);
    else if (!message.failed)
        MPI_Send(message.text, (int)message.length, MPI_BYTE, 0, TO_ROOT, MPI_COMM_WORLD);
    mb_strbuf_deinit(&message);
}

static void give_up(helper *all, const mb_error *error) {
    if (!all->failed) send_text(FAIL, error->message);
    all->failed = true;
}

static mb_status need_stretch(helper *all, size_t point, mb_error *error) {
    const size_t first = point - point % MB_STRETCH_POINTS;
    if (all->stretch && all->stretch->first_point == first) return MB_OK;
    mb_stretch_release(all->stretch);
    all->stretch = NULL;
    const mb_status status =
        mb_stretch_load(all->options->scenario, all->options->overrides, first, &all->stretch, error);
    return status == MB_OK ? mb_stretch_inputs(all->stretch, &all->inputs, error) : status;
}

static mb_status begin(helper *all, slot *own, mb_job_state *state, mb_job *job, mb_error *error) {
    size_t local = 0;
    const mb_status status = need_stretch(all, (size_t)own->job.point - 1, error);
    if (status != MB_OK) return status;
    if (own->stretch != all->stretch) {
        mb_step_clock_close(state->clock);
        state->clock = NULL;
        mb_stretch_release(own->stretch);
        own->stretch = mb_stretch_hold(all->stretch);
    }
    const mb_experiment *experiment = mb_stretch_at(all->stretch, (size_t)own->job.point - 1, &local);
    if (!experiment || own->job.policy >= experiment->policy_count || own->job.seed >= experiment->seeds)
        return mb_fail(error, MB_FAILED, "this rank reads another scenario: it has no run %lld",
                       own->job.run);
    own->outcome = (mb_outcome){.point = local, .policy = own->job.policy, .seed_index = own->job.seed};
    *job = (mb_job){experiment, &own->outcome};
    return MB_OK;
}

// The next job of the last answer, or of a new one. MPI_Recv would take a whole processor while it waits.
static mb_rank_job take(helper *all) {
    if (all->next == all->job_count) {
        int there = 0, size = 0;
        MPI_Status status;
        send_text(ASK, NULL);
        const double asked_s = mb_clock_wall();
        while (MPI_Iprobe(0, TO_RANK, MPI_COMM_WORLD, &there, MPI_STATUS_IGNORE) == MPI_SUCCESS && !there) {
            if (mb_clock_wall() - asked_s > MOST_SILENCE_S)
                _exit(1); // it took this rank for lost, and is gone
            pause_for(LISTEN_NS);
        }
        MPI_Recv(all->jobs, sizeof all->jobs, MPI_BYTE, 0, TO_RANK, MPI_COMM_WORLD, &status);
        MPI_Get_count(&status, MPI_BYTE, &size);
        all->next = 0;
        all->job_count = size > 0 ? (size_t)size / sizeof *all->jobs : 0;
    }
    return all->next < all->job_count ? all->jobs[all->next++] : (mb_rank_job){.kind = MB_RANK_END};
}

static bool next_job(void *context, unsigned worker, mb_job_state *state, mb_job *job) {
    helper *all = context;
    slot *own = &all->slots[worker];
    mb_error error = {0};
    bool found = false;
    for (own->job.kind = MB_RANK_WAIT;
         own->job.kind == MB_RANK_WAIT && !atomic_load(all->options->run.stop);) {
        pthread_mutex_lock(&all->mutex);
        own->job.kind = MB_RANK_END;
        if (!all->failed) own->job = take(all);
        if (own->job.kind == MB_RANK_JOB) {
            found = begin(all, own, state, job, &error) == MB_OK;
            if (!found) give_up(all, &error);
        }
        pthread_mutex_unlock(&all->mutex);
        if (own->job.kind == MB_RANK_WAIT) pause_for(WAIT_NS);
    }
    return found;
}

// What this rank has read since it last said.
static json_t *new_inputs(helper *all, bool *lost) {
    json_t *list = json_array();
    for (; all->told < all->inputs.count; all->told++) {
        const mb_input *input = &all->inputs.items[all->told];
        json_t *one = json_array();
        const char *const parts[] = {input->kind, input->name, input->path, input->hash};
        for (size_t i = 0; i < 4; i++)
            mb_json_append(lost, one, mb_json_text(parts[i]));
        mb_json_append(lost, list, one);
    }
    return list;
}

static bool send_result(helper *all, const slot *own) {
    const mb_outcome *o = &own->outcome;
    const char kind = RESULT;
    bool lost = false;
    json_t *object = json_object();
    mb_json_set(&lost, object, "finished", json_boolean(o->finished));
    mb_json_set(&lost, object, "status", json_integer((json_int_t)o->status));
    mb_json_set(&lost, object, "error", mb_json_text(o->error ? o->error->message : NULL));
    mb_json_set(&lost, object, "traceback", mb_json_text(o->error ? o->error->traceback : NULL));
    mb_json_set(&lost, object, "details", mb_outcome_json(&lost, o));
    mb_json_set(&lost, object, "inputs", new_inputs(all, &lost));
    char *text = lost ? NULL : json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(object);
    mb_strbuf message = {0};
    mb_strbuf_add_bytes(&message, &kind, 1);
    mb_strbuf_add_bytes(&message, (const char *)&own->job, sizeof own->job);
    mb_strbuf_add_bytes(&message, (const char *)o->values, sizeof o->values);
    mb_strbuf_add(&message, text ? text : "");
    const bool good = text && !message.failed;
    if (good) MPI_Send(message.text, (int)message.length, MPI_BYTE, 0, TO_ROOT, MPI_COMM_WORLD);
    mb_strbuf_deinit(&message);
    free(text);
    return good;
}

static void job_done(void *context, unsigned worker, const mb_job *job) {
    helper *all = context;
    slot *own = &all->slots[worker];
    mb_error error = {0};
    const bool cut = !job->outcome->finished && atomic_load(all->options->run.stop);
    pthread_mutex_lock(&all->mutex);
    mb_status status = mb_inputs_unchanged(&all->inputs, &error);
    for (size_t i = 0; i < own->outcome.script_count && status == MB_OK; i++)
        status = mb_inputs_add(&all->inputs, "module", own->outcome.scripts[i], &error);
    if (status == MB_OK && !cut && !all->failed && !send_result(all, own)) status = mb_fail_memory(&error);
    if (status != MB_OK) give_up(all, &error);
    pthread_mutex_unlock(&all->mutex);
    mb_outcome_deinit(&own->outcome);
    own->outcome = (mb_outcome){0};
}

static mb_status help(helper *all, mb_error *error) {
    const mb_job_feed feed = {.next = next_job, .done = job_done, .context = all};
    mb_run_options run = all->options->run;
    run.progress = NULL; // rank 0 shows it
    const unsigned threads = mb_pool_threads(&run);
    all->slots = calloc(threads, sizeof *all->slots);
    mb_status status = all->slots ? mb_paths_root(&all->inputs.root, error) : mb_fail_memory(error);
    if (status == MB_OK) status = mb_inputs_add_program(&all->inputs, error);
    if (status == MB_OK) status = mb_pool_run(&run, &feed, threads, error);
    for (unsigned i = 0; i < threads && all->slots; i++)
        mb_stretch_release(all->slots[i].stretch);
    return status;
}

mb_status mb_ranks_help(const mb_ranks *ranks, const mb_sweep_options *options, mb_error *error) {
    (void)ranks;
    helper all = {.options = options};
    pthread_mutex_init(&all.mutex, NULL);
    const mb_status status = help(&all, error);
    if (status != MB_OK) give_up(&all, error);
    send_text(BYE, NULL);
    pthread_mutex_destroy(&all.mutex);
    mb_stretch_release(all.stretch);
    free(all.slots);
    mb_inputs_deinit(&all.inputs);
    return status;
}

#else

mb_ranks mb_ranks_begin(void) {
    return (mb_ranks){.size = 1};
}

void mb_ranks_end(void) {}

bool mb_ranks_serve(const mb_ranks *ranks, const mb_rank_host *host) {
    (void)ranks, (void)host;
    return true;
}

mb_status mb_ranks_help(const mb_ranks *ranks, const mb_sweep_options *options, mb_error *error) {
    (void)ranks, (void)options;
    return mb_fail(error, MB_FAILED, "this mbsand was built without MPI; `make MPI=1` builds one with it");
}

#endif
