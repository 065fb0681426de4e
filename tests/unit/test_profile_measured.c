// SPDX-License-Identifier: MIT
// Measured operator tables with points left out, and whole steps against sums made from the files in another
// language.
#include "model/profile.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MEASURED "../shared/data/perf/llmservingsim/profile/RTXPRO6000/"
#define LLAMA MEASURED "meta-llama/Llama-3.1-8B/bf16/tp1"
#define QWEN MEASURED "Qwen/Qwen3-32B/bf16/tp2"

static char folder[64]; // of the test that runs

static const char *path_of(const char *file) {
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    return path;
}

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/mbsand-profile-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
    (void)state;
    unlink(path_of("dense.csv"));
    unlink(path_of("per_sequence.csv"));
    unlink(path_of("attention.csv"));
    return rmdir(folder);
}

static void skip_unless_there(void) {
    if (access(LLAMA "/dense.csv", R_OK) == 0) return;
    print_message("skipped: no %s\n", LLAMA);
    skip();
}

static void put(const char *file, const char *text) {
    FILE *out = fopen(path_of(file), "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

static mb_profile *load(const char *directory, uint32_t layers) {
    mb_profile *profile;
    mb_error error;
    if (mb_profile_read(directory, layers, (mb_expert_ranks){0}, &profile, &error))
        fail_msg("%s", error.message);
    return profile;
}

static void assert_near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("got %.17g, want %.17g", got, want);
}

// A row of attention.csv.
typedef struct point {
    double chunk, prefix, decodes, context, time_us;
} point;

static double step_us(const mb_profile *profile, const point *p) {
    const mb_chunk chunk = {(uint32_t)p->chunk, (uint32_t)p->prefix};
    const mb_step_shape shape = {.prefill_tokens = chunk.tokens,
                                 .prefill_requests = chunk.tokens > 0,
                                 .decode_requests = (uint32_t)p->decodes,
                                 .decode_context = (uint64_t)(p->decodes * p->context),
                                 .chunks = &chunk};
    bool extrapolated = false;
    const double seconds = mb_profile_seconds(profile, &shape, shape.decode_requests, &extrapolated);
    assert_false(extrapolated);
    return 1e6 * seconds;
}

static FILE *open_points(const char *directory, char header[200]) {
    char path[300];
    snprintf(path, sizeof path, "%s/attention.csv", directory);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(header, 200, file));
    return file;
}

static bool next_point(FILE *file, point *p) {
    char line[200];
    if (!fgets(line, sizeof line, file)) return false;
    return sscanf(line, "%lf,%lf,%lf,%lf,%lf", &p->chunk, &p->prefix, &p->decodes, &p->context,
                  &p->time_us) == 5;
}

static bool doubles(double x) {
    const double log = log2(x);
    return x == 0 || log == floor(log);
}

// The tables hold two grids, one over the other: powers of 2, and of 1.5 from 16 and 512 on.
static bool of_the_coarse_grid(const point *p) {
    return doubles(p->chunk) && doubles(p->prefix) && doubles(p->context);
}

