// SPDX-License-Identifier: MIT
// The probe's CPU backend against a second layer in float64 that knows no pages and no batches; sessions;
// grids in files.
#include "fit/step_log.h"
#include "model/profile.h"
#include "probe/cpu.h"
#include "probe/measure.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    HIDDEN = 32,
    HEADS = 4,
    KV_HEADS = 2,
    DIM = 8,
    MLP = 48,
    VOCABULARY = 20,
    LAYERS = 2,
    MOST = 32,
    SEED = 7
};
// For values of size 1 to 3: float32 against float64, and bfloat16 (8 bits) against it.
#define TOLERANCE 2e-5
#define ROUGH_TOLERANCE 0.1

static const mb_probe_shape SHAPE = {.hidden = HIDDEN,
                                     .heads = HEADS,
                                     .kv_heads = KV_HEADS,
                                     .head_dim = DIM,
                                     .intermediate = MLP,
                                     .vocabulary = VOCABULARY,
                                     .layers = LAYERS,
                                     .block = 4,
                                     .blocks = 16,
                                     .most_tokens = 16,
                                     .most_rows = 4};

// --- the reference
// ---------------------------------------------------------------------------------------------

// What a request's tokens have left so far, by layer and position.
typedef struct memory {
    double keys[LAYERS][MOST][KV_HEADS][DIM], values[LAYERS][MOST][KV_HEADS][DIM];
} memory;

static double weight(uint32_t tensor, size_t rows, size_t columns, size_t row, size_t column) {
    return mb_probe_value(SEED, tensor, row * columns + column, sqrtf(3.0f / (float)rows));
}

static void multiply(uint32_t tensor, const double *x, size_t rows, size_t columns, double *y) {
    for (size_t c = 0; c < columns; c++) {
        y[c] = 0;
        for (size_t r = 0; r < rows; r++)
            y[c] += x[r] * weight(tensor, rows, columns, r, c);
    }
}

static void norm(const double *x, double *y) {
    double squares = 0;
    for (int i = 0; i < HIDDEN; i++)
        squares += x[i] * x[i];
    for (int i = 0; i < HIDDEN; i++)
        y[i] = x[i] / sqrt(squares / HIDDEN + MB_PROBE_NORM_EPS);
}

static void turn(double *x, int position) {
    for (int i = 0; i < DIM / 2; i++) {
        const double angle = position * pow(MB_PROBE_ROPE_BASE, -2.0 * i / DIM), a = x[i], b = x[i + DIM / 2];
        x[i] = a * cos(angle) - b * sin(angle);
        x[i + DIM / 2] = a * sin(angle) + b * cos(angle);
    }
}

static void look_back(const memory *m, int layer, int head, const double *query, int position, double *out) {
    double weights[MOST], sum = 0;
    for (int p = 0; p <= position; p++) {
        double dot = 0;
        for (int i = 0; i < DIM; i++)
            dot += query[i] * m->keys[layer][p][head][i];
        sum += weights[p] = exp(dot / sqrt((double)DIM));
    }
    for (int i = 0; i < DIM; i++) {
        out[i] = 0;
        for (int p = 0; p <= position; p++)
            out[i] += weights[p] / sum * m->values[layer][p][head][i];
    }
}

