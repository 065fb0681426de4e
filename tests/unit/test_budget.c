// SPDX-License-Identifier: MIT
// What fits: KAITO's estimator, MLSys-im's tutorial, vLLM's pools and the origin's figures, worked by hand;
// every description loads. Run from the project's folder.
#include "plan/budget.h"

#include "base/paths.h"
#include "base/strbuf.h"
#include "plan/kv_groups.h"
#include "plan/vllm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB 1048576.0
#define GIB 1073741824.0

static void open_model(const char *name, mb_model_config *model) {
    char *path;
    mb_error error;
    if (mb_paths_find_model(".", NULL, name, &path, &error)) fail_msg("%s", error.message);
    if (mb_model_config_read(path, model, &error)) fail_msg("%s", error.message);
    free(path);
}

static mb_plan make_plan(const mb_model_config *model, const mb_gpu *gpu, mb_rules rules, uint64_t context,
                         uint64_t batch) {
    return (mb_plan){.model = model,
                     .gpu = gpu,
                     .rules = rules,
                     .tp = 1,
                     .utilization = NAN,
                     .activation_bytes = NAN,
                     .runtime_bytes = NAN,
                     .block = 16,
                     .context = context,
                     .batch = batch};
}

static double kv_bytes(const mb_model_config *m, double each) {
    return mb_model_kv_bytes(m, each, 1, UINT64_MAX, 1);
}

// tokens = floor((n x memory x utilization - 1.02 W - 2.3 GiB n) / bytes per token), W = 2 bytes x
// parameters; n for a context likewise: e.g. Llama-3-70B on 80 GiB: (1.02 x 141,107,412,992 + 8,192 x
// 327,680) / (0.9 x 80 GiB - 2.3 GiB) = 1.9590, so 2.
static void kaito(void **state) {
    (void)state;
    static const struct {
        const char *model;
        double gib;
        uint32_t n;
        double utilization;
        unsigned long token_bytes;
        unsigned long long tokens; // 0: the weights do not fit
        unsigned long context;
        uint32_t needed;
        unsigned long longest; // of the tokens and max_position_embeddings
    } pairs[] = {
        {"llama-3-8b", 80, 1, 0.9, 131072, 445999, 8192, 1, 8192},
        {"llama-3.1-8b", 24, 1, 0.9, 131072, 33122, 2048, 1, 33122},
        {"llama-3-70b", 80, 2, 0.9, 327680, 17547, 8192, 2, 8192},
        {"llama-3.1-70b", 80, 3, 0.9, 327680, 245940, 131072, 3, 131072},
        {"llama-3.1-405b", 80, 16, 0.9, 516096, 715944, 131072, 12, 131072},
        {"falcon-7b", 24, 1, 0.9, 8192, 806018, 2048, 1, 2048},
        {"phi-3-mini-4k-instruct", 16, 1, 0.9, 393216, 13217, 4096, 1, 4096},
        {"qwen2.5-7b-instruct", 16, 2, 0.9, 57344, 182210, 32768, 2, 32768},
        {"mixtral-8x22b-v0.1", 80, 4, 0.9, 229376, 54465, 65536, 5, 54465},
        {"mistral-7b-instruct-v0.3", 16, 1, 0.95, 131072, 0, 2048, 2, 0},
        {"phi-4", 40, 1, 0.95, 204800, 41148, 16384, 1, 16384},
        {"qwen3-32b", 48, 2, 0.85, 262144, 60437, 40960, 2, 40960},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        mb_model_config model;
        open_model(pairs[i].model, &model);
        const mb_gpu gpu = {.memory_bytes = pairs[i].gib * GIB};
        mb_plan plan = make_plan(&model, &gpu, MB_RULES_KAITO, pairs[i].context, 1);
        plan.utilization = pairs[i].utilization;
        plan.tp = pairs[i].n;
        const mb_budget b = mb_budget_of(&plan);
        assert_true(b.token_bytes * pairs[i].n == (double)pairs[i].token_bytes);
        assert_int_equal(b.tokens, pairs[i].tokens);
        assert_int_equal(b.longest, pairs[i].longest);
        assert_int_equal(b.bound_by_positions, pairs[i].longest && pairs[i].longest < pairs[i].tokens);
        assert_int_equal(mb_gpus_needed(&plan), pairs[i].needed);
        assert_int_equal(b.fits, pairs[i].n >= pairs[i].needed);
        mb_model_config_deinit(&model);
    }
}

