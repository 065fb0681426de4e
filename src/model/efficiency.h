// SPDX-License-Identifier: MIT
// What shares of its peaks a GPU reached where it was measured, and what a step costs beyond: the rows of
// data/roofline.csv, made by data/make_roofline.lua.
#pragma once
#include "base/error.h"

#include <stdbool.h>

typedef struct mb_roofline_efficiency {
    double compute;        // share of the peak that matrix products reach
    double attention;      // likewise the attention of prompts
    double bandwidth;      // share of the memory's bandwidth that reading weights reaches
    double kv_bandwidth;   // likewise reading KV memory
    double link;           // share of the links' bandwidth
    double link_latency_s; // of one all-reduce
    double layer_s;        // per layer: norms, activations, gaps between kernels
    double launch_s; // per layer, where the host launches each kernel: no step is quicker than all layers
    // Median of the absolute relative errors of what was left out of the fit; NAN: efficiencies of somebody's
    // own.
    double prompt_error, decode_error;
    bool pooled; // nobody measured this GPU: the mean of those that somebody did
} mb_roofline_efficiency;

extern const mb_roofline_efficiency mb_roofline_unset; // all NAN

// The engines that were measured: "graphs", of today, replays a recorded step; "eager", of 2023, launches
// each kernel.
extern const char *const mb_roofline_engines[];
enum { MB_ROOFLINE_ENGINES = 2 };

// Fill in what is NAN from the row of that GPU and engine in root/data/roofline.csv, or from the pooled one.
// Where a member was set before, the errors are not known.
mb_status mb_roofline_complete(const char *root, const char *gpu, const char *engine,
                               mb_roofline_efficiency *efficiency, mb_error *error);
