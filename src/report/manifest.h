// SPDX-License-Identifier: MIT
// What is needed to repeat a run: versions, scenario, policies, modules that these loaded, seeds, machine,
// command line.
#pragma once
#include "run/results.h"

struct json_t;

typedef struct mb_manifest {
    const char *scenario_path, *scenario_text; // mb_scenario_path(), mb_scenario_text(); may be NULL
    const char *lua_engine;                    // "Lua 5.4.6"; may be NULL
    int argc;                                  // the command line
    char *const *argv;
    struct json_t *kept; // of results that were kept: this instead; NULL: they were made here. Not owned
} mb_manifest;

// A JSON object, the caller's; sets *lost when out of memory. Reads the policies' files: those that it cannot
// read have null for text and hash.
struct json_t *mb_manifest_json(bool *lost, const mb_manifest *manifest, const mb_results *const *sections,
                                size_t count);
// The values given to a policy's parameters.
struct json_t *mb_params_json(bool *lost, const mb_policy_spec *policy);
