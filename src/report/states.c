// SPDX-License-Identifier: MIT
#include "report/states.h"

#include "report/format.h"

#include <math.h>

#define WORTH_SAYING 0.05 // of a request's memory

static double value_of(const mb_outcome *outcome, const char *measure) {
    return outcome->values[mb_measure_index(measure)];
}

// Prompt and answer of a request of this point in the mean; NAN: none was served.
static double mean_tokens(const mb_results *results, size_t point) {
    for (size_t policy = 0; policy < mb_results_section(results)->points[point].experiment.policy_count;
         policy++) {
        const mb_outcome *outcome = mb_results_at(results, point, policy, 0);
        const double served = value_of(outcome, "throughput_rps");
        if (outcome->finished && served > 0) return value_of(outcome, "total_tps") / served;
    }
    return NAN;
}

static void describe(const mb_group *group, double tokens, mb_strbuf *text) {
    const mb_request_kv *r = &group->request_kv;
    if (r->window <= 0 && r->state <= 0) return; // its layers are alike, and blocks are counted here as there
    const double here = r->token * tokens;
    const double prompt = mb_request_kv_bytes(r, tokens, r->step_tokens) / here,
                 answer = mb_request_kv_bytes(r, tokens, 1) / here;
    if (fabs(prompt - 1) < WORTH_SAYING && fabs(answer - 1) < WORTH_SAYING) return;
    char texts[3][MB_TEXT_SIZE];
    mb_digits(texts[0], MB_TEXT_SIZE, round(tokens), 12);
    mb_digits(texts[1], MB_TEXT_SIZE, prompt, 3);
    mb_digits(texts[2], MB_TEXT_SIZE, answer, 3);
    mb_strbuf_printf(text,
                     "the KV memory planned for %s counts tokens of all its layers alike; in an engine a "
                     "request with %s tokens, the mean here at the end of one, takes %s times as much",
                     group->model, texts[0], texts[1]);
    if (r->window > 0 && prompt != answer)
        mb_strbuf_printf(text, " while its prompt is computed and %s times as much after that", texts[2]);
    mb_strbuf_printf(text, ": it has room for %s at once (mbsand plan says for how many)",
                     fmin(prompt, answer) > 1 - WORTH_SAYING   ? "fewer"
                     : fmax(prompt, answer) < 1 + WORTH_SAYING ? "more"
                                                               : "fewer prompts and for more answers");
}

void mb_say_states(const mb_results *results, mb_strbuf *text) {
    const mb_section *section = mb_results_section(results);
    for (size_t i = 0; i < section->point_count; i++) {
        const mb_experiment *experiment = &section->points[i].experiment;
        for (size_t g = 0; g < experiment->group_count && !text->length; g++) {
            const double tokens = experiment->groups[g].request_kv.token > 0 ? mean_tokens(results, i) : NAN;
            if (tokens > 0) describe(&experiment->groups[g], tokens, text);
        }
    }
}
