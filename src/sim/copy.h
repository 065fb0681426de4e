// SPDX-License-Identifier: MIT
// What the cache of one replica holds of a request that waits is copied to that of another.
#pragma once
#include "sim/state.h"

// The whole blocks that `from` has cached of the request's known tokens and `to` has not go over the link,
// and are cached at `to` when they arrive. *refused: NULL, or why nothing was done ("cached": `to` has as
// much).
mb_status mb_copy(mb_sim *sim, uint32_t slot, uint32_t from, uint32_t to, const char **refused,
                  mb_error *error);
mb_status mb_copy_arrives(mb_sim *sim, uint32_t index, mb_error *error);
// Copies from or to a replica that fails come to nothing.
mb_status mb_copies_lose(mb_sim *sim, uint32_t failed, mb_error *error);
