// SPDX-License-Identifier: MIT
// What mbsand plan is asked.
#pragma once
#include "base/lists.h"
#include "model/roofline.h"
#include "plan/engine_log.h"

typedef enum mb_plan_format {
    MB_PLAN_AS_TABLE,
    MB_PLAN_AS_CSV,
    MB_PLAN_AS_JSON,
    MB_PLAN_AS_MD
} mb_plan_format;

typedef struct mb_plan_options {
    const char *model, *gpu; // as given
    const char *gpus;        // a list, or "all": which of them fit? NULL: not asked
    const char *root;        // of the project's files; not owned
    mb_plan plan;            // model, gpu, context and batch are filled in later
    mb_list contexts, batches, pages;
    uint32_t per_node; // 0: as the GPU's description says
    bool latency, help;
    const char *from_log; // a start-up log, or NULL
    mb_engine_log log;    // what it says
    const char *slo;      // "ttft_p99<=0.5,tpot_mean<=0.03"
    double rate, prompt, output,
        price; // of the workload that the SLO is simulated with; USD per GPU and hour
    const char *weight_precision, *kv_precision; // as given, or NULL
    mb_roofline_efficiency efficiency;           // as given; the rest is NAN
    const char *engine;                          // one of mb_roofline_engines
    double host_s;
    mb_plan_format format;
} mb_plan_options;

// Whether a log's tokens may be another measure than ours: layers with a state or a window beside others.
bool mb_plan_log_counts_groups(const mb_plan_options *options);

// What the options name.
typedef struct mb_plan_opened {
    char *root;
    mb_model_config model;
    mb_gpu_table gpus;
} mb_plan_opened;

// Read the model, the GPU and the log that the options name, and point the options at them. Release with
// mb_plan_close, whatever is returned.
mb_status mb_plan_open(mb_plan_options *options, mb_plan_opened *opened, mb_error *error);
void mb_plan_close(mb_plan_opened *opened);
