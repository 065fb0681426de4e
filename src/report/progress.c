// SPDX-License-Identifier: MIT
#include "report/progress.h"

#include "report/format.h"
#include "report/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A run is drawn from the first tenth of a second on, so that short ones do not flicker.
#define INTERVAL_S 0.1

void mb_progress_init(mb_progress *progress, FILE *out, bool quiet) {
    const char *terminal = getenv("TERM");
    const bool dumb = terminal && strcmp(terminal, "dumb") == 0; // cannot rewrite a line
    *progress = (mb_progress){0};
    if (quiet || dumb || isatty(fileno(out)) != 1) return;
    progress->out = out;
    progress->color = mb_wants_color(out);
}

static void format_time(char text[MB_TEXT_SIZE], double seconds) {
    const unsigned long long whole = seconds > 0 && seconds < 1e9 ? (unsigned long long)(seconds + 0.5) : 0;
    if (whole >= 3600)
        snprintf(text, MB_TEXT_SIZE, "%llu:%02llu:%02llu", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(text, MB_TEXT_SIZE, "%llu:%02llu", whole / 60, whole % 60);
}

// "3.4 M"
static void format_large(char text[MB_TEXT_SIZE], double value) {
    static const char *const prefixes[] = {"", " k", " M", " G"};
    size_t i = 0;
    for (; value >= 999.5 && i < 3; i++)
        value /= 1000;
    snprintf(text, MB_TEXT_SIZE, "%.*f%s", i && value < 99.95 ? 1 : 0, value, prefixes[i]);
}

void mb_progress_line(const mb_progress_state *state, char text[MB_PROGRESS_SIZE]) {
    enum { WIDTH = 16, NARROW = 6, USUAL = 80 };
    const bool narrow = state->width && state->width < USUAL; // no room for requests, then
    const double share = state->total ? (double)state->done / (double)state->total : 0;
    char bar[WIDTH + 1], requests[MB_TEXT_SIZE], rate[MB_TEXT_SIZE], elapsed[MB_TEXT_SIZE],
        left[MB_TEXT_SIZE];
    for (int i = 0; i < WIDTH; i++)
        bar[i] = i < (int)(share * (narrow ? NARROW : WIDTH)) ? '#' : '.';
    bar[WIDTH] = '\0';
    format_large(requests, (double)state->requests);
    format_large(rate, state->elapsed_s > 0 ? (double)state->requests / state->elapsed_s : 0);
    format_time(elapsed, state->elapsed_s);
    int used = narrow ? snprintf(text, MB_PROGRESS_SIZE, "[%.*s] %zu/%zu runs, %s", NARROW, bar, state->done,
                                 state->total, elapsed)
                      : snprintf(text, MB_PROGRESS_SIZE, "[%s] %zu/%zu runs, %s requests, %s/s, %s", bar,
                                 state->done, state->total, requests, rate, elapsed);
    if (state->done > state->before && share < 1 && used > 0 && used < 60) {
        format_time(left, state->elapsed_s * (double)(state->total - state->done) /
                              (double)(state->done - state->before));
        snprintf(text + used, MB_PROGRESS_SIZE - (size_t)used, ", %s left", left);
    }
    text[narrow ? state->width - 1 : USUAL - 1] = '\0';
}

// What the line may have had on it.
static int blanks_of(const mb_progress *progress) {
    return progress->width < 80 ? (int)progress->width - 1 : 79;
}

void mb_progress_update(mb_progress *progress, const mb_progress_state *state) {
    if (!progress->out || state->elapsed_s - progress->last_s < INTERVAL_S) return;
    char text[MB_PROGRESS_SIZE];
    mb_progress_state fitting = *state;
    fitting.width = progress->width = mb_terminal_width(progress->out, 80);
    mb_progress_line(&fitting, text);
    progress->last_s = state->elapsed_s;
    progress->drawn = true;
    if (progress->color)
        fprintf(progress->out, "\r\033[2K\033[36m%s\033[0m", text);
    else
        fprintf(progress->out, "\r%-*s", blanks_of(progress), text);
    fflush(progress->out);
}

void mb_progress_clear(mb_progress *progress) {
    if (!progress->out || !progress->drawn) return;
    if (progress->color)
        fputs("\r\033[2K", progress->out);
    else
        fprintf(progress->out, "\r%*s\r", blanks_of(progress), "");
    fflush(progress->out);
    progress->drawn = false;
}