// 80 GiB or 80e9 bytes, less 16,060,522,496 of weights, by 131,072 bytes per token.
static void tutorial(void **state) {
    (void)state;
    mb_model_config model;
    open_model("llama-3-8b", &model);
    assert_true(kv_bytes(&model, 2) == 131072 && kv_bytes(&model, 1) == 65536);
    static const struct {
        double memory;
        unsigned users_at_2048;    // of 268,435,456 bytes each
        unsigned longest_of_eight; // a power of two
    } cards[] = {{80 * GIB, 260, 65536}, {80e9, 238, 32768}};
    for (int i = 0; i < 2; i++) {
        const mb_gpu gpu = {.memory_bytes = cards[i].memory};
        mb_plan plan = make_plan(&model, &gpu, MB_RULES_MLSYSIM, 2048, cards[i].users_at_2048);
        assert_int_equal(mb_budget_of(&plan).users, cards[i].users_at_2048);
        assert_true(mb_budget_of(&plan).fits);
        plan.batch++;
        assert_false(mb_budget_of(&plan).fits);
        plan.batch = 8;
        plan.context = cards[i].longest_of_eight;
        assert_true(mb_budget_of(&plan).fits);
        plan.context *= 2;
        assert_false(mb_budget_of(&plan).fits);
    }
    // H200, 141 GiB: (151,397,597,184 - 16,060,522,496) / 17,179,869,184 = 7.9; one byte: 16.7. 141e9: 7.3
    // and 15.5.
    static const struct {
        double memory, each;
        unsigned users;
    } long_users[] = {{141 * GIB, 2, 7}, {141 * GIB, 1, 16}, {141e9, 2, 7}, {141e9, 1, 15}};
    for (size_t i = 0; i < 4; i++) {
        const mb_gpu gpu = {.memory_bytes = long_users[i].memory};
        mb_plan plan = make_plan(&model, &gpu, MB_RULES_MLSYSIM, 131072, 1);
        plan.bytes_per_weight = plan.bytes_per_value = long_users[i].each;
        assert_int_equal(mb_budget_of(&plan).users, long_users[i].users);
    }
    mb_model_config_deinit(&model);
    open_model("llama-3-70b", &model);
    assert_true(kv_bytes(&model, 2) == 327680);
    const mb_gpu gpu = {.memory_bytes = 80 * GIB};
    const mb_plan plan = make_plan(&model, &gpu, MB_RULES_MLSYSIM, 4096, 1);
    assert_true(mb_budget_of(&plan).pool < 0 && mb_budget_of(&plan).users == 0);
    mb_model_config_deinit(&model);
}

// The study's own figures: 12 GB less 4.0 of weights over 0.1875 MB are 42,667 tokens, where a GB has 1,000
// MB of 2^20 bytes; 76 requests of 500 in 0.9 of them. In GiB throughout: 8 GiB / 196,608 = 43,690.
static void origin(void **state) {
    (void)state;
    mb_model_config model;
    open_model("qwen3-1.7b", &model);
    assert_true(kv_bytes(&model, 2) == 114688);
    mb_model_config_deinit(&model);
    open_model("qwen3-1.7b-origin", &model);
    assert_true(kv_bytes(&model, 2) == 196608 && kv_bytes(&model, 2) / MIB == 0.1875);
    mb_gpu gpu = {.memory_bytes = 12000 * MIB};
    mb_plan plan = make_plan(&model, &gpu, MB_RULES_MLSYSIM, 500, 1);
    plan.block = 1;
    mb_budget budget = mb_budget_of(&plan);
    assert_true(budget.weights == 4000 * MIB && budget.pool == 8000 * MIB);
    assert_true(round(budget.pool / budget.token_bytes) == 42667);
    assert_int_equal(budget.tokens, 42666); // whole ones
    plan.memory_bytes = budget.weights + 0.9 * budget.pool;
    assert_int_equal(mb_budget_of(&plan).users, 76);
    plan.memory_bytes = 12 * GIB;
    plan.weight_bytes = 4 * GIB;
    budget = mb_budget_of(&plan);
    assert_int_equal(budget.tokens, 43690);
    mb_model_config_deinit(&model);
}

