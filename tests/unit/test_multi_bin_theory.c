// SPDX-License-Identifier: MIT
// policies/multi_bin.lua against the closed forms of Guldogan et al. (arXiv 2412.04504, 2024): mean time of a
// full batch at saturation for uniform and exponential lengths, with the edges of equal mass, with those that
// minimise the paper's bound, and with wrong predictions; and the latency of infinitely many servers.
//
// Service time is the output's length: a token is a microsecond, so that whole tokens round nothing away.
//
// Throughput at saturation is B / E[t], and E[t] = sum over bins of P(bin) E[t | bin]. A finite run ends with
// bins half full, and a rare bin loses a larger share of its requests to that. So E[t] is put together from
// the bins' shares of all requests and the mean times of their full batches.
#include "replications.h"

#define TOKENS_PER_S 1e6
enum { MOST_BINS = 32, REPLICATIONS = 10 };

// ---- what is observed of a run

typedef struct bin_times {
    const double *edges; // bins - 1
    uint32_t bins, batch_size;
    mb_batch_record batch; // the latest that ended
    uint32_t batch_bin;    // bin of its first member; MOST_BINS: none yet
    uint64_t requests[MOST_BINS], batches[MOST_BINS], last_batch;
    double sum_s[MOST_BINS], busy_s;
    uint64_t first_id, last_id; // of the requests whose latency counts
    double latency_s;
} bin_times;

static uint32_t bin_of(const bin_times *times, uint32_t length) {
    uint32_t bin = 0;
    while (bin + 1 < times->bins && length >= times->edges[bin])
        bin++;
    return bin;
}

// The executor reports a batch, and then its members.
static mb_status see_batch(void *self, const mb_batch_record *record, mb_error *error) {
    (void)error;
    bin_times *times = self;
    times->batch = *record;
    times->batch_bin = MOST_BINS;
    times->busy_s += record->end_s - record->start_s;
    return MB_OK;
}

static mb_status see_request(void *self, const mb_finished *record, mb_error *error) {
    (void)error;
    bin_times *times = self;
    const mb_request *request = record->request;
    const uint32_t bin = bin_of(times, request->predicted_output);
    assert_int_equal(record->batch, times->batch.batch);
    times->requests[bin]++;
    if (times->batch_bin == MOST_BINS) {
        times->batch_bin = bin;
        if (times->batch.requests == times->batch_size) {
            times->batches[bin]++;
            times->sum_s[bin] += times->batch.end_s - times->batch.start_s;
        }
    }
    if (bin != times->batch_bin)
        fail_msg("a batch of bin %u holds a request of bin %u", times->batch_bin, bin);
    if (request->id >= times->first_id && request->id < times->last_id)
        times->latency_s += record->end_s - request->arrival_s;
    return MB_OK;
}

// ---- one cell

typedef struct cell {
    mb_distribution lengths; // tokens
    uint32_t bins, batch_size;
    double edges[MOST_BINS]; // tokens, of the predicted length
    double flip;             // probability of each neighbour's bin; 0: predictions are exact
    double lowest, highest;  // of the lengths, where flip > 0
    double rate;             // INFINITY: all at once
    uint32_t servers;
    uint64_t requests;
} cell;

static uint64_t seed_of_cell; // each family sets the first; so no two cells share random numbers

