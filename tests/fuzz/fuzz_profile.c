// SPDX-License-Identifier: MIT
// libFuzzer: no table of a profile makes the reader crash, leak, or give a step that takes no time at all.
#include "fuzz.h"
#include "model/profile.h"

#include <math.h>
#include <sys/stat.h>

enum { DENSE, PER_SEQUENCE, ATTENTION, MOE, FILES };

static const char *const NAMES[FILES] = {"dense.csv", "per_sequence.csv", "attention.csv", "moe.csv"};
static const char *const GOOD[FILES] = {
    [DENSE] = "layer,tokens,time_us\ndown_proj,1,10\ndown_proj,8,20\n",
    [PER_SEQUENCE] = "layer,sequences,time_us\nlm_head,1,5\nlm_head,4,8\n",
    [ATTENTION] = "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,1,10,2\n4,0,0,0,4\n4,0,1,10,5\n",
};

static void put(const char *folder, int file, const void *data, size_t size) {
    char path[100];
    snprintf(path, sizeof path, "%s/%s", folder, NAMES[file]);
    FILE *out = fopen(path, "wb");
    check(out != NULL && fwrite(data, 1, size, out) == size && fclose(out) == 0);
}

static bool mentions(const uint8_t *data, size_t size, const char *word) {
    const size_t length = strlen(word);
    for (size_t i = 0; i + length <= size; i++)
        if (memcmp(data + i, word, length) == 0) return true;
    return false;
}

static void ask(const mb_profile *profile) {
    for (uint32_t chunk = 0; chunk < 100000; chunk = 3 * chunk + 1)
        for (uint32_t decodes = 0; decodes < 1000; decodes = 3 * decodes + 1) {
            const mb_chunk chunks[2] = {{chunk, 7 * decodes}, {chunk / 2, 0}};
            const mb_step_shape shape = {.prefill_tokens = chunk + chunk / 2,
                                         .prefill_requests = chunk > 0 ? 2 : 0,
                                         .decode_requests = decodes,
                                         .decode_context = decodes * 300,
                                         .chunks = chunks};
            bool extrapolated = false;
            const double seconds = mb_profile_seconds(profile, &shape, decodes, &extrapolated);
            check(isfinite(seconds) && seconds >= 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char folder[64];
    snprintf(folder, sizeof folder, "/dev/shm/mbsand-fuzz-profile-%ld", (long)getpid());
    mkdir(folder, 0700);
    const int file = mentions(data, size, "prefill_chunk") ? ATTENTION
                     : mentions(data, size, "sequences")   ? PER_SEQUENCE
                     : mentions(data, size, "activated")   ? MOE
                                                           : DENSE;
    for (int i = 0; i < MOE; i++)
        put(folder, i, GOOD[i], strlen(GOOD[i]));
    put(folder, file, data, size);
    mb_error error = {0};
    mb_profile *profile = NULL;
    if (mb_profile_read(folder, 2, (mb_expert_ranks){0}, &profile, &error) == MB_OK)
        ask(profile);
    else
        check(profile == NULL && strlen(error.message) > 10);
    mb_profile_free(profile);
    for (int i = 0; i < FILES; i++) {
        char path[100];
        snprintf(path, sizeof path, "%s/%s", folder, NAMES[i]);
        unlink(path);
    }
    rmdir(folder);
    return 0;
}
