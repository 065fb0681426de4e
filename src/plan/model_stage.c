// SPDX-License-Identifier: MIT
// Parts of a model: the layers from one to another.
#include "plan/model_reader.h"
#include "plan/model_size.h"

void mb_model_count_layers(mb_model_config *m, uint32_t from, uint32_t to) {
    const struct {
        uint32_t *count;
        uint8_t sign;
    } counts[] = {
        {&m->attention_layers, MB_ATTENDS},  {&m->wide_layers, MB_ATTENDS_WHOLE},
        {&m->kv_layers, MB_OWNS_KV},         {&m->window_layers, MB_OWNS_WINDOW},
        {&m->state_layers, MB_HAS_STATE},    {&m->dense_layers, MB_HAS_DENSE_MLP},
        {&m->expert_layers, MB_HAS_EXPERTS},
    };
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        *counts[c].count = 0;
        for (uint32_t i = from; i < to; i++)
            *counts[c].count += (m->made_of[i] & counts[c].sign) != 0;
    }
}

mb_model_config mb_model_stage(const mb_model_config *model, uint32_t stage, uint32_t stages) {
    const uint32_t each = model->layers / stages, left = model->layers % stages, last = stages - 1;
    uint32_t from = 0, size = 0;
    for (uint32_t i = 0; i <= stage; i++) {
        from += size;
        size = each + (i < last && i + left >= last ? 1 : 0);
    }
    mb_model_config m = *model;
    m.layers = size;
    mb_model_count_layers(&m, from, from + size);
    m.other_weights *= (double)size / model->layers;
    m.no_embedding = stage > 0;
    m.no_head = stage < last;
    if (stage > 0) m.vision_weights = 0;
    if (stage > 0 && stage == last) m.tied = false; // a copy of the matrix
    if (m.stated_bytes > 0)
        m.stated_bytes *= mb_model_parameters(&m).total / mb_model_parameters(model).total;
    return m;
}
