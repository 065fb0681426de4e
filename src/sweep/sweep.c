// SPDX-License-Identifier: MIT
#include "sweep/sweep.h"

#include "base/clock.h"
#include "base/paths.h"
#include "base/strbuf.h"
#include "policy/policy_lua.h"
#include "sweep/inputs.h"
#include "sweep/plan_store.h"
#include "sweep/ranks.h"
#include "sweep/record.h"
#include "sweep/references.h"
#include "sweep/stretch.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SILENCE 3.0       // a rank is lost that took so many times as long as any run yet,
#define LEAST_SILENCE 2.0 // and at least so many seconds
#define BATCH_S 0.1       // what a rank is given at once is to take

// What a worker is at.
typedef struct slot {
    mb_stretch *stretch;
    mb_outcome outcome;
    sqlite3_int64 run, point;
} slot;

// A job that another rank has.
typedef struct handed {
    mb_rank_job job;
    double since_s;
} handed;

typedef struct sweep {
    const mb_sweep_options *options;
    mb_store store;
    mb_inputs inputs;
    mb_recorder recorder;
    sqlite3_stmt *jobs_wanted, *jobs_done;
    pthread_mutex_t mutex; // everything below, and the database, once the workers run
    mb_stretch *stretch;   // whose jobs are handed out
    mb_cursor cursor;
    bool *have; // [jobs of the stretch]: done already, or not of this shard
    size_t next_point, points;
    slot *slots;
    handed *handed;
    size_t handed_count, handed_capacity;
    atomic_size_t elsewhere; // jobs that other ranks have done
    double longest_s;        // of these
    double run_s;            // what `runs` runs took together, wherever they were
    size_t runs, left;       // left: not handed out yet, about
    bool served, whole;      // the other ranks were served; all were there at the end
    double store_s, wall_s;
    bool failed;
    mb_error error;
} sweep;

static void give_up(sweep *all, const mb_error *error) {
    if (!all->failed) all->error = *error;
    all->failed = true;
}

// --- jobs ------------------------------------------------------------------------------------------------

// How many jobs of the stretch's points the shard has, or has done.
static mb_status count_jobs(sweep *all, sqlite3_stmt *statement, sqlite3_int64 *count, mb_error *error) {
    bool row;
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)all->next_point + 1);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)all->next_point + MB_STRETCH_POINTS);
    const mb_status status = mb_store_next(&all->store, statement, &row, error);
    *count = row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return status;
}

static bool in_shard(const sweep *all, sqlite3_int64 run) {
    return (uint64_t)(run - 1) % all->options->shards == all->options->shard;
}

// Which of the stretch's jobs are not to run.
static mb_status mark_done(sweep *all, mb_error *error) {
    const size_t jobs = all->stretch->jobs;
    free(all->have);
    all->have = calloc(jobs + 1, sizeof *all->have);
    if (!all->have) return mb_fail_memory(error);
    sqlite3_int64 first = 0;
    sqlite3_stmt *statement = NULL;
    bool row = false;
    mb_status status = mb_plan_first_run(&all->store, all->stretch->first_point, &first, error);
    if (status == MB_OK)
        status = mb_store_prepare(&all->store, "SELECT run FROM runs WHERE run BETWEEN ? AND ?", &statement,
                                  error);
    if (status == MB_OK) {
        sqlite3_bind_int64(statement, 1, first);
        sqlite3_bind_int64(statement, 2, first + (sqlite3_int64)jobs - 1);
    }
    while (status == MB_OK && (status = mb_store_next(&all->store, statement, &row, error)) == MB_OK && row) {
        const sqlite3_int64 at = sqlite3_column_int64(statement, 0) - first;
        if (at >= 0 && at < (sqlite3_int64)jobs) all->have[at] = true; // a damaged file is in no order
    }
    sqlite3_finalize(statement);
    for (size_t i = 0; i < jobs; i++)
        all->have[i] = all->have[i] || !in_shard(all, first + (sqlite3_int64)i);
    all->cursor = (mb_cursor){.run = first};
    return status;
}

// The next stretch with something to do; all->stretch is NULL after the last.
static mb_status next_stretch(sweep *all, mb_error *error) {
    mb_stretch_release(all->stretch);
    all->stretch = NULL;
    for (; all->next_point < all->points; all->next_point += MB_STRETCH_POINTS) {
        sqlite3_int64 wanted, done;
        mb_status status = count_jobs(all, all->jobs_wanted, &wanted, error);
        if (status == MB_OK) status = count_jobs(all, all->jobs_done, &done, error);
        if (status != MB_OK) return status;
        if (wanted == done) continue;
        status = mb_stretch_load(all->options->scenario, all->options->overrides, all->next_point,
                                 &all->stretch, error);
        if (status == MB_OK) status = mb_stretch_inputs(all->stretch, &all->inputs, error);
        if (status == MB_OK) status = mark_done(all, error);
        all->next_point += MB_STRETCH_POINTS;
        return status;
    }
    return MB_OK;
}