// E[t] for saturation; mean latency of the requests from `first` on, less the last ones, for finite rates.
static void run_cell(const cell *c, uint64_t margin, double values[REPLICATIONS]) {
    mb_param params[] = {
        {.name = "batch_size", .number = c->batch_size},
        {.name = "bins", .number = 1},
        {.name = "edges",
         .kind = MB_PARAM_NUMBERS,
         .numbers = (double *)(uintptr_t)c->edges,
         .number_count = c->bins - 1},
    };
    trial t = {
        .workload = {.kind = MB_WORKLOAD_SYNTHETIC,
                     .arrivals = {.kind = isinf(c->rate) ? MB_ARRIVALS_CONSTANT : MB_ARRIVALS_POISSON,
                                  .rate = c->rate},
                     .prompt = {.kind = MB_DIST_FIXED, .a = 0},
                     .output = c->lengths,
                     .limit = c->requests},
        .latency = {.kind = MB_LATENCY_BATCH, .law = {.beta_s_per_token = 1 / TOKENS_PER_S}},
        .hardware = {.replicas = c->servers, .memory = {.capacity = MB_UNLIMITED}},
        .config = {.slo = {INFINITY, INFINITY, INFINITY, INFINITY, false, 0}, .seed = seed_of_cell++},
        .lua = {.label = "multi_bin", .path = "policies/multi_bin.lua", .params = params, .param_count = 3}};
    if (c->flip > 0) {
        mb_predictor *predictor = &t.workload.predictor;
        *predictor = (mb_predictor){.kind = MB_PREDICT_BIN_FLIP,
                                    .flip = c->flip,
                                    .bins = c->bins,
                                    .lowest = c->lowest,
                                    .highest = c->highest};
        predictor->edges = malloc(c->bins * sizeof(double));
        assert_non_null(predictor->edges);
        memcpy(predictor->edges, c->edges, (c->bins - 1) * sizeof(double));
    }
    prepare_trial(&t);
    for (unsigned r = 0; r < REPLICATIONS; r++) {
        bin_times times = {.edges = c->edges,
                           .bins = c->bins,
                           .batch_size = c->batch_size,
                           .batch_bin = MOST_BINS,
                           .first_id = margin,
                           .last_id = c->requests - margin};
        t.observer = &(mb_observer){.batch = see_batch, .finished = see_request, .self = &times};
        const run_result result = run_trial(&t, r);
        values[r] = times.latency_s / (double)(times.last_id - times.first_id);
        if (!isinf(c->rate)) continue;
        assert_true(fabs(times.busy_s - result.duration_s) <= 1e-9 * times.busy_s); // the server never idles
        values[r] = 0;
        for (uint32_t bin = 0; bin < c->bins; bin++) {
            if (times.batches[bin] < 2)
                fail_msg("%llu full batches in a bin", (unsigned long long)times.batches[bin]);
            values[r] += (double)times.requests[bin] / (double)c->requests * times.sum_s[bin] /
                         (double)times.batches[bin];
        }
    }
    mb_workload_deinit(&t.workload);
}

// The interval holds B / E[t], requests per second: the reciprocal of a mean is monotone, so E[t] itself is
// checked.
static void check_time(family *f, unsigned cells, const cell *c, double theory, double widest,
                       const char *name) {
    double values[REPLICATIONS];
    run_cell(c, 0, values);
    check_cell(f, cells, theory, values, REPLICATIONS, widest, "%s, B %u, %u bins, flip %.2f", name,
               c->batch_size, c->bins, c->flip);
}

// As many requests as give a bin of mass `least` this many full batches, and 12,000.
static uint64_t enough(unsigned batches, uint32_t batch, double least) {
    const double needed = batches * batch / least;
    return needed > 12000 ? (uint64_t)needed : 12000;
}

static const mb_distribution UNIFORM = {.kind = MB_DIST_UNIFORM, .a = 1e6, .b = 2e7};
static const mb_distribution EXPONENTIAL = {.kind = MB_DIST_EXPONENTIAL, .a = 1e7};

// Equal bins of 1 .. 20 s, edges on whole tokens.
static cell uniform_cell(uint32_t bins, uint32_t batch) {
    cell c = {.lengths = UNIFORM,
              .bins = bins,
              .batch_size = batch,
              .servers = 1,
              .rate = INFINITY,
              .lowest = 1e6,
              .highest = 2e7,
              .requests = enough(8, batch, 1.0 / bins)};
    for (uint32_t i = 1; i < bins; i++)
        c.edges[i - 1] = floor((1 + 19.0 * i / bins) * 1e6);
    return c;
}

// Theorem 4.2, simplified: the mean, and half the width of a bin less the gap that a maximum of B leaves.
static double uniform_time(uint32_t bins, uint32_t batch) {
    return 10.5 + 19.0 * (batch - 1) / (2.0 * bins * (batch + 1));
}

// ---- uniform lengths, exact predictions

