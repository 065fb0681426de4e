// SPDX-License-Identifier: MIT
// Operator profiles: small tables by hand, malformed files, and the measured tables where they are.
#include "model/profile.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static void write_file(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void remove_file(const char *name) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

static const char DENSE[] = "layer,tokens,time_us\n"
                            "embedding,1,10\nembedding,3,20\nlayernorm,1,1\nlayernorm,3,2\n"
                            "down_proj,3,300\ndown_proj,1,100\nfinal_layernorm,1,5\nfinal_layernorm,3,5\n";
static const char SEQUENCE[] =
    "layer,sequences,time_us\r\nlm_head,1,50\r\nlm_head,2,60\r\nsampler,1,5\r\nsampler,2,5\r\n";
static const char ATTENTION[] = "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n"
                                "0,0,1,16,8\n0,0,1,32,12\n0,0,2,16,10\n0,0,2,32,18\n"
                                "2,0,0,0,4\n2,8,0,0,6\n2,0,1,16,11\n2,0,1,32,15\n2,8,1,16,13\n2,8,1,32,17\n"
                                "4,0,0,0,8\n4,8,0,0,16\n4,0,1,16,16\n4,0,1,32,20\n4,8,1,16,24\n4,8,1,32,28\n";

static void write_tables(void) {
    write_file("dense.csv", DENSE);
    write_file("per_sequence.csv", SEQUENCE);
    write_file("attention.csv", ATTENTION);
    remove_file("moe.csv");
}

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/mbsand-profile-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    remove_file("dense.csv");
    remove_file("per_sequence.csv");
    remove_file("attention.csv");
    remove_file("moe.csv");
    return rmdir(folder);
}

static mb_profile *read_tables(uint32_t layers) {
    mb_profile *profile;
    mb_error error;
    const mb_status status = mb_profile_read(folder, layers, (mb_expert_ranks){0}, &profile, &error);
    if (status) fail_msg("%s", error.message);
    return profile;
}

static void expect(const mb_profile *profile, const mb_step_shape *shape, uint32_t padded,
                   double microseconds, bool beyond) {
    bool extrapolated = false;
    const double seconds = mb_profile_seconds(profile, shape, padded, &extrapolated);
    if (!(fabs(1e6 * seconds - microseconds) < 1e-9))
        fail_msg("%.12g us, not %.12g", 1e6 * seconds, microseconds);
    assert_int_equal(extrapolated, beyond);
}

// With 2 layers, dense is 10 + 5 + 2 (2 x 1 + 100) = 219 at 1 token and 20 + 5 + 2 (2 x 2 + 300) = 633 at 3.
static void decodes(void **state) {
    (void)state;
    write_tables();
    mb_profile *profile = read_tables(2);
    mb_step_shape shape = {.decode_requests = 1, .decode_context = 24};
    expect(profile, &shape, 1, 219 + 55 + 2 * 10, false);
    expect(profile, &shape, 2, 426 + 55 + 2 * 10, false); // padded: dense operators only
    shape = (mb_step_shape){.decode_requests = 2, .decode_context = 48};
    expect(profile, &shape, 2, 426 + 65 + 2 * 14, false);
    shape.decode_context = 80; // 40 each: 10 + 8 x 24 / 16
    expect(profile, &shape, 2, 426 + 65 + 2 * 22, true);
    shape = (mb_step_shape){.decode_requests = 3, .decode_context = 72}; // 24 each: 10, 14, so 18
    expect(profile, &shape, 3, 633 + 75 + 2 * 18, true);
    expect(profile, &shape, 4, 840 + 75 + 2 * 18, true); // 207 for each further token
    mb_profile_free(profile);
}

