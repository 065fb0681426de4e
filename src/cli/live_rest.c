// SPDX-License-Identifier: MIT
#include "cli/live_rest.h"

#include "base/strbuf.h"
#include "report/files.h"

enum { EIGHT = 8, OFTEN = 8 };

void mb_live_rest_add(mb_live_rest *rest, const mb_step_shape *shape, double seconds) {
    const mb_step_kind kind = mb_step_kind_of(shape);
    const uint64_t tokens = shape->prefill_tokens + shape->decode_requests,
                   size = kind == MB_STEP_OF_DECODES ? tokens : tokens / EIGHT;
    const size_t at = size < MB_LIVE_REST_SIZES ? (size_t)size : MB_LIVE_REST_SIZES - 1;
    rest->of[kind][at].tokens += (double)tokens;
    rest->of[kind][at].seconds += seconds;
    rest->of[kind][at].steps++;
}

static void add_row(mb_strbuf *text, int kind, double tokens, double seconds, double steps) {
    mb_strbuf_printf(text, "%d,%.6g,%.6g\n", kind, tokens / steps, 1e6 * seconds / steps);
}

mb_status mb_live_rest_write(const mb_live_rest *rest, const char *path, mb_error *error) {
    mb_strbuf text = {0};
    mb_strbuf_add(&text, "prompts,tokens,time_us\n");
    for (int kind = 0; kind < MB_STEP_KINDS; kind++) {
        double tokens = 0, seconds = 0, steps = 0;
        bool written = false;
        for (size_t i = 0; i < MB_LIVE_REST_SIZES; i++) {
            const double count = (double)rest->of[kind][i].steps;
            tokens += rest->of[kind][i].tokens;
            seconds += rest->of[kind][i].seconds;
            steps += count;
            if (count < OFTEN) continue;
            add_row(&text, kind, rest->of[kind][i].tokens, rest->of[kind][i].seconds, count);
            written = true;
        }
        if (!written && steps > 0) add_row(&text, kind, tokens, seconds, steps);
    }
    const mb_status status = text.failed ? mb_fail_memory(error) : mb_output_text(path, &text, error);
    mb_strbuf_deinit(&text);
    return status;
}
