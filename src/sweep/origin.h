// SPDX-License-Identifier: MIT
// What the results in a database rest on, as the manifest of a report.
#pragma once
#include "sweep/store.h"

struct json_t;

// A JSON object, the caller's, with the keys of mb_manifest_json (report/manifest.h): the texts are those
// that ran, the version and the machine those that ran them.
mb_status mb_origin_json(mb_store *store, struct json_t **origin, mb_error *error);
