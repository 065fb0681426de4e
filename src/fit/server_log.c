// SPDX-License-Identifier: MIT
#include "fit/server_log.h"

#include "base/line.h"
#include "base/paths.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ENGINE = 64, MOST_LINE = 1 << 20 }; // bytes; servers print prompts, too

// SGLang's line about a batch.
typedef struct batch {
    bool decodes;
    double forward;          // its number among all forward passes; 0: not printed
    double requests, tokens; // running, or new
    double held;             // of decodes: tokens in the KV memory that are in use
    double throughput;       // tokens/s: of the decodes since the line before, or of the prompts of that line
} batch;

typedef struct reader {
    const char *path;
    unsigned long line;
    mb_step_log *log;
    size_t room;
    char engine[MOST_ENGINE]; // whose lines these are, as they call it
    size_t seen;              // lines about steps
    mb_error *error;
    // --- vLLM
    double kv_tokens; // of the KV memory; 0: not said yet
    double iteration,
        usage; // of the iteration before: its number, and the share of the memory in use after it
    // --- SGLang
    batch last;
    unsigned long last_line;
} reader;

static mb_status wrong(const reader *r, const char *sentence) {
    return mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line, "%s", sentence);
}

static mb_status add(reader *r, mb_logged_step step) {
    mb_step_log *log = r->log;
    if (!(step.time_s > 0 && step.time_s <= 1e9)) return wrong(r, "no step takes so long as this line says");
    if (log->count == r->room) {
        const size_t room = r->room ? 2 * r->room : 256;
        mb_logged_step *grown = realloc(log->steps, room * sizeof *grown);
        if (!grown) return mb_fail_memory(r->error);
        log->steps = grown;
        r->room = room;
    }
    log->steps[log->count++] = step;
    return MB_OK;
}

// Numbers that a server can have printed: of requests, tokens, milliseconds.
static bool plausible(const double *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!(values[i] >= 0 && values[i] <= 1e9)) return false;
    return true;
}

// The number behind these words; false where they are not there.
static bool number_after(const char *text, const char *words, double *value) {
    const char *found = strstr(text, words);
    if (!found) return false;
    char *end;
    found += strlen(words);
    *value = strtod(found, &end);
    return end != found;
}

// Lines of several engines in one file are steps that ran at the same time.
static mb_status same_engine(reader *r, const char *name, size_t length) {
    if (length >= MOST_ENGINE) length = MOST_ENGINE - 1;
    char engine[MOST_ENGINE];
    snprintf(engine, sizeof engine, "%.*s", (int)length, name);
    if (r->seen++ == 0) memcpy(r->engine, engine, sizeof engine);
    if (strcmp(engine, r->engine) == 0) return MB_OK;
    return mb_fail_at(r->error, MB_BAD_INPUT, r->path, r->line,
                      "a line of '%s' among those of '%s'; a fit is of one engine: leave the lines of one",
                      engine, r->engine);
}

// --- vLLM
// -----------------------------------------------------------------------------------------------------

// "GPU KV cache size: 458,128 tokens", printed at the start.
static void take_size(reader *r, const char *text) {
    const char *at = strstr(text, "GPU KV cache size: ");
    if (!at) return;
    double tokens = 0;
    for (at += strlen("GPU KV cache size: "); isdigit((unsigned char)*at) || *at == ','; at++)
        if (*at != ',') tokens = 10 * tokens + (*at - '0');
    if (strncmp(at, " tokens", strlen(" tokens")) == 0 && plausible(&tokens, 1)) r->kv_tokens = tokens;
}

// "Engine 000", "EngineCore_DP0"; none where the line does not say.
static mb_status check_engine(reader *r, const char *text, const char *end) {
    const char *name = strstr(text, "EngineCore");
    if (name && name < end) return same_engine(r, name, strcspn(name, " :)"));
    name = strstr(text, "Engine ");
    if (name && name < end) return same_engine(r, name, strcspn(name, ":"));
    return same_engine(r, "", 0);
}