// One token through all layers.
static void reference(memory *m, double *x, int position) {
    double normed[HIDDEN], qkv[(HEADS + 2 * KV_HEADS) * DIM], attended[HEADS * DIM], out[HIDDEN],
        gates[2 * MLP], mlp[MLP];
    for (int l = 0; l < LAYERS; l++) {
        const uint32_t first = (uint32_t)(MB_PROBE_TENSORS * l);
        norm(x, normed);
        multiply(first + MB_PROBE_QKV, normed, HIDDEN, (HEADS + 2 * KV_HEADS) * DIM, qkv);
        for (int h = 0; h < HEADS + KV_HEADS; h++)
            turn(qkv + h * DIM, position);
        memcpy(m->keys[l][position], qkv + HEADS * DIM, sizeof m->keys[l][position]);
        memcpy(m->values[l][position], qkv + (HEADS + KV_HEADS) * DIM, sizeof m->values[l][position]);
        for (int h = 0; h < HEADS; h++)
            look_back(m, l, h / (HEADS / KV_HEADS), qkv + h * DIM, position, attended + h * DIM);
        multiply(first + MB_PROBE_OUT, attended, HEADS * DIM, HIDDEN, out);
        for (int i = 0; i < HIDDEN; i++)
            x[i] += out[i];
        norm(x, normed);
        multiply(first + MB_PROBE_GATE_UP, normed, HIDDEN, 2 * MLP, gates);
        for (int i = 0; i < MLP; i++)
            mlp[i] = gates[i] / (1 + exp(-gates[i])) * gates[i + MLP];
        multiply(first + MB_PROBE_DOWN, mlp, MLP, HIDDEN, out);
        for (int i = 0; i < HIDDEN; i++)
            x[i] += out[i];
    }
}

static float input_of(int request, int position, int i) {
    return mb_probe_value(99, (uint32_t)request, (uint64_t)(position * HIDDEN + i), 1);
}

// --- the backend against it
// ------------------------------------------------------------------------------------

typedef struct trial {
    const mb_probe_backend *backend;
    mb_probe_device *device;
    double tolerance;
} trial;

// Run a step of the requests and compare every token's hidden state, and the logits of the last of each.
static void compare(const trial *tried, const mb_probe_row *rows, const int *requests, uint32_t count,
                    memory *memories) {
    mb_probe_device *device = tried->device;
    static float input[16 * HIDDEN], output[16 * HIDDEN], logits[4 * VOCABULARY];
    uint32_t tokens = 0;
    for (uint32_t r = 0; r < count; r++)
        for (uint32_t t = 0; t < rows[r].tokens; t++, tokens++)
            for (int i = 0; i < HIDDEN; i++)
                input[(int)tokens * HIDDEN + i] = input_of(requests[r], (int)(rows[r].context + t), i);
    mb_error error;
    double seconds;
    assert_int_equal(tried->backend->set_input(device, input, tokens, &error), MB_OK);
    assert_int_equal(tried->backend->run(device, rows, count, LAYERS, true, &seconds, &error), MB_OK);
    assert_true(seconds > 0);
    assert_int_equal(tried->backend->get_output(device, output, tokens, &error), MB_OK);
    assert_int_equal(tried->backend->get_logits(device, logits, count, &error), MB_OK);
    const float *at = output;
    for (uint32_t r = 0; r < count; r++) {
        double x[HIDDEN], normed[HIDDEN], expected[VOCABULARY];
        for (uint32_t t = 0; t < rows[r].tokens; t++, at += HIDDEN) {
            for (int i = 0; i < HIDDEN; i++)
                x[i] = input_of(requests[r], (int)(rows[r].context + t), i);
            reference(&memories[requests[r]], x, (int)(rows[r].context + t));
            for (int i = 0; i < HIDDEN; i++)
                assert_true(fabs(at[i] - x[i]) < tried->tolerance);
        }
        norm(x, normed);
        multiply(MB_PROBE_HEAD, normed, HIDDEN, VOCABULARY, expected);
        for (int i = 0; i < VOCABULARY; i++)
            assert_true(fabs(logits[r * VOCABULARY + (uint32_t)i] - expected[i]) < tried->tolerance);
    }
}

