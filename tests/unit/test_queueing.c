// SPDX-License-Identifier: MIT
// The batch executor against queueing theory: service times given (latency.jobs), Poisson arrivals.
//
// Single and parallel servers: mean wait of M/M/1, M/D/1, M/G/1 (Pollaczek & Khinchine), M/M/c (Erlang C),
// M/D/c, and the percentiles of M/M/1. Bulk service: full batches, and batches of whatever waits. The values
// are computed here where a formula does it; those of M/D/c and of bulk service are solved elsewhere to six
// digits. Besides, on every path: the waits of the recursions of Lindley and of Kiefer & Wolfowitz, which
// know no events.
//
// Each cell is the mean over 20 independent replications; each cell has its own seed (100, 101, ... in the
// first family, 200, ... in the second), so that no two share random numbers (replications.h tells how many
// may miss). A replication starts empty, which biases waits downwards for some relaxation times, 1 / (1 -
// sqrt(rho))^2 services of M/M/1: 12, 90 and 1,560 at rho 0.5, 0.8 and 0.95. The first 1,000, 5,000 and
// 20,000 requests are therefore left out.
#include "replications.h"

enum { REPLICATIONS = 20 };

static const double LOADS[] = {0.5, 0.8, 0.95};
enum { LOAD_COUNT = sizeof LOADS / sizeof *LOADS };

typedef struct run_length {
    uint64_t requests, warmup;
} run_length;

static run_length length_of(double rho) {
    if (rho > 0.9) return (run_length){220000, 20000};
    return rho > 0.7 ? (run_length){65000, 5000} : (run_length){31000, 1000};
}

// ---- policies in C

// One request at a time, first in first out.
static mb_status take_one(void *self, mb_sim *sim, mb_replica *replica, mb_error *error) {
    (void)self;
    (void)replica;
    (void)error;
    mb_refusal refusal;
    mb_step_admit(sim, 0, 1, &refusal);
    return MB_OK;
}
static const mb_policy_ops ONE_BY_ONE = {.schedule = take_one};

// ---- the systems

static mb_distribution exponential(void) {
    return (mb_distribution){.kind = MB_DIST_EXPONENTIAL, .a = 1};
}

static mb_distribution fixed(double value) {
    return (mb_distribution){.kind = MB_DIST_FIXED, .a = value};
}

static mb_distribution uniform(double low, double high) {
    return (mb_distribution){.kind = MB_DIST_UNIFORM, .a = low, .b = high};
}

// Mean 1, squared coefficient of variation as given.
static mb_distribution lognormal(double scv) {
    const double variance = log(1 + scv);
    return (mb_distribution){.kind = MB_DIST_LOGNORMAL, .a = -variance / 2, .b = sqrt(variance)};
}

// Two values, 0.5 sixteen times as often as 9: mean 1, squared coefficient of variation 4.
static mb_distribution two_point(void) {
    mb_distribution d = {.kind = MB_DIST_EMPIRICAL, .value_count = 17, .values = malloc(17 * sizeof(double))};
    assert_non_null(d.values);
    for (int i = 0; i < 17; i++)
        d.values[i] = i ? 0.5 : 9;
    return d;
}

static uint64_t seed_of_cell; // each family sets the first

// `servers` with this service time, arrivals at rho x servers / mean service.
static trial make_trial(mb_distribution service, double mean_service, double rho, uint32_t servers) {
    const run_length length = length_of(rho);
    trial t = {
        .workload = {.kind = MB_WORKLOAD_SYNTHETIC,
                     .arrivals = {.kind = MB_ARRIVALS_POISSON, .rate = rho * servers / mean_service},
                     .prompt = fixed(1),
                     .output = fixed(1),
                     .service = service,
                     .has_service = true,
                     .limit = length.requests},
        .latency = {.kind = MB_LATENCY_JOBS},
        .hardware = {.replicas = servers, .memory = {.capacity = MB_UNLIMITED}},
        .config = {.slo = {INFINITY, INFINITY}, .seed = seed_of_cell++, .warmup_requests = length.warmup},
        .c_policy = &ONE_BY_ONE};
    prepare_trial(&t);
    return t;
}

static void check_wait(family *f, unsigned cells, trial *t, double theory, const char *what, double rho) {
    double waits[REPLICATIONS];
    for (unsigned r = 0; r < REPLICATIONS; r++) {
        const run_result result = run_trial(t, r);
        waits[r] = run_value(&result, "queue_mean_s");
        if (!(fabs(result.little - 1) <= 1e-9)) fail_msg("%s: L is %.12g of lambda W", what, result.little);
    }
    check_cell(f, cells, theory, waits, REPLICATIONS, 0.12, "%s, rho %.2f", what, rho);
    mb_workload_deinit(&t->workload);
}

