// SPDX-License-Identifier: MIT
#include "sim/programs.h"

#include "sim/judge.h"
#include "workload/source.h"

#include <stdlib.h>

void mb_programs_deinit(mb_sim *sim) {
    mb_kv_table_deinit(&sim->programs.places);
    free(sim->programs.list);
}

static uint32_t open_program(mb_programs *programs) {
    if (programs->first_free != MB_NONE) {
        const uint32_t place = programs->first_free;
        programs->first_free = programs->list[place].in_system;
        return place;
    }
    if (programs->count == programs->capacity) {
        const uint32_t more = programs->capacity ? 2 * programs->capacity : 64;
        mb_program *list = realloc(programs->list, more * sizeof *list);
        if (!list) return MB_NONE;
        programs->list = list;
        programs->capacity = more;
    }
    return programs->count++;
}

bool mb_programs_arrive(mb_sim *sim, const mb_request *request) {
    mb_programs *programs = &sim->programs;
    if (!request->rest->program) return true;
    uint32_t place = mb_kv_table_find(&programs->places, request->rest->program);
    if (place == MB_KV_ABSENT) {
        place = open_program(programs);
        if (place == MB_NONE || !mb_kv_table_put(&programs->places, request->rest->program, place))
            return false;
        programs->list[place] =
            (mb_program){.first_s = request->arrival_s, .counts = mb_sim_counts(sim, request)};
    }
    programs->list[place].in_system++;
    return true;
}

void mb_programs_leave(mb_sim *sim, const mb_request *request, bool rejected) {
    if (!request->rest->program) return;
    mb_program *program =
        &sim->programs.list[mb_kv_table_find(&sim->programs.places, request->rest->program)];
    program->in_system--;
    if (rejected)
        program->counts = false; // it was not served
    else
        program->tokens += request->output_tokens;
    program->last_s = sim->now_s;
}

static void measure(mb_metrics *metrics, const mb_program *program) {
    if (!program->counts || program->in_system) return;
    const double seconds = program->last_s - program->first_s;
    mb_sketch_add(&metrics->program, seconds);
    if (program->tokens) mb_sketch_add(&metrics->program_token, seconds / (double)program->tokens);
}

void mb_programs_over(mb_sim *sim, uint64_t key) {
    mb_programs *programs = &sim->programs;
    const uint32_t place = mb_kv_table_find(&programs->places, key);
    measure(&sim->metrics, &programs->list[place]);
    programs->list[place] = (mb_program){.in_system = programs->first_free};
    programs->first_free = place;
    mb_kv_table_remove(&programs->places, key);
}

void mb_programs_end(mb_sim *sim) {
    if (sim->stopped || mb_source_ends_sessions(sim->source)) return; // what is left was cut off
    for (uint32_t i = 0; i < sim->programs.count; i++)
        measure(&sim->metrics, &sim->programs.list[i]);
}
