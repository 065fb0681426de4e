// SPDX-License-Identifier: MIT
#include "page/figure.h"

#include "report/columns.h"
#include "report/files.h"
#include "report/labels.h"
#include "report/standing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REACH 2

const char *const mb_figure_names[MB_FIGURE_KINDS] = {"cdf", "sweep", "pareto", "timeline", "batches"};

// Blocks of rows, one for each policy, and what the axes are called.
typedef struct figure {
    const mb_page_section *shown;
    const mb_section *section;
    const mb_figure_options *options;
    mb_strbuf data, plots; // rows; what gnuplot is to plot
    char x[160], y[160];
    const char *more; // lines of the script
    double top;       // of the upward axis; 0: as far as there is something
    size_t blocks;
} figure;

static const char *label_of(const figure *f, size_t point, size_t policy) {
    return f->section->points[point].experiment.policies[policy].label;
}

// In gnuplot's single quotes nothing but the quote means anything.
static void add_quoted(mb_strbuf *text, const char *name) {
    mb_strbuf clean = {0};
    mb_add_printable(&clean, name);
    mb_strbuf_add(text, "'");
    for (const char *c = clean.text ? clean.text : ""; *c; c++)
        mb_strbuf_add(text, *c == '\'' ? "''" : (char[]){*c, '\0'});
    mb_strbuf_add(text, "'");
    mb_strbuf_deinit(&clean);
}

// A block of rows ends; how it is drawn. `columns`: which are.
static void end_block(figure *f, const char *name, const char *columns, const char *how) {
    mb_strbuf_add(&f->data, "\n\n");
    if (f->blocks) mb_strbuf_add(&f->plots, ", \\\n    ");
    mb_strbuf_printf(&f->plots, "data index %zu using %s with %s linestyle %zu title ", f->blocks, columns,
                     how, f->blocks + 1);
    add_quoted(&f->plots, name);
    f->blocks++;
}

static void add_row(figure *f, double x, double y, double low, double high) {
    mb_strbuf_printf(&f->data, "%.9g %.9g %.9g %.9g\n", x, y, isnan(low) ? y : low, isnan(high) ? y : high);
}

static mb_status none(const figure *f, const char *why, mb_error *error) {
    return mb_fail(error, MB_BAD_INPUT, "--figure %s: %s", mb_figure_names[f->options->kind], why);
}

// --- distributions ---------------------------------------------------------------------------------------

static mb_status add_cdf(figure *f, mb_error *error) {
    const mb_gathered *gathered = f->shown->gathered;
    const char *wanted = f->options->measure ? f->options->measure : "e2e";
    size_t time = 0;
    while (time < MB_GATHERED_TIMES && strcmp(mb_gathered_names[time], wanted) != 0)
        time++;
    if (time == MB_GATHERED_TIMES) return none(f, "--measure is one of ttft, itl, tpot, e2e, queue", error);
    if (!gathered) return none(f, "a database has no distributions; give the scenario", error);
    for (size_t p = 0; p < f->section->points[0].experiment.policy_count; p++) {
        for (size_t i = 0; i < MB_GATHERED_QUANTILES; i++) {
            mb_sample sample = {.scale = MB_SCALE_POSITIVE};
            for (uint32_t seed = 0; seed < f->section->points[0].experiment.seeds; seed++) {
                const mb_gathered_job *job = mb_gathered_of(gathered, 0, p, seed);
                if (job->known && !isnan(job->quantiles[time][i]))
                    mb_sample_add(&sample, job->quantiles[time][i]);
            }
            const double value = mb_sample_level(&sample).value;
            if (value > 0) add_row(f, value, 100 * mb_gathered_at[i], NAN, NAN);
        }
        end_block(f, label_of(f, 0, p), "1:2", "lines");
    }
    snprintf(f->x, sizeof f->x, "%s, s", mb_gathered_titles[time]);
    snprintf(f->y, sizeof f->y, "%% of requests");
    f->more = "set logscale x\nset yrange [0:100]\n";
    return MB_OK;
}

// --- measures over points --------------------------------------------------------------------------------

// The measure that is named, or one of the verdict's that is better so.
static int choose(const figure *f, const char *name, mb_better better) {
    int measures[MB_MAX_HEADLINES];
    const size_t count = mb_headlines(f->section, measures);
    if (name) return mb_measure_find(name, strlen(name));
    for (size_t i = 0; i < count; i++)
        if (better == MB_BETTER_NEITHER || mb_measures[measures[i]].better == better) return measures[i];
    return mb_measure_index(better == MB_BETTER_HIGHER ? "throughput_rps" : "e2e_p99_s");
}

static mb_column column_of(const figure *f, int measure) {
    double largest = 0;
    for (size_t i = 0; i < f->shown->results->count; i++)
        if (f->shown->results->outcomes[i].finished)
            largest = fmax(largest, f->shown->results->outcomes[i].values[measure]);
    return mb_column_of(measure, largest);
}