static void vllm(void **state) {
    (void)state;
    mb_model_config model;
    open_model("llama-3.1-8b", &model);
    mb_gpu gpu = {.name = "x", .memory_bytes = 24 * GIB, .usable_bytes = 25250627584.0};
    mb_plan plan = make_plan(&model, &gpu, MB_RULES_VLLM, 8192, 1);
    // RTX 4090: vLLM 0.19 reported 2,588 blocks; since 0.21 graphs count, and 0.92 makes up for them.
    assert_true(fabs((double)mb_budget_of(&plan).blocks - 2588) <= 3);
    plan.version = 19;
    assert_true(fabs((double)mb_budget_of(&plan).blocks - 2588) <= 3);
    // RTX 3090, 0.9: 41,152 tokens where the longest context is 512, 31,232 at 20,000, 23,648 at 29,000.
    gpu.usable_bytes = 23.68 * GIB;
    plan.version = 6;
    static const double pools[][2] = {{512, 41152}, {20000, 31232}, {29000, 23648}};
    for (int i = 0; i < 3; i++) {
        plan.context = (uint64_t)pools[i][0];
        assert_true(fabs((double)mb_budget_of(&plan).tokens / pools[i][1] - 1) < 0.005);
    }
    plan.version = 0;
    plan.context = 8192;
    // By hand on an 80 GB card of today: 1,024 x 128,256 x 16 bytes of the sampler beside 8,192 x 4,096 x 2
    // of hidden states, against 8,192 x 110,592 of a step; 0.615 + 0.47 GiB and a rotary table of 131,072 x
    // 256 bytes.
    gpu = (mb_gpu){.name = "h100-80gb", .memory_bytes = 80 * GIB, .usable_bytes = 79.19 * GIB};
    const double pool = 0.92 * 79.19 * GIB - 16060522496.0 - 1024.0 * 128256 * 16 - 8192.0 * 4096 * 2 -
                        1.085 * GIB - 131072 * 256;
    assert_int_equal(mb_budget_of(&plan).blocks, (uint64_t)(pool / (131072 * 16)));
    assert_true(mb_budget_of(&plan).activation == 1024.0 * 128256 * 16 + 8192.0 * 4096 * 2);
    plan.version = 11; // the sampler sorts: llm-d's log of an H100 has 4.76 GiB
    assert_true(fabs(mb_budget_of(&plan).activation / GIB - 4.76) < 0.02);
    plan.version = 0;
    plan.step_tokens = 32768;
    assert_true(mb_budget_of(&plan).activation == 32768.0 * 110592);
    gpu.name = "a100-80gb"; // 2,048 tokens, 256 requests
    plan.step_tokens = 0;
    assert_true(mb_budget_of(&plan).activation == 256.0 * 128256 * 16 + 2048.0 * 4096 * 2);
    plan.weight_bytes = 20e9;
    assert_true(mb_budget_of(&plan).weights == 20e9);
    plan.weight_bytes = 0;
    plan.tp = 16; // 8 KV heads: each on two GPUs
    assert_true(mb_budget_of(&plan).token_bytes == 131072.0 / 8);
    plan.tp = 4;
    assert_true(mb_budget_of(&plan).token_bytes == 131072.0 / 4);
    plan.blocks = 100; // 1,600 tokens; 8,192 need 512 blocks
    assert_true(mb_budget_of(&plan).tokens == 1600 && mb_budget_of(&plan).users == 0 &&
                !mb_budget_of(&plan).fits);
    assert_int_equal(mb_budget_of(&plan).longest, 1600);
    plan.tp = 1; // what is told of one GPU counts for one, not for two
    plan.blocks = 100;
    assert_int_equal(mb_gpus_needed(&plan), 2);
    plan.blocks = 1000000;
    plan.batch = 1000; // (no number of them would be enough by their memory)
    assert_int_equal(mb_gpus_needed(&plan), 1);
    plan.blocks = 0;
    assert_int_equal(mb_gpus_needed(&plan), 0);
    assert_true(mb_plan_divides(&plan, 32) && !mb_plan_divides(&plan, 3));
    mb_model_config_deinit(&model);

    open_model("deepseek-v3", &model); // compressed tokens have no heads to divide: 61 x 576 x 2 on each GPU
    plan = make_plan(&model, &gpu, MB_RULES_VLLM, 4096, 1);
    plan.tp = 8;
    assert_true(mb_budget_of(&plan).token_bytes == 70272);
    mb_model_config_deinit(&model);

    open_model("gpt-oss-20b", &model); // 24 layers of 2 x 8 x 64 x 2 = 2,048 bytes; 12 keep 128 tokens
    assert_true(mb_model_kv_bytes(&model, 2, 1000, 128, 1) == 2048.0 * (12 * 1000 + 12 * 128));
    assert_true(mb_model_kv_bytes(&model, 2, 100, 128, 1) == 2048.0 * 24 * 100);
    assert_true(mb_model_kv_bytes(&model, 2, 1000, UINT64_MAX, 1) == 2048.0 * 24 * 1000);
    // Half of what the published folders hold, 25.63 and 641.3 GiB less its extra layer of 11.5e9: in GiB.
    assert_true(fabs(mb_model_weight_bytes(&model, 0) / GIB - 25.63 / 2) < 0.01);
    mb_model_config_deinit(&model);
}

