// SPDX-License-Identifier: MIT
// The stretch that was found, for people and for programs.
#pragma once
#include "explain/chart.h"
#include "explain/find.h"

typedef struct mb_explanation {
    const char *title; // of the scenario; NULL: none
    const mb_duel *duel;
    mb_found *found;
    double *arrivals; // of the stretch's requests, s; owned
    mb_timeline timelines[2];
} mb_explanation;

// What a report needs beside what was found. Release with mb_explanation_deinit in any case.
mb_status mb_explanation_make(mb_duel *duel, mb_found *found, const char *title, mb_explanation *explanation,
                              mb_error *error);
void mb_explanation_deinit(mb_explanation *explanation);

// `style`: width, utf8 and color; the axis is set here.
mb_status mb_explain_text(const mb_explanation *explanation, mb_chart_style style, FILE *out,
                          mb_error *error);
mb_status mb_explain_json(const mb_explanation *explanation, FILE *out, mb_error *error);
