// SPDX-License-Identifier: MIT
// What mbsand fit prints and writes.
#pragma once
#include "base/strbuf.h"
#include "fit/step.h"

#include <jansson.h>

typedef enum mb_fit_format { MB_FIT_AS_TABLE, MB_FIT_AS_JSON, MB_FIT_AS_CSV, MB_FIT_AS_MD } mb_fit_format;

void mb_grid_fit_report(mb_strbuf *out, mb_fit_format format, const mb_grid *grid, const mb_fit *fit,
                        mb_fit_weight weight);
void mb_step_fit_report(mb_strbuf *out, mb_fit_format format, const mb_step_log *log, const mb_step_fit *fit,
                        mb_fit_weight weight);
// A file that returns the coefficients as a Lua table.
void mb_grid_fit_lua(mb_strbuf *out, const mb_grid *grid, const mb_fit *fit, mb_fit_weight weight);
void mb_step_fit_lua(mb_strbuf *out, const mb_step_log *log, const mb_step_fit *fit, mb_fit_weight weight);

// --- shared by these

typedef struct mb_number_text {
    char text[32];
} mb_number_text;

// The fewest digits that read back as the same double; whole numbers without an exponent.
mb_number_text mb_exact(double value);
// Add and release it; NULL counts as out of memory.
void mb_add_json(mb_strbuf *out, json_t *root);
// Add a line of a Lua comment and release it: a file name in it must not end the comment.
void mb_add_comment(mb_strbuf *out, mb_strbuf *text);