// Stages of a pipeline hold whole layers, the first the embedding, the last the head; vLLM gives what does
// not divide to the last but one.
static void stages(void **state) {
    (void)state;
    mb_model_config model;
    open_model("llama-3.1-8b", &model);
    // A layer: 4,096 x 128 x (2 x 32 + 2 x 8) + 3 x 4,096 x 14,336 + 2 x 4,096; 128,256 x 4,096 words at
    // either end.
    const double layer = 218112000, words = 525336576;
    static const unsigned layers[] = {11, 11, 10};
    const double parameters[] = {11 * layer + words, 11 * layer, 10 * layer + words + 4096};
    for (uint32_t i = 0; i < 3; i++) {
        const mb_model_config part = mb_model_stage(&model, i, 3);
        assert_int_equal(part.layers, layers[i]);
        assert_true(mb_model_parameters(&part).total == parameters[i]);
    }
    // Of two stages of four, the one with the head binds: it also samples. 16 layers of 4,096 bytes a token
    // over 4.
    const mb_gpu gpu = {
        .name = "h100-80gb", .memory_bytes = 80 * GIB, .usable_bytes = 79.19 * GIB, .per_node = 8};
    mb_plan plan = make_plan(&model, &gpu, MB_RULES_VLLM, 8192, 1);
    plan.tp = 4;
    plan.pipeline = 2;
    const mb_budget b = mb_budget_of(&plan);
    assert_int_equal(mb_plan_gpus(&plan), 8);
    assert_true(b.stage == 1 && b.layers == 16 && b.token_bytes == 16 * 4096.0 / 4);
    assert_true(b.weights == 2 * (16 * layer + words + 4096) / 4);
    plan.pipeline = 33;
    mb_error error;
    assert_int_equal(mb_plan_check(&plan, &error), MB_BAD_INPUT);
    mb_model_config_deinit(&model);
    open_model("deepseek-v3", &model); // three dense layers first, 58 of 256 experts; 61 = 15 + 15 + 16 + 15
    double experts = 0, all = 0;
    for (uint32_t i = 0; i < 4; i++) {
        const mb_model_config part = mb_model_stage(&model, i, 4);
        assert_int_equal(part.dense_layers, i == 0 ? 3 : 0);
        assert_int_equal(part.layers, i == 2 ? 16 : 15);
        experts += mb_model_parameters(&part).experts;
        all += mb_model_parameters(&part).total;
    }
    assert_true(experts == mb_model_parameters(&model).experts && all == mb_model_parameters(&model).total);
    mb_model_config_deinit(&model);
    open_model("qwen3-0.6b", &model); // one matrix for embedding and head: the last stage has a copy
    const mb_model_config first = mb_model_stage(&model, 0, 2), last = mb_model_stage(&model, 1, 2);
    assert_true(mb_model_parameters(&first).total + mb_model_parameters(&last).total ==
                mb_model_parameters(&model).total + 151936.0 * 1024);
    mb_model_config_deinit(&model);
}

