// SPDX-License-Identifier: MIT
#include "scenario/scenario_link.h"

#include "scenario/scenario_fields.h"

// A group's number from 1; 0 stands for any.
static uint32_t read_group(lua_State *L, int table, const char *key) {
    const uint32_t number = mb_field_small(L, table, key);
    return number ? number - 1 : UINT32_MAX;
}

static mb_share read_share(lua_State *L, int table) {
    mb_share share = MB_SHARE_FIFO;
    while (share < MB_SHARE_NONE && !mb_field_is(L, table, "share", mb_share_name(share)))
        share++;
    return share;
}

void mb_links_read(lua_State *L, int cluster, mb_experiment *experiment) {
    if (!mb_field_enter(L, cluster, "links")) return;
    const int list = lua_gettop(L);
    const size_t n = lua_rawlen(L, list);
    experiment->links = mb_field_make(L, n, sizeof *experiment->links);
    experiment->link_count = n;
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, list, (int)(i + 1));
        const int table = lua_gettop(L);
        experiment->links[i] =
            (mb_link_rule){.from = read_group(L, table, "from"),
                           .to = read_group(L, table, "to"),
                           .bandwidth = mb_field_number(L, table, "bandwidth") * 1e9,
                           .seconds_per_token = mb_field_number(L, table, "seconds_per_token"),
                           .latency_s = mb_field_number(L, table, "latency"),
                           .share = read_share(L, table),
                           .per_replica = mb_field_is(L, table, "per", "replica")};
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}