static void chunks(void **state) {
    (void)state;
    write_tables();
    mb_profile *profile = read_tables(2);
    mb_chunk list[2] = {{.tokens = 3, .prefix = 4}};
    mb_step_shape shape = {.prefill_tokens = 3, .prefill_requests = 1, .chunks = list};
    expect(profile, &shape, 0, 633 + 55 + 2 * 8.5, false); // between 5 at 2 tokens and 12 at 4
    list[0].prefix = 16;                                   // 8 and 24
    expect(profile, &shape, 0, 633 + 55 + 2 * 16, true);
    list[0] = (mb_chunk){.tokens = 2};
    shape = (mb_step_shape){.prefill_tokens = 2,
                            .prefill_requests = 1,
                            .decode_requests = 1,
                            .decode_context = 24,
                            .chunks = list};
    expect(profile, &shape, 1, 633 + 65 + 2 * 13, false);
    list[1] = (mb_chunk){.tokens = 1}; // below the smallest chunk: nothing beyond the launch
    shape = (mb_step_shape){.prefill_tokens = 3, .prefill_requests = 2, .chunks = list};
    expect(profile, &shape, 0, 633 + 65 + 2 * 4, false);
    list[1] = (mb_chunk){.tokens = 2, .prefix = 8}; // 6 alone, 2 of it beyond the launch
    shape.prefill_tokens = 4;
    expect(profile, &shape, 0, 840 + 65 + 2 * 6, true);
    mb_profile_free(profile);
}

// One expert of two per token: 2 tokens activate 1.5 on average.
static void experts(void **state) {
    (void)state;
    write_tables();
    write_file("moe.csv", "tokens,activated_experts,time_us\n1,1,7\n2,2,12\n2,1,8\n");
    mb_profile *profile = read_tables(2);
    mb_step_shape shape = {.decode_requests = 1, .decode_context = 24};
    expect(profile, &shape, 1, 219 + 2 * 7 + 55 + 2 * 10, false);
    shape = (mb_step_shape){.decode_requests = 2, .decode_context = 48};
    expect(profile, &shape, 2, 426 + 2 * 10 + 65 + 2 * 14, false); // 10 at 2 tokens, on the line to 13 at 3
    mb_profile_free(profile);
}

// Two ranks share them on two GPUs: at 1 token each, both picks' worth of 1 token falls on a GPU, whose only
// expert is activated with probability 1 - 1/4. The table has 7 us for 1 token of 1 expert, and no fewer.
// At 2 tokens 2 (1 - 1 / 16) / 2 = 0.94 experts: below 1, so 8 us; at 3 it goes on in a line to 9 us.
static void experts_dealt_out(void **state) {
    (void)state;
    write_tables();
    write_file("moe.csv", "tokens,activated_experts,time_us\n1,1,7\n2,2,12\n2,1,8\n");
    mb_profile *profile;
    mb_error error;
    const mb_expert_ranks two = {.gpus = 2, .ranks = 2}, one = {.gpus = 2, .ranks = 1};
    if (mb_profile_read(folder, 2, two, &profile, &error)) fail_msg("%s", error.message);
    mb_step_shape shape = {.decode_requests = 1, .decode_context = 24};
    expect(profile, &shape, 1, 219 + 2 * 7 + 55 + 2 * 10, false);
    shape.group_tokens = 3; // padded to the other rank's tokens, attention and head as they are
    expect(profile, &shape, 1, 633 + 2 * 9 + 55 + 2 * 10, false);
    mb_profile_free(profile);
    // On the two GPUs of one engine: half as many picks on each. 1.5 tokens of 3: between 7 and 8.
    if (mb_profile_read(folder, 2, one, &profile, &error)) fail_msg("%s", error.message);
    expect(profile, &shape, 1, 633 + 2 * 7.5 + 55 + 2 * 10, false);
    mb_profile_free(profile);
    const mb_expert_ranks three = {.gpus = 3, .ranks = 3};
    assert_int_equal(mb_profile_read(folder, 2, three, &profile, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "moe.csv: 2 experts cannot be dealt out to 3 GPUs"));
    remove_file("moe.csv");
    assert_int_equal(mb_profile_read(folder, 2, two, &profile, &error), MB_BAD_INPUT);
    assert_non_null(
        strstr(error.message, "no moe.csv with the times of experts, so cluster.experts has none"));
}

static void rejects(const char *name, const char *text, const char *message) {
    write_tables();
    if (text)
        write_file(name, text);
    else
        remove_file(name);
    mb_profile *profile = (void *)1;
    mb_error error;
    assert_int_equal(mb_profile_read(folder, 2, (mb_expert_ranks){0}, &profile, &error), MB_BAD_INPUT);
    assert_null(profile);
    char start[128];
    snprintf(start, sizeof start, "%s/%s", folder, name);
    assert_ptr_equal(strstr(error.message, start), error.message);
    if (!strstr(error.message, message)) fail_msg("'%s' does not say '%s'", error.message, message);
}