static void name_axis(char axis[160], const mb_column *column) {
    snprintf(axis, 160, *column->unit ? "%s, %s" : "%s", column->label, column->unit);
}

static mb_status add_sweep(figure *f, mb_error *error) {
    const int measure = choose(f, f->options->measure, MB_BETTER_NEITHER);
    if (measure < 0) return none(f, "--measure names no measure, such as e2e_p99_s", error);
    const mb_label_columns keys = mb_label_columns_of(f->section);
    if (f->section->point_count < 2 || keys.count != 1 || keys.whole)
        return none(f, "it is along one key: give --over KEY=VALUES once, or a database of such a sweep",
                    error);
    const mb_column column = column_of(f, measure);
    double highest = 0, end = 0; // of all levels, of their intervals
    for (size_t p = 0; p < f->section->points[0].experiment.policy_count; p++) {
        for (size_t point = 0; point < f->section->point_count; point++) {
            if (p >= f->section->points[point].experiment.policy_count) continue;
            char text[64], *rest;
            const mb_slice value = mb_label_value(&keys, f->section->points[point].label, 0);
            snprintf(text, sizeof text, "%.*s", (int)value.length, value.text);
            const double x = strtod(text, &rest);
            if (*rest || rest == text) return none(f, "the key's values are to be numbers", error);
            const mb_estimate level = mb_level(f->shown->results, point, p, measure);
            if (isnan(level.value)) continue;
            highest = fmax(highest, level.value * column.factor);
            end = fmax(end, level.high * column.factor);
            add_row(f, x, level.value * column.factor, level.low * column.factor, level.high * column.factor);
        }
        // Not bands: those of many policies hide each other.
        end_block(f, label_of(f, 0, p), "1:2:3:4", "yerrorlines");
    }
    snprintf(f->x, sizeof f->x, "%.*s", (int)keys.names[0].length, keys.names[0].text);
    name_axis(f->y, &column);
    f->more = "set offsets graph 0.04, graph 0.04, graph 0.05, graph 0.05\n";
    // Intervals of few seeds may reach so far beyond all levels that these would be one line.
    if (end > REACH * highest) f->top = REACH * highest;
    return MB_OK;
}

static mb_status add_pareto(figure *f, mb_error *error) {
    const int across = choose(f, NULL, MB_BETTER_HIGHER),
              up = choose(f, f->options->measure, MB_BETTER_LOWER);
    if (up < 0) return none(f, "--measure names no measure, such as e2e_p99_s", error);
    const mb_column x = column_of(f, across), y = column_of(f, up);
    for (size_t p = 0; p < f->section->points[0].experiment.policy_count; p++) {
        for (size_t point = 0; point < f->section->point_count; point++) {
            if (p >= f->section->points[point].experiment.policy_count) continue;
            const double a = mb_level(f->shown->results, point, p, across).value;
            const double b = mb_level(f->shown->results, point, p, up).value;
            if (!isnan(a) && !isnan(b)) add_row(f, a * x.factor, b * y.factor, NAN, NAN);
        }
        end_block(f, label_of(f, 0, p), "1:2", f->section->point_count > 1 ? "linespoints" : "points");
    }
    name_axis(f->x, &x);
    name_axis(f->y, &y);
    f->more = "set offsets graph 0.04, graph 0.04, graph 0.05, graph 0.05\n";
    return MB_OK;
}

// --- over time -------------------------------------------------------------------------------------------

static mb_status add_series(figure *f, const char *wanted, mb_error *error) {
    size_t which = 0;
    while (which < MB_RECORDED_COUNT && strcmp(mb_recorded_names[which].name, wanted) != 0)
        which++;
    if (which == MB_RECORDED_COUNT)
        return none(f, "--measure is one of waiting, running, memory, batch, tbt", error);
    if (!f->shown->gathered) return none(f, "a database has nothing over time; give the scenario", error);
    const mb_recorded_name *name = &mb_recorded_names[which];
    for (size_t p = 0; p < f->section->points[0].experiment.policy_count; p++) {
        const mb_recording *recording = mb_gathered_recording(f->shown->gathered, 0, p);
        const mb_series *series = recording ? &recording->series[which] : NULL;
        for (size_t i = 0; series && i < MB_SERIES_POINTS; i++) {
            const mb_series_cell *cell = &series->cells[i];
            if (cell->seconds > 0)
                add_row(f, series->width_s * (double)i, name->factor * cell->integral / cell->seconds,
                        name->factor * cell->least, name->factor * cell->most);
        }
        end_block(f, label_of(f, 0, p), "1:2", "steps");
    }
    snprintf(f->x, sizeof f->x, "simulated time, s");
    snprintf(f->y, sizeof f->y, *name->unit ? "%s, %s" : "%s", name->title, name->unit);
    f->more = "set yrange [0:*]\nset offsets 0, 0, graph 0.05, 0\n";
    return MB_OK;
}