static void try_steps(const trial *tried) {
    memory *memories = calloc(2, sizeof *memories);
    const uint32_t first[] = {9, 2, 14, 5}, second[] = {3, 11}; // pages in no order
    // A prompt; its next chunk beside another's prompt; two decodes; a decode beside a chunk.
    compare(tried, (const mb_probe_row[]){{5, 0, first, 0}}, (const int[]){0}, 1, memories);
    compare(tried, (const mb_probe_row[]){{3, 5, first, 0}, {4, 0, second, 0}}, (const int[]){0, 1}, 2,
            memories);
    compare(tried, (const mb_probe_row[]){{1, 8, first, 0}, {1, 4, second, 0}}, (const int[]){0, 1}, 2,
            memories);
    compare(tried, (const mb_probe_row[]){{1, 5, second, 0}, {4, 9, first, 0}}, (const int[]){1, 0}, 2,
            memories);
    // Two decodes again, which are replayed where a device records steps: with other contexts and pages.
    compare(tried, (const mb_probe_row[]){{1, 13, first, 0}, {1, 6, second, 0}}, (const int[]){0, 1}, 2,
            memories);
    compare(tried, (const mb_probe_row[]){{1, 7, second, 0}, {1, 14, first, 0}}, (const int[]){1, 0}, 2,
            memories);
    free(memories);
}

static void layer_is_right(void **state) {
    (void)state;
    trial tried = {.backend = &mb_probe_cpu, .tolerance = TOLERANCE};
    mb_error error;
    assert_int_equal(mb_probe_cpu.open(&SHAPE, "fp32", SEED, &tried.device, &error), MB_OK);
    try_steps(&tried);
    double seconds;
    const mb_probe_row long_row = {17, 0, (const uint32_t[]){0, 1, 2, 3, 4}, 0};
    assert_int_equal(mb_probe_cpu.run(tried.device, &long_row, 1, 1, false, &seconds, &error), MB_BAD_INPUT);
    mb_probe_device *none;
    assert_int_equal(mb_probe_cpu.open(&SHAPE, "bf16", SEED, &none, &error), MB_BAD_INPUT);
    mb_probe_cpu.close(tried.device);
}

// Where there is a GPU and the plugin (`make probe`; MBSAND_PROBE names it).
static void layer_is_right_on_a_gpu(void **state) {
    (void)state;
    static const char *const precisions[] = {"bf16", "fp16"};
    for (int i = 0; i < 2; i++) {
        trial tried = {.tolerance = i == 0 ? ROUGH_TOLERANCE : ROUGH_TOLERANCE / 8}; // 3 bits more
        mb_error error;
        if (mb_probe_backend_find("cuda", &tried.backend, &error) ||
            tried.backend->open(&SHAPE, precisions[i], SEED, &tried.device, &error)) {
            print_message("%s\n", error.message);
            skip();
        }
        try_steps(&tried);
        // Where decodes are said to be graphs, they are, or the device says why not.
        const char *note = tried.backend->note(tried.device), *wanted = getenv("MBSAND_EMULATED_GRAPHS");
        if (wanted && strcmp(wanted, "0") == 0)
            assert_non_null(note);
        else if (note)
            fail_msg("%s", note);
        tried.backend->close(tried.device);
    }
}

// --- sessions and grids
// -----------------------------------------------------------------------------------------

static const mb_model_config MODEL = {.name = (char *)"small",
                                      .layers = 6,
                                      .attention_layers = 6,
                                      .kv_layers = 6,
                                      .hidden = HIDDEN,
                                      .heads = HEADS,
                                      .kv_heads = KV_HEADS,
                                      .head_dim = DIM,
                                      .intermediate = MLP,
                                      .vocabulary = VOCABULARY};

static const mb_probe_subject SUBJECT = {.model = &MODEL};

