// SPDX-License-Identifier: MIT
#include "plan/safetensors.h"

#include "plan/json_file.h"

#include <dirent.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_HEADER = 100 << 20 };

// The header is a JSON object behind its length: { "name": { "dtype": ..., "data_offsets": [from, to] }, ...
// }
static json_t *read_header(FILE *file) {
    unsigned char length[8];
    if (fread(length, 1, sizeof length, file) != sizeof length) return NULL;
    uint64_t size = 0;
    for (int i = 7; i >= 0; i--)
        size = size << 8 | length[i];
    if (size == 0 || size > MOST_HEADER) return NULL;
    char *text = malloc(size);
    json_t *header = NULL;
    if (text && fread(text, 1, size, file) == size) header = json_loadb(text, size, 0, NULL);
    free(text);
    return header;
}

static mb_status add_file(const char *path, double *bytes, mb_error *error) {
    FILE *file;
    const mb_status opened = mb_paths_open(path, &file, error);
    if (opened) return opened;
    json_t *header = read_header(file);
    fclose(file);
    if (!json_is_object(header)) {
        json_decref(header);
        return mb_fail(error, MB_BAD_INPUT, "%s: no header of a safetensors file", path);
    }
    const char *name;
    json_t *tensor;
    mb_status status = MB_OK;
    json_object_foreach(header, name, tensor) {
        const json_t *offsets = json_object_get(tensor, "data_offsets");
        const double from = json_number_value(json_array_get(offsets, 0));
        const double to = json_number_value(json_array_get(offsets, 1));
        if (to < from || from < 0)
            status =
                mb_fail(error, MB_BAD_INPUT,
                        "%s: a tensor lies from byte %g to %g; expected an ascending pair", path, from, to);
        *bytes += to - from;
    }
    json_decref(header);
    return status;
}

static double total_of_index(const char *folder) {
    char *path = mb_paths_join(folder, "model.safetensors.index.json");
    json_t *index = NULL;
    mb_error ignored;
    if (path) mb_json_file_read(path, MOST_HEADER, 0, "an index of tensors", &index, &ignored);
    double total = json_number_value(json_object_get(json_object_get(index, "metadata"), "total_size"));
    if (total < 0) total = 0; // no size: the files themselves are asked
    json_decref(index);
    free(path);
    return total;
}

mb_status mb_safetensors_bytes(const char *folder, double *bytes, mb_error *error) {
    *bytes = total_of_index(folder);
    DIR *entries = *bytes > 0 ? NULL : opendir(folder);
    mb_status status = MB_OK;
    for (struct dirent *entry; entries && !status && (entry = readdir(entries));) {
        const size_t length = strlen(entry->d_name);
        if (length < 12 || strcmp(entry->d_name + length - 12, ".safetensors") != 0) continue;
        char *path = mb_paths_join(folder, entry->d_name);
        status = path ? add_file(path, bytes, error) : mb_fail_memory(error);
        free(path);
    }
    if (entries) closedir(entries);
    return status;
}
