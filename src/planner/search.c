// SPDX-License-Identifier: MIT
// mbsand plan --slo: the cheapest configuration whose simulation meets the SLO.
#include "planner/search.h"

#include "base/paths.h"
#include "planner/found.h"
#include "planner/gpu_list.h"
#include "planner/sets.h"
#include "run/experiment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_REPLICAS = 1024 };

// --- the SLO
// ---------------------------------------------------------------------------------------------------

static mb_status parse_limit(const char *text, size_t length, mb_plan_limit *l, mb_error *error) {
    char item[96], name[64];
    snprintf(item, sizeof item, "%.*s", (int)(length < sizeof item ? length : sizeof item - 1), text);
    char *sign = strpbrk(item, "<>");
    char *end = NULL;
    if (sign && sign[1] == '=') {
        l->at_least = *sign == '>';
        l->value = strtod(sign + 2, &end);
        *sign = '\0';
    }
    if (!end || end == sign + 2 || *end != '\0' || !isfinite(l->value))
        return mb_fail(error, MB_BAD_INPUT, "plan: --slo: '%.*s' is not MEASURE<=NUMBER, as in ttft_p99<=0.5",
                       (int)length, text);
    l->measure = mb_measure_index(item);
    snprintf(name, sizeof name, "%.60s_s", item);
    if (l->measure < 0) l->measure = mb_measure_index(name);
    if (l->measure >= 0) return MB_OK;
    const char *names[MB_MEASURE_COUNT];
    for (int i = 0; i < MB_MEASURE_COUNT; i++)
        names[i] = mb_measures[i].name;
    const char *near = mb_nearest_word(name, names, MB_MEASURE_COUNT);
    return mb_fail(error, MB_BAD_INPUT, "plan: --slo: there is no measure '%.60s'%s%s%s", item,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static mb_status parse_limits(mb_plan_found *s, mb_error *error) {
    for (const char *at = s->options->slo;; at++) {
        const size_t length = strcspn(at, ",");
        if (s->limit_count == MB_PLAN_MOST_LIMITS)
            return mb_fail(error, MB_BAD_INPUT, "plan: --slo takes at most %d conditions",
                           MB_PLAN_MOST_LIMITS);
        const mb_status status = parse_limit(at, length, &s->limits[s->limit_count++], error);
        at += length;
        if (status || *at == '\0') return status;
    }
}

// --- one simulation
// ------------------------------------------------------------------------------------------

static void judge(const mb_plan_found *s, const mb_results *results, mb_plan_tried *t) {
    const uint32_t seeds = mb_results_section(results)->points[0].experiment.seeds;
    t->meets = true;
    t->served = 1;
    const int share = mb_measure_index("served_share");
    const int cost = mb_measure_index("usd_per_mtok");
    for (uint32_t seed = 0; seed < seeds; seed++) {
        const mb_outcome *outcome = mb_results_at(results, 0, 0, seed);
        t->usd_per_mtok += outcome->values[cost] / seeds;
        if (!(outcome->values[share] >= t->served)) t->served = outcome->values[share];
        for (size_t i = 0; i < s->limit_count; i++) {
            const mb_plan_limit *l = &s->limits[i];
            const double value = outcome->values[l->measure];
            const bool worse = seed == 0 || (l->at_least ? value < t->values[i] : value > t->values[i]);
            if (worse || isnan(value)) t->values[i] = value;
            t->meets = t->meets && (l->at_least ? value >= l->value : value <= l->value);
        }
    }
    t->meets = t->meets && t->served == 1; // who is turned away is not served in time
}

static const mb_error *first_failure(const mb_results *results) {
    for (size_t i = 0; i < results->count; i++)
        if (!results->outcomes[i].finished && results->outcomes[i].error) return results->outcomes[i].error;
    return NULL;
}

static void add_workload(const mb_plan_found *s, mb_plan_sets *sets) {
    const mb_plan_options *o = s->options;
    const double shares[] = {1, 0.6065306597126334}; // median of a log-normal with sigma 1, of its mean
    static const char *const keys[2][2] = {{"workload.prompt.mean", "workload.prompt.median"},
                                           {"workload.output.mean", "workload.output.median"}};
    for (int i = 0; i < 4 && sets->count < MB_PLAN_MOST_SETS; i++) {
        mb_strbuf set = {0};
        mb_strbuf_printf(&set, "%s=%.17g", keys[i / 2][i % 2],
                         (i / 2 ? o->output : o->prompt) * shares[i % 2]);
        if (!set.failed) sets->items[sets->count++] = set.text;
    }
    mb_strbuf set = {0};
    mb_strbuf_printf(&set, "workload.arrivals.rate=%.17g", o->rate);
    if (!set.failed && sets->count < MB_PLAN_MOST_SETS) sets->items[sets->count++] = set.text;
}

static mb_status simulate(mb_plan_found *s, mb_plan_tried *t, const char *gpu_name, mb_error *error) {
    mb_plan_sets sets;
    mb_plan_sets_make(s->options, gpu_name, t->tp, t->replicas, &sets);
    add_workload(s, &sets);
    mb_overrides overrides = {.sets = (const char *const *)sets.items, .set_count = sets.count};
    for (size_t i = 0; i < s->limit_count; i++)
        overrides.wants[s->limits[i].measure] = true;
    mb_scenario *scenario = NULL;
    mb_results results = {0};
    const atomic_bool never = false;
    const mb_run_options run = {.stop = &never};
    mb_status status = mb_scenario_load(s->template, &overrides, &scenario, error);
    if (!status) status = mb_run_section(scenario, 0, &run, &results, error);
    const mb_error *failure = status ? NULL : first_failure(&results);
    if (failure) {
        *error = *failure;
        status = failure->status;
    }
    if (!status) judge(s, &results, t);
    mb_results_deinit(&results);
    mb_scenario_free(scenario);
    mb_plan_sets_deinit(&sets);
    return status;
}

// --- the search
// ----------------------------------------------------------------------------------------------

static double best_price(const mb_plan_found *s) {
    return s->best == SIZE_MAX ? INFINITY : s->tried[s->best].usd_per_hour;
}

static mb_status try_one(mb_plan_found *s, const mb_gpu *gpu, const char *name, double price, uint32_t tp,
                         uint32_t replicas, bool *meets, mb_error *error) {
    if (s->count == MB_PLAN_MOST_TRIED)
        return mb_fail(error, MB_FAILED, "plan: more than %d configurations", MB_PLAN_MOST_TRIED);
    mb_plan_tried *t = &s->tried[s->count];
    *t = (mb_plan_tried){.gpu = gpu, .tp = tp, .replicas = replicas, .usd_per_hour = price * tp * replicas};
    const mb_status status = simulate(s, t, name, error);
    if (status) return status;
    *meets = t->meets;
    if (t->meets && t->usd_per_hour < best_price(s)) s->best = s->count;
    s->count++;
    return MB_OK;
}

// Whether anything that the SLO asks for and a configuration misses changed by more than a hundredth from one
// number of replicas to the next. (An overloaded one may get worse before it gets better.)
static bool changed(const mb_plan_found *s, const mb_plan_tried *before, const mb_plan_tried *after) {
    for (size_t i = 0; i < s->limit_count; i++) {
        const double old = before->values[i], now = after->values[i];
        const bool missed = s->limits[i].at_least ? now < s->limits[i].value : now > s->limits[i].value;
        if (missed && fabs(now - old) > 0.01 * fabs(old)) return true;
    }
    return false;
}

// The fewest replicas that meet the SLO, by doubling and halving: more replicas never serve worse. Gives up
// where even one more would cost more than the best so far, or where doubling does not help.
static mb_status search_replicas(mb_plan_found *s, const mb_gpu *gpu, const char *name, double price,
                                 uint32_t tp, mb_error *error) {
    uint32_t low = 0, high = 1; // low does not meet it
    bool meets = false;
    for (;;) {
        if (price * tp * high >= best_price(s) || high > MOST_REPLICAS) return MB_OK;
        const mb_status status = try_one(s, gpu, name, price, tp, high, &meets, error);
        if (status) return status;
        if (meets) break;
        if (low > 0 && !changed(s, &s->tried[s->count - 2], &s->tried[s->count - 1])) return MB_OK;
        low = high;
        high *= 2;
    }
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        const mb_status status = try_one(s, gpu, name, price, tp, middle, &meets, error);
        if (status) return status;
        if (meets)
            high = middle;
        else
            low = middle;
    }
    return MB_OK;
}

static mb_status search_gpu(mb_plan_found *s, const mb_gpu *gpu, const char *name, mb_error *error) {
    const mb_plan_options *o = s->options;
    const double price = isnan(o->price) ? gpu->usd_per_hour : o->price;
    if (isnan(price)) {
        s->without_price++;
        return MB_OK;
    }
    const uint32_t most = o->per_node ? o->per_node : gpu->per_node;
    bool fits = false;
    for (uint32_t tp = 1; tp <= most; tp *= 2) {
        mb_plan plan = o->plan;
        plan.gpu = gpu;
        plan.tp = tp;
        plan.batch = 1;
        plan.context = (uint64_t)(o->prompt + o->output);
        if (!mb_plan_divides(&plan, tp) || !mb_budget_of(&plan).fits || (tp > 1 && gpu->link <= 0)) continue;
        fits = true;
        const mb_status status = search_replicas(s, gpu, name, price, tp, error);
        if (status) return status;
    }
    s->too_small += !fits;
    return MB_OK;
}

// --- all
// ------------------------------------------------------------------------------------------------------

mb_status mb_plan_cheapest(const mb_plan_options *options, mb_strbuf *out, mb_strbuf *notes, bool *met,
                           mb_error *error) {
    mb_gpu_list gpus;
    mb_plan_found *s = calloc(1, sizeof *s);
    if (!s) return mb_fail_memory(error);
    s->options = options;
    s->best = SIZE_MAX;
    s->template = mb_paths_join(options->root, "lua/mbsand/plan_capacity.lua");
    mb_status status = s->template ? parse_limits(s, error) : mb_fail_memory(error);
    const mb_status opened = mb_gpu_list_open(options->root, options->gpu, &gpus, error);
    if (!status) status = opened;
    for (size_t i = 0; i < gpus.count && !status; i++)
        status = search_gpu(s, gpus.items[i], gpus.names[i], error);
    if (!status) status = mb_plan_found_write(s, out, notes, error);
    *met = s->best != SIZE_MAX;
    mb_gpu_list_deinit(&gpus);
    free(s->template);
    free(s);
    return status;
}
