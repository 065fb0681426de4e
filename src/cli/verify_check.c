// SPDX-License-Identifier: MIT
#include "cli/verify_check.h"

#include "cli/commands.h"
#include "fit/report.h"
#include "report/files.h"

#include <math.h>
#include <stdio.h>

enum { KV_BLOCK = 16 };
static const double LOAD = 0.6;

double mb_verify_seconds(const mb_verify_check *c, double decodes, double context, double chunk,
                         double prefix) {
    const mb_chunk prompt = {.prefix = (uint32_t)prefix, .tokens = (uint32_t)chunk};
    const mb_step_shape shape = {.decode_requests = (uint32_t)decodes,
                                 .decode_context = (uint64_t)(decodes * context),
                                 .prefill_requests = chunk > 0,
                                 .prefill_tokens = (uint64_t)chunk,
                                 .chunks = &prompt};
    bool ignored = false;
    return mb_profile_seconds(c->profile, &shape, 0, &ignored);
}

void mb_verify_load(mb_verify_check *c, uint32_t batch, double more_s) {
    const double prompt = (1 + MB_VERIFY_PROMPT) / 2.0, output = (1 + MB_VERIFY_OUTPUT) / 2.0;
    const double decode_s = mb_verify_seconds(c, batch, prompt + output / 2, 0, 0) + more_s;
    const double request_s = mb_verify_seconds(c, 0, 0, prompt, 0) + output * decode_s / batch;
    c->rate = LOAD / request_s;
    c->requests = (uint32_t)fmin(100000, fmax(30, c->o->seconds * c->rate));
    mb_cli_say(stdout,
               "%u requests, Poisson %.3g/s (%.0f %% of what batches of %u can), prompts of 1 to %d tokens, "
               "answers of 1 to %d, seed %d\n",
               c->requests, c->rate, 100 * LOAD, batch, MB_VERIFY_PROMPT, MB_VERIFY_OUTPUT, MB_VERIFY_SEED);
}

mb_status mb_verify_write(const mb_verify_check *c, const mb_verify_script *script, mb_error *error) {
    mb_strbuf text = {0};
    mb_strbuf_printf(&text, "-- Written by mbsand verify --engine %s.", c->o->engine);
    if (!c->o->server)
        mb_strbuf_printf(&text, " Again: mbsand THIS --live %s --model-file MODEL.gguf", c->o->engine);
    mb_strbuf_printf(&text,
                     "\nreturn scenario {\n"
                     "  workload = synthetic {\n"
                     "    arrivals = arrivals.poisson { rate = %s },\n"
                     "    prompt = lengths.uniform(1, %d), output = lengths.uniform(1, %d), limit = %u,\n"
                     "  },\n"
                     "  cluster = { kv_block = %d, kv_blocks = %d, token_budget = %d, max_requests = %d, "
                     "prefix_cache = false%s },\n"
                     "  latency = latency.%s,\n"
                     "  policies = {%s},\n  seeds = 1,\n}\n",
                     mb_exact(c->rate).text, MB_VERIFY_PROMPT, MB_VERIFY_OUTPUT, script->requests, KV_BLOCK,
                     MB_VERIFY_CELLS / KV_BLOCK, MB_VERIFY_STEP_TOKENS, MB_VERIFY_REQUESTS, script->cluster,
                     script->latency, script->policies);
    const mb_status status = text.failed ? mb_fail_memory(error) : mb_output_text(script->path, &text, error);
    mb_strbuf_deinit(&text);
    return status;
}
