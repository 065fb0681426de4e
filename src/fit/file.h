// SPDX-License-Identifier: MIT
// From a file of measured times to the fitted law: what mbsand fit does between its command line and its
// output.
#pragma once
#include "fit/report.h"
#include "fit/server_log.h"

typedef struct mb_fit_choices {
    mb_step_fit_how how;  // of a grid only the weight
    mb_fit_format format; // of the report
    bool picture;         // draw it too
    mb_server server;     // the file is what this one printed
} mb_fit_choices;

typedef struct mb_fit_texts {
    mb_strbuf report;
    mb_strbuf lua;     // a file that returns the law
    mb_strbuf picture; // an SVG; empty where not asked for
    mb_strbuf note;    // what a report without words (CSV) has no place for
} mb_fit_texts;

// The header of the CSV at `path` says whether it is a grid or a step log, unless it is a server's log.
// `name`: what the picture calls the file. Release `texts` in any case.
mb_status mb_fit_file(const char *path, const char *name, const mb_fit_choices *choices, mb_fit_texts *texts,
                      mb_error *error);
void mb_fit_texts_deinit(mb_fit_texts *texts);