static void session_times_steps(void **state) {
    (void)state;
    const mb_probe_limits limits = {.tokens = 64, .rows = 8, .kv_tokens = 512};
    mb_probe_session *session;
    mb_error error;
    assert_int_equal(mb_probe_session_open(&mb_probe_cpu, &SUBJECT, NULL, 6, &limits, 1, &session, &error),
                     MB_OK);
    const mb_probe_step steps[] = {{.decodes = 8, .context = 40},
                                   {.chunks = 1, .chunk = 60, .prefix = 100},
                                   {.chunks = 1, .chunk = 32, .decodes = 3, .context = 7}};
    double seconds;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(mb_probe_session_time(session, &steps[i], &seconds, &error), MB_OK);
        assert_true(seconds > 0 && isfinite(seconds));
        assert_int_equal(mb_probe_session_time_all(session, &steps[i], &seconds, &error), MB_OK);
        assert_true(seconds > 0 && isfinite(seconds));
    }
    const mb_probe_step large = {.decodes = 9, .context = 1};
    assert_int_equal(mb_probe_session_time(session, &large, &seconds, &error), MB_BAD_INPUT);
    mb_probe_session_close(session);
    mb_model_config experts = MODEL;
    experts.experts = 8;
    assert_int_equal(mb_probe_session_open(&mb_probe_cpu, &(mb_probe_subject){.model = &experts}, NULL, 1,
                                           &limits, 1, &session, &error),
                     MB_BAD_INPUT);
    assert_string_equal(error.message, "small has experts; the probe times dense layers only");
    assert_null(session);
    const mb_probe_backend *backend;
    assert_int_equal(mb_probe_backend_find("abacus", &backend, &error), MB_BAD_INPUT);
    assert_string_equal(error.message, "there is no backend 'abacus'; there are cpu, cuda and llama");
}

static mb_probe_task task_of(const char *path, const atomic_bool *stop) {
    static const uint32_t batches[] = {1, 3}, lengths[] = {4, 20};
    return (mb_probe_task){.backend = &mb_probe_cpu,
                           .subject = {.model = &MODEL},
                           .name = "small",
                           .batches = batches,
                           .batch_count = 2,
                           .lengths = lengths,
                           .length_count = 2,
                           .trials = 3,
                           .budget_s = INFINITY,
                           .seed = 1,
                           .path = path,
                           .stop = stop};
}

static size_t lines_of(const char *path) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t lines = 0;
    for (int c; (c = getc(file)) != EOF;)
        lines += c == '\n';
    fclose(file);
    return lines;
}

static bool last_line_ends(const char *path, const char *end) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char line[512] = "";
    while (fgets(line, sizeof line, file))
        continue;
    fclose(file);
    const size_t length = strlen(line), wanted = strlen(end);
    return length >= wanted && strcmp(line + length - wanted, end) == 0;
}

// 2 x 2 cells of decodes; for each of 2 lengths a first chunk, a late one, and one beside a decode.
static void steps_into_a_file(void **state) {
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "/tmp/mbsand-probe-%ld.csv", (long)getpid());
    unlink(path);
    const atomic_bool never = false;
    mb_probe_task task = task_of(path, &never);
    task.budget_s = 0; // one cell, then interrupted
    mb_probe_summary summary;
    mb_error error;
    assert_int_equal(mb_probe_measure(&task, &summary, &error), MB_OK);
    assert_true(summary.cells == 10 && summary.measured == 1 && !summary.complete);
    assert_true(last_line_ends(path, ",1,0,0,1,4\n")); // in one trial, not three
    assert_int_equal(truncate(path, 0) == 0, true);    // an empty file is begun again
    assert_int_equal(mb_probe_measure(&task, &summary, &error), MB_OK);
    FILE *file = fopen(path, "a");
    fputs("1,21,1,0.0", file); // cut off in a row
    fclose(file);
    task.budget_s = INFINITY;
    assert_int_equal(mb_probe_measure(&task, &summary, &error), MB_OK);
    assert_true(summary.known == 1 && summary.measured == 9 && summary.complete);
    mb_step_log *log;
    assert_int_equal(mb_step_log_read(path, &log, &error), MB_OK); // the row that was cut off is gone
    assert_int_equal(log->count, 10);
    mb_step_log_free(log);
    assert_int_equal(mb_probe_measure(&task, &summary, &error), MB_OK); // nothing left to do
    assert_true(summary.known == 10 && summary.measured == 0 && summary.complete);
    task.grid = MB_PROBE_BATCHES;
    assert_int_equal(mb_probe_measure(&task, &summary, &error), MB_BAD_INPUT); // another probe's file
    unlink(path);
}

