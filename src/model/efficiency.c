// SPDX-License-Identifier: MIT
#include "model/efficiency.h"

#include "base/paths.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const mb_roofline_efficiency mb_roofline_unset = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, false};

const char *const mb_roofline_engines[MB_ROOFLINE_ENGINES] = {"graphs", "eager"};

enum { NUMBERS = 10, LINE_SIZE = 512 };

// A row of that engine for this GPU (2) or for any (1); 0: another one. -1: not a row.
static int read_row(char *line, const char *gpu, const char *engine, mb_roofline_efficiency *e) {
    double *const members[NUMBERS] = {&e->compute,      &e->attention,   &e->bandwidth,      &e->kv_bandwidth,
                                      &e->layer_s,      &e->link,        &e->link_latency_s, &e->launch_s,
                                      &e->prompt_error, &e->decode_error};
    char *first = strchr(line, ','), *second = first ? strchr(first + 1, ',') : NULL;
    if (!second) return -1;
    *first = *second = '\0';
    const bool any = strcmp(line, "*") == 0;
    if (strcmp(first + 1, engine) != 0 || (!any && strcmp(line, gpu) != 0)) return 0;
    char *at = second + 1;
    for (int i = 0; i < NUMBERS; i++) {
        char *end;
        *members[i] = strtod(at, &end);
        if (end == at || !(*members[i] >= 0) || *end != (i + 1 < NUMBERS ? ',' : '\n')) return -1;
        at = end + 1;
    }
    e->layer_s *= 1e-6;
    e->link_latency_s *= 1e-6;
    e->launch_s *= 1e-6;
    e->pooled = any;
    return any ? 1 : 2;
}

static mb_status find_row(FILE *file, const char *path, const char *gpu, const char *engine,
                          mb_roofline_efficiency *found, mb_error *error) {
    char line[LINE_SIZE];
    int best = 0;
    bool header = true;
    for (unsigned long number = 1; fgets(line, sizeof line, file); number++) {
        if (*line == '#') continue;
        if (header) {
            header = false;
            continue;
        }
        mb_roofline_efficiency row = mb_roofline_unset;
        const int kind = read_row(line, gpu, engine, &row);
        if (kind < 0)
            return mb_fail_at(
                error, MB_BAD_INPUT, path, number,
                "expected a GPU, an engine and %d numbers from 0; data/make_roofline.lua writes them",
                NUMBERS);
        if (kind > best) {
            best = kind;
            *found = row;
        }
    }
    return best ? MB_OK
                : mb_fail(error, MB_BAD_INPUT,
                          "%s has no row * of the engine \"%s\"; there are graphs and eager", path, engine);
}

static void take(double *member, double found, bool *own) {
    if (isnan(*member))
        *member = found;
    else
        *own = true;
}

mb_status mb_roofline_complete(const char *root, const char *gpu, const char *engine,
                               mb_roofline_efficiency *e, mb_error *error) {
    char *path = mb_paths_join(root, "data/roofline.csv");
    if (!path) return mb_fail_memory(error);
    FILE *file = fopen(path, "r");
    mb_roofline_efficiency found = mb_roofline_unset;
    mb_status status = file ? find_row(file, path, gpu, engine, &found, error)
                            : mb_fail(error, MB_BAD_INPUT, "cannot read %s: %s", path, strerror(errno));
    if (file) fclose(file);
    free(path);
    if (status) return status;
    bool own = false;
    take(&e->compute, found.compute, &own);
    take(&e->attention, found.attention, &own);
    take(&e->bandwidth, found.bandwidth, &own);
    take(&e->kv_bandwidth, found.kv_bandwidth, &own);
    take(&e->link, found.link, &own);
    take(&e->link_latency_s, found.link_latency_s, &own);
    take(&e->layer_s, found.layer_s, &own);
    take(&e->launch_s, found.launch_s, &own);
    e->prompt_error = own ? (double)NAN : found.prompt_error;
    e->decode_error = own ? (double)NAN : found.decode_error;
    e->pooled = found.pooled;
    return MB_OK;
}
