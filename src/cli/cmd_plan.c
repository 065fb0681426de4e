// SPDX-License-Identifier: MIT
// mbsand plan: what fits on which GPU.
#include "base/paths.h"
#include "cli/commands.h"
#include "cli/plan_report.h"
#include "cli/plan_simulate.h"
#include "plan/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

// What the options name.
typedef struct opened {
    char *root;
    mb_model_config model;
    mb_gpu_table gpus;
} opened;

static void close_all(opened *o) {
    mb_model_config_deinit(&o->model);
    mb_gpu_table_free(&o->gpus);
    free(o->root);
}

// The pool of the engine's log; and of its version, where that is known, the estimate beside it.
static mb_status take_log(mb_plan_options *options, mb_error *error) {
    mb_plan *p = &options->plan;
    mb_engine_log *log = &options->log;
    if (!options->from_log) return MB_OK;
    const mb_status status = mb_engine_log_read(options->from_log, log, error);
    unsigned minor;
    if (!status && !p->version && strcmp(log->engine, "vLLM") == 0 &&
        sscanf(log->version, "0.%u", &minor) == 1 && minor > 0)
        p->version = minor;
    if (!status && isnan(p->utilization) && log->utilization > 0 && log->utilization <= 1)
        p->utilization = log->utilization;
    if (!status && p->memory_bytes == 0 && log->memory_bytes > 0) p->memory_bytes = log->memory_bytes;
    p->block = log->block;
    return status;
}

// A folder with weights says how large they are, unless somebody knows better.
static mb_status weigh(const char *path, mb_plan *p, mb_error *error) {
    char *folder = mb_paths_folder(path);
    const bool given = p->weight_bytes > 0 || p->bytes_per_weight > 0;
    const mb_status status = !folder ? mb_fail_memory(error)
                             : given ? MB_OK
                                     : mb_safetensors_bytes(folder, &p->weight_bytes, error);
    free(folder);
    return status;
}

static mb_status open_all(mb_plan_options *options, opened *o, mb_error *error) {
    *o = (opened){0};
    char *path = NULL;
    mb_status status = mb_paths_root(&o->root, error);
    if (!status) status = mb_paths_find_model(o->root, NULL, options->model, &path, error);
    if (!status) status = mb_model_config_read(path, &o->model, error);
    if (!status) status = weigh(path, &options->plan, error);
    if (!status) status = take_log(options, error);
    free(path);
    options->root = o->root;
    options->plan.model = &o->model;
    if (status || options->slo) return status;
    status = mb_gpu_open(o->root, NULL, options->gpu, &o->gpus, &options->plan.gpu, error);
    return status ? status : mb_plan_check(&options->plan, error);
}

// TTFT: the prompt of one user alone; TPOT: a step of all users, each with its whole context.
static mb_status add_times(const mb_plan_options *options, mb_plan_row *row, mb_error *error) {
    mb_roofline roofline;
    const mb_status status = mb_roofline_make(&row->plan, &options->efficiency, &roofline, error);
    if (status) return status;
    const uint64_t context = row->plan.context, batch = row->plan.batch;
    if (context > UINT32_MAX || batch > UINT32_MAX)
        return mb_fail(error, MB_BAD_INPUT, "plan: --latency is for contexts and users up to %u", UINT32_MAX);
    const mb_chunk prompt = {.tokens = (uint32_t)context};
    const mb_step_shape prefill = {.prefill_tokens = context, .prefill_requests = 1, .chunks = &prompt};
    const mb_step_shape decode = {.decode_requests = (uint32_t)batch, .decode_context = batch * context};
    row->ttft_s = mb_roofline_seconds(&roofline, &prefill, 0) + options->host_s;
    row->tpot_s = mb_roofline_seconds(&roofline, &decode, (uint32_t)batch) + options->host_s;
    row->output_tps = (double)batch / row->tpot_s;
    return MB_OK;
}

static mb_status make_row(const mb_plan_options *options, uint64_t context, uint64_t batch, mb_plan_row *row,
                          mb_error *error) {
    *row = (mb_plan_row){.plan = options->plan, .ttft_s = NAN, .tpot_s = NAN, .output_tps = NAN};
    // No engine serves more than the model's positions; the tutorial of MLSys-im counts on.
    const uint64_t most = options->plan.model->max_positions;
    row->asked_context = context;
    row->plan.context = most && context > most && row->plan.rules != MB_RULES_MLSYSIM ? most : context;
    row->plan.batch = batch;
    if (options->from_log) {
        row->estimate = mb_budget_of(&row->plan);
        row->plan.blocks = options->log.blocks;
    }
    row->budget = mb_budget_of(&row->plan);
    row->gpus_needed = mb_gpus_needed(&row->plan);
    row->per_node = options->per_node ? options->per_node : row->plan.gpu->per_node;
    const double each = isnan(options->price) ? row->plan.gpu->usd_per_hour : options->price;
    row->usd_per_hour = each * row->plan.tp;
    return options->latency ? add_times(options, row, error) : MB_OK;
}

static size_t page_width(void) {
    struct winsize size;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        return size.ws_col;
    return 80;
}

static mb_status print_plan(const mb_plan_options *options, mb_error *error) {
    const size_t count = options->contexts.count * options->batches.count;
    mb_plan_row *rows = calloc(count, sizeof *rows);
    if (!rows) return mb_fail_memory(error);
    mb_status status = MB_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = make_row(options, options->contexts.values[i / options->batches.count],
                          options->batches.values[i % options->batches.count], &rows[i], error);
    mb_strbuf text = {0};
    if (!status) {
        const mb_plan_report report = {
            .options = options, .rows = rows, .count = count, .width = page_width()};
        mb_plan_report_write(&text, &report);
        if (text.failed) status = mb_fail_memory(error);
    }
    if (!status && text.text) mb_make_printable(text.text, "\n\t");
    if (!status) fwrite(text.text, 1, text.length, stdout);
    mb_strbuf_deinit(&text);
    free(rows);
    return status;
}

int mb_cmd_plan(int argc, char **argv) {
    mb_plan_options options;
    int code = mb_plan_options_parse(argc, argv, &options);
    if (code == 0 && options.help) {
        mb_plan_options_help();
    } else if (code == 0) {
        opened o;
        mb_error error = {0};
        mb_status status = open_all(&options, &o, &error);
        if (!status && options.slo)
            status = mb_plan_cheapest(&options, &code, &error);
        else if (!status && options.pages.count)
            status = mb_plan_pages(&options, &code, &error);
        else if (!status)
            status = print_plan(&options, &error);
        if (status) code = mb_cli_fail(&error);
        close_all(&o);
    }
    mb_plan_options_deinit(&options);
    const int written = mb_cli_finish();
    return code ? code : written;
}