static mb_status find_job(sweep *all, slot *own, mb_job *job, bool *found, mb_error *error) {
    *found = false;
    for (;;) {
        while (all->stretch && mb_stretch_next(all->stretch, &all->cursor)) {
            if (all->have[all->cursor.index]) continue;
            own->run = all->cursor.run + (sqlite3_int64)all->cursor.index;
            own->point = (sqlite3_int64)(all->stretch->first_point + all->cursor.point) + 1;
            own->outcome = (mb_outcome){
                .point = all->cursor.local, .policy = all->cursor.policy, .seed_index = all->cursor.seed};
            *job = (mb_job){all->cursor.experiment, &own->outcome};
            *found = true;
            all->left -= all->left > 0;
            return MB_OK;
        }
        if (all->next_point >= all->points) { // the end
            mb_stretch_release(all->stretch);
            all->stretch = NULL;
            return MB_OK;
        }
        const mb_status status = next_stretch(all, error);
        if (status != MB_OK) return status;
    }
}

// --- jobs that other ranks have ---------------------------------------------------------------------------

static double silence_s(const sweep *all) {
    return fmax(LEAST_SILENCE, SILENCE * all->longest_s);
}

static bool is_over(const sweep *all) {
    return all->failed || atomic_load(all->options->run.stop);
}

// A job that a rank has had for too long: it is done again, and whoever is first is kept.
static bool take_overdue(sweep *all, mb_rank_job *job) {
    const double now = mb_clock_wall();
    for (size_t i = 0; i < all->handed_count; i++)
        if (now - all->handed[i].since_s > silence_s(all)) {
            *job = all->handed[i].job;
            all->handed[i].since_s = now;
            return true;
        }
    return false;
}

static void forget(sweep *all, long long run) {
    for (size_t i = 0; i < all->handed_count; i++)
        if (all->handed[i].job.run == run) {
            all->longest_s = fmax(all->longest_s, mb_clock_wall() - all->handed[i].since_s);
            all->handed[i] = all->handed[--all->handed_count];
            return;
        }
}

static mb_status note_handed(sweep *all, const mb_rank_job *job, mb_error *error) {
    if (all->handed_count == all->handed_capacity) {
        const size_t capacity = all->handed_capacity ? 2 * all->handed_capacity : 64;
        handed *more = realloc(all->handed, capacity * sizeof *more);
        if (!more) return mb_fail_memory(error);
        all->handed = more;
        all->handed_capacity = capacity;
    }
    all->handed[all->handed_count++] = (handed){*job, mb_clock_wall()};
    return MB_OK;
}

static mb_rank_job take_for_rank(void *context, int rank) {
    (void)rank;
    sweep *all = context;
    slot fresh = {0};
    mb_rank_job result = {.kind = MB_RANK_END};
    mb_job job;
    bool found = false;
    mb_error error = {0};
    pthread_mutex_lock(&all->mutex);
    mb_status status = is_over(all) ? MB_OK : find_job(all, &fresh, &job, &found, &error);
    if (found) {
        result = (mb_rank_job){MB_RANK_JOB, fresh.run, fresh.point, fresh.outcome.policy,
                               fresh.outcome.seed_index};
        status = note_handed(all, &result, &error);
    } else if (!is_over(all) && all->handed_count && !take_overdue(all, &result))
        result.kind = MB_RANK_WAIT;
    if (status != MB_OK) {
        give_up(all, &error);
        result.kind = MB_RANK_END;
    }
    pthread_mutex_unlock(&all->mutex);
    return result;
}

// Short jobs go out several at a time, but in the end no rank is to have many while others have none.
static size_t batch_of(void *context, double *batch_s) {
    sweep *all = context;
    pthread_mutex_lock(&all->mutex);
    const double run_s = all->runs ? all->run_s / (double)all->runs : BATCH_S;
    const double share = (double)all->left / (2 * (double)all->options->ranks->size);
    const double count = fmin(fmin(BATCH_S / fmax(run_s, 1e-6), share), MB_RANK_BATCH);
    const size_t batch = count > 1 ? (size_t)count : 1;
    *batch_s = run_s * (double)batch;
    pthread_mutex_unlock(&all->mutex);
    return batch;
}

