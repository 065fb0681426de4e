// SPDX-License-Identifier: MIT
// What mbsand fit says of a step log.
#include "fit/report.h"

#include <math.h>
#include <stdio.h>

// Where 95 % of the steps are within the first, the law is called good, beyond the second a miss. (On the
// steps of a replayed run of one GPU 95 % were within 9 %.)
static const double GOOD = 0.05, MISS = 0.15;

enum { FEW_STEPS = 20 };

enum { MOST_NAMED = 10 }; // outliers in a text; JSON and CSV have all

// Steps by size: fewer than 16 tokens, 64, 256, ...
enum { GROUPS = 8, FIRST_GROUP = 16, GROUP_FACTOR = 4 };

typedef struct group {
    double below; // tokens; INFINITY in the last one
    size_t steps;
    double bias, mape; // mean signed and mean absolute relative error
} group;

static double law_time(const mb_step_log *log, const mb_step_fit *fit, size_t i) {
    const mb_logged_step *step = &log->steps[i];
    return mb_step_law_predict(&fit->law, step->tokens, step->context, step->requests);
}

static double step_error(const mb_step_log *log, const mb_step_fit *fit, size_t i) {
    return law_time(log, fit, i) / log->steps[i].time_s - 1;
}

static void gather_groups(const mb_step_log *log, const mb_step_fit *fit, group groups[GROUPS]) {
    double below = FIRST_GROUP;
    for (int g = 0; g < GROUPS; g++, below *= GROUP_FACTOR)
        groups[g] = (group){.below = g + 1 < GROUPS ? below : INFINITY};
    for (size_t i = 0; i < log->count; i++) {
        if (log->steps[i].outlier) continue;
        int g = 0;
        while (log->steps[i].tokens >= groups[g].below)
            g++;
        const double error = step_error(log, fit, i);
        groups[g].steps++;
        groups[g].bias += error;
        groups[g].mape += fabs(error);
    }
    for (int g = 0; g < GROUPS; g++) {
        const double steps = (double)groups[g].steps;
        groups[g].bias = steps > 0 ? groups[g].bias / steps : 0;
        groups[g].mape = steps > 0 ? groups[g].mape / steps : 0;
    }
}

// "16 to 63", or "below 16".
static void name_group(const group *groups, int g, char *text, size_t size) {
    if (g == 0)
        snprintf(text, size, "below %g", groups[g].below);
    else if (isinf(groups[g].below))
        snprintf(text, size, "%g and more", groups[g - 1].below);
    else
        snprintf(text, size, "%g to %g", groups[g - 1].below, groups[g].below - 1);
}

// Steps that were left out, each on a line of its own that begins with `lead`; nothing where none was.
static void add_outliers(mb_strbuf *out, const mb_step_log *log, const mb_step_fit *fit, const char *lead,
                         const char *end) {
    if (fit->outliers == 0) return;
    mb_strbuf_printf(
        out, "%s%zu of %zu steps left out: their times stand out from all others (--keep-all fits them too)",
        lead, fit->outliers, log->count);
    size_t named = 0;
    for (size_t i = 0; i < log->count && named < MOST_NAMED; i++) {
        const mb_logged_step *step = &log->steps[i];
        if (!step->outlier) continue;
        named++;
        mb_strbuf_printf(out, "\n%s  %s:%lu: T = %s, K = %s took %.4g ms, the law says %.4g ms (%+.0f %%)",
                         lead, log->path, step->line, mb_exact(step->tokens).text,
                         mb_exact(step->context).text, 1e3 * step->time_s, 1e3 * law_time(log, fit, i),
                         100 * step_error(log, fit, i));
    }
    if (named < fit->outliers) mb_strbuf_printf(out, "\n%s  and %zu more", lead, fit->outliers - named);
    mb_strbuf_add(out, end);
}

static void add_verdict(mb_strbuf *out, const mb_step_log *log, const mb_step_fit *fit) {
    const double p95 = 100 * fit->p95;
    if (fit->steps < FEW_STEPS)
        mb_strbuf_printf(out, "%zu steps say little of how good the law is. Measure more.", fit->steps);
    else if (fit->p95 <= GOOD)
        mb_strbuf_printf(out, "The law is within %.1f %% of 95 %% of the steps.", p95);
    else if (fit->p95 <= MISS)
        mb_strbuf_printf(out, "The law is within %.1f %% of 95 %% of the steps, farthest off in line %lu.",
                         p95, log->steps[fit->worst_step].line);
    else
        mb_strbuf_printf(out,
                         "The law misses one step in twenty by more than %.0f %%: see which sizes above, and "
                         "use latency.profile or latency.custom if they matter.",
                         p95);
    const mb_step_law *law = &fit->law;
    if (!log->has_requests)
        mb_strbuf_add(out, " There is no column requests: per_request is held at 0.");
    else if (!fit->requests_known)
        mb_strbuf_add(out,
                      " In these steps requests follow from the other columns: per_request is held at 0.");
    static const char *const NAMES[] = {"base", "per_token", "per_context", "per_request"};
    const double values[] = {law->base_s, law->per_token_s, law->per_context_s, law->per_request_s};
    for (int i = 0; i < (fit->requests_known ? 4 : 3); i++)
        if (values[i] == 0)
            mb_strbuf_printf(out, " %s is held at 0: a negative one would fit better.", NAMES[i]);
}