static void malformed(void **state) {
    (void)state;
    rejects("dense.csv", NULL, "cannot be opened");
    rejects("dense.csv", "", "has no rows");
    rejects("dense.csv", "layer,tokens,time_us\n", "has no rows");
    rejects("dense.csv", "tokens,time_us\n1,2\n", ":1: the header has no column \"layer\"");
    rejects("dense.csv", "layer,tokens\na,2\n", ":1: the header has no column \"time_us\"");
    rejects("dense.csv", "layer,tokens,tokens,time_us\na,2,2,2\n",
            ":1: the header has two columns \"tokens\"");
    rejects("dense.csv", "layer,tokens,time_us\na,1\n", ":2: 2 fields, but the header has 3");
    rejects("dense.csv", "layer,tokens,time_us\na,1,nan\n",
            ":2: column \"time_us\" is \"nan\"; expected micro");
    rejects("dense.csv", "layer,tokens,time_us\n\na,1.5,2\n",
            ":3: column \"tokens\" is \"1.5\"; expected a whole");
    rejects("dense.csv", "layer,tokens,time_us\n,1,2\n", ":2: expected the name of a layer");
    rejects("dense.csv", "layer,tokens,time_us\na,1,2\na,1,3\n",
            ":3: a at 1 tokens was given before, in line 2");
    rejects("dense.csv", "layer,tokens,time_us\na,1,2\nb,2,3\n", ":3: b was measured at 2 tokens, a was not");
    rejects("dense.csv", "layer,tokens,time_us\na,1,2\na,2,2\nb,1,3\n", "lacks some of the 2 points");
    rejects("dense.csv", "layer,tokens,time_us\na,1,2\na,2,2\nb,1,3\nc,1,3\nc,2,3\n", "lacks some of the 2");
    rejects("attention.csv", "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,1,16,8\n0,0,1,16,9\n",
            ":3: this point was given before, in line 2");
    rejects("moe.csv", "tokens,activated_experts,time_us\n1,0,8\n", "at least 1");
    rejects("moe.csv", "tokens,activated_experts,time_us\n1,1,8\n1,1,8\n", ":3: 1 tokens, 1 experts");
}

static void needs_layers(void **state) {
    (void)state;
    mb_profile *profile;
    mb_error error;
    assert_int_equal(mb_profile_read(folder, 0, (mb_expert_ranks){0}, &profile, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "how many layers"));
}

// Llama-3.1-8B on an RTX PRO 6000: near, over all decodes of usual contexts, the straight line through its
// steps that was published from elsewhere, 11.283 ms + 41.82 us T + 71.61 ns K.
static void measured(void **state) {
    (void)state;
    static const char where[] =
        "../shared/data/perf/llmservingsim/profile/RTXPRO6000/meta-llama/Llama-3.1-8B/bf16/tp1";
    if (access(where, R_OK) != 0) {
        print_message("# no %s\n", where);
        skip();
    }
    mb_profile *profile;
    mb_error error;
    if (mb_profile_read(where, 32, (mb_expert_ranks){0}, &profile, &error)) fail_msg("%s", error.message);
    double sum = 0;
    int count = 0;
    bool extrapolated = false;
    for (uint32_t n = 1; n <= 128; n++)
        for (uint32_t context = 250; context <= 2000; context += 250, count++) {
            const mb_step_shape shape = {.decode_requests = n, .decode_context = (uint64_t)n * context};
            const double line = 11.283e-3 + 41.82e-6 * n + 71.61e-9 * n * context;
            const double seconds = mb_profile_seconds(profile, &shape, n, &extrapolated);
            assert_true(fabs(seconds / line - 1) < 0.13);
            sum += fabs(seconds / line - 1);
        }
    assert_true(sum / count < 0.035);
    const mb_chunk chunk = {.tokens = 2000};
    const mb_step_shape shape = {.prefill_tokens = 2000, .prefill_requests = 1, .chunks = &chunk};
    const double seconds = mb_profile_seconds(profile, &shape, 0, &extrapolated);
    assert_true(fabs(seconds / (11.283e-3 + 41.82e-6 * 2000) - 1) < 0.15);
    assert_false(extrapolated);
    mb_profile_free(profile);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes),           cmocka_unit_test(chunks),    cmocka_unit_test(experts),
        cmocka_unit_test(experts_dealt_out), cmocka_unit_test(malformed), cmocka_unit_test(measured),
        cmocka_unit_test(needs_layers),
    };
    return cmocka_run_group_tests_name("profile", tests, make_folder, remove_folder);
}
