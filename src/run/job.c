// SPDX-License-Identifier: MIT
#include "run/job.h"

#include "base/clock.h"
#include "base/paths.h"
#include "policy/policy_lua.h"
#include "run/party_rows.h"
#include "run/walls.h"

#include <stdlib.h>
#include <string.h>

// The job that this thread runs: a signal handler has no other way to learn it.
static _Thread_local mb_job_state *current_state;

void mb_job_interrupt(void) {
    mb_job_state *state = current_state;
    if (!state) return;
    mb_host *host = atomic_load(&state->host);
    if (host) mb_host_interrupt(host);
    if (!atomic_load(&state->give_up)) return;
    if (atomic_load(&state->call.inside) || (host && mb_host_leave_behind(host)))
        atomic_store(&state->call.left, true);
}

void mb_job_enter_thread(mb_job_state *state) {
    current_state = state;
    pthread_mutex_lock(&state->gate);
    state->thread = pthread_self();
    state->cpu_clock = mb_clock_of(state->thread);
    state->in_thread = true;
    pthread_mutex_unlock(&state->gate);
}

// What the hooks of a job's own work on.
typedef struct job_watch {
    mb_job_state *state;
    mb_host *host;
    unsigned long seen; // arrivals already added to state->arrived
} job_watch;

static mb_status on_progress(void *self, uint64_t arrived, uint64_t finished, double now_s, mb_error *error) {
    (void)finished, (void)now_s, (void)error;
    job_watch *watch = self;
    atomic_fetch_add_explicit(&watch->state->arrived, arrived - watch->seen, memory_order_relaxed);
    watch->seen = arrived;
    return MB_OK;
}

// The policy has made its queues: from here on it needs no file.
static mb_status on_ready(void *self, mb_error *error) {
    job_watch *watch = self;
    watch->host->sealed = true;
    return watch->state->walls ? mb_walls_close(error) : MB_OK;
}

static mb_sim_config make_config(const mb_experiment *experiment, const mb_hardware *hardware,
                                 const mb_outcome *outcome) {
    return (mb_sim_config){.hardware = hardware,
                           .hardware_count = experiment->group_count,
                           .group = experiment->ranks,
                           .links = experiment->links,
                           .link_count = experiment->link_count,
                           .failures = experiment->failures,
                           .signal_period_s = experiment->signal_period_s,
                           .signal_delay_s = experiment->signal_delay_s,
                           .comes_and_goes = experiment->comes_and_goes,
                           .front_end = experiment->front_end,
                           .async = experiment->async,
                           .swap_tokens = experiment->swap_tokens,
                           .swap_s_per_token = experiment->swap_s_per_token,
                           .stepwise = experiment->stepwise,
                           .usd_per_hour = experiment->usd_per_hour,
                           .stop_s = experiment->stop_s,
                           .classes = experiment->workload.classes,
                           .class_count = experiment->workload.class_count,
                           .block_oversize = experiment->block_oversize,
                           .slo = experiment->slo,
                           .seed = experiment->seed,
                           .replication = outcome->seed_index,
                           .reader = experiment->reader,
                           .programs = experiment->programs,
                           .fair = experiment->fair,
                           .late = experiment->late,
                           .readings = experiment->readings,
                           .gaps = experiment->gaps,
                           .why = experiment->why,
                           .by = experiment->by,
                           .batch_means = experiment->seeds == 1,
                           .warmup_requests = experiment->warmup_requests,
                           .warmup_s = experiment->warmup_s,
                           .exact_percentiles = experiment->exact_percentiles,
                           .oracle = experiment->oracle};
}

static void read_metrics(mb_metrics *metrics, const mb_experiment *experiment, mb_outcome *outcome) {
    mb_measure_all(metrics, &experiment->slo, outcome->values);
    if (metrics->batch_means) outcome->batch_means = mb_batch_means_interval(metrics->batch_means);
    outcome->skipped_zero = metrics->skipped_zero;
    outcome->skipped_empty = metrics->skipped_empty;
    outcome->skipped_long = metrics->skipped_long;
    outcome->trace_first_s = metrics->trace_first_s;
    outcome->last_arrival_s = metrics->last_arrival_s;
    outcome->stopped = metrics->stopped;
    outcome->arrivals_ended = metrics->arrivals_ended;
    outcome->past_end = metrics->past_end;
    outcome->cold = metrics->cold;
    outcome->memory_stops = metrics->memory_stops;
    outcome->service_crowded = metrics->service_crowded;
    outcome->extrapolated_batches = metrics->extrapolated_batches;
    outcome->memory_peak = metrics->kv_capacity == MB_UNLIMITED ? NAN : metrics->kv_peak;
    outcome->computed_tokens = metrics->padded_tokens;
    outcome->recomputed_tokens = metrics->recomputed_tokens;
    outcome->classes = metrics->classes;
    outcome->class_count = metrics->class_count;
    metrics->classes = NULL; // handed over
    memcpy(outcome->first_rejection, metrics->first_rejection, sizeof outcome->first_rejection);
    outcome->stranded = metrics->stranded;
}

