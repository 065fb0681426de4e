// SPDX-License-Identifier: MIT
// libFuzzer: no header of weights, and no index of them, makes the reader crash, or weigh less than nothing.
#include "fuzz.h"
#include "plan/safetensors.h"

#include <math.h>
#include <sys/stat.h>

// The first byte says which of the two the rest is.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"part-1.safetensors", "model.safetensors.index.json"};
    const fuzz_path folder = own_path("weights");
    mkdir(folder.text, 0700);
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder.text, names[size && data[0] == 'i']);
    put_file(path, size ? data + 1 : data, size ? size - 1 : 0);
    double bytes;
    mb_error error = {0};
    if (mb_safetensors_bytes(folder.text, &bytes, &error) == MB_OK)
        check(isfinite(bytes) && bytes >= 0);
    else
        check(strlen(error.message) > 10);
    unlink(path);
    rmdir(folder.text);
    return 0;
}
