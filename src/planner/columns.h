// SPDX-License-Identifier: MIT
// The figures of a row, by name: what tables, CSV and JSON show.
#pragma once
#include "planner/answer.h"
#include "report/format.h"

typedef enum mb_plan_unit {
    MB_PLAN_COUNT,
    MB_PLAN_GIB,
    MB_PLAN_SHARE,
    MB_PLAN_SECONDS,
    MB_PLAN_PLAIN
} mb_plan_unit;

typedef struct mb_plan_column {
    const char *key, *head;
    mb_plan_unit unit;
    double (*value)(const mb_plan_row *row);
    bool shown;   // in tables
    bool latency; // only with --latency
    bool of_gpus; // in tables of several GPUs
} mb_plan_column;

extern const mb_plan_column mb_plan_columns[];
extern const int mb_plan_column_count;

bool mb_plan_column_used(const mb_plan_column *column, const mb_plan_answer *answer);
bool mb_plan_column_shown(const mb_plan_column *column, const mb_plan_answer *answer);
// As tables show it.
void mb_plan_cell(char text[MB_TEXT_SIZE], const mb_plan_column *column, const mb_plan_row *row);
// As CSV and JSON store it: GiB as numbers, everything else in its base unit.
double mb_plan_stored(const mb_plan_column *column, const mb_plan_row *row);
// How far the pool may be off; NAN: not known.
double mb_plan_margin(const mb_plan_row *row);
// USD per million output tokens; NAN: not known.
double mb_plan_cost(const mb_plan_row *row);
