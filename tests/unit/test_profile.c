// SPDX-License-Identifier: MIT
// Operator tables: small ones against hand-worked numbers, and measured ones with points left out.
#include "base/strbuf.h"
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

#define MEASURED "../shared/data/perf/llmservingsim/profile/"
#define LLAMA MEASURED "RTXPRO6000/meta-llama/Llama-3.1-8B/bf16/tp1"

static const char *const FILES[] = {"dense.csv", "per_sequence.csv", "attention.csv", "moe.csv"};

static char folder[64]; // of the test that runs

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/mbsand-profile-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static const char *path_of(const char *file) {
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    return path;
}

static int remove_folder(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
        unlink(path_of(FILES[i]));
    return rmdir(folder);
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
    if (mb_profile_read(directory, layers, &profile, &error)) fail_msg("%s", error.message);
    return profile;
}

static void assert_near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("got %.17g, want %.17g", got, want);
}

static const char DENSE[] = "layer,tokens,time_us\n"
                            "embedding,1,1\nembedding,10,2\nembedding,20,4\n"
                            "layernorm,1,1\nlayernorm,10,1\nlayernorm,20,3\n"
                            "down_proj,1,10\ndown_proj,10,20\ndown_proj,20,60\n"
                            "final_layernorm,1,1\nfinal_layernorm,10,1\nfinal_layernorm,20,1\n";
static const char PER_SEQUENCE[] = "layer,sequences,time_us\n"
                                   "lm_head,1,5\nlm_head,4,8\nsampler,4,4\nsampler,1,1\n";
static const char ATTENTION[] = "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n"
                                "0,0,1,10,2\n0,0,1,20,3\n0,0,2,10,3\n0,0,2,20,5\n"
                                "4,0,0,0,4\n4,8,0,0,6\n8,0,0,0,6\n8,8,0,0,10\n"
                                "4,0,1,10,5\n4,0,1,20,6\n4,8,1,10,8\n4,8,1,20,9\n"
                                "4,0,2,10,6\n4,0,2,20,8\n4,8,2,10,9\n4,8,2,20,11\n"
                                "8,0,1,10,7\n8,0,1,20,8\n8,8,1,10,10\n8,8,1,20,11\n"
                                "8,0,2,10,8\n8,0,2,20,10\n8,8,2,10,11\n8,8,2,20,13\n";

static void put_small(void) {
    put("dense.csv", DENSE);
    put("per_sequence.csv", PER_SEQUENCE);
    put("attention.csv", ATTENTION);
}

typedef struct question {
    mb_chunk chunks[3];
    uint32_t chunk_count, decodes, context, padded;
    double microseconds;
    bool extrapolated;
} question;

static double ask(const mb_profile *profile, const question *q, bool *extrapolated) {
    mb_step_shape shape = {.prefill_requests = q->chunk_count,
                           .decode_requests = q->decodes,
                           .decode_context = q->context,
                           .chunks = q->chunks};
    for (uint32_t i = 0; i < q->chunk_count; i++)
        shape.prefill_tokens += q->chunks[i].tokens;
    return 1e6 * mb_profile_seconds(profile, &shape, q->padded ? q->padded : q->decodes, extrapolated);
}