static void add_coefficients(mb_strbuf *out, const mb_step_fit *fit) {
    const mb_step_law *law = &fit->law;
    mb_strbuf_printf(out, "base = %s, per_token = %s, per_context = %s", mb_exact(law->base_s).text,
                     mb_exact(law->per_token_s).text, mb_exact(law->per_context_s).text);
    if (fit->requests_known) mb_strbuf_printf(out, ", per_request = %s", mb_exact(law->per_request_s).text);
    mb_strbuf_printf(out, ", max_tokens = %s, max_context = %s", mb_exact(law->max_tokens).text,
                     mb_exact(law->max_context).text);
    if (!law->split) return;
    mb_strbuf_printf(out, ", prompts = { base = %s, per_token = %s, per_context = %s, per_request = %s }",
                     mb_exact(law->prompts.base_s).text, mb_exact(law->prompts.per_token_s).text,
                     mb_exact(law->prompts.per_context_s).text, mb_exact(law->prompts.per_request_s).text);
}

// The second regime, as a sentence.
static void add_split(mb_strbuf *out, const mb_step_fit *fit) {
    const mb_step_coefficients *p = &fit->law.prompts;
    if (fit->law.split)
        mb_strbuf_printf(out,
                         "Above: steps of decodes only. Steps with prompts: %.5g ms + %.5g us T + %.5g ns K "
                         "+ %.5g us B.\n\n",
                         1e3 * p->base_s, 1e6 * p->per_token_s, 1e9 * p->per_context_s,
                         1e6 * p->per_request_s);
}

static void add_paste_line(mb_strbuf *out, const mb_step_fit *fit) {
    mb_strbuf_add(out, "latency = latency.step{ ");
    add_coefficients(out, fit);
    mb_strbuf_add(out, " }");
}

// Names and values of the report's upper part, which table and Markdown share.
typedef struct fact {
    const char *name, *note;
    char value[128];
} fact;

enum { FACTS = 9 };

static void gather(const mb_step_log *log, const mb_step_fit *fit, fact facts[FACTS]) {
    const mb_step_law *law = &fit->law;
    static const char *const NAMES[FACTS][2] = {
        {"base", "of every step"},
        {"per_token", "computed by the step"},
        {"per_context", "read by its decodes"},
        {"per_request", "in the step"},
        {"R2", "share of the variance explained, in seconds"},
        {"MAPE", "mean error of a step"},
        {"p95", "error that 95 % of the steps stay within"},
        {"held out", "mean error where each fifth of the steps is predicted from the others"},
        {"worst", ""},
    };
    for (int i = 0; i < FACTS; i++)
        facts[i] = (fact){.name = NAMES[i][0], .note = NAMES[i][1]};
    const size_t size = sizeof facts->value;
    snprintf(facts[0].value, size, "%.5g ms", 1e3 * law->base_s);
    snprintf(facts[1].value, size, "%.5g us per token", 1e6 * law->per_token_s);
    snprintf(facts[2].value, size, "%.5g ns per token", 1e9 * law->per_context_s);
    snprintf(facts[3].value, size, fit->requests_known ? "%.5g us per request" : "0 (not known)",
             1e6 * law->per_request_s);
    snprintf(facts[4].value, size, "%.5f", fit->r_squared);
    snprintf(facts[5].value, size, "%.2f %%", 100 * fit->mape);
    snprintf(facts[6].value, size, "%.2f %%", 100 * fit->p95);
    if (isnan(fit->held_out_mape))
        snprintf(facts[7].value, size, "too few steps");
    else
        snprintf(facts[7].value, size, "%.2f %%", 100 * fit->held_out_mape);
    const mb_logged_step *worst = &log->steps[fit->worst_step];
    snprintf(facts[8].value, size, "%+.1f %% in line %lu (T = %s, K = %s)", 100 * fit->worst, worst->line,
             mb_exact(worst->tokens).text, mb_exact(worst->context).text);
}

