// SPDX-License-Identifier: MIT
#include "planner/question.h"

#include "base/paths.h"
#include "plan/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    if (!status && p->bytes_per_value == 0) p->bytes_per_value = log->value_bytes;
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

mb_status mb_plan_open(mb_plan_options *options, mb_plan_opened *o, mb_error *error) {
    *o = (mb_plan_opened){0};
    char *path = NULL;
    mb_status status = mb_paths_root(&o->root, error);
    if (!status) status = mb_paths_find_model(o->root, NULL, options->model, &path, error);
    if (!status) status = mb_model_config_read(path, &o->model, error);
    if (!status) status = weigh(path, &options->plan, error);
    if (!status) status = take_log(options, error);
    free(path);
    options->root = o->root;
    options->plan.model = &o->model;
    if (status || options->slo || options->gpus) return status;
    status = mb_gpu_open(o->root, NULL, options->gpu, &o->gpus, &options->plan.gpu, error);
    return status ? status : mb_plan_check(&options->plan, error);
}

void mb_plan_close(mb_plan_opened *o) {
    mb_model_config_deinit(&o->model);
    mb_gpu_table_free(&o->gpus);
    free(o->root);
}

bool mb_plan_log_counts_groups(const mb_plan_options *options) {
    const mb_model_config *m = options->plan.model;
    return options->from_log && (m->state_layers > 0 || m->window_layers > 0);
}
