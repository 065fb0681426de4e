// SPDX-License-Identifier: MIT
// libFuzzer: no case makes `run` crash, or name what lies outside of its own folder.
#include "fuzz.h"
#include "pack/case.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const atomic_bool never;
    setenv("TMPDIR", "/dev/shm", 1);
    const fuzz_path file = input_file("case", data, size);
    mb_error error = {0};
    mb_case opened;
    if (mb_case_open(&opened, file.text, ".", &never, &error) == MB_OK) {
        const size_t length = strlen(opened.folder);
        check(strncmp(opened.scenario, opened.folder, length) == 0 && opened.scenario[length] == '/');
        check(strncmp(opened.place, opened.folder, length) == 0);
        check(opened.results != NULL && opened.made_by != NULL);
    } else
        check(strlen(error.message) > 10);
    check(mb_case_close(&opened, &error) == MB_OK);
    unlink(file.text);
    return 0;
}