// Out of memory, an outcome has fewer sets: they are for notes.
static void read_cuts(const mb_sim *sim, const mb_host *host, mb_outcome *outcome) {
    outcome->sampled = host->sampled;
    outcome->sample_judged = host->sample_judged;
    outcome->cuts = calloc(sim->bins_count ? sim->bins_count : 1, sizeof *outcome->cuts);
    for (uint32_t i = 0; outcome->cuts && i < sim->bins_count; i++) {
        const mb_bins *bins = &sim->bins[i];
        double *edges = malloc(bins->count * sizeof *edges);
        if (!edges) return;
        memcpy(edges, bins->edges, (bins->count - 1) * sizeof *edges);
        outcome->cuts[outcome->cut_count++] = (mb_cut){bins->count, edges};
    }
}

// A simulation and the thread that runs it.
typedef struct running {
    const mb_experiment *experiment;
    mb_job_state *state;
    mb_host *host;
    mb_sim *sim;
    mb_status status;
    mb_error *error;
} running;

static void run_here(running *r) {
    mb_job_state *state = r->state;
    const double start = mb_clock_wall();
    atomic_store(&state->host, r->host);
    r->status = mb_sim_run(r->sim, r->error);
    pthread_mutex_lock(&state->gate);
    atomic_store(&state->host, NULL);
    pthread_mutex_unlock(&state->gate);
    r->sim->metrics.sim_wall_s = mb_clock_wall() - start;
}

// Walls end with their thread, so each run has its own. While the policy's `init` runs, rules and modules may
// yet be read, and the trace for its sample of lengths.
static void *run_behind_walls(void *argument) {
    running *r = argument;
    const char *readable[16] = {r->host->root, r->host->directory, r->experiment->workload.trace.path};
    size_t count = 3;
    const mb_policy_spec *spec = r->host->spec; // a parameter may be a rule's file
    for (size_t i = 0; i < spec->param_count && count < sizeof readable / sizeof *readable; i++)
        if (spec->params[i].kind == MB_PARAM_TEXT && mb_paths_is_file(spec->params[i].text))
            readable[count++] = spec->params[i].text;
    r->status = mb_walls_raise(readable, count, r->error);
    mb_job_enter_thread(r->state);
    if (r->status == MB_OK) run_here(r);
    pthread_mutex_lock(&r->state->gate);
    r->state->in_thread = false;
    pthread_mutex_unlock(&r->state->gate);
    return NULL;
}

static mb_status run_simulation(running *r) {
    pthread_t thread;
    if (!r->state->walls)
        run_here(r);
    else if (pthread_create(&thread, NULL, run_behind_walls, r) == 0) {
        pthread_join(thread, NULL);
        mb_job_enter_thread(r->state);
    } else
        r->status = mb_fail(r->error, MB_FAILED, "no thread could be started");
    return r->status;
}

static mb_status simulate(const mb_experiment *experiment, const mb_job_observer *watcher,
                          mb_job_state *state, const mb_hardware *hardware, mb_source *source,
                          mb_lua_policy *policy, mb_outcome *outcome, mb_error *error) {
    mb_sim_config config = make_config(experiment, hardware, outcome);
    if (watcher->clock) config.why = false; // a device would run steps to tell what a part of one takes
    job_watch watch = {.state = state, .host = &policy->host};
    mb_observer observer = {0};
    mb_status status = MB_OK;
    if (watcher->open)
        status = watcher->open(watcher->context, experiment, outcome, source, &observer, error);
    if (status != MB_OK) return status;
    observer.stop = state->stop;
    observer.ready = on_ready;
    observer.progress = on_progress;
    observer.watch = &watch;
    mb_sim sim;
    status = mb_sim_init(&sim, &config, source, (mb_policy){&policy->ops, &policy->host}, &observer, error);
    if (status == MB_OK) {
        running r = {
            .experiment = experiment, .state = state, .host = &policy->host, .sim = &sim, .error = error};
        status = run_simulation(&r);
        atomic_fetch_add_explicit(&state->arrived, sim.arrived - watch.seen, memory_order_relaxed);
        if (status == MB_OK && sim.arrived && sim.metrics.rejected == sim.arrived)
            status =
                mb_fail(error, MB_BAD_INPUT, "no request could be served: %s", sim.metrics.first_rejection);
        outcome->finished = sim.done_failed;
        if (watcher->measured && (status == MB_OK || outcome->finished))
            watcher->measured(watcher->context, experiment, outcome, &sim.metrics);
        read_metrics(&sim.metrics, experiment, outcome);
        read_cuts(&sim, &policy->host, outcome);
        mb_error lost;
        const mb_status read =
            mb_party_rows_read(&sim.metrics, experiment, source, outcome, status == MB_OK ? error : &lost);
        if (status == MB_OK) status = read;
    }
    mb_sim_deinit(&sim);
    if (watcher->close && observer.self) {
        mb_error ignored;
        const mb_status closed =
            watcher->close(watcher->context, &observer, status == MB_OK || outcome->finished,
                           status == MB_OK ? error : &ignored);
        if (status == MB_OK) status = closed;
    }
    return status;
}

