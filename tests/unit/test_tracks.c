// SPDX-License-Identifier: MIT
// The bound of a timeline: when enough events are written its window ends, and memory stays that of requests
// in flight.
#include "tracks/tracks.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *text_of(FILE *file) {
    static char text[1 << 16];
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    return text;
}

static size_t count_of(const char *text, const char *word) {
    size_t count = 0;
    while ((text = strstr(text, word))) {
        count++;
        text += strlen(word);
    }
    return count;
}

// Request number i comes at i and is served from i to i + 1, alone.
static void serve(const mb_observer *observer, uint64_t id) {
    const double at = (double)id;
    const mb_request request = {
        .id = id, .arrival_s = at, .start_s = at, .prompt_tokens = 1, .output_tokens = 1};
    mb_error error;
    observer->taken(observer->self, &(mb_taken){.time_s = at, .id = id, .queue = MB_NONE});
    observer->held(observer->self, at, at + 1, 0, 1);
    assert_int_equal(observer->batch(observer->self,
                                     &(mb_batch_record){.steps = 1,
                                                        .batch = (uint32_t)id + 1,
                                                        .start_s = at,
                                                        .end_s = at + 1,
                                                        .requests = 1,
                                                        .longest_tokens = 2},
                                     &error),
                     MB_OK);
    assert_int_equal(
        observer->member(observer->self,
                         &(mb_member_record){.batch = (uint32_t)id + 1, .id = id, .prompt_tokens = 1},
                         &error),
        MB_OK);
    assert_int_equal(
        observer->finished(
            observer->self,
            &(mb_finished){.request = &request, .first_token_s = at + 1, .end_s = at + 1, .why = "done"},
            &error),
        MB_OK);
}

static void bounded(void **state) {
    (void)state;
    FILE *file = tmpfile();
    mb_tracks *tracks = mb_tracks_new(
        &(mb_tracks_options){
            .name = "p", .process = 1, .replicas = 1, .unlimited = true, .to_s = INFINITY, .most = 40},
        file);
    const mb_observer observer = mb_tracks_observer(tracks);
    for (uint64_t i = 0; i < 10000; i++)
        serve(&observer, i);
    double cut_s;
    mb_error error;
    assert_int_equal(mb_tracks_end(tracks, &cut_s, &error), MB_OK);
    const char *text = text_of(file);
    assert_true(cut_s > 2 && cut_s < 20);
    // A slice for each of those that began before the window ended, and each has its life.
    assert_int_equal(count_of(text, "\"ph\":\"X\""), (size_t)cut_s + 1);
    assert_int_equal(count_of(text, "\"ph\":\"b\""), count_of(text, "\"ph\":\"e\""));
    assert_true(count_of(text, "\n") < 60);
    fclose(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
