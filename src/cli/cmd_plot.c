// SPDX-License-Identifier: MIT
// mbsand plot SCENARIO|RESULTS --figure KIND -o FILE: a figure for a paper.
#include "cli/commands.h"
#include "cli/look.h"
#include "page/figure.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

typedef struct drawing {
    const mb_run_arguments *arguments;
    mb_figure_options options;
} drawing;

static mb_status draw(const char *path, const char *script, mb_error *error) {
    char *const words[] = {"gnuplot", (char *)(uintptr_t)script, NULL};
    pid_t child;
    const int reason = posix_spawnp(&child, "gnuplot", NULL, NULL, words, environ);
    int state = 0;
    if (reason == ENOENT)
        return mb_fail(
            error, MB_FAILED,
            "%s was not drawn, since gnuplot is not installed (Debian: gnuplot-nox); `gnuplot %s` draws "
            "it from what was written",
            path, script);
    if (reason) return mb_fail(error, MB_FAILED, "cannot start gnuplot: %s", strerror(reason));
    while (waitpid(child, &state, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(state) && WEXITSTATUS(state) == 0) return MB_OK;
    return mb_fail(error, MB_FAILED, "gnuplot could not draw %s from %s", path, script);
}

// The command's paths are those of now: of a packed case the current folder has become another.
static mb_status put_figure(void *context, const mb_page_section *sections, size_t count, mb_error *error) {
    const drawing *drawn = context;
    mb_figure_options whole = drawn->options;
    whole.path = drawn->arguments->output;
    const mb_figure_options *options = &whole;
    mb_status status = count ? mb_figure_write(&sections[0], options, error)
                             : mb_fail(error, MB_BAD_INPUT, "there are no results to draw");
    char *script = mb_figure_beside(options->path, ".gp");
    if (status == MB_OK) status = script ? draw(options->path, script, error) : mb_fail_memory(error);
    if (status == MB_OK) mb_cli_say(stdout, "%s, with %s and its .dat\n", options->path, script);
    free(script);
    return status;
}

static int check(const mb_run_arguments *arguments, mb_figure_options *options) {
    if (!arguments->figure)
        return mb_cli_usage("plot", "which figure? --figure cdf, sweep, pareto, timeline or batches");
    int kind = 0;
    while (kind < MB_FIGURE_KINDS && strcmp(mb_figure_names[kind], arguments->figure) != 0)
        kind++;
    if (kind == MB_FIGURE_KINDS)
        return mb_cli_usage("plot",
                            "--figure: '%s' is unknown; expected cdf, sweep, pareto, timeline or batches",
                            arguments->figure);
    if (!arguments->output) return mb_cli_usage("plot", "where to? For example: -o fig.pdf");
    char *beside = mb_figure_beside(arguments->output, ".gp");
    if (!beside)
        return mb_cli_usage("plot", "-o: '%s' is no figure's name; expected NAME.pdf, NAME.svg or NAME.png",
                            arguments->output);
    free(beside);
    *options = (mb_figure_options){.kind = (mb_figure_kind)kind, .measure = arguments->objective};
    return 0;
}

int mb_cmd_plot(int argc, char **argv) {
    mb_run_arguments arguments;
    drawing drawn = {.arguments = &arguments};
    mb_look look = {.show = put_figure, .context = &drawn, .wanted = -1};
    int code = mb_plot_arguments_parse(argc, argv, &arguments);
    if (code == 0 && arguments.help)
        mb_plot_arguments_help();
    else if (code == 0 && (code = check(&arguments, &drawn.options)) == 0) {
        const char *measure = drawn.options.measure;
        const bool of_measure =
            drawn.options.kind == MB_FIGURE_SWEEP || drawn.options.kind == MB_FIGURE_PARETO;
        if (measure && of_measure) look.wanted = mb_measure_find(measure, strlen(measure));
        code = mb_look_at(&arguments, &look, argc, argv);
    }
    mb_run_arguments_deinit(&arguments);
    const int written = mb_cli_finish();
    return code ? code : written;
}
