// SPDX-License-Identifier: MIT
#include "report/manifest.h"

#include "base/processors.h"
#include "policy/scripts.h"
#include "report/hash.h"
#include "report/json_values.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void add_text_and_hash(bool *lost, json_t *object, const char *text, size_t size) {
    char hash[MB_SHA256_TEXT];
    if (text) mb_sha256(text, size, hash);
    mb_json_set(lost, object, "sha256", text ? json_string(hash) : json_null());
    mb_json_set(lost, object, "text", mb_json_text(text));
}

static json_t *param_value(bool *lost, const mb_param *param) {
    json_t *list;
    switch (param->kind) {
    case MB_PARAM_NUMBER:
        return mb_json_number(param->number);
    case MB_PARAM_TEXT:
        return mb_json_text(param->text);
    case MB_PARAM_BOOLEAN:
        return json_boolean(param->boolean);
    case MB_PARAM_NUMBERS:
        list = json_array();
        for (size_t i = 0; i < param->number_count; i++)
            mb_json_append(lost, list, mb_json_number(param->numbers[i]));
        return list;
    }
    return json_null();
}

json_t *mb_params_json(bool *lost, const mb_policy_spec *policy) {
    json_t *params = json_object();
    for (size_t i = 0; i < policy->param_count; i++)
        mb_json_set(lost, params, policy->params[i].name, param_value(lost, &policy->params[i]));
    return params;
}

// As it was run; null where it could not be read.
static json_t *script_json(bool *lost, const mb_scenario *scenario, const char *path) {
    json_t *object = json_object();
    const char *text = NULL;
    size_t length = 0;
    mb_error error;
    if (scenario && path)
        (void)mb_scripts_read(mb_scenario_scripts(scenario), path, MB_MAX_SCENARIO, &text, &length, &error);
    mb_json_set(lost, object, "path", mb_json_text(path));
    add_text_and_hash(lost, object, text, length);
    return object;
}

static bool listed(const json_t *list, const char *path) {
    size_t i;
    json_t *script;
    json_array_foreach(list, i, script) {
        const char *other = json_string_value(json_object_get(script, "path"));
        if (other && strcmp(other, path) == 0) return true;
    }
    return false;
}

// Each script once, in order of appearance.
static json_t *scripts_json(bool *lost, const mb_results *const *sections, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const mb_section *section = mb_results_section(sections[i]);
        for (size_t k = 0; k < section->point_count; k++) {
            const mb_experiment *experiment = &section->points[k].experiment;
            for (size_t p = 0; p < experiment->policy_count; p++) {
                const char *path = experiment->policies[p].path;
                if (path && !listed(list, path))
                    mb_json_append(lost, list, script_json(lost, sections[i]->scenario, path));
            }
        }
    }
    return list;
}

// What scripts loaded besides: modules, bin-boundary rules, and the scenario's own modules.
static json_t *modules_json(bool *lost, const json_t *policies, const mb_results *const *sections,
                            size_t count) {
    json_t *list = json_array();
    const mb_scenario *scenario = count ? sections[0]->scenario : NULL;
    const char *module;
    for (size_t i = 0; scenario && (module = mb_scenario_module(scenario, i)) != NULL; i++)
        if (!listed(list, module)) mb_json_append(lost, list, script_json(lost, scenario, module));
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < sections[i]->count; j++) {
            const mb_outcome *outcome = &sections[i]->outcomes[j];
            for (size_t k = 0; k < outcome->script_count; k++) {
                const char *path = outcome->scripts[k];
                if (!listed(policies, path) && !listed(list, path))
                    mb_json_append(lost, list, script_json(lost, scenario, path));
            }
        }
    return list;
}

static json_t *machine_json(bool *lost) {
    json_t *machine = json_object();
    struct utsname name;
    if (uname(&name) == 0) {
        mb_json_set(lost, machine, "system", mb_json_text(name.sysname));
        mb_json_set(lost, machine, "release", mb_json_text(name.release));
        mb_json_set(lost, machine, "hardware", mb_json_text(name.machine));
    }
    mb_json_set(lost, machine, "cores", json_integer(mb_processors()));
    return machine;
}

static json_t *now_json(void) {
    char text[32];
    struct tm parts;
    const time_t now = time(NULL);
    if (!gmtime_r(&now, &parts) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts))
        return json_null();
    return json_string(text);
}

json_t *mb_manifest_json(bool *lost, const mb_manifest *manifest, const mb_results *const *sections,
                         size_t count) {
    if (manifest->kept) return json_incref(manifest->kept);
    json_t *object = json_object(), *scenario = json_object(), *command = json_array();
    mb_json_set(lost, object, "mbsand", json_string(MB_VERSION));
    mb_json_set(lost, object, "lua", mb_json_text(manifest->lua_engine));
    for (int i = 0; i < manifest->argc; i++)
        mb_json_append(lost, command, mb_json_text(manifest->argv[i]));
    mb_json_set(lost, object, "command", command);
    mb_json_set(lost, object, "written", now_json());
    mb_json_set(lost, object, "machine", machine_json(lost));
    mb_json_set(lost, scenario, "path", mb_json_text(manifest->scenario_path));
    add_text_and_hash(lost, scenario, manifest->scenario_text,
                      manifest->scenario_text ? strlen(manifest->scenario_text) : 0);
    mb_json_set(lost, object, "scenario", scenario);
    json_t *policies = scripts_json(lost, sections, count);
    mb_json_set(lost, object, "modules", modules_json(lost, policies, sections, count));
    mb_json_set(lost, object, "policies", policies);
    return object;
}
