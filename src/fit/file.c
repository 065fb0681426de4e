// SPDX-License-Identifier: MIT
#include "fit/file.h"

#include "fit/plot.h"
#include "model/grid.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// What one fit works on.
typedef struct job {
    const char *name;
    const mb_fit_choices *choices;
    mb_fit_texts *texts;
} job;

static mb_status draw(const job *j, const char *law, const mb_fit_point *points, size_t count,
                      mb_error *error) {
    mb_strbuf title = {0};
    mb_strbuf_printf(&title, "%s: %s", j->name, law);
    mb_fit_plot(&j->texts->picture, title.text ? title.text : "", points, count);
    const mb_status status = title.failed ? mb_fail_memory(error) : MB_OK;
    mb_strbuf_deinit(&title);
    return status;
}

static mb_status draw_grid(const job *j, const mb_grid *grid, const mb_fit *fit, mb_error *error) {
    mb_fit_point *points = calloc(grid->batch_count * grid->length_count, sizeof *points);
    if (!points) return mb_fail_memory(error);
    size_t count = 0;
    for (size_t row = 0; row < grid->batch_count; row++)
        for (size_t column = 0; column < grid->length_count; column++) {
            const double batch = grid->batch_sizes[row], length = grid->lengths[column];
            const double measured = grid->mean_s[row * grid->length_count + column];
            if (isnan(measured)) continue;
            mb_fit_point *p = &points[count++];
            *p = (mb_fit_point){measured, mb_fit_predict(&fit->law, batch, length), ""};
            snprintf(p->name, sizeof p->name, "batch %g, length %g", batch, length);
        }
    const mb_status status = draw(j, "latency.batch", points, count, error);
    free(points);
    return status;
}

static mb_status draw_steps(const job *j, const mb_step_log *log, const mb_step_fit *fit, mb_error *error) {
    mb_fit_point *points = calloc(log->count, sizeof *points);
    if (!points) return mb_fail_memory(error);
    for (size_t i = 0; i < log->count; i++) {
        const mb_logged_step *step = &log->steps[i];
        points[i] = (mb_fit_point){
            step->time_s, mb_step_law_predict(&fit->law, step->tokens, step->context, step->requests), ""};
        snprintf(points[i].name, sizeof points[i].name, "line %lu: T = %g, K = %g", step->line, step->tokens,
                 step->context);
    }
    const mb_status status = draw(j, "latency.step", points, log->count, error);
    free(points);
    return status;
}

static mb_status fit_grid(const job *j, mb_number_csv *csv, mb_error *error) {
    const mb_fit_choices *c = j->choices;
    mb_grid *grid;
    mb_fit fit;
    mb_status status = mb_grid_from(csv, &grid, error);
    if (!status) status = mb_fit_batch_law(grid, c->how.weight, &fit, error);
    if (!status) {
        mb_grid_fit_report(&j->texts->report, c->format, grid, &fit, c->how.weight);
        mb_grid_fit_lua(&j->texts->lua, grid, &fit, c->how.weight);
        if (c->picture) status = draw_grid(j, grid, &fit, error);
    }
    mb_grid_free(grid);
    return status;
}

static mb_status fit_steps(const job *j, mb_step_log *log, mb_error *error) {
    const mb_fit_choices *c = j->choices;
    mb_step_fit fit;
    mb_status status = mb_fit_step_law(log, &c->how, &fit, error);
    if (status) return status;
    mb_step_fit_report(&j->texts->report, c->format, log, &fit, c->how.weight);
    mb_step_fit_lua(&j->texts->lua, log, &fit, c->how.weight);
    if (c->format == MB_FIT_AS_CSV && log->note) mb_strbuf_add(&j->texts->note, log->note);
    return c->picture ? draw_steps(j, log, &fit, error) : MB_OK;
}

static mb_status fit_csv(const job *j, const char *path, mb_error *error) {
    static const mb_csv_kind *const KINDS[] = {&mb_grid_kind, &mb_step_log_kind};
    mb_number_csv csv;
    mb_step_log *log = NULL;
    mb_status status = mb_number_csv_read(path, KINDS, sizeof KINDS / sizeof *KINDS, &csv, error);
    if (!status && csv.kind == &mb_grid_kind)
        status = fit_grid(j, &csv, error);
    else if (!status && !(status = mb_step_log_from(&csv, &log, error)))
        status = fit_steps(j, log, error);
    mb_step_log_free(log);
    mb_number_csv_deinit(&csv);
    return status;
}

static mb_status fit_server_log(const job *j, const char *path, mb_error *error) {
    mb_step_log *log;
    mb_status status = mb_server_log_read(path, j->choices->server, &log, error);
    if (!status) status = fit_steps(j, log, error);
    mb_step_log_free(log);
    return status;
}

mb_status mb_fit_file(const char *path, const char *name, const mb_fit_choices *choices, mb_fit_texts *texts,
                      mb_error *error) {
    *texts = (mb_fit_texts){0};
    const job j = {name, choices, texts};
    const mb_status status = choices->server ? fit_server_log(&j, path, error) : fit_csv(&j, path, error);
    if (!status && (texts->report.failed || texts->lua.failed || texts->picture.failed || texts->note.failed))
        return mb_fail_memory(error);
    return status;
}

void mb_fit_texts_deinit(mb_fit_texts *texts) {
    mb_strbuf_deinit(&texts->report);
    mb_strbuf_deinit(&texts->lua);
    mb_strbuf_deinit(&texts->picture);
    mb_strbuf_deinit(&texts->note);
}
