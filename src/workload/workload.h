// SPDX-License-Identifier: MIT
// A workload's description, checked and prepared.
#pragma once
#include "workload/description.h"
#include "workload/trace.h"

// What is known of the lengths of replication `replication` before its requests come: of a trace the (at most
// `most`) rows before its window, or all before `from_s`; of a synthetic workload `most` draws of its
// generator. A shallow copy of the workload; false if nothing comes before.
bool mb_workload_before(const mb_workload *workload, uint64_t replication, uint64_t most,
                        mb_workload *before);

void mb_workload_deinit(mb_workload *workload);
// Check and prepare once, before any source is opened: parameters, tables of the distributions, the trace's
// header.
mb_status mb_workload_prepare(mb_workload *workload, mb_error *error);
// "" where there is no such class.
const char *mb_workload_class_name(const mb_workload *workload, uint32_t class_index);
// What its trace is read with in one replication.
mb_trace_options mb_trace_options_of(const mb_workload *workload, uint64_t seed, uint64_t replication);
