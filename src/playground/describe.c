// SPDX-License-Identifier: MIT
#include "playground/describe.h"

#include "base/paths.h"
#include "cli/commands.h"
#include "report/json_values.h"
#include "scenario/scenario.h"
#include "scenario/scenario_keys.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *keys_json(bool *lost, char *lines) {
    json_t *keys = json_object();
    for (char *line = lines; line && *line;) {
        char *tab = strchr(line, '\t'), *end = strchr(line, '\n');
        *tab = *end = '\0';
        mb_json_set(lost, keys, line, mb_json_text(tab + 1));
        line = end + 1;
    }
    return keys;
}

static json_t *scenario_json(bool *lost, const mb_scenario *scenario) {
    json_t *object = json_object(), *policies = json_array();
    const mb_section *section = mb_scenario_section_count(scenario) ? mb_scenario_section(scenario, 0) : NULL;
    const mb_experiment *experiment = section && section->point_count ? &section->points[0].experiment : NULL;
    for (size_t i = 0; experiment && i < experiment->policy_count; i++)
        mb_json_append(lost, policies, mb_json_text(experiment->policies[i].label));
    mb_json_set(lost, object, "title", mb_json_text(section ? section->title : NULL));
    mb_json_set(lost, object, "question", mb_json_text(section ? section->question : NULL));
    mb_json_set(lost, object, "text", mb_json_text(mb_scenario_text(scenario)));
    mb_json_set(lost, object, "points", json_integer((json_int_t)mb_scenario_point_count(scenario)));
    mb_json_set(lost, object, "seeds", json_integer(experiment ? experiment->seeds : 0));
    mb_json_set(lost, object, "policies", policies);
    return object;
}

int mb_playground_describe(int argc, char **argv) {
    const mb_overrides none = {0};
    mb_error error = {0};
    char *root = NULL, *path = NULL;
    mb_scenario *scenario = NULL;
    mb_strbuf keys = {0};
    bool lost = false;
    if (argc != 2) return mb_cli_usage("describe", "describe needs one scenario");
    mb_status status = mb_paths_root(&root, &error);
    if (status == MB_OK) status = mb_scenario_keys(root, &keys, &error);
    if (status == MB_OK) status = mb_paths_find_scenario(root, argv[1], &path, &error);
    if (status == MB_OK) status = mb_scenario_load(path, &none, &scenario, &error);
    if (status == MB_OK) {
        json_t *object = mb_scenario_skipped(scenario) ? json_object() : scenario_json(&lost, scenario);
        if (mb_scenario_skipped(scenario))
            mb_json_set(&lost, object, "skipped", mb_json_text(mb_scenario_skipped(scenario)));
        mb_json_set(&lost, object, "keys", keys_json(&lost, keys.text));
        if (lost || json_dumpf(object, stdout, JSON_COMPACT) != 0) status = mb_fail_memory(&error);
        json_decref(object);
    }
    mb_scenario_free(scenario);
    mb_strbuf_deinit(&keys);
    free(path);
    free(root);
    return status == MB_OK ? mb_cli_finish() : mb_cli_fail(&error);
}
