// SPDX-License-Identifier: MIT
#include "sim/pending.h"

#include "sim/front.h"
#include "sim/news.h"

static void end_arrivals(mb_sim *sim) {
    if (sim->arrivals_ended) return;
    sim->arrivals_ended = true;
    mb_sim_change_all(sim); // a policy that waits for full batches may now let the rest go
}

// A closed source is asked for the time only; the arrival is taken when it is due, since an answer may yet
// bring another before it.
mb_status mb_sim_fetch_arrival(mb_sim *sim, mb_error *error) {
    bool end = false;
    if (sim->front) {
        const mb_status status = mb_front_next_time(sim, &sim->pending.time_s, &end, error);
        if (end) end_arrivals(sim);
        return status;
    }
    if (sim->closed) {
        sim->pending.time_s = mb_source_next_time(sim->source);
        if (mb_source_over(sim->source)) end_arrivals(sim);
        return MB_OK;
    }
    const mb_status status = mb_source_next(sim->source, &sim->pending, &end, error);
    if (end) end_arrivals(sim);
    return status;
}