static void add_source(mb_strbuf *out, const mb_step_log *log, const mb_step_fit *fit, mb_fit_weight weight) {
    mb_strbuf_printf(out, "%s: %zu steps, up to %s tokens and %s tokens of context; least squares on %s",
                     log->path, fit->steps, mb_exact(fit->law.max_tokens).text,
                     mb_exact(fit->law.max_context).text,
                     weight == MB_FIT_RELATIVE ? "relative errors" : "seconds");
    if (log->note) mb_strbuf_printf(out, "; %s", log->note);
}

static void add_table(mb_strbuf *out, const mb_step_log *log, const mb_step_fit *fit, mb_fit_weight weight) {
    fact facts[FACTS];
    group groups[GROUPS];
    gather(log, fit, facts);
    gather_groups(log, fit, groups);
    add_source(out, log, fit, weight);
    mb_strbuf_add(out, "\n\nt = base + per_token T + per_context K + per_request B\n\n");
    for (int i = 0; i < FACTS; i++) {
        if (*facts[i].note)
            mb_strbuf_printf(out, "  %-11s %-22s  %s\n", facts[i].name, facts[i].value, facts[i].note);
        else
            mb_strbuf_printf(out, "  %-11s %s\n", facts[i].name, facts[i].value);
    }
    mb_strbuf_add(out, "\n");
    add_split(out, fit);
    mb_strbuf_add(out, "Error of the law by size of the step, % (+: slower than measured)\n\n");
    mb_strbuf_printf(out, "%18s %8s %8s %8s\n", "tokens", "steps", "bias", "MAPE");
    for (int g = 0; g < GROUPS; g++) {
        char name[48];
        if (groups[g].steps == 0) continue;
        name_group(groups, g, name, sizeof name);
        mb_strbuf_printf(out, "%18s %8zu %+8.1f %8.1f\n", name, groups[g].steps, 100 * groups[g].bias,
                         100 * groups[g].mape);
    }
    mb_strbuf_add(out, "\n");
    add_outliers(out, log, fit, "", "\n\n");
    add_verdict(out, log, fit);
    mb_strbuf_add(out, "\n\n");
    add_paste_line(out, fit);
    mb_strbuf_add(out, "\n");
}

static void add_md(mb_strbuf *out, const mb_step_log *log, const mb_step_fit *fit, mb_fit_weight weight) {
    fact facts[FACTS];
    group groups[GROUPS];
    gather(log, fit, facts);
    gather_groups(log, fit, groups);
    add_source(out, log, fit, weight);
    mb_strbuf_add(out, "\n\n| | value | |\n| --- | --- | --- |\n");
    for (int i = 0; i < FACTS; i++)
        mb_strbuf_printf(out, "| %s | %s | %s |\n", facts[i].name, facts[i].value, facts[i].note);
    mb_strbuf_add(out, "\n");
    add_split(out, fit);
    mb_strbuf_add(out, "Error of the law by size of the step, % (+: slower than measured):\n\n"
                       "| tokens | steps | bias | MAPE |\n| ---: | ---: | ---: | ---: |\n");
    for (int g = 0; g < GROUPS; g++) {
        char name[48];
        if (groups[g].steps == 0) continue;
        name_group(groups, g, name, sizeof name);
        mb_strbuf_printf(out, "| %s | %zu | %+.1f | %.1f |\n", name, groups[g].steps, 100 * groups[g].bias,
                         100 * groups[g].mape);
    }
    mb_strbuf_add(out, "\n");
    add_outliers(out, log, fit, "    ", "\n\n");
    add_verdict(out, log, fit);
    mb_strbuf_add(out, "\n\n```lua\n");
    add_paste_line(out, fit);
    mb_strbuf_add(out, "\n```\n");
}

static void add_csv(mb_strbuf *out, const mb_step_log *log, const mb_step_fit *fit) {
    mb_strbuf_printf(out, "tokens,context,%stime_s,law_s,relative_error,line,outlier\n",
                     log->has_requests ? "requests," : "");
    for (size_t i = 0; i < log->count; i++) {
        const mb_logged_step *step = &log->steps[i];
        mb_strbuf_printf(out, "%s,%s,", mb_exact(step->tokens).text, mb_exact(step->context).text);
        if (log->has_requests) mb_strbuf_printf(out, "%s,", mb_exact(step->requests).text);
        mb_strbuf_printf(out, "%s,%s,%.6g,%lu,%d\n", mb_exact(step->time_s).text,
                         mb_exact(law_time(log, fit, i)).text, step_error(log, fit, i), step->line,
                         step->outlier);
    }
}