static void uniform_lengths(void **unused) {
    (void)unused;
    static const struct {
        uint32_t batch, bins;
        double time; // E[t], s: the formula is not to be mistyped
    } rows[] = {
        {8, 1, 17.888889},    {8, 2, 14.194444},   {8, 4, 12.347222},   {8, 8, 11.423611},
        {8, 32, 10.730903},   {128, 1, 19.852713}, {128, 2, 15.176357}, {128, 3, 13.617571},
        {128, 4, 12.838178},  {128, 5, 12.370543}, {128, 8, 11.669089}, {128, 16, 11.084545},
        {128, 32, 10.792272},
    };
    enum { CELLS = sizeof rows / sizeof *rows };
    family f = {.name = "uniform"};
    seed_of_cell = 100;
    for (size_t i = 0; i < CELLS; i++) {
        const cell c = uniform_cell(rows[i].bins, rows[i].batch);
        const double theory = uniform_time(rows[i].bins, rows[i].batch);
        assert_true(fabs(theory - rows[i].time) < 1e-6);
        check_time(&f, CELLS, &c, theory, 0.02, "exact");
    }
    end_family(&f, CELLS);
}

// ---- exponential lengths of mean 10 s, B = 200

static void equal_mass_edges(cell *c) {
    for (uint32_t i = 1; i < c->bins; i++)
        c->edges[i - 1] = floor(-1e7 * log(1 - (double)i / c->bins));
}

// Appendix A.4: L_1 = H_B, L_m = 1 + ln L_(m-1); l_i = 10 s x sum over j = 1 .. i of ln L_(k-j).
static void bound_optimal_edges(cell *c) {
    double l[MOST_BINS + 1] = {0}, sum = 0;
    for (uint32_t j = 1; j <= c->batch_size; j++)
        l[1] += 1.0 / j;
    for (uint32_t m = 2; m <= c->bins; m++)
        l[m] = 1 + log(l[m - 1]);
    for (uint32_t i = 1; i < c->bins; i++) {
        sum += log(l[c->bins - i]);
        c->edges[i - 1] = floor(1e7 * sum);
    }
}

static void exponential_lengths(void **unused) {
    (void)unused;
    static const struct {
        uint32_t bins;
        double equal_mass, bound_optimal; // E[t], s, by integration
    } rows[] = {
        {1, 58.780309, 58.780309}, {2, 36.296873, 27.515463},
        {3, 28.244295, 20.066047}, {4, 24.055903, 16.939169},
        {5, 21.473673, 15.256191}, {8, 17.469424, 0}, // the last of 8 bins would need 170,000 requests a run
    };
    enum { ROWS = sizeof rows / sizeof *rows, CELLS = 2 * ROWS - 2 };
    family f = {.name = "exponential"};
    seed_of_cell = 200;
    for (size_t i = 0; i < ROWS; i++) {
        const uint32_t bins = rows[i].bins, batch = 200;
        cell c = {.lengths = EXPONENTIAL, .bins = bins, .batch_size = batch, .servers = 1, .rate = INFINITY};
        equal_mass_edges(&c);
        c.requests = enough(8, batch, 1.0 / bins);
        check_time(&f, CELLS, &c, rows[i].equal_mass, 0.05, "equal mass");
        if (bins == 1 || rows[i].bound_optimal == 0) continue;
        bound_optimal_edges(&c);
        c.requests = enough(5, batch, exp(-c.edges[bins - 2] / 1e7)); // the last bin is the rarest
        check_time(&f, CELLS, &c, rows[i].bound_optimal, 0.05, "bound-optimal");
    }
    end_family(&f, CELLS);
}

// ---- uniform lengths, predictions one bin off with probability p on each side

static void wrong_predictions(void **unused) {
    (void)unused;
    static const double flips[] = {0.01, 0.10, 0.25, 0.50};
    static const struct {
        uint32_t bins;
        double time[4];
    } rows[] = {
        {2, {17.2775, 19.59087, 19.80362, 19.85271}},
        {4, {14.41417, 16.15111, 16.31476, 16.36386}},
        {8, {12.58844, 13.60197, 13.69812, 13.72880}},
    };
    enum { CELLS = 12 };
    family f = {.name = "wrong predictions"};
    seed_of_cell = 300;
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 4; j++) {
            cell c = uniform_cell(rows[i].bins, 128);
            c.flip = flips[j];
            check_time(&f, CELLS, &c, rows[i].time[j], 0.03, "uniform");
        }
    }
    end_family(&f, CELLS);
}

// ---- infinitely many servers (64, of which a handful is ever busy)

