// SPDX-License-Identifier: MIT
#include "plan/kv_groups.h"

#include "plan/model_size.h"
#include "plan/vllm.h"

#include <math.h>

enum { ALIGNMENT = 16 }; // tokens, of a block that was made larger

static uint32_t filled(uint32_t layers, uint32_t size) {
    return (layers + size - 1) / size * size;
}

static uint32_t group_size(const uint32_t layers[3]) {
    uint32_t least = UINT32_MAX, most = 0, kinds = 0;
    for (int i = 0; i < 3; i++) {
        if (!layers[i]) continue;
        kinds++;
        least = layers[i] < least ? layers[i] : least;
        most = layers[i] > most ? layers[i] : most;
    }
    return kinds < 2 ? 0 : 2 * most < 3 * least ? most : least;
}

// Bytes of a token in one attention layer, on one GPU.
static double layer_bytes(const mb_plan *plan, double value_bytes) {
    mb_model_config one = *plan->model;
    one.kv_layers = 1;
    one.window_layers = plan->model->window_layers == plan->model->kv_layers;
    return mb_model_kv_bytes(&one, value_bytes, 1, 1, plan->tp);
}

mb_kv_groups mb_kv_groups_of(const mb_plan *plan, double value_bytes) {
    const mb_model_config *m = plan->model;
    const uint32_t layers[3] = {m->kv_layers - m->window_layers, m->window_layers, m->state_layers};
    mb_kv_groups g = {.whole = layers[0],
                      .window = layers[1],
                      .state = layers[2],
                      .block = plan->block,
                      .state_layer_bytes = m->state_layer_bytes / plan->tp};
    if (plan->rules != MB_RULES_VLLM || !mb_vllm_has_groups(plan)) return g;
    g.size = group_size(layers);
    if (!g.size) return g;
    g.whole = filled(layers[0], g.size);
    g.window = filled(layers[1], g.size);
    g.state = filled(layers[2], g.size);
    g.padding = g.whole + g.window + g.state - layers[0] - layers[1] - layers[2];
    if (!g.state || !m->kv_layers) return g;
    const double token = layer_bytes(plan, value_bytes);
    const double block = ALIGNMENT * ceil(g.state_layer_bytes / token / ALIGNMENT);
    if (block > g.block) g.block = (uint32_t)fmin(block, 1u << 30);
    g.state_layer_bytes = g.block * token;
    return g;
}
