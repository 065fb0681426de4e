// SPDX-License-Identifier: MIT
#include "scenario/scenario_describe.h"

// " + 5.742 ms L": a term of a law, with four digits.
static void add_term(mb_strbuf *text, const char *before, double value, const char *unit) {
    mb_strbuf_add(text, before);
    mb_strbuf_digits(text, value, 4);
    mb_strbuf_add(text, unit);
}

void mb_scenario_describe_latency(const mb_group *group, mb_strbuf *text) {
    const mb_latency *latency = &group->latency;
    if (latency->kind == MB_LATENCY_BATCH) {
        add_term(text, "batch law ", 1e3 * latency->law.alpha_s, " ms");
        add_term(text, " + ", 1e3 * latency->law.beta_s_per_token, " ms L");
        mb_strbuf_add(text, " (1 + ");
        mb_strbuf_digits(text, latency->law.gamma, 3);
        mb_strbuf_add(text, " (b-1)/b)");
        if (latency->tbt_s > 0) add_term(text, " seen as a token every ", 1e3 * latency->tbt_s, " ms");
    } else if (latency->kind == MB_LATENCY_STEP) {
        add_term(text, "steps of ", 1e3 * (latency->step.base_s + latency->host_s), " ms");
        add_term(text, " + ", 1e6 * latency->step.per_token_s, " us T");
        add_term(text, " + ", 1e9 * latency->step.per_context_s, " ns K");
    } else if (latency->kind == MB_LATENCY_PROFILE)
        add_term(text, "profiled steps and ", 1e3 * latency->host_s, " ms of host");
    else if (latency->kind == MB_LATENCY_CUSTOM)
        mb_strbuf_add(text, "steps timed by a function");
    else if (latency->kind == MB_LATENCY_ROOFLINE)
        mb_strbuf_add(text, "steps timed by a roofline");
    else if (latency->kind == MB_LATENCY_TABLE)
        mb_strbuf_printf(text, "table of %zu x %zu times", group->grid->batch_count,
                         group->grid->length_count);
    else
        mb_strbuf_add(text, "given service times");
    if (latency->noise > 0) mb_strbuf_printf(text, " with noise %.3g", latency->noise);
}