static double patience_of(void *context) {
    sweep *all = context;
    pthread_mutex_lock(&all->mutex);
    const bool over = is_over(all) || (all->next_point >= all->points && !all->stretch && !all->handed_count);
    const double patience = over ? silence_s(all) : -1;
    pthread_mutex_unlock(&all->mutex);
    return patience;
}

static void fail_for_rank(void *context, int rank, const char *message) {
    sweep *all = context;
    mb_error error;
    mb_fail(&error, MB_FAILED, "rank %d: %s", rank, message);
    pthread_mutex_lock(&all->mutex);
    give_up(all, &error);
    pthread_mutex_unlock(&all->mutex);
}

// A job of this rank's own that another one was to do; it may be of a stretch that is gone.
static mb_status begin_again(sweep *all, const mb_rank_job *what, slot *own, mb_job *job, mb_error *error) {
    const size_t point = (size_t)what->point - 1;
    size_t local = 0;
    mb_stretch_release(own->stretch);
    own->stretch = NULL;
    const mb_status status = mb_stretch_load(all->options->scenario, all->options->overrides,
                                             point - point % MB_STRETCH_POINTS, &own->stretch, error);
    if (status != MB_OK) return status;
    own->run = what->run;
    own->point = what->point;
    const mb_experiment *experiment = mb_stretch_at(own->stretch, point, &local);
    own->outcome = (mb_outcome){.point = local, .policy = what->policy, .seed_index = what->seed};
    *job = (mb_job){experiment, &own->outcome};
    return MB_OK;
}

// --- jobs of this process --------------------------------------------------------------------------------

static void close_clock(mb_job_state *state) {
    mb_step_clock_close(state->clock);
    state->clock = NULL;
}

// Under the mutex. Nothing found and nothing to wait for: the end.
static mb_status look_for_job(sweep *all, slot *own, mb_job_state *state, mb_job *job, bool *found,
                              bool *wait, mb_error *error) {
    mb_rank_job again;
    mb_status status = find_job(all, own, job, found, error);
    if (status != MB_OK) return status;
    if (*found) {
        if (own->stretch == all->stretch) return MB_OK;
        close_clock(state); // it is of the other stretch's scenario
        mb_stretch_release(own->stretch);
        own->stretch = mb_stretch_hold(all->stretch);
    } else if (take_overdue(all, &again)) {
        close_clock(state);
        status = begin_again(all, &again, own, job, error);
        *found = status == MB_OK;
    } else
        *wait = all->handed_count > 0;
    return status;
}

static bool next_job(void *context, unsigned worker, mb_job_state *state, mb_job *job) {
    sweep *all = context;
    for (;;) {
        bool found = false, wait = false;
        mb_error error = {0};
        pthread_mutex_lock(&all->mutex);
        if (!is_over(all) &&
            look_for_job(all, &all->slots[worker], state, job, &found, &wait, &error) != MB_OK)
            give_up(all, &error);
        pthread_mutex_unlock(&all->mutex);
        if (!wait) return found;
        nanosleep(&(struct timespec){.tv_nsec = 10000000L}, NULL);
    }
}

// What another rank has read must be what this one would.
static mb_status agree(sweep *all, const json_t *inputs, mb_error *error) {
    mb_status status = MB_OK;
    size_t i;
    json_t *one;
    json_array_foreach(inputs, i, one) {
        const char *parts[4];
        for (size_t k = 0; k < 4; k++) {
            parts[k] = json_string_value(json_array_get(one, k));
            if (!parts[k]) return mb_fail_memory(error);
        }
        if (status == MB_OK)
            status = mb_inputs_agree(&all->inputs, parts[0], parts[1], parts[2], parts[3], error);
    }
    return status;
}

static mb_status is_there(sweep *all, sqlite3_int64 run, bool *there, mb_error *error) {
    char sql[64];
    sqlite3_int64 count = 0;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM runs WHERE run = %lld", (long long)run);
    const mb_status status = mb_store_number(&all->store, sql, &count, error);
    *there = count > 0;
    return status;
}