static void many_servers(void **unused) {
    (void)unused;
    static const uint32_t bins[] = {1, 2, 3, 5};
    static const double rates[] = {4, 10};
    enum { CELLS = 8 };
    family f = {.name = "many servers"};
    seed_of_cell = 400;
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 2; j++) {
            cell c = uniform_cell(bins[i], 128);
            c.servers = 64;
            c.rate = rates[j];
            c.requests = 20000;
            double values[REPLICATIONS];
            run_cell(&c, 2000, values);
            // Lemma 5.1: the first of a batch waits for the other 127, the last for none.
            check_cell(&f, CELLS, uniform_time(bins[i], 128) + 127 * bins[i] / (2 * rates[j]), values,
                       REPLICATIONS, 0.02, "latency, %u bins, rate %g", bins[i], rates[j]);
        }
    }
    end_family(&f, CELLS);
}

// ---- the paper's example: service times 1, 5, 2, 6 s in this order, B = 2: 5 + 6 = 11 s, with two bins 2 +
// 6 = 8 s

static mb_status in_this_order(void *self, mb_sim *sim, uint32_t slot, mb_error *error) {
    static const uint32_t seconds[] = {1, 5, 2, 6};
    mb_request *request = mb_request_at(&sim->requests, slot);
    request->output_tokens = request->predicted_output = seconds[request->id] * 1000000;
    const mb_policy *inner = self;
    return inner->ops->arrive(inner->self, sim, slot, error);
}
static mb_status init_inner(void *self, mb_sim *sim, mb_error *error) {
    const mb_policy *inner = self;
    return inner->ops->init(inner->self, sim, error);
}
static mb_status schedule_inner(void *self, mb_sim *sim, mb_replica *replica, mb_error *error) {
    const mb_policy *inner = self;
    return inner->ops->schedule(inner->self, sim, replica, error);
}
static mb_status finish_inner(void *self, mb_sim *sim, uint32_t slot, mb_end why, mb_error *error) {
    const mb_policy *inner = self;
    return inner->ops->finish(inner->self, sim, slot, why, error);
}
static mb_policy wrap_example(void *self, mb_policy policy) {
    static const mb_policy_ops ops = {
        .init = init_inner, .arrive = in_this_order, .schedule = schedule_inner, .finish = finish_inner};
    *(mb_policy *)self = policy;
    return (mb_policy){&ops, self};
}

static void worked_example(void **unused) {
    (void)unused;
    double edge = 3.5e6;
    for (size_t edges = 0; edges < 2; edges++) {
        mb_param params[] = {
            {.name = "batch_size", .number = 2},
            {.name = "bins", .number = 1},
            {.name = "edges", .kind = MB_PARAM_NUMBERS, .numbers = &edge, .number_count = edges}};
        mb_policy inner;
        trial t = {.workload = {.kind = MB_WORKLOAD_SYNTHETIC,
                                .arrivals = {.kind = MB_ARRIVALS_CONSTANT, .rate = INFINITY},
                                .prompt = {.kind = MB_DIST_FIXED, .a = 0},
                                .output = {.kind = MB_DIST_FIXED, .a = 1},
                                .limit = 4},
                   .latency = {.kind = MB_LATENCY_BATCH, .law = {.beta_s_per_token = 1e-6}},
                   .hardware = {.replicas = 1, .memory = {.capacity = MB_UNLIMITED}},
                   .config = {.slo = {INFINITY, INFINITY}},
                   .lua = {.label = "multi_bin",
                           .path = "policies/multi_bin.lua",
                           .params = params,
                           .param_count = 3},
                   .wrap = wrap_example,
                   .wrap_self = &inner};
        prepare_trial(&t);
        const run_result result = run_trial(&t, 0);
        assert_true(fabs(result.duration_s - (edges ? 8 : 11)) < 1e-9);
        assert_true(run_value(&result, "batches") == 2);
        mb_workload_deinit(&t.workload);
    }
}

int main(int argc, char **argv) {
    setenv("MBSAND_HOME", ".", 0);
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worked_example),      cmocka_unit_test(uniform_lengths),
        cmocka_unit_test(exponential_lengths), cmocka_unit_test(wrong_predictions),
        cmocka_unit_test(many_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
