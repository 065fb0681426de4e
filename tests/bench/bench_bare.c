// SPDX-License-Identifier: MIT
// What a simulator costs beside a loop that can do nothing else: vllm_v1 in Lua on one replica, and M/M/1,
// against bare loops in C on the same requests, drawn from the same source, that keep a clock, a queue and
// two sums. Both must come to the same end of the last request and the same mean time in the system. usage:
// bench_bare [requests]
#include "policy/policy_lua.h"
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 5
#define SEED 42

typedef struct outcome {
    double end_s, sojourn_s; // of the last request; summed over all
    double cpu_s;
} outcome;

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void give_up(const char *message) {
    fprintf(stderr, "%s\n", message);
    exit(1);
}

static void *need(void *memory) {
    if (!memory) give_up("out of memory");
    return memory;
}

// --- what waits: a ring that grows

typedef struct ring {
    mb_arrival *items;
    size_t first, count, capacity; // a power of two
} ring;

static void ring_push(ring *r, const mb_arrival *arrival) {
    if (r->count == r->capacity) {
        const size_t capacity = r->capacity ? 2 * r->capacity : 1024;
        mb_arrival *items = need(malloc(capacity * sizeof *items));
        for (size_t i = 0; i < r->count; i++)
            items[i] = r->items[(r->first + i) & (r->capacity - 1)];
        free(r->items);
        *r = (ring){items, 0, r->count, capacity};
    }
    r->items[(r->first + r->count++) & (r->capacity - 1)] = *arrival;
}

static mb_arrival *ring_head(const ring *r) {
    return &r->items[r->first];
}

static void ring_drop(ring *r) {
    r->first = (r->first + 1) & (r->capacity - 1);
    r->count--;
}

// --- the requests

typedef struct stream {
    mb_source *source;
    mb_arrival next;
    bool end;
} stream;

static void advance(stream *s) {
    mb_error error = {0};
    if (mb_source_next(s->source, &s->next, &s->end, &error) != MB_OK) give_up(error.message);
}

static stream open_stream(const mb_workload *workload) {
    stream s = {0};
    mb_error error = {0};
    if (mb_source_open(workload, SEED, 0, &s.source, &error) != MB_OK) give_up(error.message);
    advance(&s);
    return s;
}

// --- continuous batching

static const mb_step_law LAW = {.base_s = 0.0127826, .per_token_s = 41.818e-6, .per_context_s = 71.61e-9};
enum { TOKEN_BUDGET = 8192, MAX_REQUESTS = 1024, BLOCKS = 28615, BLOCK = 16 };

// A decode, by the step in which it emits its last token.
typedef struct decode {
    uint64_t last;
    double arrival_s;
    uint32_t tokens; // at its end
} decode;

typedef struct decodes {
    decode heap[MAX_REQUESTS];
    uint32_t count;
    uint64_t context; // that the next step reads
} decodes;

static void decode_push(decodes *d, decode one) {
    uint32_t at = d->count++;
    for (; at > 0 && d->heap[(at - 1) / 2].last > one.last; at = (at - 1) / 2)
        d->heap[at] = d->heap[(at - 1) / 2];
    d->heap[at] = one;
}

static decode decode_pop(decodes *d) {
    const decode top = d->heap[0], last = d->heap[--d->count];
    uint32_t at = 0;
    for (uint32_t child; (child = 2 * at + 1) < d->count; at = child) {
        if (child + 1 < d->count && d->heap[child + 1].last < d->heap[child].last) child++;
        if (last.last <= d->heap[child].last) break;
        d->heap[at] = d->heap[child];
    }
    d->heap[at] = last;
    return top;
}

