// SPDX-License-Identifier: MIT
// A figure for a paper, drawn by gnuplot: its numbers and its script lie beside it, for who wants it
// otherwise.
#pragma once
#include "page/page.h"

typedef enum mb_figure_kind {
    MB_FIGURE_CDF,
    MB_FIGURE_SWEEP,
    MB_FIGURE_PARETO,
    MB_FIGURE_TIMELINE,
    MB_FIGURE_BATCHES,
    MB_FIGURE_KINDS
} mb_figure_kind;
extern const char *const mb_figure_names[MB_FIGURE_KINDS];

typedef struct mb_figure_options {
    mb_figure_kind kind;
    const char *measure; // what it is of; NULL: the usual
    const char *path;    // ends in .pdf, .svg or .png
} mb_figure_options;

// The path without its end, plus `end`; NULL: the path has another end than the three, or no name.
char *mb_figure_beside(const char *path, const char *end);
// Write NAME.dat and NAME.gp beside the figure; gnuplot draws it from them.
mb_status mb_figure_write(const mb_page_section *section, const mb_figure_options *options, mb_error *error);
