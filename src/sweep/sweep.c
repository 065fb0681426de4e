// SPDX-License-Identifier: MIT
#include "sweep/sweep.h"

#include "base/clock.h"
#include "base/paths.h"
#include "base/strbuf.h"
#include "policy/policy_lua.h"
#include "sweep/inputs.h"
#include "sweep/plan_store.h"
#include "sweep/record.h"
#include "sweep/stretch.h"

#include <stdlib.h>
#include <string.h>

// What a worker is at.
typedef struct slot {
    mb_stretch *stretch;
    mb_outcome outcome;
    sqlite3_int64 run, point;
} slot;

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
    while (status == MB_OK && (status = mb_store_next(&all->store, statement, &row, error)) == MB_OK && row)
        all->have[sqlite3_column_int64(statement, 0) - first] = true;
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
            return MB_OK;
        }
        if (all->next_point >= all->points) return MB_OK;
        const mb_status status = next_stretch(all, error);
        if (status != MB_OK) return status;
    }
}

static bool next_job(void *context, unsigned worker, mb_job_state *state, mb_job *job) {
    sweep *all = context;
    slot *own = &all->slots[worker];
    bool found = false;
    mb_error error = {0};
    pthread_mutex_lock(&all->mutex);
    if (!all->failed && find_job(all, own, job, &found, &error) != MB_OK) give_up(all, &error);
    if (found && own->stretch != all->stretch) { // its clock is of the other stretch's scenario
        mb_step_clock_close(state->clock);
        state->clock = NULL;
        mb_stretch_release(own->stretch);
        own->stretch = mb_stretch_hold(all->stretch);
    }
    pthread_mutex_unlock(&all->mutex);
    return found;
}

static mb_status record(sweep *all, const slot *own, mb_error *error) {
    const mb_outcome *outcome = &own->outcome;
    mb_status status = mb_inputs_unchanged(&all->inputs, error);
    if (status == MB_OK) status = mb_store_execute(&all->store, "BEGIN IMMEDIATE", error);
    if (status != MB_OK) return status;
    for (size_t i = 0; i < outcome->script_count && status == MB_OK; i++)
        status = mb_inputs_add(&all->inputs, "module", outcome->scripts[i], error);
    if (status == MB_OK) status = mb_record_run(&all->recorder, own->run, own->point, outcome, error);
    if (status == MB_OK) status = mb_store_execute(&all->store, "COMMIT", error);
    if (status != MB_OK) sqlite3_exec(all->store.db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

static void job_done(void *context, unsigned worker, const mb_job *job) {
    sweep *all = context;
    slot *own = &all->slots[worker];
    mb_error error = {0};
    // A run that was ended from outside says nothing.
    const bool cut = !job->outcome->finished && atomic_load(all->options->run.stop);
    pthread_mutex_lock(&all->mutex);
    const double start = mb_clock_wall();
    if (!cut && !all->failed && record(all, own, &error) != MB_OK) give_up(all, &error);
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
    all->slots = calloc(threads, sizeof *all->slots);
    if (!all->slots) return mb_fail_memory(error);
    pthread_mutex_init(&all->mutex, NULL);
    const double start = mb_clock_wall();
    mb_status status = mb_pool_run(&all->options->run, &feed, threads, error);
    all->wall_s = mb_clock_wall() - start;
    pthread_mutex_destroy(&all->mutex);
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
    mb_error ignored;
    const mb_status counted = count(all, result, status == MB_OK ? error : &ignored);
    return status == MB_OK ? counted : status;
}

mb_status mb_sweep_run(const mb_sweep_options *options, mb_sweep_result *result, mb_error *error) {
    sweep all = {.options = options, .store = {.lock = -1}};
    mb_stretch *first = NULL;
    *result = (mb_sweep_result){0};
    mb_status status = mb_stretch_load(options->scenario, options->overrides, 0, &first, error);
    if (status == MB_OK && mb_scenario_skipped(first->scenario)) {
        result->skipped = mb_strdup(mb_scenario_skipped(first->scenario));
        if (!result->skipped) status = mb_fail_memory(error);
    } else if (status == MB_OK)
        status = run(&all, first, result, error);
    mb_stretch_release(first);
    mb_stretch_release(all.stretch);
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
