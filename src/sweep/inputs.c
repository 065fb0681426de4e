// SPDX-License-Identifier: MIT
#include "sweep/inputs.h"

#include "base/paths.h"
#include "base/stopped.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char program[] = "/proc/self/exe";

static mb_status hash_file(const char *path, char hash[MB_SHA256_TEXT], struct stat *seen, mb_error *error) {
    FILE *file;
    const mb_status status = mb_paths_open(path, &file, error);
    if (status) return status;
    mb_sha256_state state;
    mb_sha256_start(&state);
    char part[1 << 16];
    bool good = fstat(fileno(file), seen) == 0;
    for (size_t size; !mb_stopped() && (size = fread(part, 1, sizeof part, file)) > 0;)
        mb_sha256_add(&state, part, size);
    good = good && !ferror(file);
    const int reason = errno;
    fclose(file);
    if (mb_stopped()) return mb_fail(error, MB_FAILED, "interrupted while %s was read", path);
    if (!good) return mb_fail(error, MB_FAILED, "%s: %s", path, strerror(reason));
    mb_sha256_end(&state, hash);
    return MB_OK;
}

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_size == b->st_size && a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

// "policies/x.lua" for what lies below the project's folder: it may lie elsewhere on another machine.
static char *name_of(const mb_inputs *inputs, const char *path) {
    if (strcmp(path, program) == 0) return mb_strdup("mbsand");
    const size_t length = strlen(inputs->root);
    if (strncmp(path, inputs->root, length) == 0 && path[length] == '/') return mb_strdup(path + length + 1);
    return mb_strdup(path);
}

static mb_status fail_changed(const mb_inputs *inputs, const char *kind, const char *name, const char *then,
                              const char *now, mb_error *error) {
    char made_by[64] = "";
    sqlite3_stmt *statement = NULL;
    if (strcmp(kind, "program") == 0 &&
        sqlite3_prepare_v2(inputs->store->db, "SELECT value FROM meta WHERE key = 'mbsand'", -1, &statement,
                           NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        snprintf(made_by, sizeof made_by, ", made by mbsand %s", mb_column_words(statement, 0));
    sqlite3_finalize(statement);
    return mb_fail(
        error, MB_BAD_INPUT,
        "%s holds results of another %s%s: the %s %s has changed since (sha256 %.12s... then, %.12s... "
        "now); give another --db, or take back the change",
        inputs->store->path, kind, made_by, kind, name, then, now);
}

// The hash that the database has for a name; "" if it has none.
static mb_status known_hash(mb_inputs *inputs, const char *name, char hash[MB_SHA256_TEXT], mb_error *error) {
    sqlite3_stmt *statement = NULL;
    bool row = false;
    hash[0] = '\0';
    mb_status status =
        mb_store_prepare(inputs->store, "SELECT sha256 FROM inputs WHERE name = ?", &statement, error);
    if (status == MB_OK) {
        mb_bind_text(statement, 1, name);
        status = mb_store_next(inputs->store, statement, &row, error);
    }
    if (row) snprintf(hash, MB_SHA256_TEXT, "%s", mb_column_words(statement, 0));
    sqlite3_finalize(statement);
    return status;
}

static mb_status store(mb_inputs *inputs, const char *kind, const mb_input *input, const char *text,
                       mb_error *error) {
    sqlite3_stmt *statement = NULL;
    mb_status status = mb_store_prepare(
        inputs->store, "INSERT INTO inputs(name, kind, sha256, text) VALUES(?, ?, ?, ?)", &statement, error);
    if (status == MB_OK) {
        mb_bind_text(statement, 1, input->name);
        mb_bind_text(statement, 2, kind);
        mb_bind_text(statement, 3, input->hash);
        mb_bind_text(statement, 4, text);
        status = mb_store_step(inputs->store, statement, error);
    }
    sqlite3_finalize(statement);
    return status;
}

static const char *kind_of(const char *kind) {
    static const char *const kinds[] = {"program", "scenario", "module", "policy"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i]) == 0) return kinds[i];
    return "data";
}

static mb_status grow(mb_inputs *inputs, mb_error *error) {
    if (inputs->count < inputs->capacity) return MB_OK;
    const size_t capacity = inputs->capacity ? 2 * inputs->capacity : 64;
    mb_input *items = realloc(inputs->items, capacity * sizeof *items);
    if (!items) return mb_fail_memory(error);
    inputs->items = items;
    inputs->capacity = capacity;
    return MB_OK;
}

// Hash, and keep the text, of the same reading.
static mb_status read_input(const char *kind, mb_input *input, mb_strbuf *text, mb_error *error) {
    if (strcmp(kind, "program") == 0 || strcmp(kind, "data") == 0)
        return hash_file(input->path, input->hash, &input->seen, error);
    if (stat(input->path, &input->seen) != 0)
        return mb_fail(error, MB_FAILED, "%s: %s", input->path, strerror(errno));
    const mb_status status = mb_paths_read(input->path, 16u << 20, text, error);
    if (status == MB_OK) mb_sha256(text->text, text->length, input->hash);
    return status;
}

