// SPDX-License-Identifier: MIT
#include "tracks/file.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

mb_status mb_tracks_file_open(mb_tracks_file *file, const char *path, double from_s, double to_s,
                              size_t processes, mb_error *error) {
    *file = (mb_tracks_file){.from_s = from_s, .to_s = to_s, .whole = true};
    file->parts = calloc(processes + 1, sizeof *file->parts);
    if (!file->parts) return mb_fail_memory(error);
    file->count = processes;
    file->most = MB_TRACKS_MOST / (processes ? processes : 1);
    for (size_t i = 0; i < processes; i++)
        file->parts[i].cut_s = NAN;
    return mb_output_at(path, &file->output, error);
}

mb_status mb_tracks_file_begin(mb_tracks_file *file, size_t index, const char *name, uint32_t replicas,
                               bool unlimited, mb_observer *observer, mb_error *error) {
    mb_tracks_part *part = &file->parts[index];
    part->file = tmpfile();
    if (!part->file)
        return mb_fail(error, MB_FAILED, "cannot make a file for a part of %s: %s", file->output.path,
                       strerror(errno));
    const mb_tracks_options options = {.name = name,
                                       .process = (uint32_t)index + 1,
                                       .replicas = replicas,
                                       .unlimited = unlimited,
                                       .from_s = file->from_s,
                                       .to_s = file->to_s,
                                       .most = file->most};
    part->name = mb_strdup(name);
    part->tracks = part->name ? mb_tracks_new(&options, part->file) : NULL;
    if (!part->tracks) return mb_fail_memory(error);
    *observer = mb_tracks_observer(part->tracks);
    return MB_OK;
}

mb_status mb_tracks_file_end(mb_tracks_file *file, size_t index, mb_error *error) {
    mb_tracks_part *part = &file->parts[index];
    mb_tracks *tracks = part->tracks;
    part->tracks = NULL;
    return tracks ? mb_tracks_end(tracks, &part->cut_s, error) : MB_OK;
}

static bool append(FILE *part, FILE *whole) {
    char buffer[1 << 16];
    rewind(part);
    for (size_t length; (length = fread(buffer, 1, sizeof buffer, part)) > 0;)
        if (fwrite(buffer, 1, length, whole) != length) return false;
    return !ferror(part);
}

// A process of its own says what made the file, so that each event of a part can begin with a comma.
mb_status mb_tracks_file_commit(mb_tracks_file *file, json_t *about, mb_error *error) {
    FILE *out = file->output.file;
    fputs("{\"displayTimeUnit\":\"ms\",\n\"otherData\":", out);
    const bool dumped = about && json_dumpf(about, out, 0) == 0;
    json_decref(about);
    if (!dumped && !ferror(out)) return mb_fail_memory(error);
    fputs(",\n\"traceEvents\":[\n"
          "{\"ph\":\"M\",\"pid\":0,\"tid\":0,\"name\":\"process_name\",\"args\":{\"name\":\"mbsand\"}}",
          out);
    mb_status status = MB_OK;
    for (size_t i = 0; i < file->count && status == MB_OK; i++) {
        file->whole = file->whole && file->parts[i].file && !file->parts[i].tracks;
        status = mb_tracks_file_end(file, i, error);
        FILE *part = file->parts[i].file;
        if (status == MB_OK && part && (ferror(part) || fflush(part) != 0 || !append(part, out)))
            status = mb_fail(error, MB_FAILED, "cannot write %s: %s", file->output.path, strerror(errno));
    }
    fputs("\n]}\n", out);
    if (status != MB_OK) return status;
    return file->whole ? mb_output_commit(&file->output, error) : mb_output_keep(&file->output, error);
}

void mb_tracks_file_close(mb_tracks_file *file) {
    for (size_t i = 0; i < file->count; i++) {
        mb_tracks_part *part = &file->parts[i];
        double ignored;
        if (part->tracks) mb_tracks_end(part->tracks, &ignored, NULL);
        if (part->file) fclose(part->file);
        free(part->name);
    }
    free(file->parts);
    mb_output_abandon(&file->output);
    *file = (mb_tracks_file){0};
}