static json_t *groups_to_json(const mb_step_log *log, const mb_step_fit *fit) {
    group groups[GROUPS];
    gather_groups(log, fit, groups);
    json_t *list = json_array();
    for (int g = 0; g < GROUPS; g++) {
        if (groups[g].steps == 0) continue;
        json_t *one =
            json_pack("{s:f, s:o, s:I, s:f, s:f}", "from_tokens", g ? groups[g - 1].below : 0.0,
                      "below_tokens", isinf(groups[g].below) ? json_null() : json_real(groups[g].below),
                      "steps", (json_int_t)groups[g].steps, "bias", groups[g].bias, "mape", groups[g].mape);
        if (!one || json_array_append_new(list, one)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *outliers_to_json(const mb_step_log *log, const mb_step_fit *fit) {
    json_t *list = json_array();
    for (size_t i = 0; i < log->count; i++) {
        const mb_logged_step *step = &log->steps[i];
        if (!step->outlier) continue;
        json_t *one = json_pack("{s:I, s:f, s:f, s:f, s:f, s:f}", "line", (json_int_t)step->line, "tokens",
                                step->tokens, "context", step->context, "time_s", step->time_s, "law_s",
                                law_time(log, fit, i), "relative_error", step_error(log, fit, i));
        if (!one || json_array_append_new(list, one)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *to_json(const mb_step_log *log, const mb_step_fit *fit, mb_fit_weight weight) {
    mb_strbuf verdict = {0}, lua = {0};
    add_verdict(&verdict, log, fit);
    add_paste_line(&lua, fit);
    json_t *path = json_string(log->path);
    if (!path) path = json_null(); // a file name that is not UTF-8
    json_t *held_out = isnan(fit->held_out_mape) ? json_null() : json_real(fit->held_out_mape);
    json_t *groups = groups_to_json(log, fit), *outliers = outliers_to_json(log, fit);
    json_t *root = NULL;
    if (verdict.failed || lua.failed || !held_out || !groups || !outliers) {
        json_decref(outliers);
        json_decref(path);
        json_decref(held_out);
        json_decref(groups);
    } else {
        const mb_step_law *law = &fit->law;
        const mb_logged_step *worst = &log->steps[fit->worst_step];
        root = json_pack(
            "{s:o, s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:b, s:f, s:f, s:f, s:o, s:{s:I, s:f, s:f, s:f}, "
            "s:s, s:s, s:o, s:o}",
            "log", path, "weight", weight == MB_FIT_RELATIVE ? "relative" : "absolute", "steps",
            (json_int_t)fit->steps, "max_tokens", law->max_tokens, "max_context", law->max_context, "base_s",
            law->base_s, "per_token_s", law->per_token_s, "per_context_s", law->per_context_s,
            "per_request_s", law->per_request_s, "requests_known", fit->requests_known, "r_squared",
            fit->r_squared, "mape", fit->mape, "p95", fit->p95, "held_out_mape", held_out, "worst", "line",
            (json_int_t)worst->line, "tokens", worst->tokens, "context", worst->context, "relative_error",
            fit->worst, "verdict", verdict.text, "lua", lua.text, "by_tokens", groups, "outliers", outliers);
    }
    mb_strbuf_deinit(&verdict);
    mb_strbuf_deinit(&lua);
    if (root && log->note && json_object_set_new(root, "note", json_string(log->note))) {
        json_decref(root);
        return NULL;
    }
    return root;
}

void mb_step_fit_lua(mb_strbuf *out, const mb_step_log *log, const mb_step_fit *fit, mb_fit_weight weight) {
    mb_strbuf_add(out, "-- Step law fitted by mbsand fit. In a scenario: latency = latency.step(dofile "
                       "\"THIS FILE\")\n-- ");
    mb_strbuf source = {0};
    add_source(&source, log, fit, weight);
    mb_add_comment(out, &source);
    mb_strbuf_printf(out, ".\n-- R2 %.5f, MAPE %.2f %%, 95 %% of the steps within %.2f %%.\n", fit->r_squared,
                     100 * fit->mape, 100 * fit->p95);
    if (fit->outliers > 0)
        mb_strbuf_printf(out, "-- %zu of %zu steps left out: their times stand out from all others.\n",
                         fit->outliers, log->count);
    mb_strbuf_add(out, "return { ");
    add_coefficients(out, fit);
    mb_strbuf_add(out, " }\n");
}

void mb_step_fit_report(mb_strbuf *out, mb_fit_format format, const mb_step_log *log, const mb_step_fit *fit,
                        mb_fit_weight weight) {
    switch (format) {
    case MB_FIT_AS_JSON:
        mb_add_json(out, to_json(log, fit, weight));
        break;
    case MB_FIT_AS_CSV:
        add_csv(out, log, fit);
        break;
    case MB_FIT_AS_MD:
        add_md(out, log, fit, weight);
        break;
    case MB_FIT_AS_TABLE:
        add_table(out, log, fit, weight);
        break;
    }
}
