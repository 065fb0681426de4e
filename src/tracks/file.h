// SPDX-License-Identifier: MIT
// A file of a trace: a process for each policy. Jobs run side by side and each writes its part apart; the
// parts are put together in the order of the policies, so the file is the same for any number of threads.
#pragma once
#include "report/files.h"
#include "tracks/tracks.h"

enum { MB_TRACKS_MOST = 1000000 }; // events in a file, of all processes together: some 150 MB

typedef struct mb_tracks_part {
    char *name; // of the process; owned
    FILE *file; // without a name
    mb_tracks *tracks;
    double cut_s; // NAN: not cut
} mb_tracks_part;

typedef struct mb_tracks_file {
    mb_output_file output;
    double from_s, to_s;
    mb_tracks_part *parts;
    size_t count;
    uint64_t most; // events of a part
    bool whole;    // every run of it came to its end
} mb_tracks_file;

// Opens the file, which is to have so many processes. Release with mb_tracks_file_close, also after a
// failure.
mb_status mb_tracks_file_open(mb_tracks_file *file, const char *path, double from_s, double to_s,
                              size_t processes, mb_error *error);
// Process `index` begins (each by one thread): its observer.
mb_status mb_tracks_file_begin(mb_tracks_file *file, size_t index, const char *name, uint32_t replicas,
                               bool unlimited, mb_observer *observer, mb_error *error);
mb_status mb_tracks_file_end(mb_tracks_file *file, size_t index, mb_error *error);
// Put together. `about`: an object, which is its to release. What did not come to its end stays as NAME.part,
// as dumps do.
mb_status mb_tracks_file_commit(mb_tracks_file *file, struct json_t *about, mb_error *error);
void mb_tracks_file_close(mb_tracks_file *file);
