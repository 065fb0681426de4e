// SPDX-License-Identifier: MIT
// libFuzzer: no file of figures that a probe is to go on with makes it crash, or spoils what it adds.
#include "fuzz.h"
#include "probe/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char head[] = "# steps of a probe\ntokens,context,time_s,requests\n", row[] = "7,0,1,7\n";
    static const size_t keys[] = {0, 1, 3};
    const fuzz_path file = input_file("figures", data, size);
    mb_error error = {0};
    mb_probe_table table;
    const double known[] = {7, 0, 7};
    const mb_status status = mb_probe_table_open(file.text, head, keys, 3, &table, &error);
    if (status == MB_OK)
        check(mb_probe_table_add(&table, row, &error) == MB_OK);
    else
        check(strlen(error.message) > 10);
    mb_probe_table_close(&table, &error);
    if (status == MB_OK) { // what was added is found again
        check(mb_probe_table_open(file.text, head, keys, 3, &table, &error) == MB_OK);
        check(mb_probe_table_has(&table, known));
        mb_probe_table_close(&table, &error);
    }
    unlink(file.text);
    return 0;
}