static mb_status take_iteration(reader *r, const char *text, const char *at) {
    double index, new_requests, new_tokens, decodes, generated, ms, usage;
    int end = 0;
    if (sscanf(at,
               "Iteration(%lf): %lf context requests, %lf context tokens, %lf generation requests, %lf "
               "generation tokens, iteration elapsed time: %lf ms%n",
               &index, &new_requests, &new_tokens, &decodes, &generated, &ms, &end) != 6 ||
        end == 0)
        return wrong(r, "a line about an iteration that is not as vLLM prints it "
                        "(--enable-logging-iteration-details)");
    const double numbers[] = {index, new_requests, new_tokens, decodes, generated, ms};
    if (!plausible(numbers, sizeof numbers / sizeof *numbers))
        return wrong(r, "a line about an iteration with a number that cannot be");
    if (strstr(at, "(dummy)")) return MB_OK; // of an engine that had nothing to do, beside others
    mb_status status = check_engine(r, text, at);
    if (status) return status;
    if (!number_after(at, "GPU KV cache usage: ", &usage))
        return wrong(r, "what this step's decodes read is not known: vLLM says how full its KV memory is in "
                        "these lines from 0.27 on (\"GPU KV cache usage\")");
    if (!(usage >= 0 && usage <= 100)) return wrong(r, "the KV memory is used between 0 and 100 %");
    if (r->kv_tokens <= 0)
        return wrong(r, "how large the KV memory is has not been said: the line \"GPU KV cache size: N "
                        "tokens\", which vLLM prints when it starts, belongs before this one");
    // What was in use after the step before is what this one's decodes read, with a token of their own each.
    const bool known = r->seen > 1 && index == r->iteration + 1;
    const double context = decodes > 0 ? r->usage / 100 * r->kv_tokens + generated : 0;
    r->iteration = index;
    r->usage = usage;
    if ((!known && decodes > 0) || ms <= 0 || new_tokens + generated <= 0) return MB_OK;
    return add(r, (mb_logged_step){.tokens = new_tokens + generated,
                                   .context = context,
                                   .requests = new_requests + decodes,
                                   .time_s = 1e-3 * ms,
                                   .line = r->line});
}

static mb_status vllm_line(reader *r, const char *text) {
    take_size(r, text);
    const char *at = strstr(text, "Iteration(");
    if (!at || (at > text && isalpha((unsigned char)at[-1]))) return MB_OK; // a drafter has its own
    return take_iteration(r, text, at);
}

// --- SGLang
// ---------------------------------------------------------------------------------------------------

static mb_status read_batch(reader *r, const char *at, batch *b) {
    double accepted;
    const char *numbered = at + strlen(b->decodes ? "Decode batch" : "Prefill batch");
    if (sscanf(numbered, " [%lf]", &b->forward) != 1) b->forward = 0;
    if (number_after(at, "accept len: ", &accepted))
        return wrong(r, "with speculative decoding a step makes more tokens than it has requests, and these "
                        "lines do not say how many it computed");
    const bool whole =
        b->decodes
            ? number_after(at, "#running-req: ", &b->requests) &&
                  (number_after(at, "#token: ", &b->held) || number_after(at, "#full token: ", &b->held)) &&
                  number_after(at, "gen throughput (token/s): ", &b->throughput)
            : number_after(at, "#new-seq: ", &b->requests) && number_after(at, "#new-token: ", &b->tokens);
    if (!whole) return wrong(r, "a line about a batch that is not as SGLang prints it");
    if (!b->decodes && !number_after(at, "input throughput (token/s): ", &b->throughput)) b->throughput = 0;
    const double numbers[] = {b->forward, b->requests, b->tokens, b->held, b->throughput};
    if (!plausible(numbers, sizeof numbers / sizeof *numbers))
        return wrong(r, "a line about a batch with a number that cannot be");
    return MB_OK;
}

// Decodes between two lines about decodes, without a prompt: all steps in between had these requests, and
// took as long as the throughput says in the mean.
static mb_status add_decodes(reader *r, const batch *b) {
    if (!r->last.decodes || r->last.requests != b->requests || b->requests < 1 || b->held < r->last.held ||
        b->throughput <= 0)
        return MB_OK;
    return add(r, (mb_logged_step){.tokens = b->requests,
                                   .context = (r->last.held + b->requests + b->held) / 2,
                                   .requests = b->requests,
                                   .time_s = b->requests / b->throughput,
                                   .line = r->line});
}

// A line about prompts says how fast those of the line before were, which was the step before only where the
// passes are numbered and these numbers follow each other.
static mb_status add_prompts(reader *r, const batch *b) {
    const batch *before = &r->last;
    if (before->decodes || before->forward <= 0 || b->forward != before->forward + 1 || b->throughput <= 0 ||
        before->tokens < 1)
        return MB_OK;
    return add(r, (mb_logged_step){.tokens = before->tokens,
                                   .requests = before->requests,
                                   .time_s = before->tokens / b->throughput,
                                   .line = r->last_line});
}