// Experts whole on their GPUs, everything else as tensor parallelism has it.
static void dealt_experts(void **state) {
    (void)state;
    mb_model_config model;
    open_model("deepseek-v3", &model);
    const mb_gpu gpu = {
        .name = "h200-141gb", .memory_bytes = 141 * GIB, .usable_bytes = 139.8 * GIB, .per_node = 8};
    mb_plan plan = make_plan(&model, &gpu, MB_RULES_VLLM, 8192, 65);
    // 58 layers of 256 experts of 3 x 7,168 x 2,048
    const double experts = 58.0 * 256 * 3 * 7168 * 2048, others = mb_model_parameters(&model).total - experts;
    plan.expert_parallel = 16; // 16 engines of one GPU, 5 users at most on each
    mb_budget b = mb_budget_of(&plan);
    assert_true(mb_plan_engines(&plan) == 16 && mb_plan_gpus(&plan) == 16);
    assert_true(b.parameters == others + experts / 16);
    assert_true(b.used == 5 * 8192 * 70272.0 && b.users % 16 == 0 && b.users >= 65);
    plan.tp = 8;
    plan.expert_parallel = 24; // 256 experts over 24 GPUs: 11 on the fullest
    b = mb_budget_of(&plan);
    assert_true(mb_plan_engines(&plan) == 3 && mb_plan_gpus(&plan) == 24);
    assert_true(fabs(b.parameters / (others / 8 + experts * 11 / 256) - 1) < 1e-12);
    plan.expert_parallel = 12;
    mb_error error;
    assert_int_equal(mb_plan_check(&plan, &error), MB_BAD_INPUT); // no multiple of 8
    plan.expert_parallel = 512;
    assert_int_equal(mb_plan_check(&plan, &error), MB_BAD_INPUT); // more than experts
    mb_model_config_deinit(&model);
}

// What tensor parallelism repeats and latent attention expands, and which engine an old GPU runs.
static void repeated_and_expanded(void **state) {
    (void)state;
    mb_model_config m;
    open_model("deepseek-v3", &m);
    const mb_gpu gpu = {.name = "h200-141gb", .memory_bytes = 141 * GIB, .per_node = 8};
    mb_plan plan = make_plan(&m, &gpu, MB_RULES_VLLM, 8192, 1);
    // 7,168 to 1,536 + 512 + 64 in 61 layers, at 8 bits and a scale of 32 for 128 x 128; 58 routers of 256
    const double compressing = 61.0 * 7168 * (1536 + 512 + 64) * (1 + 4 / 16384.0);
    const double routers = 58.0 * 256 * 7168 * 2, alone = mb_budget_of(&plan).weights;
    plan.tp = 8;
    const double an_eighth = (alone + 7 * (compressing + routers)) / 8;
    assert_true(fabs(mb_budget_of(&plan).weights / an_eighth - 1) < 1e-12);
    plan.rules = MB_RULES_KAITO;
    assert_true(fabs(mb_budget_of(&plan).weights / (1.02 * alone / 8) - 1) < 1e-12);
    // 65,536 tokens x 128 heads x (128 + 128) x 2 bytes; of a short context eight times as many
    plan = make_plan(&m, &gpu, MB_RULES_VLLM, 8192, 1);
    plan.step_tokens = 4096;
    plan.step_requests = 1;
    plan.version = 7;
    const double step = mb_budget_of(&plan).activation;
    plan.version = 8;
    assert_true(mb_budget_of(&plan).activation == step + 4 * GIB);
    plan.context = 512;
    assert_true(mb_budget_of(&plan).activation == step + 256 * MIB);
    plan.tp = 8;
    assert_true(mb_budget_of(&plan).activation < step + 64 * MIB);
    mb_model_config_deinit(&m);
    open_model("qwen2.5-7b-instruct", &m);
    static const struct {
        char *gpu;
        double gib;
        uint32_t version, tokens, requests;
    } defaults[] = {{"v100-32gb", 32, 10, 32768, 256},  {"v100-32gb", 32, 11, 2048, 256},
                    {"t4-16gb", 16, 8, 32768, 256},     {"l4-24gb", 24, 8, 2048, 256},
                    {"gb10-128gb", 121, 25, 2048, 256}, {"b200-180gb", 180, 25, 8192, 1024}};
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
        const mb_gpu old = {.name = defaults[i].gpu, .memory_bytes = defaults[i].gib * GIB, .per_node = 8};
        plan = make_plan(&m, &old, MB_RULES_VLLM, 32768, 1);
        plan.version = defaults[i].version;
        assert_int_equal(mb_plan_step_tokens(&plan), defaults[i].tokens);
        assert_int_equal(mb_plan_step_requests(&plan), defaults[i].requests);
    }
    mb_model_config_deinit(&m);
}

