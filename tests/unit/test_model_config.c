// SPDX-License-Identifier: MIT
// Descriptions of models and GPUs: what files may say, and the sentence for each that they may not. And the
// roofline by hand.
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

static char path[64];

static int make_path(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/mbsand-test-%ld.json", (long)getpid());
    return 0;
}

static int remove_path(void **state) {
    (void)state;
    unlink(path);
    return 0;
}

static void write_file(const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

static mb_model_config read_model(const char *text) {
    mb_model_config model;
    mb_error error;
    write_file(text);
    if (mb_model_config_read(path, &model, &error)) fail_msg("%s", error.message);
    return model;
}

// The sentence, without the file's name in front.
static void assert_refused(const char *text, const char *sentence) {
    mb_model_config model;
    mb_error error;
    write_file(text);
    assert_int_equal(mb_model_config_read(path, &model, &error), MB_BAD_INPUT);
    assert_int_equal(strncmp(error.message, path, strlen(path)), 0);
    assert_string_equal(error.message + strlen(path), sentence);
    mb_model_config_deinit(&model);
}

#define SIZES "\"num_hidden_layers\": 2, \"hidden_size\": 64, \"num_attention_heads\": 4, \"vocab_size\": 100"

static void bad_models(void **state) {
    (void)state;
    assert_refused("{ \"num_hidden_layers\": 2,",
                   ":1: bad JSON at column 25: string or '}' expected near end of file; "
                   "expected a Hugging Face config.json");
    assert_refused("[1]", ": expected one JSON object { ... }, as in a config.json");
    assert_refused("{}", ": no num_hidden_layers; expected the keys of a Hugging Face config.json");
    assert_refused(
        "{ \"num_hidden_layers\": 2, \"hidden_size\": 64, \"num_attention_heads\": 0, \"vocab_size\": 9 }",
        ": num_attention_heads is 0; expected a whole number from 1 on");
    assert_refused("{ \"num_hidden_layers\": \"two\" }",
                   ": num_hidden_layers is \"two\"; expected a whole number from 1 on");
    assert_refused(
        "{ \"num_hidden_layers\": 2, \"hidden_size\": 64, \"num_attention_heads\": 4, \"vocab_size\": -100 }",
        ": vocab_size is -100; expected a whole number from 1 on");
    assert_refused("{ " SIZES ", \"num_key_value_heads\": 3 }",
                   ": 4 attention heads cannot share 3 key-value heads; expected a divisor");
    assert_refused(
        "{ \"num_hidden_layers\": 2, \"hidden_size\": 63, \"num_attention_heads\": 4, \"vocab_size\": 100 }",
        ": hidden_size 63 is no multiple of 4 attention heads; expected head_dim");
    assert_refused("{ " SIZES ", \"num_experts\": 8, \"num_experts_per_tok\": 9 }",
                   ": a token cannot choose 9 of 8 experts");
    assert_refused("{ " SIZES ", \"torch_dtype\": \"int3\" }",
                   ": torch_dtype is \"int3\"; expected bfloat16, float16, float32 or float64");
    assert_refused("{ " SIZES ", \"kv_lora_rank\": 8 }",
                   ": no qk_rope_head_dim; expected the keys of a Hugging Face config.json");
    assert_refused("{ " SIZES ", \"quantization_config\": 4 }",
                   ": quantization_config is 4; expected an object with a quant_method");
    mb_model_config model;
    mb_error error;
    assert_int_equal(mb_model_config_read("nowhere.json", &model, &error), MB_BAD_INPUT);
    assert_string_equal(error.message, "nowhere.json: cannot be opened: No such file or directory");
}

static void variants(void **state) {
    (void)state;
    // Other names, a nested text model, one KV head; 2 x 3 x 1 x 16 x 4 bytes.
    mb_model_config m =
        read_model("{ \"text_config\": { \"n_layer\": 3, \"n_embd\": 64, \"n_head\": 4, \"vocab_size\": 10, "
                   "\"multi_query\": true, \"num_kv_heads\": 4 }, \"torch_dtype\": \"float32\" }");
    assert_true(m.layers == 3 && m.hidden == 64 && m.kv_heads == 1 && m.head_dim == 16 &&
                m.intermediate == 256);
    assert_true(mb_model_kv_bytes(&m, m.dtype_bytes, 1, UINT64_MAX, 1) == 2 * 3 * 16 * 4);
    mb_model_config_deinit(&m);
    m = read_model("{ " SIZES
                   ", \"model_type\": \"gemma\", \"head_dim\": 32 }"); // tied unless it says otherwise
    assert_true(m.tied && m.head_dim == 32 && m.kv_heads == 4 && mb_model_parameters(&m).head == 0);
    mb_model_config_deinit(&m);
    // Per layer 4 x 64 x 64 of attention and 3 x 64 x 256 of MLP at 4 + 20/128 bits; 2 x 100 x 64 and norms
    // at 16.
    m = read_model(
        "{ " SIZES
        ", \"quantization_config\": { \"quant_method\": \"awq\", \"bits\": 4, \"group_size\": 128 } }");
    const double linear = 2 * (4 * 64 * 64 + 3 * 64 * 256), rest = 2 * 100 * 64 + 5 * 64;
    assert_true(fabs(mb_model_weight_bytes(&m, 0) - (linear * (4 + 20.0 / 128) / 8 + rest * 2)) < 1e-6);
    assert_true(mb_model_weight_bytes(&m, 1) == linear + rest);
    mb_model_config_deinit(&m);
    m = read_model("{ " SIZES ", \"quantization_config\": { \"quant_method\": \"magic\" } }");
    assert_true(m.quant_unknown);
    const mb_gpu gpu = {.name = "g", .memory_bytes = 1e9};
    mb_plan plan = {.model = &m, .gpu = &gpu, .tp = 1, .block = 16, .context = 1, .batch = 1};
    mb_error error;
    assert_int_equal(mb_plan_check(&plan, &error), MB_BAD_INPUT);
    assert_non_null(strstr(error.message, "is quantised by \"magic\", which is not understood"));
    plan.bytes_per_weight = 0.5;
    assert_int_equal(mb_plan_check(&plan, &error), MB_OK);
    mb_model_config_deinit(&m);
}

static void assert_no_gpus(const char *text, const char *sentence) {
    mb_gpu_table table;
    mb_error error;
    write_file(text);
    assert_int_equal(mb_gpu_table_read(path, &table, &error), MB_BAD_INPUT);
    assert_string_equal(error.message + strlen(path), sentence);
    mb_gpu_table_free(&table);
}

#define HEAD "name,memory_gib,bandwidth_gb_s,fp16_tflops\n"

static void bad_gpus(void **state) {
    (void)state;
    assert_no_gpus("name,memory_gib\nx,1\n",
                   ":1: no column bandwidth_gb_s; expected a list of GPUs with the columns name, memory_gib, "
                   "bandwidth_gb_s and fp16_tflops");
    assert_no_gpus(HEAD "x,-1,1,1\n", ":2: memory_gib is \"-1\"; expected a number above 0");
    assert_no_gpus(HEAD "x,1,fast,1\n", ":2: bandwidth_gb_s is \"fast\"; expected a number above 0");
    assert_no_gpus(HEAD "x,1,1,\n", ":2: no fp16_tflops; expected a number above 0");
    assert_no_gpus(HEAD "\nx,1,1,1\nx,1,1,1\n", ":4: a second GPU \"x\"");
    assert_no_gpus(HEAD "x,1,1,1,1\n", ":2: 5 fields, but the header has 4");
    assert_no_gpus(HEAD, ": no GPU; expected a header and a line for each");
    mb_gpu_table table;
    const mb_gpu *gpu;
    mb_error error;
    assert_int_equal(mb_gpu_table_read("data/gpus.csv", &table, &error), MB_OK);
    assert_int_equal(mb_gpu_find(&table, "h100-80g", &gpu, &error), MB_BAD_INPUT);
    assert_string_equal(error.message,
                        "there is no GPU \"h100-80g\" in data/gpus.csv; did you mean \"h100-80gb\"?");
    mb_gpu_table_free(&table);
}

// 2 layers of 4 x 64 x 64 + 3 x 64 x 256 weights and 5 norms of 64 at 2 bytes; head 100 x 64; 2 x 2 x 64 x 2
// bytes per token.
static void roofline(void **state) {
    (void)state;
    mb_model_config m = read_model("{ " SIZES " }");
    const mb_gpu gpu = {
        .name = "g", .memory_bytes = 1e9, .bandwidth = 1e9, .fp16 = 1e12, .link = 1e9, .per_node = 8};
    const mb_plan plan = {.model = &m,
                          .gpu = &gpu,
                          .tp = 1,
                          .utilization = NAN,
                          .activation_bytes = NAN,
                          .runtime_bytes = NAN,
                          .block = 16,
                          .context = 1,
                          .batch = 1};
    const mb_roofline_efficiency half = {.compute = 0.5,
                                         .attention = 0.5,
                                         .bandwidth = 0.5,
                                         .kv_bandwidth = 0.5,
                                         .link = 0.5,
                                         .link_latency_s = 1e-3};
    mb_roofline r;
    mb_error error;
    assert_int_equal(mb_roofline_make(&plan, &half, &r, &error), MB_OK);
    const double linear = 2 * (4 * 64 * 64 + 3 * 64 * 256), norms = 5 * 64, head = 6400;
    // One decode that reads 1,000 tokens: everything waits for the memory, at 0.5e9 bytes/s.
    const mb_step_shape decode = {.decode_requests = 1, .decode_context = 1000};
    const double by_memory = (2 * (linear + norms) + 2 * head + 1000 * 512.0) / 0.5e9;
    assert_true(fabs(mb_roofline_seconds(&r, &decode, 1) / by_memory - 1) < 1e-12);
    // A prompt of 4,000 tokens: linear layers and attention at 0.5e12 operations/s; pairs n (n + 1) / 2, 4 x
    // 64 each.
    const mb_chunk chunk = {.tokens = 4000};
    const mb_step_shape prefill = {.prefill_tokens = 4000, .prefill_requests = 1, .chunks = &chunk};
    const double by_compute =
        (2 * 4000 * linear + 2 * 4 * 64 * 4000.0 * 4001 / 2) / 0.5e12 + 2 * head / 0.5e9; // the head: one row
    assert_true(fabs(mb_roofline_seconds(&r, &prefill, 0) / by_compute - 1) < 1e-12);
    // Two GPUs: half of everything but the KV memory's reads, which are halved too (4 KV heads), and 2 x 2
    // all-reduces.
    mb_plan two = plan;
    two.tp = 2;
    assert_int_equal(mb_roofline_make(&two, &half, &r, &error), MB_OK);
    const double reduce = 4 * (2.0 * 1 / 2 * 64 * 2 / 0.5e9 + 1e-3);
    assert_true(fabs(mb_roofline_seconds(&r, &decode, 1) / (by_memory / 2 + reduce) - 1) < 1e-12);
    // What a layer costs beyond, and the floor of a host that launches each kernel; attention has shares of
    // its own.
    mb_roofline_efficiency other = half;
    other.layer_s = 3e-3;
    other.attention = 0.25;
    other.kv_bandwidth = 0.125;
    assert_int_equal(mb_roofline_make(&plan, &other, &r, &error), MB_OK);
    assert_true(fabs(mb_roofline_seconds(&r, &decode, 1) / (by_memory + 2 * 3e-3 + 3 * 1000 * 512.0 / 0.5e9) -
                     1) < 1e-12);
    assert_true(fabs(mb_roofline_seconds(&r, &prefill, 0) /
                         (by_compute + 2 * 3e-3 + 2 * 4 * 64 * 4000.0 * 4001 / 2 / 0.5e12) -
                     1) < 1e-12);
    other.launch_s = 1;
    assert_int_equal(mb_roofline_make(&plan, &other, &r, &error), MB_OK);
    assert_true(mb_roofline_seconds(&r, &decode, 1) == 2);
    // On a bus four pairs of eight GPUs take turns; on fast links they do not.
    mb_gpu fast = gpu;
    fast.link = 100e9;
    two.tp = 4;
    assert_int_equal(mb_roofline_make(&two, &half, &r, &error), MB_OK);
    assert_true(fabs(r.reduce_seconds / (4 * (2.0 * 3 / 4 * 64 * 2 * 2 / 0.5e9)) - 1) < 1e-12);
    two.gpu = &fast;
    assert_int_equal(mb_roofline_make(&two, &half, &r, &error), MB_OK);
    assert_true(fabs(r.reduce_seconds / (4 * (2.0 * 3 / 4 * 64 * 2 / 50e9)) - 1) < 1e-12);
    two.tp = 2;
    mb_gpu lonely = gpu;
    lonely.link = 0;
    two.gpu = &lonely;
    assert_int_equal(mb_roofline_make(&two, &half, &r, &error), MB_BAD_INPUT);
    assert_string_equal(error.message,
                        "the description of g has no link_gb_s, which 2 GPUs need to work together");
    mb_model_config_deinit(&m);
}

// Experts: of 8, two per token; one token reads two of them, many tokens all. Windows: a decode reads no more
// than those.
static void roofline_of_mixtures(void **state) {
    (void)state;
    mb_model_config m = read_model(
        "{ " SIZES ", \"num_local_experts\": 8, \"num_experts_per_tok\": 2, \"sliding_window\": 100, "
        "\"model_type\": \"mixtral\", \"num_key_value_heads\": 4 }");
    const mb_gpu gpu = {.name = "g", .memory_bytes = 1e9, .bandwidth = 1e9, .fp16 = 1e15, .per_node = 1};
    const mb_plan plan = {.model = &m,
                          .gpu = &gpu,
                          .tp = 1,
                          .utilization = NAN,
                          .activation_bytes = NAN,
                          .runtime_bytes = NAN,
                          .block = 16,
                          .context = 1,
                          .batch = 1};
    const mb_roofline_efficiency whole = {
        .compute = 1, .attention = 1, .bandwidth = 1, .kv_bandwidth = 1, .link = 1};
    mb_roofline r;
    mb_error error;
    assert_int_equal(mb_roofline_make(&plan, &whole, &r, &error), MB_OK);
    const double expert = 3 * 64 * 256, attention = 2 * 4 * 64 * 64, other = 5 * 64 + 2 * 8 * 64, head = 6400;
    const mb_step_shape one = {.decode_requests = 1,
                               .decode_context = 5000}; // both layers see 100 of the 5,000
    const double bytes = 2 * (attention + other + 2 * 2 * expert + head) + 100 * 512.0;
    assert_true(fabs(mb_roofline_seconds(&r, &one, 1) / (bytes / 1e9) - 1) < 1e-12);
    const mb_step_shape many = {.decode_requests = 1000, .decode_context = 1000};
    const double all = 2 * (attention + other + 2 * 8 * expert + head) + 1000 * 512.0;
    assert_true(fabs(mb_roofline_seconds(&r, &many, 1000) / (all / 1e9) - 1) < 1e-9);
    // Dealt out to two GPUs of two engines: of 4 on each, those that either's token chose, 1 - (3/4)^2 of
    // them; and both engines' tokens go around twice a layer, 64 x 2 bytes each way.
    mb_plan dealt = plan;
    mb_gpu linked = gpu;
    linked.link = 1e6;
    dealt.gpu = &linked;
    dealt.expert_parallel = 2;
    const mb_roofline_efficiency slow = {
        .compute = 1, .attention = 1, .bandwidth = 1, .kv_bandwidth = 1, .link = 1, .link_latency_s = 1e-3};
    assert_int_equal(mb_roofline_make(&dealt, &slow, &r, &error), MB_OK);
    const double half = 2 * (attention + other + 2 * 4 * (1 - 9.0 / 16) * expert + head) + 100 * 512.0;
    const double around = 2 * 2 * (64 * 2 / 1e6 + 1e-3);
    assert_true(fabs(mb_roofline_seconds(&r, &one, 1) / (half / 1e9 + around) - 1) < 1e-12);
    mb_model_config_deinit(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_models),
        cmocka_unit_test(variants),
        cmocka_unit_test(bad_gpus),
        cmocka_unit_test(roofline),
        cmocka_unit_test(roofline_of_mixtures),
    };
    return cmocka_run_group_tests_name("model_config", tests, make_path, remove_path);
}