// "[2026-04-05 20:02:51 DP0 TP0] Decode batch, ...": what is behind the time is the engine's name.
static mb_status sglang_line(reader *r, const char *text) {
    const char *decode = strstr(text, "Decode batch"), *at = decode ? decode : strstr(text, "Prefill batch");
    if (!at) return MB_OK;
    const char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;
    const size_t stamp = strlen("[2026-04-05 20:02:51");
    const bool named = close && close < at && (size_t)(close - open) > stamp;
    mb_status status =
        named ? same_engine(r, open + stamp + 1, (size_t)(close - open) - stamp - 1) : same_engine(r, "", 0);
    batch b = {.decodes = decode != NULL};
    if (!status) status = read_batch(r, at, &b);
    if (!status && r->seen > 1) status = b.decodes ? add_decodes(r, &b) : add_prompts(r, &b);
    r->last = b;
    r->last_line = r->line;
    return status;
}

// --- the file
// -------------------------------------------------------------------------------------------------

static mb_status read_lines(reader *r, FILE *file, mb_server server) {
    char *text = malloc(MOST_LINE);
    mb_status status = text ? MB_OK : mb_fail_memory(r->error);
    for (mb_line next; !status && (next = mb_line_read(file, text, MOST_LINE)) != MB_LINE_NONE;) {
        r->line++;
        if (next == MB_LINE_TOO_LONG)
            status = wrong(r, "a line longer than 1 MiB; expected the log of a server");
        else
            status = server == MB_SERVER_VLLM ? vllm_line(r, text) : sglang_line(r, text);
    }
    free(text);
    if (!status && ferror(file)) status = mb_fail(r->error, MB_FAILED, "cannot read %s", r->path);
    return status;
}

static mb_status say(reader *r, mb_server server) {
    bool prompts = false;
    for (size_t i = 0; i < r->log->count; i++)
        prompts |= r->log->steps[i].tokens > r->log->steps[i].requests;
    mb_strbuf note = {0};
    if (server == MB_SERVER_VLLM)
        mb_strbuf_printf(&note,
                         "context is the KV memory in use before the step, known to %g tokens; what prompts "
                         "hold is in it, and a shared prefix once",
                         r->kv_tokens / 1000);
    else
        mb_strbuf_printf(&note, "each row of decodes is the mean of the steps between two lines%s",
                         prompts ? "; steps of prompts are without the prefix that they read"
                                 : "; what prompts take is not in these lines (SGLANG_LOG_FORWARD_ITERS=1 "
                                   "numbers the passes, which tells it), and not in this law");
    r->log->note = note.text;
    return note.failed ? mb_fail_memory(r->error) : MB_OK;
}

static mb_status check_found(const reader *r, mb_server server) {
    const char *lines = server == MB_SERVER_VLLM ? "vLLM's lines \"Iteration(N): ...\" "
                                                   "(--enable-logging-iteration-details)"
                                                 : "SGLang's lines \"Decode batch, ...\"";
    if (r->seen == 0) return mb_fail(r->error, MB_BAD_INPUT, "%s: there are none of %s", r->path, lines);
    if (r->log->count == 0)
        return mb_fail(
            r->error, MB_BAD_INPUT,
            "%s: none of its lines about steps tells tokens, context and time; they are known of %s", r->path,
            server == MB_SERVER_VLLM ? "iterations that follow each other"
                                     : "decodes of as many requests as in the line before");
    return MB_OK;
}

mb_status mb_server_log_read(const char *path, mb_server server, mb_step_log **log, mb_error *error) {
    *log = NULL;
    FILE *file;
    mb_status status = mb_paths_open(path, &file, error);
    if (status) return status;
    reader r = {.path = path, .log = calloc(1, sizeof *r.log), .error = error};
    if (r.log) r.log->path = mb_strdup(path);
    status = r.log && r.log->path ? read_lines(&r, file, server) : mb_fail_memory(error);
    fclose(file);
    if (!status) status = check_found(&r, server);
    if (!status) status = say(&r, server);
    if (status) {
        mb_step_log_free(r.log);
        return status;
    }
    r.log->has_requests = true;
    *log = r.log;
    return MB_OK;
}