// Layers stay inside a node where they can, and stages go beyond.
static void inside_nodes(void **state) {
    (void)state;
    mb_model_config model;
    open_model("llama-3.1-405b", &model);
    const mb_gpu gpu = {
        .name = "h100-80gb", .memory_bytes = 80 * GIB, .usable_bytes = 79.19 * GIB, .per_node = 8};
    mb_plan plan = make_plan(&model, &gpu, MB_RULES_VLLM, 8192, 16), found;
    assert_int_equal(mb_gpus_needed(&plan), 16);
    assert_true(mb_plan_inside_nodes(&plan, 8, &found) && found.tp == 8 && found.pipeline == 2);
    assert_true(mb_plan_inside_nodes(&plan, 16, &found) && found.tp == 16 && found.pipeline == 1);
    plan.batch = 100000;
    assert_false(mb_plan_inside_nodes(&plan, 8, &found));
    mb_model_config_deinit(&model);
}

static void all_descriptions(void **state) {
    (void)state;
    char **names;
    size_t count;
    mb_error error;
    assert_int_equal(mb_paths_list(".", "data/models", ".json", &names, &count, &error), MB_OK);
    assert_true(count >= 30);
    for (size_t i = 0; i < count; i++) {
        mb_model_config model;
        open_model(names[i], &model);
        assert_non_null(model.source);
        assert_true(mb_model_parameters(&model).total > 1e8 && model.max_positions >= 2048 &&
                    !model.quant_unknown);
        mb_model_config_deinit(&model);
    }
    mb_paths_free_names(names, count);
    mb_gpu_table gpus;
    if (mb_gpu_table_read("data/gpus.csv", &gpus, &error)) fail_msg("%s", error.message);
    assert_true(gpus.count >= 25);
    for (size_t i = 0; i < gpus.count; i++)
        assert_true(gpus.items[i].sources[0] && gpus.items[i].link > 0);
    mb_gpu_table_free(&gpus);
}

// The table of somebody else's counts: model,file,...,params_total,params_active,bytes_16bit,kv bytes,...
static void counted_elsewhere(void **state) {
    (void)state;
    const char *folder = "../shared/data/models/";
    char path[512], line[2048];
    snprintf(path, sizeof path, "%smodels.csv", folder);
    FILE *table = fopen(path, "r");
    if (!table) {
        print_message("no %s\n", path);
        skip();
    }
    int models = 0;
    for (bool head = true; fgets(line, sizeof line, table); head = false) {
        char file[256], *field = line;
        double values[32] = {0};
        for (int i = 0; i < 21 && field; i++) {
            if (i == 1) sscanf(field, "%255[^,]", file);
            values[i] = strtod(field, NULL);
            if (i == 2 && strchr(field, ')')) field = strchr(field, ')'); // a text with commas
            field = strchr(field, ',');
            if (field) field++;
        }
        if (head) continue;
        mb_model_config model;
        mb_error error;
        snprintf(path, sizeof path, "%s%s", folder, file);
        if (mb_model_config_read(path, &model, &error)) fail_msg("%s", error.message);
        const mb_parameters p = mb_model_parameters(&model);
        if (p.total != values[17] || kv_bytes(&model, 2) != values[20] ||
            (double)model.max_positions != values[12])
            fail_msg("%s: %.0f parameters, %.0f bytes per token; expected %.0f and %.0f", file, p.total,
                     kv_bytes(&model, 2), values[17], values[20]);
        assert_true(fabs(p.active / values[18] - 1) < 1e-6);
        mb_model_config_deinit(&model);
        models++;
    }
    fclose(table);
    assert_int_equal(models, 46);
}