// --- the files -------------------------------------------------------------------------------------------

static const struct {
    const char *end, *terminal;
} formats[] = {{".pdf", "pdfcairo size 3.4in,2.3in font 'Helvetica,8' linewidth 1.2 pointscale 0.5"},
               {".svg", "svg size 490,330 font 'Helvetica,14' linewidth 1.2"},
               {".png", "pngcairo size 1360,920 font 'Helvetica,27' linewidth 4 pointscale 2.6"}};

static int format_of(const char *path) {
    const size_t length = strlen(path);
    for (int i = 0; i < 3; i++)
        if (length > 4 && strcmp(path + length - 4, formats[i].end) == 0 && path[length - 5] != '/') return i;
    return -1;
}

char *mb_figure_beside(const char *path, const char *end) {
    mb_strbuf beside = {0};
    if (format_of(path) < 0) return NULL;
    mb_strbuf_add_bytes(&beside, path, strlen(path) - 4);
    mb_strbuf_add(&beside, end);
    return beside.text;
}

// Lines that differ in colour (that the colour-blind tell apart as well), dashes and marks; with more than
// eight a colour comes again with other dashes and another mark.
static void add_styles(mb_strbuf *script, size_t count) {
    static const char *const colors[] = {"034b96", "d75f00", "00815a", "b3589a",
                                         "b28e52", "2299ec", "424446", "7a3b00"};
    static const char *const dashes[] = {"1", "(8,3)", "(2,2)", "(8,3,2,3)", "(14,4)"};
    static const int marks[] = {7, 5, 9, 11, 13, 6, 4, 8};
    for (size_t i = 0; i < count; i++)
        mb_strbuf_printf(
            script,
            "set style line %zu linewidth 1.8 linecolor rgb '#%s' dashtype %s pointtype %d pointsize 1\n",
            i + 1, colors[i % 8], dashes[(i + i / 8) % 5], marks[(i + 3 * (i / 8)) % 8]);
}

static void add_script(const figure *f, const char *data, mb_strbuf *script) {
    mb_strbuf_add(script, "# gnuplot THIS-FILE draws the figure again.\nset terminal ");
    mb_strbuf_printf(script, "%s noenhanced\nset output ", formats[format_of(f->options->path)].terminal);
    add_quoted(script, f->options->path);
    mb_strbuf_add(script, "\ndata = ");
    add_quoted(script, data);
    mb_strbuf_add(script,
                  "\nset border 3\nset tics nomirror out\nset grid linetype 1 linecolor rgb '#dddddd'\n"
                  "set key tmargin center horizontal Left reverse noenhanced samplen 2.5\n"
                  "set autoscale fix\nset xlabel ");
    add_quoted(script, f->x);
    mb_strbuf_add(script, "\nset ylabel ");
    add_quoted(script, f->y);
    mb_strbuf_add(script, "\n");
    add_styles(script, f->blocks);
    if (f->top > 0) mb_strbuf_printf(script, "set yrange [*:%.6g] # longer intervals go out of it\n", f->top);
    mb_strbuf_printf(script, "%splot %s\n", f->more, f->plots.text ? f->plots.text : "0");
}

static mb_status write_files(const figure *f, mb_error *error) {
    char *data = mb_figure_beside(f->options->path, ".dat"),
         *path = mb_figure_beside(f->options->path, ".gp");
    mb_strbuf script = {0};
    if (data) add_script(f, data, &script);
    mb_status status = MB_OK;
    if (!data || !path || script.failed || f->data.failed || f->plots.failed) status = mb_fail_memory(error);
    if (status == MB_OK) status = mb_output_text(data, &f->data, error);
    if (status == MB_OK) status = mb_output_text(path, &script, error);
    mb_strbuf_deinit(&script);
    free(data);
    free(path);
    return status;
}

mb_status mb_figure_write(const mb_page_section *section, const mb_figure_options *options, mb_error *error) {
    figure f = {.shown = section, .section = mb_results_section(section->results), .options = options};
    mb_strbuf_add(&f.data, "# a block for each policy: x, y, and its interval or range\n");
    mb_status status = MB_OK;
    switch (options->kind) {
    case MB_FIGURE_CDF:
        status = add_cdf(&f, error);
        break;
    case MB_FIGURE_SWEEP:
        status = add_sweep(&f, error);
        break;
    case MB_FIGURE_PARETO:
        status = add_pareto(&f, error);
        break;
    case MB_FIGURE_TIMELINE:
        status = add_series(&f, options->measure ? options->measure : "waiting", error);
        break;
    default:
        status = add_series(&f, "batch", error);
    }
    if (status == MB_OK) status = write_files(&f, error);
    mb_strbuf_deinit(&f.data);
    mb_strbuf_deinit(&f.plots);
    return status;
}