// The points of the coarse grid only, or all.
static void put_attention(const char *from, bool coarse_only) {
    char header[200];
    FILE *in = open_points(from, header), *out = fopen(path_of("attention.csv"), "w");
    assert_non_null(out);
    fputs(header, out);
    point p;
    while (next_point(in, &p))
        if (!coarse_only || of_the_coarse_grid(&p))
            fprintf(out, "%.0f,%.0f,%.0f,%.0f,%.9g\n", p.chunk, p.prefix, p.decodes, p.context, p.time_us);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

static void copy_table(const char *directory, const char *name) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *in = fopen(path, "r"), *out = fopen(path_of(name), "w");
    assert_non_null(in);
    assert_non_null(out);
    for (int c = getc(in); c != EOF; c = getc(in))
        putc(c, out);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

typedef struct errors {
    double bias, mean, worst; // sums until `finish`
    size_t count;
} errors;

static void add(errors *e, double error) {
    e->bias += error;
    e->mean += fabs(error);
    e->worst = fmax(e->worst, fabs(error));
    e->count++;
}

static void finish(errors *e, const char *name) {
    e->bias /= (double)e->count;
    e->mean /= (double)e->count;
    print_message("%s: %zu left out, error %.2f %% (bias %+.2f %%), worst %.0f %%\n", name, e->count,
                  100 * e->mean, 100 * e->bias, 100 * e->worst);
}

// Attention by itself, since the other tables say 0: the points themselves come back; those of the finer
// grid, left out, are predicted from the coarser one.
static void points_left_out(void **state) {
    (void)state;
    skip_unless_there();
    static const struct {
        const char *directory;
        double most[3]; // mean absolute error: decodes only, a chunk only, both
    } cases[] = {{LLAMA, {0.015, 0.045, 0.04}}, {QWEN, {0.015, 0.06, 0.05}}};
    static const char *const names[] = {"decodes only", "a chunk only", "both"};
    put("dense.csv", "layer,tokens,time_us\ndown_proj,1,0\ndown_proj,100000,0\n");
    put("per_sequence.csv", "layer,sequences,time_us\nlm_head,1,0\nlm_head,1000,0\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_attention(cases[i].directory, false);
        mb_profile *all = load(folder, 1);
        put_attention(cases[i].directory, true);
        mb_profile *coarse = load(folder, 1);
        char header[200];
        FILE *in = open_points(cases[i].directory, header);
        errors out[3] = {{0}};
        point p;
        while (next_point(in, &p)) {
            assert_near(step_us(all, &p) / p.time_us, 1, 1e-9);
            const int kind = p.chunk == 0 ? 0 : p.decodes == 0 ? 1 : 2;
            if (!of_the_coarse_grid(&p)) add(&out[kind], step_us(coarse, &p) / p.time_us - 1);
        }
        fclose(in);
        for (int k = 0; k < 3; k++) {
            finish(&out[k], names[k]);
            assert_true(out[k].count > 70 && out[k].mean < cases[i].most[k]);
        }
        mb_profile_free(all);
        mb_profile_free(coarse);
    }
}

// The same for whole steps, of which attention is a part.
static void steps_left_out(void **state) {
    (void)state;
    skip_unless_there();
    put_attention(LLAMA, true);
    copy_table(LLAMA, "dense.csv");
    copy_table(LLAMA, "per_sequence.csv");
    mb_profile *coarse = load(folder, 32), *all = load(LLAMA, 32);
    char header[200];
    FILE *in = open_points(LLAMA, header);
    errors out = {0};
    point p;
    while (next_point(in, &p)) // that is, within the dense tables
        if (!of_the_coarse_grid(&p) && p.chunk + p.decodes <= 2048)
            add(&out, step_us(coarse, &p) / step_us(all, &p) - 1);
    fclose(in);
    finish(&out, "whole steps");
    assert_true(out.count > 5000 && out.mean < 0.02);
    mb_profile_free(coarse);
    mb_profile_free(all);
}

static void whole_steps(void **state) {
    (void)state;
    skip_unless_there();
    mb_profile *profile = load(LLAMA, 32);
    static const point steps[] = {
        {512, 0, 0, 0, 23744.969390}, {0, 0, 128, 512, 19713.483630}, {128, 256, 16, 1024, 16498.830790}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        assert_near(step_us(profile, &steps[i]), steps[i].time_us, 1e-5);
    // By physics: the weights (16.06 GB) take 9 ms at least to be read at 1.8 TB/s.
    const point one = {.decodes = 1, .context = 100};
    assert_true(step_us(profile, &one) > 9000 && step_us(profile, &one) < 12500);
    mb_profile_free(profile);
}

// More work takes longer, but for the noise of measuring: no step of a sweep falls by more than a tenth.
static void more_takes_longer(void **state) {
    (void)state;
    skip_unless_there();
    mb_profile *profile = load(LLAMA, 32);
    double before[3] = {0};
    for (uint32_t i = 1; i < 2000; i++) {
        const point sweeps[3] = {{.chunk = i}, {i, 512, 40, 300, 0}, {.decodes = 1 + i / 16, .context = i}};
        for (int k = 0; k < 3; k++) {
            const double time = step_us(profile, &sweeps[k]);
            assert_true(time > 0.9 * before[k]);
            before[k] = time;
        }
    }
    mb_profile_free(profile);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(points_left_out, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(steps_left_out, make_folder, remove_folder),
        cmocka_unit_test(whole_steps),
        cmocka_unit_test(more_takes_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