// The replicas of a job: a latency model may be a clock of the watcher's, or a function of the scenario's.
typedef struct cluster {
    mb_hardware *hardware;
    mb_latency *latencies;
} cluster;

static mb_status use_clock(const mb_experiment *experiment, const mb_job_observer *watcher,
                           mb_job_state *state, mb_latency *latency, mb_error *error) {
    if (watcher->clock) return watcher->clock(watcher->context, experiment, latency, error);
    if (latency->kind != MB_LATENCY_CUSTOM) return MB_OK;
    mb_call_begin(&state->call);
    const mb_status status =
        state->clock ? MB_OK : mb_step_clock_open(experiment->scenario, &state->clock, error);
    mb_call_end(&state->call);
    if (status == MB_OK) mb_step_clock_use(state->clock, experiment, state->stop, &state->call, latency);
    return status;
}

static mb_status make_cluster(const mb_experiment *experiment, const mb_job_observer *watcher,
                              mb_job_state *state, bool unlimited, cluster *made, mb_error *error) {
    const size_t n = experiment->group_count;
    made->hardware = calloc(n, sizeof *made->hardware);
    made->latencies = calloc(n, sizeof *made->latencies);
    mb_status status = made->hardware && made->latencies ? MB_OK : mb_fail_memory(error);
    for (size_t i = 0; i < n && status == MB_OK; i++) {
        made->latencies[i] = experiment->groups[i].latency;
        made->hardware[i] = experiment->groups[i].hardware;
        made->hardware[i].latency = &made->latencies[i];
        if (experiment->relaxed) made->hardware[i].replicas *= 2;
        if (experiment->relaxed) made->hardware[i].max_replicas *= 2;
        if (unlimited || experiment->relaxed) made->hardware[i].memory.capacity = MB_UNLIMITED;
        status = use_clock(experiment, watcher, state, &made->latencies[i], error);
    }
    return status;
}

void mb_job_run(const mb_experiment *experiment, const mb_job_observer *watcher, mb_job_state *state,
                mb_outcome *outcome) {
    const mb_policy_spec *spec = &experiment->policies[outcome->policy];
    mb_error error = {0};
    mb_lua_policy policy;
    mb_source *source = NULL;
    outcome->started = true;
    for (int i = 0; i < MB_MEASURE_COUNT; i++)
        outcome->values[i] = NAN;
    mb_status status = mb_lua_policy_open(&policy, spec, &experiment->limits, &experiment->workload,
                                          experiment->seed, outcome->seed_index, &error);
    if (status == MB_OK) {
        status =
            mb_source_open(&experiment->workload, experiment->seed, outcome->seed_index, &source, &error);
        cluster replicas = {0};
        if (status == MB_OK)
            status = make_cluster(experiment, watcher, state, spec->unlimited_memory, &replicas, &error);
        if (status == MB_OK)
            status =
                simulate(experiment, watcher, state, replicas.hardware, source, &policy, outcome, &error);
        free(replicas.hardware);
        free(replicas.latencies);
        mb_source_close(source);
        outcome->scripts = policy.host.files; // handed over
        outcome->script_count = policy.host.file_count;
        policy.host.files = NULL;
        policy.host.file_count = 0;
        mb_lua_policy_close(&policy);
    }
    outcome->status = status;
    if (status == MB_OK) outcome->finished = true;
    if (status == MB_OK) return;
    outcome->error = malloc(sizeof error);
    if (outcome->error) *outcome->error = error;
}
