// SPDX-License-Identifier: MIT
// An engine's memory as others change it, in the middle of what it does: KV memory that comes from another
// engine, or goes to one.
#pragma once
#include "engine/state.h"

// Is there room for a request with so many tokens?
bool mb_room_fits(mb_engine *engine, uint64_t tokens);
// Blocks for so many tokens until `hold` has them, of a request that is counted as one that waits here
// (paused) already; false, and nothing changed, if there is no room. *late: the engine stands between two
// steps and may lack them for the next, so it is to be asked.
bool mb_room_take(mb_engine *engine, mb_kv_hold *hold, uint64_t tokens, bool *late);
// What was taken for a request that does not come is free again. False when out of memory.
bool mb_room_give(mb_engine *engine, mb_kv_hold *hold);
// So many blocks are filled with what follows what is cached of these tokens, up to `tokens`, and are cached
// beside it. False when out of memory.
bool mb_room_cache(mb_engine *engine, mb_kv_hold *hold, const mb_kv_names *names, uint32_t tokens);
// A request that waits here with its memory has gone elsewhere: what it had stays in the cache. False when
// out of memory.
bool mb_room_leave(mb_engine *engine, mb_request *request);
// It has come, with the memory that was taken for it. False when out of memory.
bool mb_room_come(mb_engine *engine, mb_request *request, const mb_kv_hold *hold);
// Is the engine, at a boundary of its run, to end it for want of blocks that were taken at this instant?
bool mb_room_lacks(const mb_engine *engine);
