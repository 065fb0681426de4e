// SPDX-License-Identifier: MIT
// All-reduces and corrections beside the operators: values by hand, and malformed files.
#include "model/latency.h"
#include "model/link.h"
#include "model/roofline.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], path[80];

static int make_file(void **state) {
    (void)state;
    strcpy(folder, "/tmp/mbsand-link-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/table.csv", folder);
    return 0;
}

static int remove_file(void **state) {
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void write_file(const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void expect(double seconds, double microseconds) {
    if (!(fabs(1e6 * seconds - microseconds) < 1e-9))
        fail_msg("%.12g us, not %.12g", 1e6 * seconds, microseconds);
}

static mb_link *read_link(uint32_t gpus) {
    mb_link *link;
    mb_error error;
    if (mb_link_read(path, gpus, 6, 50, &link, &error)) fail_msg("%s", error.message); // 100 bytes, 6 a step
    return link;
}

static void test_messages_between_and_beyond(void **state) {
    (void)state;
    write_file("# a machine\ntime_us,gpus,bytes\n30,2,1000\n10,2,100\n50,2,2000\n7,4,100\n");
    mb_link *link = read_link(2);
    bool beyond = false;
    expect(mb_link_seconds(link, 0.5, &beyond), 6 * 10); // the smallest message's
    expect(mb_link_seconds(link, 1, &beyond), 6 * 10);
    expect(mb_link_seconds(link, 5.5, &beyond), 6 * 20);
    expect(mb_link_seconds(link, 20, &beyond), 6 * 50);
    assert_false(beyond);
    expect(mb_link_seconds(link, 40, &beyond), 6 * 90);
    assert_true(beyond);
    mb_link_free(link);
    link = read_link(4);
    beyond = false;
    expect(mb_link_seconds(link, 1, &beyond), 6 * 7);
    mb_link_free(link);
    write_file("bytes,time_us\n100,10\n");
    link = read_link(8); // of any number of GPUs
    expect(mb_link_seconds(link, 1, &beyond), 6 * 10);
    mb_link_free(link);
}

static void refuse(const char *text, const char *complaint, bool corrections) {
    write_file(text);
    mb_error error;
    mb_link *link;
    mb_corrections *read;
    const mb_status status =
        corrections ? mb_corrections_read(path, &read, &error) : mb_link_read(path, 2, 6, 50, &link, &error);
    assert_int_equal(status, MB_BAD_INPUT);
    if (!strstr(error.message, complaint)) fail_msg("\"%s\" lacks \"%s\"", error.message, complaint);
}

static void test_refuses_what_is_no_table(void **state) {
    (void)state;
    refuse("bytes,time_us\n100,10\n100,20\n", ":3: bytes 100 was given before, in line 2", false);
    refuse("bytes,time_us\n100,0\n", "greater than 0 (microseconds)", false);
    refuse("bytes,time_us\n-1,5\n", "0 or more (bytes of the message)", false);
    refuse("bytes,time_us,gpus\n1,5,1\n", "a whole number of GPUs from 2 on", false);
    refuse("bytes,time_us,gpus\n1,5,8\n", "no row of 2 GPUs", false);
    refuse("size,time_us\n1,5\n", "bytes", false);
    refuse("tokens,time_us,prompts\n1,5,3\n", "0 (steps of decodes only), 1", true);
    refuse("tokens,time_us\n1,5\n", "prompts", true);
    refuse("tokens,time_us,prompts\n1,5,1\n1,6,1\n", "tokens 1 was given before, in line 2", true);
}

static void test_corrections_of_kinds_of_steps(void **state) {
    (void)state;
    write_file("prompts,tokens,time_us\n0,10,100\n0,20,-100\n1,100,7\n");
    mb_corrections *c;
    mb_error error;
    if (mb_corrections_read(path, &c, &error)) fail_msg("%s", error.message);
    bool beyond = false;
    expect(mb_corrections_seconds(c, MB_STEP_OF_DECODES, 1, &beyond), 100);
    expect(mb_corrections_seconds(c, MB_STEP_OF_DECODES, 15, &beyond), 0);
    expect(mb_corrections_seconds(c, MB_STEP_OF_BOTH, 50, &beyond), 7);
    expect(mb_corrections_seconds(c, MB_STEP_OF_PROMPTS, 50, &beyond), 7); // nobody told them apart
    assert_false(beyond);
    expect(mb_corrections_seconds(c, MB_STEP_OF_DECODES, 30, &beyond), -100);
    assert_true(beyond);
    mb_corrections_free(c);
    write_file("prompts,tokens,time_us\n1,100,7\n2,100,9\n");
    if (mb_corrections_read(path, &c, &error)) fail_msg("%s", error.message);
    beyond = false;
    expect(mb_corrections_seconds(c, MB_STEP_OF_DECODES, 50, &beyond), 0);
    expect(mb_corrections_seconds(c, MB_STEP_OF_BOTH, 50, &beyond), 7);
    expect(mb_corrections_seconds(c, MB_STEP_OF_PROMPTS, 50, &beyond), 9);
    assert_false(beyond);
    mb_corrections_free(c);
    // Which a step is; ranks that step together have the prompts of all.
    const mb_chunk chunk = {.tokens = 5};
    const mb_step_shape decodes = {.decode_requests = 2, .decode_context = 20},
                        prompts = {.prefill_requests = 1, .prefill_tokens = 5, .chunks = &chunk};
    mb_step_shape both = prompts, beside = decodes;
    both.decode_requests = 1;
    beside.group_prompts = true;
    assert_int_equal(mb_step_kind_of(&decodes), MB_STEP_OF_DECODES);
    assert_int_equal(mb_step_kind_of(&prompts), MB_STEP_OF_PROMPTS);
    assert_int_equal(mb_step_kind_of(&both), MB_STEP_OF_BOTH);
    assert_int_equal(mb_step_kind_of(&beside), MB_STEP_OF_BOTH);
}

// A step is its operators, the messages of its padded tokens, and the correction of its kind; never below 0.
static void test_steps_have_both(void **state) {
    (void)state;
    write_file("bytes,time_us\n100,10\n200,20\n1000,100\n");
    mb_link *link = read_link(2);
    write_file("prompts,tokens,time_us\n0,1,3\n1,1,5\n1,2,-1e6\n");
    mb_corrections *corrections;
    mb_error error;
    if (mb_corrections_read(path, &corrections, &error)) fail_msg("%s", error.message);
    const mb_roofline roofline = {
        .compute = 1, .attention = 1, .bandwidth = 1e6, .kv_bandwidth = 1e6, .weight_bytes = 1000}; // 1 ms
    const uint32_t sizes[] = {2};
    mb_latency latency = {.kind = MB_LATENCY_ROOFLINE,
                          .roofline = &roofline,
                          .link = link,
                          .corrections = corrections,
                          .host_s = 1e-6};
    mb_step_shape shape = {.decode_requests = 1};
    double seconds;
    bool beyond = false;
    assert_int_equal(mb_latency_step(&latency, &shape, NULL, &seconds, &beyond, &error), MB_OK);
    expect(seconds, 1000 + 6 * 10 + 3 + 1);
    latency.graph_sizes = sizes;
    latency.graph_size_count = 1;
    assert_int_equal(mb_latency_step(&latency, &shape, NULL, &seconds, &beyond, &error), MB_OK);
    expect(seconds, 1000 + 6 * 20 + 3 + 1); // two rows, where the corrections end at one
    assert_true(beyond);
    const mb_chunk chunk = {1, 0};
    shape = (mb_step_shape){.prefill_tokens = 1, .prefill_requests = 1, .chunks = &chunk};
    assert_int_equal(mb_latency_step(&latency, &shape, NULL, &seconds, &beyond, &error), MB_OK);
    expect(seconds, 1000 + 6 * 10 + 5 + 1);
    shape.decode_requests = 1;
    assert_int_equal(mb_latency_step(&latency, &shape, NULL, &seconds, &beyond, &error), MB_OK);
    expect(seconds, 1); // the host's, which is no operator
    mb_link_free(link);
    mb_corrections_free(corrections);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_between_and_beyond),
        cmocka_unit_test(test_refuses_what_is_no_table),
        cmocka_unit_test(test_corrections_of_kinds_of_steps),
        cmocka_unit_test(test_steps_have_both),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