// Layers of several kinds, as vLLM lays them out: block sizes that its logs name ("Setting attention block
// size to 544 tokens", ... 784), and what they say of concurrency (issue 40691: Qwen3.5-27B, 0.19, 33.04
// requests of 32,768 tokens in 1,487 blocks, each 42 of tokens and 3 of states).
static void groups_of_layers(void **state) {
    (void)state;
    static const struct {
        const char *model;
        uint32_t tp, size, whole, window, state, padding, block;
    } cases[] = {
        {"qwen3-next-80b-a3b", 1, 12, 12, 0, 36, 0, 544},
        {"qwen3-next-80b-a3b", 2, 12, 12, 0, 36, 0, 544},
        {"qwen3.5-27b", 1, 16, 16, 0, 48, 0, 784},
        {"gemma-3-27b-it", 1, 10, 10, 60, 0, 8, 16}, // 52 with a window are dealt out to six groups
        {"gpt-oss-20b", 1, 12, 12, 12, 0, 0, 16},
        {"llama-3-8b", 1, 0, 32, 0, 0, 0, 16},
    };
    const mb_gpu gpu = {.name = "g", .memory_bytes = 80 * GIB, .per_node = 8};
    mb_model_config m;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_model(cases[i].model, &m);
        mb_plan plan = make_plan(&m, &gpu, MB_RULES_VLLM, 8192, 1);
        plan.tp = cases[i].tp;
        const mb_kv_groups g = mb_kv_groups_of(&plan, 2);
        assert_int_equal(g.size, cases[i].size);
        assert_int_equal(g.whole, cases[i].whole);
        assert_int_equal(g.window, cases[i].window);
        assert_int_equal(g.state, cases[i].state);
        assert_int_equal(g.padding, cases[i].padding);
        assert_int_equal(g.block, cases[i].block);
        mb_model_config_deinit(&m);
    }
    open_model("qwen3.5-27b", &m);
    mb_plan plan = make_plan(&m, &gpu, MB_RULES_VLLM, 32768, 33);
    plan.version = 19;
    plan.bytes_per_weight = 1e-9;
    plan.activation_bytes = plan.runtime_bytes = 0;
    plan.utilization = 1;
    plan.memory_bytes = 1e3 + 1487.0 * 16 * 784 * 4096; // 33.04 times 45 blocks of 16 layers
    mb_budget b = mb_budget_of(&plan);
    assert_int_equal(b.users, 33);
    assert_true(fabs(b.used / 33 / (45.0 * 16 * 784 * 4096) - 1) < 1e-12);
    plan.rules = MB_RULES_KAITO; // no layout there: tokens and states as they are
    b = mb_budget_of(&plan);
    assert_true(fabs(b.used / 33 / (32768.0 * 65536 + 153944064) - 1) < 1e-12);
    mb_model_config_deinit(&m);
    open_model("deepseek-v3.2", &m); // a byte a value: 512, four scales, 64 of two; and the indexer's 128 + 4
    assert_true(kv_bytes(&m, 1) == 61 * (656 + 132) && kv_bytes(&m, 2) == 61 * (1152 + 132));
    mb_model_config_deinit(&m);
    open_model("deepseek-v3", &m);
    assert_true(kv_bytes(&m, 1) == 61 * 576);
    plan = make_plan(&m, &gpu, MB_RULES_VLLM, 8192, 1);
    plan.version = 6;
    mb_error error;
    assert_int_equal(mb_plan_check(&plan, &error), MB_BAD_INPUT);
    plan.version = 7;
    assert_int_equal(mb_plan_check(&plan, &error), MB_OK);
    mb_model_config_deinit(&m);
    // Before there were groups a window beside other layers saved nothing; of Gemma 4, whose layers have
    // heads of two widths, until 0.21 (issue 43308).
    static const struct {
        const char *model;
        uint32_t version;
        bool windows;
    } since[] = {{"gemma-3-27b-it", 9, false},
                 {"gemma-3-27b-it", 10, true},
                 {"gemma-4-31b-it", 20, false},
                 {"gemma-4-31b-it", 21, true},
                 {"mistral-7b-v0.1", 6, true}};
    for (size_t i = 0; i < sizeof since / sizeof *since; i++) {
        open_model(since[i].model, &m);
        plan = make_plan(&m, &gpu, MB_RULES_VLLM, 8192, 1);
        plan.version = since[i].version;
        b = mb_budget_of(&plan);
        assert_int_equal(b.windows, since[i].windows);
        if (!b.windows) assert_true(b.used == 8192 * b.token_bytes);
        mb_model_config_deinit(&m);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kaito),
        cmocka_unit_test(tutorial),
        cmocka_unit_test(origin),
        cmocka_unit_test(vllm),
        cmocka_unit_test(groups_of_layers),
        cmocka_unit_test(stages),
        cmocka_unit_test(dealt_experts),
        cmocka_unit_test(repeated_and_expanded),
        cmocka_unit_test(inside_nodes),
        cmocka_unit_test(all_descriptions),
        cmocka_unit_test(counted_elsewhere),
    };
    return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
