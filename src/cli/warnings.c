// SPDX-License-Identifier: MIT
#include "cli/warnings.h"

#include "base/strbuf.h"
#include "cli/commands.h"
#include "report/control.h"
#include "report/notes.h"

#include <stdio.h>

void mb_print_warnings(const mb_results *results) {
    mb_strbuf control = {0};
    mb_control_verdict(results, &control);
    if (control.length) mb_cli_say(stderr, "mbsand: note: %s\n", control.text);
    mb_strbuf_deinit(&control);
    mb_notes notes = {0};
    mb_notes_collect(results, &notes);
    for (size_t i = 0; i < notes.count; i++) {
        const mb_note *note = &notes.items[i];
        if (note->kind == MB_NOTE_WARNING) mb_cli_say(stderr, "mbsand: warning: %s\n", note->text);
        if (note->kind == MB_NOTE_TRACE) fprintf(stderr, "%s\n", note->text);
    }
    mb_notes_deinit(&notes);
}