// Memory is never short at this load, so nobody looks at it: if it were, the sums would differ.
static outcome bare_steps(stream *s) {
    ring waiting = {0};
    decodes d = {.count = 0};
    mb_arrival first[MAX_REQUESTS], partial; // whose prompt ends in this step; whose does not
    uint32_t partial_left = 0;
    outcome out = {0};
    double now = 0;
    for (uint64_t step = 1; !s->end || waiting.count || d.count || partial_left; step++) {
        if (!waiting.count && !d.count && !partial_left && s->next.time_s > now) now = s->next.time_s;
        for (; !s->end && s->next.time_s <= now; advance(s))
            ring_push(&waiting, &s->next);
        uint32_t budget = TOKEN_BUDGET - d.count, firsts = 0, chunk;
        if (partial_left) {
            chunk = partial_left < budget ? partial_left : budget;
            budget -= chunk;
            partial_left -= chunk;
            if (!partial_left) first[firsts++] = partial;
        }
        for (; waiting.count && budget && d.count + firsts + (partial_left > 0) < MAX_REQUESTS;
             ring_drop(&waiting)) {
            partial = *ring_head(&waiting);
            chunk = partial.prompt_tokens < budget ? partial.prompt_tokens : budget;
            budget -= chunk;
            partial_left = partial.prompt_tokens - chunk;
            if (!partial_left) first[firsts++] = partial;
        }
        now += LAW.base_s + LAW.per_token_s * (TOKEN_BUDGET - budget) + LAW.per_context_s * (double)d.context;
        d.context += d.count;
        while (d.count && d.heap[0].last == step) {
            const decode done = decode_pop(&d);
            d.context -= done.tokens;
            out.sojourn_s += now - done.arrival_s;
        }
        for (uint32_t i = 0; i < firsts; i++) {
            const mb_arrival *one = &first[i];
            if (one->output_tokens == 1) {
                out.sojourn_s += now - one->time_s;
                continue;
            }
            d.context += one->prompt_tokens + 1;
            decode_push(&d, (decode){.last = step + one->output_tokens - 1,
                                     .arrival_s = one->time_s,
                                     .tokens = one->prompt_tokens + one->output_tokens});
        }
        out.end_s = now;
    }
    free(waiting.items);
    return out;
}

// --- M/M/1

static outcome bare_single_server(stream *s) {
    ring waiting = {0}; // the first of them is served
    outcome out = {0};
    for (double departure_s = INFINITY; !s->end || waiting.count;) {
        if (!s->end && s->next.time_s <= departure_s) {
            if (!waiting.count) departure_s = s->next.time_s + s->next.service_s;
            ring_push(&waiting, &s->next);
            advance(s);
            continue;
        }
        out.sojourn_s += departure_s - ring_head(&waiting)->time_s;
        out.end_s = departure_s;
        ring_drop(&waiting);
        departure_s = waiting.count ? departure_s + ring_head(&waiting)->service_s : INFINITY;
    }
    free(waiting.items);
    return out;
}

// Only drawing them.
static outcome draw(stream *s) {
    while (!s->end)
        advance(s);
    return (outcome){0};
}

// --- the simulator

static mb_status take_one(void *self, mb_sim *sim, mb_replica *replica, mb_error *error) {
    (void)self, (void)replica, (void)error;
    mb_refusal refusal;
    mb_step_admit(sim, 0, 1, &refusal);
    return MB_OK;
}

static outcome simulate(const mb_workload *workload, const mb_sim_config *config, mb_policy policy) {
    mb_error error = {0};
    mb_source *source;
    mb_sim sim;
    if (mb_source_open(workload, SEED, 0, &source, &error) != MB_OK ||
        mb_sim_init(&sim, config, source, policy, NULL, &error) != MB_OK || mb_sim_run(&sim, &error) != MB_OK)
        give_up(error.message);
    const outcome out = {.end_s = sim.now_s, .sojourn_s = sim.metrics.sojourn_s};
    mb_sim_deinit(&sim);
    mb_source_close(source);
    return out;
}

static outcome simulate_lua(const mb_workload *workload, const mb_sim_config *config) {
    const mb_limits limits = {.hook_s = 1, .memory_bytes = 64u << 20};
    mb_policy_spec spec = {.label = (char[]){"vllm_v1"}, .path = (char[]){"policies/vllm_v1.lua"}};
    mb_lua_policy lua;
    mb_error error = {0};
    if (mb_lua_policy_open(&lua, &spec, &limits, workload, SEED, 0, &error) != MB_OK) give_up(error.message);
    const outcome out = simulate(workload, config, (mb_policy){&lua.ops, &lua.host});
    mb_lua_policy_close(&lua);
    return out;
}

// --- side by side

typedef struct contest {
    mb_workload workload;
    const mb_sim_config *config;
    outcome (*bare)(stream *s);
    const mb_policy_ops *ops; // NULL: vllm_v1 in Lua
    const char *title, *name;
} contest;

