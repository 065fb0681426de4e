// SPDX-License-Identifier: MIT
#include "cli/watch.h"

#include "base/paths.h"
#include "cli/commands.h"
#include "report/dump.h"
#include "report/json_values.h"
#include "sim/tee.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// --- a job -----------------------------------------------------------------------------------------------

// What looks at one job.
typedef struct watchers {
    mb_tee tee;
    mb_dump *dump;
    mb_observer series; // self NULL: not kept
    bool drawn;
    size_t process;
} watchers;

static const char *client_name(void *source, uint32_t client) {
    return mb_source_client_name(source, client);
}

static mb_status open_dump(const mb_watch *watch, const mb_experiment *experiment, const mb_outcome *outcome,
                           const mb_source *source, watchers *of, mb_error *error) {
    const mb_section *section = mb_scenario_section(watch->scenario, watch->section);
    const mb_dump_options options = {.why = experiment->why,
                                     .classes = experiment->by == MB_BY_CLASS ? &experiment->workload : NULL,
                                     .what = watch->arguments->dump,
                                     .dir = watch->dump_dir,
                                     .policy = experiment->policies[outcome->policy].label,
                                     .seed = outcome->seed_index + 1,
                                     .point = section->point_count > 1 ? outcome->point + 1 : 0,
                                     .client_name = client_name,
                                     .client_self = (void *)(uintptr_t)source};
    const mb_status status = mb_dump_open(&options, &of->dump, error);
    if (status == MB_OK) of->tee.all[of->tee.count++] = mb_dump_observer(of->dump);
    return status;
}

static void name_process(const mb_watch *watch, const mb_experiment *experiment, size_t policy,
                         mb_strbuf *name) {
    const mb_section *section = mb_scenario_section(watch->scenario, watch->section);
    if (mb_scenario_section_count(watch->scenario) > 1 && section->title)
        mb_strbuf_printf(name, "%s: ", section->title);
    mb_strbuf_add(name, experiment->policies[policy].label);
    if (section->point_count > 1) mb_strbuf_printf(name, " %s", section->points[0].label);
    if (experiment->seeds > 1) mb_strbuf_printf(name, " (seed 1 of %u)", experiment->seeds);
}

static mb_status open_tracks(mb_watch *watch, const mb_experiment *experiment, const mb_outcome *outcome,
                             watchers *of, mb_error *error) {
    uint64_t replicas = 0;
    bool unlimited = experiment->policies[outcome->policy].unlimited_memory;
    for (size_t i = 0; i < experiment->group_count; i++) {
        replicas += experiment->groups[i].hardware.replicas;
        unlimited = unlimited || experiment->groups[i].hardware.memory.capacity == MB_UNLIMITED;
    }
    mb_strbuf name = {0};
    name_process(watch, experiment, outcome->policy, &name);
    of->process = watch->first_process + outcome->policy;
    of->drawn = true;
    mb_status status = name.failed ? mb_fail_memory(error) : MB_OK;
    if (status == MB_OK)
        status = mb_tracks_file_begin(&watch->tracks, of->process, name.text, (uint32_t)replicas, unlimited,
                                      &of->tee.all[of->tee.count], error);
    of->tee.count += status == MB_OK;
    mb_strbuf_deinit(&name);
    return status;
}

static mb_status close_watchers(mb_watch *watch, watchers *of, bool whole, mb_error *error) {
    mb_status status = MB_OK;
    const mb_job_observer keeper = mb_gathered_observer(&watch->gathered);
    if (of->series.self) keeper.close(keeper.context, &of->series, whole, error);
    if (of->drawn) status = mb_tracks_file_end(&watch->tracks, of->process, error);
    if (of->drawn && !whole) atomic_store(&watch->cut_tracks, true);
    if (of->dump && !whole) atomic_store(&watch->cut_dumps, true);
    const mb_status dumped = mb_dump_close(of->dump, whole, status == MB_OK ? error : NULL);
    free(of);
    return status == MB_OK ? dumped : status;
}

static mb_status open_job(void *context, const mb_experiment *experiment, const mb_outcome *outcome,
                          const mb_source *source, mb_observer *observer, mb_error *error) {
    mb_watch *watch = context;
    const mb_section *section = mb_scenario_section(watch->scenario, watch->section);
    // The first point's own, not one that a reference or a control has made of it.
    const bool drawn = watch->arguments->timeline && experiment == &section->points[0].experiment &&
                       outcome->seed_index == 0;
    const bool plotted = watch->arguments->plot;
    if (!drawn && !plotted && !watch->arguments->dump) return MB_OK;
    watchers *of = calloc(1, sizeof *of);
    if (!of) return mb_fail_memory(error);
    mb_status status = MB_OK;
    if (watch->arguments->dump) status = open_dump(watch, experiment, outcome, source, of, error);
    if (status == MB_OK && drawn) status = open_tracks(watch, experiment, outcome, of, error);
    const mb_job_observer keeper = mb_gathered_observer(&watch->gathered);
    if (status == MB_OK && plotted)
        status = keeper.open(keeper.context, experiment, outcome, source, &of->series, error);
    if (of->series.self) of->tee.all[of->tee.count++] = of->series;
    // One alone needs nobody between: calls are some 2 % of a run.
    if (status == MB_OK) {
        *observer = of->tee.count == 1 ? of->tee.all[0] : mb_tee_observer(&of->tee);
        observer->owner = of;
    } else
        close_watchers(watch, of, false, NULL);
    return status;
}

