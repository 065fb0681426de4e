// SPDX-License-Identifier: MIT
#include "probe/table.h"

#include "base/paths.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_LINE = 1024, MOST_COLUMNS = 16 };

static size_t count_columns(const char *head) {
    const char *end = strrchr(head, '\n'), *line = head;
    for (const char *c = head; c < end; c++) // the last line
        if (*c == '\n') line = c + 1;
    size_t columns = 1;
    for (; *line && *line != '\n'; line++)
        columns += *line == ',';
    return columns;
}

// A whole row, whose keys are numbers; anything else (the header) does not count.
static mb_status remember(mb_probe_table *t, const char *line, const size_t *key_columns, mb_error *error) {
    double values[MOST_COLUMNS];
    size_t count = 0;
    for (const char *at = line; count < MOST_COLUMNS; at++) {
        char *end;
        values[count] = strtod(at, &end);
        at += strcspn(at, ",");
        if (end != at) values[count] = NAN; // a name
        count++;
        if (*at == '\0') break;
    }
    if (count != t->columns) return MB_OK;
    for (size_t k = 0; k < t->key_count; k++)
        if (isnan(values[key_columns[k]])) return MB_OK;
    double(*grown)[MB_PROBE_MOST_KEYS] = realloc(t->known, (t->known_count + 1) * sizeof *grown);
    if (!grown) return mb_fail_memory(error);
    t->known = grown;
    for (size_t k = 0; k < t->key_count; k++)
        grown[t->known_count][k] = values[key_columns[k]];
    t->known_count++;
    return MB_OK;
}

// *exists: there is a file with something in it; *whole: its length without a last line that has no end.
static mb_status read_known(mb_probe_table *t, const char *head, const size_t *key_columns, bool *exists,
                            long *whole, mb_error *error) {
    *exists = false;
    *whole = 0;
    if (access(t->path, F_OK) != 0) return MB_OK;
    FILE *file;
    mb_status status = mb_paths_open(t->path, &file, error);
    if (status) return status;
    char line[MOST_LINE];
    const size_t first = strcspn(head, "\n");
    while (!status && fgets(line, sizeof line, file)) {
        const size_t length = strlen(line);
        const bool cut =
            length == 0 || line[length - 1] != '\n'; // 0: a zero byte, and who knows what behind it
        line[strcspn(line, "\r\n")] = '\0';
        if (!*exists && (strncmp(line, head, first) != 0 || line[first] != '\0'))
            status = mb_fail(error, MB_BAD_INPUT,
                             "%s holds something else than this probe's figures (\"%.*s\"); give another "
                             "file, or delete it",
                             t->path, (int)first - 2, head + 2);
        else if (!cut && line[0] != '#')
            status = remember(t, line, key_columns, error);
        *exists = true;
        if (!cut) *whole = ftell(file);
    }
    fclose(file);
    return status;
}

mb_status mb_probe_table_open(const char *path, const char *head, const size_t *key_columns, size_t key_count,
                              mb_probe_table *t, mb_error *error) {
    *t = (mb_probe_table){.path = path, .key_count = key_count, .columns = count_columns(head)};
    bool exists;
    long whole;
    const mb_status status = read_known(t, head, key_columns, &exists, &whole, error);
    if (status) return status;
    if (exists && truncate(path, whole) != 0) // a row that was cut off would spoil the file
        return mb_fail(error, MB_BAD_INPUT, "cannot write %s: %s", path, strerror(errno));
    exists = exists && whole >= (long)strlen(head); // else it was cut off in its head
    t->file = fopen(path, exists ? "a" : "w");
    if (!t->file) return mb_fail(error, MB_BAD_INPUT, "cannot write %s: %s", path, strerror(errno));
    return exists ? MB_OK : mb_probe_table_add(t, head, error);
}

bool mb_probe_table_has(const mb_probe_table *t, const double *keys) {
    for (size_t i = 0; i < t->known_count; i++) {
        bool same = true;
        for (size_t k = 0; k < t->key_count; k++)
            same = same && t->known[i][k] == keys[k];
        if (same) return true;
    }
    return false;
}

mb_status mb_probe_table_add(mb_probe_table *t, const char *row, mb_error *error) {
    errno = 0;
    if (fputs(row, t->file) >= 0 && fflush(t->file) == 0) return MB_OK;
    return mb_fail(error, MB_FAILED, "cannot write %s: %s; what was measured before is kept", t->path,
                   strerror(errno));
}

mb_status mb_probe_table_note(mb_probe_table *t, const char *note, mb_error *error) {
    if (!note || t->noted) return MB_OK;
    char line[MOST_LINE];
    snprintf(line, sizeof line, "# from here on: %s\n", note);
    t->noted = true;
    return mb_probe_table_add(t, line, error);
}

mb_status mb_probe_table_close(mb_probe_table *t, mb_error *error) {
    const bool good = !t->file || fclose(t->file) == 0;
    free(t->known);
    const char *path = t->path;
    *t = (mb_probe_table){0};
    return good ? MB_OK : mb_fail(error, MB_FAILED, "cannot write %s: %s", path, strerror(errno));
}
