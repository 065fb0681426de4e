// SPDX-License-Identifier: MIT
#include "page/terminal.h"

#include "base/strbuf.h"
#include "report/fitting.h"
#include "report/format.h"

#include <math.h>
#include <string.h>

enum { LABEL = 22, LEVELS = 8, NARROWEST = 10 };
static const char *const blocks[LEVELS + 1] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const letters[LEVELS + 1] = {" ", ".", ":", "-", "=", "+", "*", "#", "@"};

// The mean of column number `column` of `columns` over the time up to `end_s`; NAN: there was nothing.
static double mean_at(const mb_series *series, double end_s, size_t column, size_t columns) {
    const double from_s = end_s * (double)column / (double)columns;
    const double to_s = end_s * (double)(column + 1) / (double)columns;
    double seconds = 0, integral = 0;
    for (size_t i = (size_t)(from_s / series->width_s); i < MB_SERIES_POINTS; i++) {
        const double begins_s = series->width_s * (double)i, ends_s = begins_s + series->width_s;
        if (begins_s >= to_s) break;
        const double share = (fmin(ends_s, to_s) - fmax(begins_s, from_s)) / series->width_s;
        seconds += share * series->cells[i].seconds;
        integral += share * series->cells[i].integral;
    }
    return seconds > 0 ? integral / seconds : (double)NAN;
}

static double end_of(const mb_gathered *gathered, size_t policies) {
    double end_s = 0;
    for (size_t p = 0; p < policies; p++) {
        const mb_recording *recording = mb_gathered_recording(gathered, 0, p);
        if (recording)
            end_s = fmax(end_s, recording->series[0].width_s * (double)mb_recording_used(recording));
    }
    return end_s;
}

static void put_label(FILE *out, const char *label) {
    mb_strbuf text = {0};
    mb_add_printable(&text, label);
    size_t columns = 0;
    for (const char *c = text.text ? text.text : ""; *c; c++) {
        if (((unsigned char)*c & 0xC0) != 0x80 && ++columns > LABEL - 1) break;
        fputc(*c, out);
    }
    if (columns > LABEL - 1) columns = LABEL - 1;
    fprintf(out, "%*s", (int)(LABEL - columns), "");
    mb_strbuf_deinit(&text);
}

static void plot_one(const mb_gathered *gathered, size_t which, double end_s, FILE *out, size_t columns,
                     bool utf8) {
    const mb_experiment *experiment = &gathered->section->points[0].experiment;
    const mb_recorded_name *name = &mb_recorded_names[which];
    double most = 0;
    for (size_t p = 0; p < experiment->policy_count; p++)
        for (size_t i = 0; i < columns; i++) {
            const mb_recording *recording = mb_gathered_recording(gathered, 0, p);
            if (recording) most = fmax(most, mean_at(&recording->series[which], end_s, i, columns));
        }
    if (!(most > 0)) return;
    mb_strbuf top = {0};
    mb_strbuf_digits(&top, most * name->factor, 3);
    fprintf(out, "\n%s, 0 to %s%s%s\n", name->title, top.text ? top.text : "", *name->unit ? " " : "",
            name->unit);
    mb_strbuf_deinit(&top);
    for (size_t p = 0; p < experiment->policy_count; p++) {
        const mb_recording *recording = mb_gathered_recording(gathered, 0, p);
        put_label(out, experiment->policies[p].label);
        for (size_t i = 0; recording && i < columns; i++) {
            const double value = mean_at(&recording->series[which], end_s, i, columns);
            // What is not nothing has a mark.
            const size_t level =
                value > 0 ? (size_t)fmin(LEVELS, fmax(1, ceil(value / most * LEVELS - 1e-9))) : 0;
            fputs(utf8 ? blocks[level] : letters[level], out);
        }
        fputc('\n', out);
    }
}

void mb_terminal_plot(const mb_gathered *gathered, FILE *out, size_t width, bool utf8) {
    const size_t policies = gathered->section->points[0].experiment.policy_count;
    const double end_s = end_of(gathered, policies);
    if (!(end_s > 0)) return;
    const size_t columns = width > LABEL + NARROWEST ? width - LABEL : NARROWEST;
    for (size_t i = 0; i < MB_RECORDED_COUNT; i++)
        plot_one(gathered, i, end_s, out, columns, utf8);
    mb_strbuf end = {0};
    mb_strbuf_digits(&end, end_s, 4);
    mb_strbuf said = {0};
    mb_strbuf_printf(&said, "\nOver time, 0 to %s s, with the first seed%s: the mean of each column.\n",
                     end.text ? end.text : "",
                     gathered->section->point_count > 1 ? ", at the first point" : "");
    if (said.text) mb_print_fitting(out, said.text);
    mb_strbuf_deinit(&said);
    mb_strbuf_deinit(&end);
}