// An engine that takes a millisecond for each 64 tokens that it computes before a step.
static uint32_t engine_held[9], engine_ms;
static mb_status engine_open(const mb_probe_shape *shape, const char *precision, uint64_t seed,
                             mb_probe_device **device, mb_error *error) {
    (void)shape, (void)precision, (void)seed, (void)error;
    *device = NULL;
    return MB_OK;
}
static void engine_close(mb_probe_device *device) {
    (void)device;
}
static void engine_describe(mb_probe_device *device, char *text, size_t size) {
    (void)device;
    snprintf(text, size, "none");
}
static mb_status engine_run(mb_probe_device *device, const mb_probe_row *rows, uint32_t count,
                            uint32_t layers, bool head, double *seconds, mb_error *error) {
    (void)device, (void)rows, (void)count, (void)layers, (void)head, (void)error;
    *seconds = 1e-3;
    return MB_OK;
}
static mb_status engine_hold(mb_probe_device *device, uint32_t sequence, uint32_t tokens, mb_error *error) {
    (void)device, (void)error;
    const uint32_t missing = tokens > engine_held[sequence] ? tokens - engine_held[sequence] : 0;
    for (uint32_t i = 0; i < missing; i += 64, engine_ms++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    engine_held[sequence] = tokens;
    return MB_OK;
}

// Eight contexts of 20000 tokens would be 2500 of these milliseconds; the budget is 20.
static void a_budget_ends_within_a_context(void **state) {
    (void)state;
    static const mb_probe_backend engine = {.version = MB_PROBE_VERSION,
                                            .name = "engine",
                                            .open = engine_open,
                                            .close = engine_close,
                                            .describe = engine_describe,
                                            .run = engine_run,
                                            .hold = engine_hold};
    static const uint32_t batches[] = {8}, lengths[] = {4, 20000};
    char path[64], model[64];
    snprintf(path, sizeof path, "/tmp/mbsand-probe-%ld.csv", (long)getpid());
    snprintf(model, sizeof model, "/tmp/mbsand-probe-%ld.gguf", (long)getpid());
    unlink(path);
    FILE *file = fopen(model, "w");
    fputs("GGUF", file);
    fclose(file);
    const atomic_bool never = false;
    mb_probe_task task = task_of(path, &never);
    task.backend = &engine;
    task.subject = (mb_probe_subject){.file = model};
    task.batches = batches;
    task.batch_count = 1;
    task.lengths = lengths;
    task.trials = 1;
    task.budget_s = 0.02;
    mb_probe_summary summary;
    mb_error error;
    assert_int_equal(mb_probe_measure(&task, &summary, &error), MB_OK);
    assert_true(summary.measured == 1 && !summary.complete && engine_ms < 100);
    unlink(path);
    unlink(model);
}

static void steps_are_a_step_log(void **state) {
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "/tmp/mbsand-probe-%ld.csv", (long)getpid());
    unlink(path);
    const atomic_bool never = false;
    const mb_probe_task task = task_of(path, &never);
    mb_probe_summary summary;
    mb_error error;
    assert_int_equal(mb_probe_measure(&task, &summary, &error), MB_OK);
    assert_int_equal(lines_of(path), 3 + 1 + 10); // comments, header, cells
    mb_step_log *log;
    if (mb_step_log_read(path, &log, &error)) fail_msg("%s", error.message);
    assert_int_equal(log->count, 10);
    // 3 decodes that computed 20 tokens read 3 x 21
    assert_true(log->steps[3].tokens == 3 && log->steps[3].context == 63 && log->steps[3].requests == 3);
    assert_int_equal(log->steps[3].line, 8);
    mb_step_log_free(log);
    unlink(path);
}