// `inputs`: what the rank that ran it has read; NULL: this one ran it.
static mb_status record(sweep *all, const slot *own, const json_t *inputs, mb_error *error) {
    const mb_outcome *outcome = &own->outcome;
    bool there = false; // two ranks may have done the same
    mb_status status = mb_inputs_unchanged(&all->inputs, error);
    if (status == MB_OK) status = mb_store_execute(&all->store, "BEGIN IMMEDIATE", error);
    if (status != MB_OK) return status;
    for (size_t i = 0; i < outcome->script_count && status == MB_OK; i++)
        status = mb_inputs_add(&all->inputs, "module", outcome->scripts[i], error);
    if (status == MB_OK) status = agree(all, inputs, error);
    if (status == MB_OK && all->options->ranks) status = is_there(all, own->run, &there, error);
    if (status == MB_OK && !there)
        status = mb_record_run(&all->recorder, own->run, own->point, outcome, error);
    if (status == MB_OK) status = mb_store_execute(&all->store, "COMMIT", error);
    if (status != MB_OK) sqlite3_exec(all->store.db, "ROLLBACK", NULL, NULL, NULL);
    if (status == MB_OK) forget(all, own->run);
    const double took_s = outcome->values[mb_measure_index("sim_wall_s")];
    if (took_s > 0) { // (it may have failed)
        all->run_s += took_s;
        all->runs++;
    }
    return status;
}

static void give_for_rank(void *context, const mb_rank_job *job, mb_outcome *outcome, const json_t *inputs,
                          int rank) {
    sweep *all = context;
    slot done = {.run = job->run, .point = job->point, .outcome = *outcome};
    mb_error error = {0}, told;
    pthread_mutex_lock(&all->mutex);
    const double start = mb_clock_wall();
    if (!all->failed && record(all, &done, inputs, &error) != MB_OK) {
        mb_fail(&told, error.status, "rank %d: %s", rank, error.message);
        give_up(all, &told);
    } else
        atomic_fetch_add(&all->elsewhere, 1);
    all->store_s += mb_clock_wall() - start;
    pthread_mutex_unlock(&all->mutex);
}

static void *serve(void *context) {
    sweep *all = context;
    const mb_rank_host host = {take_for_rank, batch_of, give_for_rank, fail_for_rank, patience_of, all};
    all->whole = mb_ranks_serve(all->options->ranks, &host);
    return NULL;
}

static void job_done(void *context, unsigned worker, const mb_job *job) {
    sweep *all = context;
    slot *own = &all->slots[worker];
    mb_error error = {0};
    // A run that was ended from outside says nothing.
    const bool cut = !job->outcome->finished && atomic_load(all->options->run.stop);
    pthread_mutex_lock(&all->mutex);
    const double start = mb_clock_wall();
    if (!cut && !all->failed && record(all, own, NULL, &error) != MB_OK) give_up(all, &error);
    all->store_s += mb_clock_wall() - start;
    pthread_mutex_unlock(&all->mutex);
    mb_outcome_deinit(&own->outcome);
    own->outcome = (mb_outcome){0};
}

// --- the whole -------------------------------------------------------------------------------------------

static mb_status count(sweep *all, mb_sweep_result *result, mb_error *error) {
    sqlite3_int64 runs = 0, failed = 0, number = 0;
    mb_strbuf done = {0}, lost = {0};
    const unsigned shards = all->options->shards, shard = all->options->shard;
    mb_strbuf_printf(&done, "SELECT count(*) FROM runs WHERE (run - 1) %% %u = %u", shards, shard);
    mb_strbuf_printf(&lost, "%s AND status <> 0", done.text ? done.text : "");
    mb_status status = done.failed || lost.failed ? mb_fail_memory(error) : MB_OK;
    if (status == MB_OK)
        status = mb_store_number(&all->store, "SELECT sum(runs) FROM points", &number, error);
    if (status == MB_OK) status = mb_store_number(&all->store, done.text, &runs, error);
    if (status == MB_OK) status = mb_store_number(&all->store, lost.text, &failed, error);
    mb_strbuf_deinit(&done);
    mb_strbuf_deinit(&lost);
    result->all = (size_t)number;
    result->total = (size_t)number > shard ? ((size_t)number - shard + shards - 1) / shards : 0;
    result->done = (size_t)runs;
    result->failed = (size_t)failed;
    return status;
}

static mb_status prepare(sweep *all, mb_error *error) {
    mb_strbuf wanted = {0}, done = {0};
    const unsigned shards = all->options->shards, shard = all->options->shard;
    // Of the runs first .. last, those whose number less one is `shard` modulo `shards`.
    mb_strbuf_printf(
        &wanted,
        "SELECT (max(first_run + runs) - 1 + %u - %u - 1) / %u - (min(first_run) - 1 + %u - %u - 1) / %u"
        " FROM points WHERE point BETWEEN ? AND ?",
        shards, shard, shards, shards, shard, shards);
    mb_strbuf_printf(&done,
                     "SELECT count(*) FROM runs WHERE (run - 1) %% %u = %u AND"
                     " run BETWEEN (SELECT first_run FROM points WHERE point = ?1) AND"
                     " (SELECT max(first_run + runs - 1) FROM points WHERE point BETWEEN ?1 AND ?2)",
                     shards, shard);
    mb_status status = wanted.failed || done.failed ? mb_fail_memory(error) : MB_OK;
    if (status == MB_OK) status = mb_store_prepare(&all->store, wanted.text, &all->jobs_wanted, error);
    if (status == MB_OK) status = mb_store_prepare(&all->store, done.text, &all->jobs_done, error);
    if (status == MB_OK) status = mb_recorder_init(&all->recorder, &all->store, error);
    mb_strbuf_deinit(&wanted);
    mb_strbuf_deinit(&done);
    return status;
}

