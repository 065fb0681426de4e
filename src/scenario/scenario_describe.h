// SPDX-License-Identifier: MIT
// The latency model in the words of the line above a table.
#pragma once
#include "base/strbuf.h"
#include "scenario/experiment.h"

void mb_scenario_describe_latency(const mb_group *group, mb_strbuf *text);
