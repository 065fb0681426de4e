// SPDX-License-Identifier: MIT
// Files that are written. Each is written as NAME.part and renamed when it is complete, so a file under its
// own name is whole, also after a crash of the program; what did not come to its end is still there as
// NAME.part, until the next program that writes NAME takes its place.
#pragma once
#include "base/strbuf.h"
#include "report/manifest.h"

#include <stdio.h>

typedef struct mb_output_file {
    FILE *file; // write here
    char *path, *temporary;
    char *buffer;
} mb_output_file;

// Make the directory and its parents, where they do not exist.
mb_status mb_output_dir(const char *dir, mb_error *error);

// Open DIR/NAME for writing. Fails where another program is writing it.
mb_status mb_output_open(const char *dir, const char *name, mb_output_file *output, mb_error *error);
mb_status mb_output_at(const char *path, mb_output_file *output, mb_error *error);
// A whole file with this text; a device or pipe that is there is written as it is.
mb_status mb_output_text(const char *path, const mb_strbuf *text, mb_error *error);
// Close and rename. On a failure (a full disk) nothing is left under the final name but what stood there
// before. Ends the output in any case.
mb_status mb_output_commit(mb_output_file *output, mb_error *error);
// Close what did not come to its end, and keep it as NAME.part.
mb_status mb_output_keep(mb_output_file *output, mb_error *error);
// Close and remove, for a file that was given up. Does nothing for a zero-initialised output or after a
// commit.
void mb_output_abandon(mb_output_file *output);

// summary.csv and summary.json of all sections, in a directory that is made if needed.
mb_status mb_output_summary(const char *dir, const mb_results *const *sections, size_t count,
                            const mb_manifest *manifest, mb_error *error);