static mb_status run_jobs(sweep *all, const mb_sweep_result *result, mb_error *error) {
    const mb_job_feed feed = {
        .next = next_job, .done = job_done, .before = result->before, .total = result->total, .context = all};
    const size_t left = result->total - result->before;
    unsigned threads = mb_pool_threads(&all->options->run);
    if (threads > left) threads = left ? (unsigned)left : 1;
    all->left = left;
    all->slots = calloc(threads, sizeof *all->slots);
    if (!all->slots) return mb_fail_memory(error);
    pthread_t server;
    if (all->options->ranks) {
        if (pthread_create(&server, NULL, serve, all) != 0)
            return mb_fail(error, MB_FAILED, "no thread could be started");
        all->served = true;
    }
    const double start = mb_clock_wall();
    mb_status status = mb_pool_run(&all->options->run, &feed, threads, error);
    all->wall_s = mb_clock_wall() - start;
    if (status != MB_OK) give_up(all, error);
    if (all->served) pthread_join(server, NULL);
    for (unsigned i = 0; i < threads; i++)
        mb_stretch_release(all->slots[i].stretch);
    if (status == MB_OK && all->failed) {
        *error = all->error;
        status = error->status;
    }
    return status;
}

static mb_status run(sweep *all, mb_stretch *first, mb_sweep_result *result, mb_error *error) {
    const mb_sweep_options *options = all->options;
    all->points = mb_scenario_point_count(first->scenario);
    all->inputs = (mb_inputs){.store = &all->store, .root = mb_strdup(mb_scenario_root(first->scenario))};
    if (!all->inputs.root) return mb_fail_memory(error);
    mb_status status = mb_store_open(&all->store, options->db, error);
    if (status == MB_OK) {
        status = mb_plan_store(&all->store, &all->inputs, options, error);
        all->store.discard = status != MB_OK && all->store.fresh;
    }
    if (status == MB_OK) status = prepare(all, error);
    if (status == MB_OK) status = count(all, result, error);
    if (status != MB_OK) return status;
    result->before = result->done;
    if (result->done < result->total) status = run_jobs(all, result, error);
    if (status == MB_OK && options->bound && !atomic_load(options->run.stop))
        status = mb_references_run(&all->store, &all->inputs, options, all->points, &result->bounded,
                                   &result->to_bound, error);
    mb_error ignored;
    const mb_status counted = count(all, result, status == MB_OK ? error : &ignored);
    return status == MB_OK ? counted : status;
}

mb_status mb_sweep_run(const mb_sweep_options *options, mb_sweep_result *result, mb_error *error) {
    sweep all = {.options = options, .store = {.lock = -1}};
    mb_stretch *first = NULL;
    *result = (mb_sweep_result){0};
    pthread_mutex_init(&all.mutex, NULL);
    mb_status status = mb_stretch_load(options->scenario, options->overrides, 0, &first, error);
    if (status == MB_OK && mb_scenario_skipped(first->scenario)) {
        result->skipped = mb_strdup(mb_scenario_skipped(first->scenario));
        if (!result->skipped) status = mb_fail_memory(error);
    } else if (status == MB_OK)
        status = run(&all, first, result, error);
    if (options->ranks && !all.served) { // they wait to be told that there is nothing to do
        all.failed = true;
        serve(&all);
    }
    pthread_mutex_destroy(&all.mutex);
    result->lost_ranks = options->ranks && !all.whole;
    mb_stretch_release(first);
    mb_stretch_release(all.stretch);
    free(all.handed);
    free(all.slots);
    free(all.have);
    mb_recorder_deinit(&all.recorder);
    sqlite3_finalize(all.jobs_wanted);
    sqlite3_finalize(all.jobs_done);
    result->store_s = all.store_s;
    result->wall_s = all.wall_s;
    mb_inputs_deinit(&all.inputs);
    mb_store_close(&all.store);
    return status;
}
