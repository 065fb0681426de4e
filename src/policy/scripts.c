// SPDX-License-Identifier: MIT
#include "policy/scripts.h"

#include "base/paths.h"
#include "base/strbuf.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct script {
    struct script *next;
    char *path;
    mb_strbuf text;
} script;

struct mb_scripts {
    pthread_mutex_t mutex;
    script *first; // a handful
};

mb_scripts *mb_scripts_new(void) {
    mb_scripts *scripts = calloc(1, sizeof *scripts);
    if (scripts) pthread_mutex_init(&scripts->mutex, NULL);
    return scripts;
}

static void free_script(script *one) {
    mb_strbuf_deinit(&one->text);
    free(one->path);
    free(one);
}

void mb_scripts_free(mb_scripts *scripts) {
    if (!scripts) return;
    for (script *one = scripts->first, *next; one; one = next) {
        next = one->next;
        free_script(one);
    }
    pthread_mutex_destroy(&scripts->mutex);
    free(scripts);
}

static script *find(const mb_scripts *scripts, const char *path) {
    script *one = scripts->first;
    while (one && strcmp(one->path, path) != 0)
        one = one->next;
    return one;
}

static mb_status read_new(mb_scripts *scripts, const char *path, size_t most, script **read,
                          mb_error *error) {
    script *one = calloc(1, sizeof *one);
    if (!one) return mb_fail_memory(error);
    one->path = mb_strdup(path);
    mb_status status = one->path ? mb_paths_read(path, most, &one->text, error) : mb_fail_memory(error);
    if (status != MB_OK) {
        free_script(one);
        return status;
    }
    one->next = scripts->first;
    scripts->first = *read = one;
    return MB_OK;
}

mb_status mb_scripts_read(mb_scripts *scripts, const char *path, size_t most, const char **text,
                          size_t *length, mb_error *error) {
    pthread_mutex_lock(&scripts->mutex);
    script *one = find(scripts, path);
    mb_status status = one ? MB_OK : read_new(scripts, path, most, &one, error);
    if (status == MB_OK && one->text.length > most) // read by somebody who may have more
        status = mb_paths_too_large(path, most, error);
    if (status == MB_OK) {
        *text = one->text.text;
        *length = one->text.length;
    }
    pthread_mutex_unlock(&scripts->mutex);
    return status;
}