static outcome run(const contest *c, int which) { // 0: drawing, 1: the bare loop, 2: the simulator
    const double start = cpu_s();
    outcome out;
    if (which == 2)
        out = c->ops ? simulate(&c->workload, c->config, (mb_policy){c->ops, NULL})
                     : simulate_lua(&c->workload, c->config);
    else {
        stream s = open_stream(&c->workload);
        out = which ? c->bare(&s) : draw(&s);
        mb_source_close(s.source);
    }
    out.cpu_s = cpu_s() - start;
    return out;
}

static bool near(double a, double b) {
    return fabs(a - b) <= 1e-9 * fabs(b);
}

static void compete(contest *c) {
    mb_error error = {0};
    if (mb_workload_prepare(&c->workload, &error) != MB_OK) give_up(error.message);
    outcome best[3];
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < 3; i++) { // interleaved, since the machine may be busy with something else
            const outcome now = run(c, i);
            if (!round || now.cpu_s < best[i].cpu_s) best[i] = now;
        }
    const double n = (double)c->workload.limit;
    printf("| %s | million requests/s | to the bare loop |\n| --- | --- | --- |\n", c->title);
    const char *const names[] = {"drawing the requests alone", "bare loop in C", c->name};
    for (int i = 0; i < 3; i++)
        printf("| %s | %.2f | %.2f |\n", names[i], n / best[i].cpu_s / 1e6, best[i].cpu_s / best[1].cpu_s);
    if (!near(best[2].end_s, best[1].end_s) || !near(best[2].sojourn_s, best[1].sojourn_s)) {
        printf("THEY DIFFER: end %.12g and %.12g s, mean time in the system %.12g and %.12g s\n",
               best[1].end_s, best[2].end_s, best[1].sojourn_s / n, best[2].sojourn_s / n);
        exit(1);
    }
    mb_workload_deinit(&c->workload);
}

static mb_distribution fixed(double value) {
    return (mb_distribution){.kind = MB_DIST_FIXED, .a = value};
}

int main(int argc, char **argv) {
    const uint64_t requests = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    // As tests/bench/steps.lua where there is no trace: 70 % of what the replica can serve.
    const mb_latency steps = {.kind = MB_LATENCY_STEP, .step = LAW};
    const mb_hardware engine = {.replicas = 1,
                                .latency = &steps,
                                .memory = {.capacity = BLOCKS * BLOCK, .block = BLOCK, .prefix_cache = true},
                                .max_requests = MAX_REQUESTS,
                                .token_budget = TOKEN_BUDGET};
    const mb_sim_config one_engine = {
        .hardware = &engine, .hardware_count = 1, .slo = {INFINITY, INFINITY, INFINITY}, .seed = SEED};
    contest batching = {
        .workload = {.kind = MB_WORKLOAD_SYNTHETIC,
                     .arrivals = {.kind = MB_ARRIVALS_POISSON, .rate = 9.19},
                     .prompt = {.kind = MB_DIST_LOGNORMAL, .a = 6.633, .b = 0.985, .min = 1, .max = 14050},
                     .output = {.kind = MB_DIST_LOGNORMAL, .a = 5.019, .b = 0.859, .min = 1, .max = 1000},
                     .limit = requests,
                     .until_s = INFINITY},
        .config = &one_engine,
        .bare = bare_steps,
        .title = "continuous batching, 1 replica",
        .name = "`vllm_v1` in Lua"};
    compete(&batching);
    const mb_latency jobs = {.kind = MB_LATENCY_JOBS};
    const mb_hardware server = {.replicas = 1, .latency = &jobs, .memory = {.capacity = MB_UNLIMITED}};
    const mb_sim_config one_server = {
        .hardware = &server, .hardware_count = 1, .slo = {INFINITY, INFINITY, INFINITY}, .seed = SEED};
    const mb_policy_ops one_by_one = {.schedule = take_one};
    contest single = {.workload = {.kind = MB_WORKLOAD_SYNTHETIC,
                                   .arrivals = {.kind = MB_ARRIVALS_POISSON, .rate = 0.9},
                                   .prompt = fixed(1),
                                   .output = fixed(1),
                                   .service = {.kind = MB_DIST_EXPONENTIAL, .a = 1},
                                   .has_service = true,
                                   .limit = requests,
                                   .until_s = INFINITY},
                      .config = &one_server,
                      .bare = bare_single_server,
                      .ops = &one_by_one,
                      .title = "M/M/1, load 0.9",
                      .name = "policy in C"};
    printf("\n");
    compete(&single);
    return 0;
}
