// SPDX-License-Identifier: MIT
#include "run/party_rows.h"

#include "base/strbuf.h"
#include "workload/source.h"
#include "workload/workload.h"

#include <stdlib.h>
#include <string.h>

static const char *name_of(const mb_metrics *metrics, const mb_experiment *experiment,
                           const mb_source *source, uint32_t number) {
    if (number == MB_PARTIES_MOST - 1) return "others";
    return metrics->parties.by == MB_BY_CLASS ? mb_workload_class_name(&experiment->workload, number)
                                              : mb_source_client_name(source, number);
}

mb_status mb_party_rows_read(const mb_metrics *metrics, const mb_experiment *experiment,
                             const mb_source *source, mb_outcome *outcome, mb_error *error) {
    const mb_parties *parties = &metrics->parties;
    if (!parties->count) return MB_OK;
    outcome->parties = calloc(parties->count, sizeof *outcome->parties);
    if (!outcome->parties) return mb_fail_memory(error);
    for (uint32_t i = 0; i < parties->count; i++) {
        if (!parties->list[i]) continue;
        mb_party_row *row = &outcome->parties[outcome->party_count];
        row->name = mb_strdup(name_of(metrics, experiment, source, i));
        if (!row->name) return mb_fail_memory(error);
        outcome->party_count++;
        mb_party_measure(parties->list[i], row->values);
    }
    return MB_OK;
}

const mb_party_row *mb_party_row_find(const mb_outcome *outcome, const char *name) {
    for (size_t i = 0; i < outcome->party_count; i++)
        if (strcmp(outcome->parties[i].name, name) == 0) return &outcome->parties[i];
    return NULL;
}