// ---- one server

static void single_server(void **unused) {
    (void)unused;
    struct {
        const char *name;
        mb_distribution service;
        double mean, scv;
    } laws[] = {
        {"M/M/1", exponential(), 1, 1},
        {"M/D/1", fixed(1), 1, 0},
        {"M/U[0,2]/1", uniform(0, 2), 1, 1.0 / 3},
        {"M/U[1,20]/1", uniform(1, 20), 10.5, 361.0 / 12 / (10.5 * 10.5)},
        {"M/LN/1, cs2 1/2", lognormal(0.5), 1, 0.5},
        {"M/G/1, two values, cs2 4", two_point(), 1, 4},
    };
    enum { LAWS = sizeof laws / sizeof *laws, CELLS = LAWS * LOAD_COUNT };
    family f = {.name = "one server"};
    seed_of_cell = 100;
    for (size_t i = 0; i < LAWS; i++) {
        for (size_t j = 0; j < LOAD_COUNT; j++) {
            const double rho = LOADS[j];
            mb_distribution service = laws[i].service;
            if (service.kind == MB_DIST_EMPIRICAL && j)
                service = two_point(); // each workload owns its values
            trial t = make_trial(service, laws[i].mean, rho, 1);
            check_wait(&f, CELLS, &t, laws[i].mean * rho * (1 + laws[i].scv) / (2 * (1 - rho)), laws[i].name,
                       rho);
        }
    }
    end_family(&f, CELLS);
}

// Sojourn in M/M/1 is exponential with mean 1 / (1 - rho): its mean and percentiles; L = rho / (1 - rho);
// utilisation.
static void sojourn_of_mm1(void **unused) {
    (void)unused;
    enum { CELLS = 5 * LOAD_COUNT };
    family f = {.name = "M/M/1"};
    seed_of_cell = 200;
    for (size_t j = 0; j < LOAD_COUNT; j++) {
        const double rho = LOADS[j];
        trial t = make_trial(exponential(), 1, rho, 1);
        t.config.exact_percentiles = true;
        double mean[REPLICATIONS], p95[REPLICATIONS], p99[REPLICATIONS], number[REPLICATIONS],
            use[REPLICATIONS];
        for (unsigned r = 0; r < REPLICATIONS; r++) {
            const run_result result = run_trial(&t, r);
            mean[r] = run_value(&result, "e2e_mean_s");
            p95[r] = run_value(&result, "e2e_p95_s");
            p99[r] = run_value(&result, "e2e_p99_s");
            number[r] = result.in_system;
            use[r] = run_value(&result, "gpu_util");
        }
        check_cell(&f, CELLS, 1 / (1 - rho), mean, REPLICATIONS, 0.1, "mean sojourn, rho %.2f", rho);
        check_cell(&f, CELLS, -log(0.05) / (1 - rho), p95, REPLICATIONS, 0.1, "p95 sojourn, rho %.2f", rho);
        check_cell(&f, CELLS, -log(0.01) / (1 - rho), p99, REPLICATIONS, 0.12, "p99 sojourn, rho %.2f", rho);
        check_cell(&f, CELLS, rho / (1 - rho), number, REPLICATIONS, 0.1, "number in system, rho %.2f", rho);
        check_cell(&f, CELLS, rho, use, REPLICATIONS, 0.01, "utilisation, rho %.2f", rho);
        mb_workload_deinit(&t.workload);
    }
    end_family(&f, CELLS);
}

// ---- many servers

// Mean wait in M/M/c of mean service 1: Erlang's C over c - a.
static double erlang_wait(unsigned c, double rho) {
    const double a = c * rho;
    double term = 1, sum = 0;
    for (unsigned k = 0; k < c; k++, term *= a / k)
        sum += term;
    term *= 1 / (1 - rho);
    return term / (sum + term) / (c - a);
}

// Mean wait in M/D/c of service 1: roots of z^c = exp(lambda (z - 1)), to six digits. The batches of B
// requests each, full before they start, of a single server wait exactly as long as the requests of M/D/c
// with c = B.
typedef struct md_wait {
    unsigned c;
    double rho, wait;
} md_wait;
static const md_wait MD_WAITS[] = {
    {2, 0.5, 0.176741},  {2, 0.8, 0.903284}, {2, 0.95, 4.643948}, {4, 0.5, 0.049652},  {4, 0.8, 0.386095},
    {4, 0.95, 2.244684}, {8, 0.5, 0.009321}, {8, 0.8, 0.151954},  {8, 0.95, 1.067929},
};
enum { MD_COUNT = sizeof MD_WAITS / sizeof *MD_WAITS };