// Three layers. Dense: 38 us at 1 token, 69 at 10 (2 + 2 x 3 x 1 + 3 x 20 + 1), 203 at 20. Rows: 6 us at 1,
// 12 at 4.
static void small_tables(void **state) {
    (void)state;
    put_small();
    mb_profile *profile = load(folder, 3);
    static const question questions[] = {
        {.decodes = 1, .context = 10, .microseconds = 38 + 6 + 3 * 2},
        {.decodes = 2, .context = 30, .microseconds = 38 + 31.0 / 9 + 8 + 3 * 4}, // 15 each
        {{{6, 4}}, .chunk_count = 1, .microseconds = 38 + 5 * 31.0 / 9 + 6 + 3 * 6.5},
        {{{6, 4}},
         .chunk_count = 1,
         .decodes = 1,
         .context = 15,
         .microseconds = 38 + 6 * 31.0 / 9 + 8 + 3 * 8},
        {{{4, 0}},
         .chunk_count = 1,
         .decodes = 2,
         .context = 20,
         .microseconds = 38 + 5 * 31.0 / 9 + 10 + 3 * 6},
        // A second chunk adds what it takes alone beyond the smallest, 6 - 4.
        {{{8, 0}, {4, 8}}, .chunk_count = 2, .microseconds = 69 + 2 * 13.4 + 8 + 3 * (6 + 2)},
        {{{4, 8}, {8, 0}}, .chunk_count = 2, .microseconds = 69 + 2 * 13.4 + 8 + 3 * (6 + 2)},
        {{{4, 0}, {4, 0}, {4, 0}}, .chunk_count = 3, .microseconds = 69 + 2 * 13.4 + 10 + 3 * 4},
        // A graph's rows: only the dense operators run for them.
        {.decodes = 1, .context = 10, .padded = 2, .microseconds = 38 + 31.0 / 9 + 6 + 3 * 2},
        // Beyond the tables: along the last line, of the curves the line from half the range on.
        {.decodes = 1, .context = 30, .microseconds = 38 + 6 + 3 * 4, .extrapolated = true},
        {.decodes = 3, .context = 30, .microseconds = 38 + 2 * 31.0 / 9 + 10 + 3 * 4, .extrapolated = true},
        {{{16, 0}}, .chunk_count = 1, .microseconds = 69 + 6 * 13.4 + 6 + 3 * 10, .extrapolated = true},
        {{{8, 16}}, .chunk_count = 1, .microseconds = 38 + 7 * 31.0 / 9 + 6 + 3 * 14, .extrapolated = true},
        {.decodes = 2,
         .context = 20,
         .padded = 30,
         .microseconds = 203 + 134 + 8 + 3 * 3,
         .extrapolated = true},
    };
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        bool extrapolated = false;
        assert_near(ask(profile, &questions[i], &extrapolated), questions[i].microseconds, 1e-9);
        assert_true(extrapolated == questions[i].extrapolated);
        extrapolated = true; // never cleared
        ask(profile, &questions[i], &extrapolated);
        assert_true(extrapolated);
    }
    mb_profile_free(profile);
    mb_profile_free(NULL);
}

// Two of four experts for each token: 2 for 1 token, 4 (1 - 1/2^10) for 10.
static void experts(void **state) {
    (void)state;
    put_small();
    put("moe.csv", "tokens,activated_experts,time_us\n1,2,10\n10,2,10\n10,4,30\n20,2,12\n20,4,40\n");
    mb_profile *profile = load(folder, 3);
    bool extrapolated = false;
    const question one = {.decodes = 1, .context = 10};
    assert_near(ask(profile, &one, &extrapolated), 50 + 3 * 10, 1e-9);
    const question ten = {{{8, 8}}, .chunk_count = 1, .decodes = 2, .context = 20};
    const double active = 4 * (1 - 1.0 / 1024);
    assert_near(ask(profile, &ten, &extrapolated), 69 + 10 + 3 * 11 + 3 * (10 + 10 * (active - 2)), 1e-9);
    assert_false(extrapolated);
    mb_profile_free(profile);
}

static void wrong(const char *file, const char *text, const char *sentence) {
    put_small();
    if (text)
        put(file, text);
    else
        unlink(path_of(file));
    char want[400];
    snprintf(want, sizeof want, "%s%s", path_of(file), sentence);
    mb_profile *profile = (mb_profile *)&want; // must become NULL
    mb_error error;
    assert_int_equal(mb_profile_read(folder, 3, &profile, &error), MB_BAD_INPUT);
    assert_null(profile);
    assert_string_equal(error.message, want);
    assert_int_equal(mb_profile_read(folder, 3, &profile, NULL), MB_BAD_INPUT);
    if (strcmp(file, "moe.csv") == 0) unlink(path_of(file));
}

#define POINTS "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n"