static mb_status close_job(void *context, mb_observer *observer, bool whole, mb_error *error) {
    return close_watchers(context, observer->owner, whole, error);
}

// --- a run -----------------------------------------------------------------------------------------------

mb_status mb_watch_open(mb_watch *watch, const mb_run_arguments *arguments, mb_scenario *scenario,
                        mb_error *error) {
    watch->arguments = arguments;
    watch->scenario = scenario;
    if (!arguments->timeline) return MB_OK;
    size_t processes = 0;
    for (size_t i = 0; i < mb_scenario_section_count(scenario); i++) {
        const mb_section *section = mb_scenario_section(scenario, i);
        processes += section->points[0].experiment.policy_count;
    }
    return mb_tracks_file_open(&watch->tracks, arguments->timeline, arguments->from_s, arguments->to_s,
                               processes, error);
}

// DIR, or DIR/section-N where a scenario has several sections, so that no file is written twice.
static mb_status make_dump_dir(mb_watch *watch, mb_error *error) {
    char name[32];
    free(watch->dump_dir);
    snprintf(name, sizeof name, "section-%zu", watch->section + 1);
    const bool several = mb_scenario_section_count(watch->scenario) > 1;
    const char *out = watch->arguments->out;
    watch->dump_dir = several ? mb_paths_join(out, name) : mb_strdup(out);
    return watch->dump_dir ? mb_output_dir(watch->dump_dir, error) : mb_fail_memory(error);
}

mb_status mb_watch_section(mb_watch *watch, size_t section, mb_run_options *options, mb_error *error) {
    watch->section = section;
    if (!watch->arguments->dump && !watch->arguments->timeline && !watch->arguments->plot) return MB_OK;
    mb_gathered_deinit(&watch->gathered);
    if (watch->arguments->plot) {
        const mb_section *what = mb_scenario_section(watch->scenario, section);
        const mb_status status = mb_gathered_init(&watch->gathered, what, error);
        if (status != MB_OK) return status;
    }
    options->observer = (mb_job_observer){.open = open_job, .close = close_job, .context = watch};
    return watch->arguments->dump ? make_dump_dir(watch, error) : MB_OK;
}

void mb_watch_ran(mb_watch *watch, const mb_results *results) {
    for (size_t i = 0; watch->arguments->dump && i < results->count; i++)
        if (results->outcomes[i].left) atomic_store(&watch->cut_dumps, true);
    const mb_section *section = mb_results_section(results);
    watch->first_process += section->points[0].experiment.policy_count;
}

static json_t *about(const mb_watch *watch) {
    json_t *object = json_object();
    bool lost = !object;
    mb_json_set(&lost, object, "program", json_string("mbsand " MB_VERSION));
    mb_json_set(&lost, object, "scenario", mb_json_text(mb_scenario_path(watch->scenario)));
    mb_json_set(&lost, object, "times", json_string("simulated; a second is a second"));
    if (watch->arguments->window) {
        mb_json_set(&lost, object, "window_from_s", mb_json_number(watch->arguments->from_s));
        mb_json_set(&lost, object, "window_to_s", mb_json_number(watch->arguments->to_s));
    }
    for (size_t i = 0; i < watch->tracks.count; i++) {
        const mb_tracks_part *part = &watch->tracks.parts[i];
        char key[48];
        if (isnan(part->cut_s)) continue;
        snprintf(key, sizeof key, "process_%zu_ends_early_at_s", i + 1);
        mb_json_set(&lost, object, key, mb_json_number(part->cut_s));
    }
    if (!lost) return object;
    json_decref(object);
    return NULL;
}

static void tell_limits(const mb_watch *watch) {
    const char *path = watch->arguments->timeline;
    for (size_t i = 0; i < watch->tracks.count; i++) {
        const mb_tracks_part *part = &watch->tracks.parts[i];
        if (isnan(part->cut_s)) continue;
        mb_cli_say(stderr,
                   "mbsand: note: %s shows %s up to %.6g s only, %llu events; --timeline-window shows "
                   "another part\n",
                   path, part->name, part->cut_s, (unsigned long long)watch->tracks.most);
    }
}

mb_status mb_watch_finish(mb_watch *watch, mb_error *error) {
    if (!watch->arguments) return MB_OK; // it was never opened
    if (atomic_load(&watch->cut_dumps))
        mb_cli_say(
            stderr,
            "mbsand: what runs that did not come to their end had dumped is in %s, in files named *.part\n",
            watch->arguments->out);
    const char *path = watch->arguments->timeline;
    if (!path || !watch->tracks.output.file) return MB_OK;
    if (atomic_load(&watch->cut_tracks)) watch->tracks.whole = false;
    const mb_status status = mb_tracks_file_commit(&watch->tracks, about(watch), error);
    if (status != MB_OK) return status;
    if (!watch->tracks.whole)
        mb_cli_say(stderr, "mbsand: the timeline of runs that did not come to their end is in %s.part\n",
                   path);
    tell_limits(watch);
    return MB_OK;
}

void mb_watch_close(mb_watch *watch) {
    mb_gathered_deinit(&watch->gathered);
    mb_tracks_file_close(&watch->tracks);
    free(watch->dump_dir);
}