static void many_servers(void **unused) {
    (void)unused;
    enum { CELLS = 2 * MD_COUNT };
    family f = {.name = "many servers"};
    seed_of_cell = 300;
    for (size_t i = 0; i < MD_COUNT; i++) {
        const md_wait row = MD_WAITS[i];
        char name[16];
        trial t = make_trial(exponential(), 1, row.rho, row.c);
        snprintf(name, sizeof name, "M/M/%u", row.c);
        check_wait(&f, CELLS, &t, erlang_wait(row.c, row.rho), name, row.rho);
        t = make_trial(fixed(1), 1, row.rho, row.c);
        snprintf(name, sizeof name, "M/D/%u", row.c);
        check_wait(&f, CELLS, &t, row.wait, name, row.rho);
    }
    end_family(&f, CELLS);
}

// ---- the same path by another method

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Mean wait of the requests after the warm-up by the recursion of Kiefer & Wolfowitz (Lindley's, for one
// server): the work left at each server, in ascending order; a request takes the first.
static double recursion_wait(const trial *t, uint64_t replication) {
    double left[8] = {0}, previous = 0, sum = 0;
    const uint32_t c = t->hardware.replicas;
    mb_error error;
    mb_source *source;
    must(mb_source_open(&t->workload, t->config.seed, replication, &source, &error), &error);
    for (uint64_t i = 0;; i++) {
        mb_arrival arrival;
        bool end;
        must(mb_source_next(source, &arrival, &end, &error), &error);
        if (end) break;
        for (uint32_t s = 0; s < c; s++)
            left[s] = fmax(0, left[s] - (arrival.time_s - previous));
        previous = arrival.time_s;
        if (i >= t->config.warmup_requests) sum += left[0];
        left[0] += arrival.service_s;
        qsort(left, c, sizeof *left, ascending);
    }
    mb_source_close(source);
    return sum / (double)(t->workload.limit - t->config.warmup_requests);
}

static void recursions(void **unused) {
    (void)unused;
    static const uint32_t servers[] = {1, 2, 3, 8};
    for (size_t i = 0; i < sizeof servers / sizeof *servers; i++) {
        for (size_t j = 0; j < LOAD_COUNT; j++) {
            for (int law = 0; law < 3; law++) {
                trial t = make_trial(law == 0   ? exponential()
                                     : law == 1 ? uniform(0, 2)
                                                : lognormal(3),
                                     1, LOADS[j], servers[i]);
                t.workload.limit = 20000;
                t.config.warmup_requests = 100;
                const run_result result = run_trial(&t, 7);
                const double want = recursion_wait(&t, 7), got = run_value(&result, "queue_mean_s");
                if (!(fabs(got - want) <= 1e-9 * want))
                    fail_msg("%u servers, rho %.2f: mean wait %.15g, by the recursion %.15g", servers[i],
                             LOADS[j], got, want);
                mb_workload_deinit(&t.workload);
            }
        }
    }
}

// A policy in C and the bundled one in Lua do the same: every measure, bit for bit.
static void c_and_lua(void **unused) {
    (void)unused;
    mb_param size = {.name = "batch_size", .number = 1};
    for (size_t j = 0; j < LOAD_COUNT; j++) {
        trial t = make_trial(exponential(), 1, LOADS[j], 2);
        t.workload.limit = 20000;
        t.config.warmup_requests = 100;
        const run_result in_c = run_trial(&t, 3);
        t.c_policy = NULL;
        t.lua = (mb_policy_spec){
            .label = "static_fifo", .path = "policies/static_fifo.lua", .params = &size, .param_count = 1};
        const run_result in_lua = run_trial(&t, 3);
        for (int i = 0; i < MB_MEASURE_COUNT; i++)
            if (memcmp(&in_c.values[i], &in_lua.values[i], sizeof(double)) != 0 &&
                !(isnan(in_c.values[i]) && isnan(in_lua.values[i])))
                fail_msg("%s: %.17g in C, %.17g in Lua", mb_measures[i].name, in_c.values[i],
                         in_lua.values[i]);
        mb_workload_deinit(&t.workload);
    }
}

// ---- bulk service: batch time 1, arrivals at rho x B

typedef struct bulk_row {
    uint32_t batch;
    double rho, batch_wait, sojourn,
        mean_batch; // batch_wait of full batches; the other two of batches of 1 .. B
} bulk_row;
static const bulk_row BULK[] = {
    {2, 0.5, 0.176741, 1.511420, 1.323259},   {2, 0.8, 0.903284, 2.319265, 1.701898},
    {2, 0.95, 4.643948, 6.083349, 1.922650},  {4, 0.5, 0.049652, 1.516960, 2.126475},
    {4, 0.8, 0.386095, 1.879536, 3.223862},   {4, 0.95, 2.244684, 3.741710, 3.804123},
    {8, 0.5, 0.009321, 1.507053, 4.017890},   {8, 0.8, 0.151954, 1.651838, 6.401137},
    {8, 0.95, 1.067929, 2.567905, 7.600115},  {32, 0.8, 0.014664, 1.514664, 25.600000},
    {32, 0.95, 0.223509, 1.723509, 30.40000},
};
enum { BULK_COUNT = sizeof BULK / sizeof *BULK };

// `requests` and warm-up are whole batches, so that the last batch is full as well.
static trial make_bulk(const bulk_row *row, mb_policy_spec policy) {
    trial t = make_trial(fixed(1), 1, row->rho, 1);
    const uint64_t batches = row->batch > 8 ? 1500 : row->rho > 0.9 ? 100000 / row->batch : 5000;
    t.workload.arrivals.rate = row->rho * row->batch;
    t.workload.limit = batches * row->batch;
    t.config.warmup_requests = batches / 10 * row->batch;
    t.c_policy = NULL;
    t.lua = policy;
    return t;
}

static void full_batches(void **unused) {
    (void)unused;
    family f = {.name = "full batches, fixed time"};
    seed_of_cell = 400;
    for (size_t i = 0; i < BULK_COUNT; i++) {
        const bulk_row *row = &BULK[i];
        mb_param params[] = {{.name = "batch_size", .number = row->batch}, {.name = "bins", .number = 1}};
        trial t = make_bulk(row, (mb_policy_spec){.label = "multi_bin",
                                                  .path = "policies/multi_bin.lua",
                                                  .params = params,
                                                  .param_count = 2});
        double sojourn[REPLICATIONS];
        for (unsigned r = 0; r < REPLICATIONS; r++) {
            const run_result result = run_trial(&t, r);
            sojourn[r] = run_value(&result, "e2e_mean_s");
            assert_true(run_value(&result, "batch_mean") == row->batch);
        }
        const double forming = (row->batch - 1) / (2 * t.workload.arrivals.rate);
        check_cell(&f, BULK_COUNT, row->batch_wait + forming + 1, sojourn, REPLICATIONS, 0.1,
                   "B %u, rho %.2f", row->batch, row->rho);
        mb_workload_deinit(&t.workload);
    }
    end_family(&f, BULK_COUNT);
}

// Mean size of the batches number `from` .. `to`: those at the start and at the end of a run are smaller.
typedef struct batch_window {
    uint32_t from, to;
    uint64_t batches, requests;
} batch_window;

static mb_status count_batch(void *self, const mb_batch_record *record, mb_error *error) {
    (void)error;
    batch_window *window = self;
    if (record->batch < window->from || record->batch > window->to) return MB_OK;
    window->batches++;
    window->requests += record->requests;
    return MB_OK;
}

static void dynamic_batches(void **unused) {
    (void)unused;
    enum { CELLS = 2 * BULK_COUNT };
    family f = {.name = "batches of 1 .. B, fixed time"};
    seed_of_cell = 500;
    for (size_t i = 0; i < BULK_COUNT; i++) {
        const bulk_row *row = &BULK[i];
        mb_param params[] = {{.name = "batch_size", .number = row->batch}};
        trial t = make_bulk(row, (mb_policy_spec){.label = "static_fifo",
                                                  .path = "policies/static_fifo.lua",
                                                  .params = params,
                                                  .param_count = 1});
        const uint32_t expected = (uint32_t)((double)t.workload.limit / row->mean_batch);
        double sojourn[REPLICATIONS], size[REPLICATIONS];
        for (unsigned r = 0; r < REPLICATIONS; r++) {
            batch_window window = {.from = expected / 10, .to = expected / 10 * 9};
            t.observer = &(mb_observer){.batch = count_batch, .self = &window};
            const run_result result = run_trial(&t, r);
            assert_int_equal(window.batches, window.to - window.from + 1);
            sojourn[r] = run_value(&result, "e2e_mean_s");
            size[r] = (double)window.requests / (double)window.batches;
        }
        check_cell(&f, CELLS, row->sojourn, sojourn, REPLICATIONS, 0.1, "T, B %u, rho %.2f", row->batch,
                   row->rho);
        check_cell(&f, CELLS, row->mean_batch, size, REPLICATIONS, 0.1, "mean batch, B %u, rho %.2f",
                   row->batch, row->rho);
        mb_workload_deinit(&t.workload);
    }
    end_family(&f, CELLS);
}

// Full batches of exponential time, whatever is in them (E_B/M/1): the request that completes a batch brings
// the whole batch's time, the others bring none. A hook around the policy's `arrive` sees to that.
typedef struct completing {
    mb_policy inner;
    mb_policy_ops ops;
    mb_rng rng;
    uint64_t batch;
} completing;

static mb_status arrive_completing(void *self, mb_sim *sim, uint32_t slot, mb_error *error) {
    completing *c = self;
    mb_request *request = mb_request_at(&sim->requests, slot);
    request->service_s = request->id % c->batch == c->batch - 1 ? mb_rng_exponential(&c->rng) : 0;
    return c->inner.ops->arrive(c->inner.self, sim, slot, error);
}
static mb_status init_inner(void *self, mb_sim *sim, mb_error *error) {
    const completing *c = self;
    return c->inner.ops->init(c->inner.self, sim, error);
}
static mb_status schedule_inner(void *self, mb_sim *sim, mb_replica *replica, mb_error *error) {
    const completing *c = self;
    return c->inner.ops->schedule(c->inner.self, sim, replica, error);
}
static mb_status finish_inner(void *self, mb_sim *sim, uint32_t slot, mb_end why, mb_error *error) {
    const completing *c = self;
    return c->inner.ops->finish(c->inner.self, sim, slot, why, error);
}

static mb_policy wrap_completing(void *self, mb_policy policy) {
    completing *c = self;
    assert_null(policy.ops->stepped);
    c->inner = policy;
    c->ops = (mb_policy_ops){
        .init = init_inner, .arrive = arrive_completing, .schedule = schedule_inner, .finish = finish_inner};
    return (mb_policy){&c->ops, c};
}

static void full_batches_exponential(void **unused) {
    (void)unused;
    enum { CELLS = 7 }; // rho 0.95 would need ten times the requests for an interval worth the name
    family f = {.name = "full batches, exponential time"};
    seed_of_cell = 600;
    for (size_t i = 0; i < BULK_COUNT; i++) {
        const bulk_row *row = &BULK[i];
        if (row->rho > 0.9) continue;
        mb_param params[] = {{.name = "batch_size", .number = row->batch}, {.name = "bins", .number = 1}};
        completing around = {.batch = row->batch};
        mb_rng_init(&around.rng, 1, i, "batch times");
        trial t = make_bulk(row, (mb_policy_spec){.label = "multi_bin",
                                                  .path = "policies/multi_bin.lua",
                                                  .params = params,
                                                  .param_count = 2});
        t.wrap = wrap_completing;
        t.wrap_self = &around;
        double sojourn[REPLICATIONS];
        for (unsigned r = 0; r < REPLICATIONS; r++) {
            const run_result result = run_trial(&t, r);
            sojourn[r] = run_value(&result, "e2e_mean_s");
        }
        const double lambda = t.workload.arrivals.rate;
        double sigma = 0; // sigma = (lambda / (lambda + 1 - sigma))^B, from below
        for (int step = 0; step < 10000; step++)
            sigma = pow(lambda / (lambda + 1 - sigma), row->batch);
        check_cell(&f, CELLS, sigma / (1 - sigma) + (row->batch - 1) / (2 * lambda) + 1, sojourn,
                   REPLICATIONS, 0.1, "B %u, rho %.2f", row->batch, row->rho);
        mb_workload_deinit(&t.workload);
    }
    end_family(&f, CELLS);
}

int main(int argc, char **argv) {
    setenv("MBSAND_HOME", ".", 0);
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recursions),      cmocka_unit_test(c_and_lua),
        cmocka_unit_test(single_server),   cmocka_unit_test(sojourn_of_mm1),
        cmocka_unit_test(many_servers),    cmocka_unit_test(full_batches),
        cmocka_unit_test(dynamic_batches), cmocka_unit_test(full_batches_exponential),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
