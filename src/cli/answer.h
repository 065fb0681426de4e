// SPDX-License-Identifier: MIT
// What a search has found: a table with sentences below it. The sentences are one text, a line each; those
// that begin with "warning: " are warnings.
#pragma once
#include "report/sheet.h"

struct json_t;

// For a terminal or as Markdown.
mb_status mb_answer_print(const mb_sheet *sheet, const char *sentences, bool markdown, mb_error *error);
// Beside CSV, which has no place for them: the warnings on standard error.
void mb_answer_warn(const char *sentences);
// A list of all of them.
struct json_t *mb_answer_json(bool *lost, const char *sentences);
// Puts `whole` on standard output and releases it.
mb_status mb_answer_print_json(struct json_t *whole, bool lost, mb_error *error);