static void batches_are_a_grid(void **state) {
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "/tmp/mbsand-probe-%ld.csv", (long)getpid());
    unlink(path);
    const atomic_bool never = false;
    mb_probe_task task = task_of(path, &never);
    task.grid = MB_PROBE_BATCHES;
    mb_probe_summary summary;
    mb_error error;
    assert_int_equal(mb_probe_measure(&task, &summary, &error), MB_OK);
    mb_grid *grid;
    if (mb_grid_read(path, &grid, &error)) fail_msg("%s", error.message);
    assert_true(grid->batch_count == 2 && grid->length_count == 2);
    for (size_t i = 0; i < 4; i++)
        assert_true(grid->mean_s[i] > 0 && isfinite(grid->mean_s[i]));
    mb_grid_free(grid);
    unlink(path);
    task.path = "/nowhere/x.csv";
    assert_int_equal(mb_probe_measure(&task, &summary, &error), MB_BAD_INPUT);
    assert_string_equal(error.message, "cannot write /nowhere/x.csv: No such file or directory");
}

// 2 batches and the powers of two beyond up to 23; 2 batches; 4 steps of decodes, and for each of 2 chunks 3
// alone and as many beside decodes as there are different ones of 3 x 4.
static void profile_is_read_back(void **state) {
    (void)state;
    char path[64], file[96];
    snprintf(path, sizeof path, "/tmp/mbsand-probe-%ld.d", (long)getpid());
    const atomic_bool never = false;
    mb_probe_task task = task_of(path, &never);
    task.grid = MB_PROBE_PROFILE;
    mb_probe_summary summary;
    mb_error error;
    if (mb_probe_measure_profile(&task, &summary, &error)) fail_msg("%s", error.message);
    assert_true(summary.complete && summary.measured > 20);
    const size_t measured = summary.measured;
    assert_int_equal(mb_probe_measure_profile(&task, &summary, &error), MB_OK);
    assert_true(summary.measured == 0 && summary.known == measured);
    mb_profile *profile;
    if (mb_profile_read(path, MODEL.layers, (mb_expert_ranks){0}, &profile, &error))
        fail_msg("%s", error.message);
    // A step of the profile is as long as the same step measured, in the same unit: a busy machine may well
    // take ten times as long at one of the two.
    const mb_probe_limits limits = {.tokens = 64, .rows = 8, .kv_tokens = 512};
    mb_probe_session *session;
    assert_int_equal(mb_probe_session_open(&mb_probe_cpu, &SUBJECT, NULL, 1, &limits, 1, &session, &error),
                     MB_OK);
    const mb_probe_step step = {.chunks = 1, .chunk = 20};
    double seconds, least = INFINITY;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(mb_probe_session_time(session, &step, &seconds, &error), MB_OK);
        least = fmin(least, seconds);
    }
    const mb_chunk chunk = {.tokens = 20};
    const mb_step_shape shape = {.prefill_tokens = 20, .prefill_requests = 1, .chunks = &chunk};
    bool extrapolated = false;
    const double simulated = mb_profile_seconds(profile, &shape, 0, &extrapolated);
    assert_true(simulated > 0.01 * least && simulated < 100 * least && !extrapolated);
    mb_probe_session_close(session);
    mb_profile_free(profile);
    static const char *const files[] = {"dense.csv", "per_sequence.csv", "attention.csv"};
    for (int i = 0; i < 3; i++) {
        snprintf(file, sizeof file, "%s/%s", path, files[i]);
        unlink(file);
    }
    rmdir(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layer_is_right),       cmocka_unit_test(layer_is_right_on_a_gpu),
        cmocka_unit_test(session_times_steps),  cmocka_unit_test(steps_into_a_file),
        cmocka_unit_test(steps_are_a_step_log), cmocka_unit_test(batches_are_a_grid),
        cmocka_unit_test(profile_is_read_back), cmocka_unit_test(a_budget_ends_within_a_context),
    };
    return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
