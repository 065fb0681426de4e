// SPDX-License-Identifier: MIT
#include "sim/end.h"

#include "engine/pipeline.h"
#include "sim/handoff.h"
#include "sim/migrate.h"
#include "sim/replica.h"

static inline mb_status tell(mb_sim *sim, mb_replica *replica, const mb_step_report *report,
                             mb_error *error) {
    mb_status status = sim->transfers ? mb_migrations_leave(sim, replica, error) : MB_OK;
    if (status == MB_OK) status = mb_handoffs_send(sim, error);
    if (status != MB_OK || !sim->policy.ops->stepped) return status;
    return sim->policy.ops->stepped(sim->policy.self, sim, replica, report, error);
}

static inline mb_status end_run(mb_sim *sim, mb_replica *replica, mb_step_report *report, mb_error *error) {
    mb_sim_integrate(sim);
    sim->clients_counted_s = NAN; // prompts that end now emit tokens
    sim->service.changed = true;
    replica->leaving = true;
    const mb_status status = mb_engine_end(&replica->engine, report, error);
    replica->leaving = false;
    mb_replica_recount(sim, replica->engine.id);
    return status;
}

mb_status mb_replica_end_run(mb_sim *sim, mb_replica *replica, mb_error *error) {
    return end_run(sim, replica, NULL, error);
}

mb_status mb_replica_stand(mb_sim *sim, mb_replica *replica, mb_status status, mb_error *error) {
    mb_replica_mark_idle(sim, replica);
    mb_replica_touch(sim, replica);
    if (status == MB_OK && sim->transfers) status = mb_migrations_leave(sim, replica, error);
    return status == MB_OK ? mb_handoffs_send(sim, error) : status;
}

mb_status mb_replica_end(mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_step_report report;
    const bool told = sim->policy.ops->stepped;
    mb_status status = end_run(sim, replica, told ? &report : NULL, error);
    mb_replica_rest(sim, replica);
    status = mb_replica_stand(sim, replica, status, error);
    return status == MB_OK && told ? sim->policy.ops->stepped(sim->policy.self, sim, replica, &report, error)
                                   : status;
}

// A batch leaves the last stage.
static mb_status end_flight(mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_step_report report;
    mb_sim_integrate(sim);
    sim->clients_counted_s = NAN;
    sim->service.changed = true;
    replica->leaving = true;
    const mb_status status = mb_pipeline_end(&replica->engine, &report, error);
    replica->leaving = false;
    replica->ending = mb_pipeline_ends(&replica->engine); // another one leaves at this instant
    mb_replica_recount(sim, replica->engine.id);
    return status == MB_OK ? tell(sim, replica, &report, error) : status;
}

mb_status mb_replica_advance(mb_sim *sim, mb_replica *replica, mb_error *error) {
    mb_engine *engine = &replica->engine;
    mb_status status = MB_OK;
    while (status == MB_OK && mb_pipeline_ends(engine))
        status = end_flight(sim, replica, error);
    if (status == MB_OK) status = mb_pipeline_wait(engine, error);
    if (!mb_pipeline_open(engine) || !mb_replica_serves(replica)) return status; // it may have failed since
    if (replica->busy)
        mb_replica_mark_idle(sim, replica);
    else
        mb_replica_want_call(sim, replica);
    mb_replica_set_dummy(sim, replica, engine->pipeline->count > 0);
    return status;
}
