// SPDX-License-Identifier: MIT
// How fairly clients that wait at the same time are served: the most that the difference of the service of
// two of them changed while both had waiting requests (docs/models.md, "Fairness among clients"). Only where
// config->fair is set.
#pragma once
#include "sim/state.h"

// False when out of memory.
bool mb_service_init(mb_sim *sim);
void mb_service_deinit(mb_sim *sim);
// What was up to this instant does not count.
void mb_service_restart(mb_sim *sim);
// The instant is over. Nothing is looked at unless a request arrived, started, was set aside or left, or a
// run ended (sim->service.changed): in between, service grows in proportion to time.
void mb_service_look(mb_sim *sim);