static void bad_tables(void **state) {
    (void)state;
    wrong("dense.csv", NULL, ": cannot be opened: No such file or directory");
    wrong("per_sequence.csv", NULL, ": cannot be opened: No such file or directory");
    wrong("attention.csv", NULL, ": cannot be opened: No such file or directory");
    wrong("dense.csv", "", ": has no rows");
    wrong("dense.csv", "layer,tokens,time_us\n", ": has no rows");
    wrong("dense.csv", "layer,tokens\nqkv_proj,1\n", ":1: the header has no column \"time_us\"");
    wrong("dense.csv", "tokens,time_us\n1,2\n", ":1: the header has no column \"layer\"");
    wrong("dense.csv", "layer,tokens,time_us\nqkv_proj,1\n", ":2: 2 fields, but the header has 3");
    wrong("dense.csv", "layer,tokens,time_us\nqkv_proj,1,nan\n",
          ":2: column \"time_us\" is \"nan\"; expected microseconds, a number from 0 to 1e9");
    wrong("dense.csv", "layer,tokens,time_us\nqkv_proj,1,-2\n",
          ":2: column \"time_us\" is \"-2\"; expected microseconds, a number from 0 to 1e9");
    wrong("dense.csv", "layer,tokens,time_us\nqkv_proj,1,2\nqkv_proj,1.5,2\n",
          ":3: column \"tokens\" is \"1.5\"; expected a whole number from 0 to 1e9");
    wrong("dense.csv", "layer,tokens,time_us\nqkv_proj,1,2\nqkv_proj,1,3\n",
          ":3: qkv_proj at 1 tokens was given before, in line 2");
    wrong("per_sequence.csv", "layer,sequences,time_us\n,1,2\n",
          ":2: expected the name of a layer, not \"\"");
    wrong("attention.csv", POINTS "0,0,1,16,8\n0,0,1,16,9\n", ":3: this point was given before, in line 2");
    wrong("attention.csv", POINTS "0,0,1,sixteen,8\n",
          ":2: column \"kv_decode\" is \"sixteen\"; expected a whole number from 0 to 1e9");
    wrong("dense.csv", "layer,tokens,time_us\nqkv_proj,1,2\no_proj,1,2\n",
          ": no down_proj, and there is no moe.csv with the times of experts; half of each layer is missing");
    wrong("moe.csv", "tokens,activated_experts,time_us\n1,0,2\n", ": activated_experts must be at least 1");
    put_small();
    mb_profile *profile;
    mb_error error;
    assert_int_equal(mb_profile_read(folder, 0, &profile, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "say how many layers the model has"));
}

// --- measured tables

static bool measured(const char *file) {
    if (access(file, R_OK) == 0) return true;
    print_message("skipped: no %s\n", file);
    return false;
}

typedef struct point {
    double chunk, prefix, decodes, context, time_us;
} point;

static bool next_point(FILE *file, point *p) {
    char line[200];
    if (!fgets(line, sizeof line, file)) return false;
    return sscanf(line, "%lf,%lf,%lf,%lf,%lf", &p->chunk, &p->prefix, &p->decodes, &p->context,
                  &p->time_us) == 5;
}

static bool power_of_two(double x, double from) {
    const double log = log2(x);
    return x == 0 || (x >= from && log == floor(log));
}

// The tables hold two grids, one over the other: powers of 2, and of 1.5 from 16 and 512 on.
static bool of_the_coarse_grid(const point *p) {
    return power_of_two(p->chunk, 16) && power_of_two(p->prefix, 16) && power_of_two(p->context, 16);
}

typedef struct errors {
    double sum, absolute, worst;
    size_t count;
} errors;

static void add_error(errors *e, double error) {
    e->sum += error;
    e->absolute += fabs(error);
    e->worst = fmax(e->worst, fabs(error));
    e->count++;
}

static double attention_of(const mb_profile *profile, const point *p) {
    const question q = {.chunks = {{(uint32_t)p->chunk, (uint32_t)p->prefix}},
                        .chunk_count = p->chunk > 0,
                        .decodes = (uint32_t)p->decodes,
                        .context = (uint32_t)(p->decodes * p->context)};
    bool extrapolated = false;
    const double time = ask(profile, &q, &extrapolated);
    assert_false(extrapolated);
    return time;
}