mb_status mb_inputs_add(mb_inputs *inputs, const char *kind, const char *path, mb_error *error) {
    for (size_t i = 0; i < inputs->count; i++)
        if (strcmp(inputs->items[i].path, path) == 0) return MB_OK;
    mb_status status = grow(inputs, error);
    if (status != MB_OK) return status;
    mb_input *input = &inputs->items[inputs->count++];
    *input = (mb_input){.kind = kind_of(kind), .path = mb_strdup(path), .name = name_of(inputs, path)};
    if (!input->path || !input->name) return mb_fail_memory(error);
    mb_strbuf text = {0};
    char known[MB_SHA256_TEXT];
    status = read_input(kind, input, &text, error);
    if (status == MB_OK && inputs->store) status = known_hash(inputs, input->name, known, error);
    if (status != MB_OK || !inputs->store) {
        mb_strbuf_deinit(&text);
        return status;
    }
    if (!known[0])
        status = store(inputs, kind, input, text.text, error);
    else if (strcmp(known, input->hash) != 0)
        status = fail_changed(inputs, kind, input->name, known, input->hash, error);
    mb_strbuf_deinit(&text);
    return status;
}

mb_status mb_inputs_agree(mb_inputs *inputs, const char *kind, const char *name, const char *path,
                          const char *hash, mb_error *error) {
    char known[MB_SHA256_TEXT];
    mb_status status = known_hash(inputs, name, known, error);
    if (status == MB_OK && !known[0]) {
        status = mb_inputs_add(inputs, kind, path, error);
        if (status == MB_OK) status = known_hash(inputs, name, known, error);
    }
    if (status != MB_OK || strcmp(known, hash) == 0) return status;
    return mb_fail(error, MB_FAILED, "the %s %s is another there (sha256 %.12s..., here %.12s...)", kind,
                   name, hash, known);
}

mb_status mb_inputs_add_program(mb_inputs *inputs, mb_error *error) {
    char **names = NULL;
    size_t count = 0;
    mb_status status = mb_inputs_add(inputs, "program", program, error);
    if (status == MB_OK) status = mb_paths_list(inputs->root, "lua/mbsand", ".lua", &names, &count, error);
    for (size_t i = 0; i < count && status == MB_OK; i++) {
        mb_strbuf path = {0};
        mb_strbuf_printf(&path, "%s/lua/mbsand/%s.lua", inputs->root, names[i]);
        status = path.failed ? mb_fail_memory(error) : mb_inputs_add(inputs, "module", path.text, error);
        mb_strbuf_deinit(&path);
    }
    mb_paths_free_names(names, count);
    return status;
}

mb_status mb_inputs_unchanged(mb_inputs *inputs, mb_error *error) {
    for (size_t i = 0; i < inputs->count; i++) {
        mb_input *input = &inputs->items[i];
        struct stat now;
        char hash[MB_SHA256_TEXT];
        if (strcmp(input->path, program) == 0) continue; // it runs from memory
        if (stat(input->path, &now) == 0 && same_file(&now, &input->seen)) continue;
        mb_status status = hash_file(input->path, hash, &now, error);
        if (status == MB_OK && strcmp(hash, input->hash) != 0)
            status = mb_fail(
                error, MB_FAILED,
                "%s was changed while the sweep ran; what was finished before is kept: take the change "
                "back and give the same command, or give another --db",
                input->name);
        if (status != MB_OK) return status;
        input->seen = now;
    }
    return MB_OK;
}

mb_status mb_inputs_check(mb_inputs *inputs, mb_error *error) {
    sqlite3_stmt *statement = NULL;
    bool row = false;
    mb_status status = mb_store_prepare(
        inputs->store, "SELECT name, kind, sha256 FROM inputs WHERE kind <> 'program' ORDER BY kind, name",
        &statement, error);
    while (status == MB_OK && (status = mb_store_next(inputs->store, statement, &row, error)) == MB_OK &&
           row) {
        const char *name = mb_column_words(statement, 0);
        const bool as_is = name[0] == '/' || name[0] == '.'; // "./mine.lua" is of the current folder
        char *path = as_is ? mb_strdup(name) : mb_paths_join(inputs->root, name);
        const char *found = path && mb_paths_is_file(path) ? path : name;
        char hash[MB_SHA256_TEXT];
        struct stat seen;
        if (mb_paths_is_file(found) && hash_file(found, hash, &seen, error) == MB_OK &&
            strcmp(hash, mb_column_words(statement, 2)) != 0)
            status = fail_changed(inputs, mb_column_words(statement, 1), name, mb_column_words(statement, 2),
                                  hash, error);
        free(path);
    }
    sqlite3_finalize(statement);
    return status;
}

void mb_inputs_deinit(mb_inputs *inputs) {
    for (size_t i = 0; i < inputs->count; i++) {
        free(inputs->items[i].path);
        free(inputs->items[i].name);
    }
    free(inputs->items);
    free(inputs->root);
    *inputs = (mb_inputs){0};
}
