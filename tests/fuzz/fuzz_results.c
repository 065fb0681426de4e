// SPDX-License-Identifier: MIT
// libFuzzer: no database of results makes `show` crash, whatever it holds.
#include "fuzz.h"
#include "report/runs_csv.h"
#include "report/table.h"
#include "sweep/export.h"
#include "sweep/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const fuzz_path file = input_file("results", data, size);
    FILE *out = fopen("/dev/null", "wb");
    mb_store store;
    mb_stored stored = {0};
    mb_error error = {0};
    mb_status status = mb_store_read(&store, file.text, &error);
    if (status == MB_OK) status = mb_stored_read(&store, &stored, &error);
    for (size_t i = 0; i < stored.count && status == MB_OK; i++)
        status = mb_report_table(&stored.results[i], out, false, &error);
    if (status == MB_OK) status = mb_report_csv(stored.list, stored.count, out, &error);
    if (status == MB_OK) status = mb_stored_json(&store, &stored, out, &error);
    if (status != MB_OK) check(strlen(error.message) > 10);
    mb_stored_deinit(&stored);
    mb_store_close(&store);
    fclose(out);
    unlink(file.text);
    return 0;
}