// Put the points of one grid, or all, of a measured table into the folder, beside other tables that say 0.
static void put_attention(const char *from, bool coarse_only) {
    put("dense.csv", "layer,tokens,time_us\ndown_proj,1,0\ndown_proj,100000,0\n");
    put("per_sequence.csv", "layer,sequences,time_us\nlm_head,1,0\nlm_head,1000,0\n");
    FILE *in = fopen(from, "r"), *out = fopen(path_of("attention.csv"), "w");
    assert_non_null(in);
    assert_non_null(out);
    char header[200];
    assert_non_null(fgets(header, sizeof header, in));
    fputs(header, out);
    point p;
    while (next_point(in, &p))
        if (!coarse_only || of_the_coarse_grid(&p))
            fprintf(out, "%.0f,%.0f,%.0f,%.0f,%.9g\n", p.chunk, p.prefix, p.decodes, p.context, p.time_us);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

static void measure(const mb_profile *profile, const char *file, bool left_out_only, errors kinds[3]) {
    FILE *in = fopen(file, "r");
    assert_non_null(in);
    char header[200];
    assert_non_null(fgets(header, sizeof header, in));
    point p;
    while (next_point(in, &p))
        if (!left_out_only || !of_the_coarse_grid(&p))
            add_error(&kinds[p.chunk == 0     ? 0
                             : p.decodes == 0 ? 1
                                              : 2],
                      attention_of(profile, &p) / p.time_us - 1);
    fclose(in);
}

// The points themselves come back; those of the finer grid, left out, are predicted from the coarser one.
static void left_out_points(void **state) {
    (void)state;
    static const struct {
        const char *directory;
        double most[3]; // mean absolute error: decodes only, a chunk only, both
    } cases[] = {
        {LLAMA, {0.015, 0.045, 0.04}},
        {MEASURED "RTXPRO6000/Qwen/Qwen3-32B/bf16/tp2", {0.015, 0.06, 0.05}},
    };
    static const char *const names[] = {"decodes", "chunk", "both"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char file[300];
        snprintf(file, sizeof file, "%s/attention.csv", cases[i].directory);
        if (!measured(file)) skip();
        errors exact[3] = {{0}}, out[3] = {{0}};
        put_attention(file, false);
        mb_profile *all = load(folder, 1);
        measure(all, file, false, exact);
        put_attention(file, true);
        mb_profile *coarse = load(folder, 1);
        measure(coarse, file, true, out);
        for (int k = 0; k < 3; k++) {
            assert_true(exact[k].count > 70 && exact[k].worst < 1e-9);
            const double n = (double)out[k].count;
            print_message("%s, %s: %zu left out, bias %+.1f %%, error %.1f %%, worst %.0f %%\n",
                          cases[i].directory + strlen(MEASURED), names[k], out[k].count, 100 * out[k].sum / n,
                          100 * out[k].absolute / n, 100 * out[k].worst);
            assert_true(out[k].count > 70 && out[k].absolute / n < cases[i].most[k]);
        }
        mb_profile_free(all);
        mb_profile_free(coarse);
    }
}

// Whole steps of a measured GPU, the sums made from its files in another language. And by physics: the
// weights (16.06 GB) take 9 ms at least to be read at 1.8 TB/s.
static void a_real_gpu(void **state) {
    (void)state;
    if (!measured(LLAMA "/dense.csv")) skip();
    mb_profile *profile = load(LLAMA, 32);
    bool extrapolated = false;
    static const question steps[] = {
        {{{512, 0}}, .chunk_count = 1, .microseconds = 23744.969390},
        {.decodes = 128, .context = 128 * 512, .microseconds = 19713.483630},
        {{{128, 256}}, .chunk_count = 1, .decodes = 16, .context = 16 * 1024, .microseconds = 16498.830790},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        assert_near(ask(profile, &steps[i], &extrapolated), steps[i].microseconds, 1e-5);
    const question one = {.decodes = 1, .context = 100};
    assert_true(ask(profile, &one, &extrapolated) > 9000 && ask(profile, &one, &extrapolated) < 12500);
    assert_false(extrapolated);
    mb_profile_free(profile);
}

// More work takes longer, but for the noise of measuring: no step of a sweep falls by more than a tenth.
static void more_takes_longer(void **state) {
    (void)state;
    if (!measured(LLAMA "/dense.csv")) skip();
    mb_profile *profile = load(LLAMA, 32);
    bool extrapolated = false;
    double before[3] = {0};
    for (uint32_t i = 1; i < 2000; i++) {
        const question sweeps[3] = {
            {{{i, 0}}, .chunk_count = 1},
            {{{i, 512}}, .chunk_count = 1, .decodes = 40, .context = 40 * 300},
            {.decodes = 1 + i / 16, .context = (1 + i / 16) * i},
        };
        for (int k = 0; k < 3; k++) {
            const double time = ask(profile, &sweeps[k], &extrapolated);
            assert_true(time > 0.9 * before[k]);
            before[k] = time;
        }
    }
    mb_profile_free(profile);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(small_tables, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(experts, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(bad_tables, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(left_out_points, make_folder, remove_folder),
        cmocka_unit_test(a_real_gpu),
        cmocka_unit_test(more_takes_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
