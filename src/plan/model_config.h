// SPDX-License-Identifier: MIT
// Reading a model from its config.json.
#pragma once
#include "plan/model_size.h"

// Read a config.json (also with a nested text_config). Every mistake names the file and the key: a model_type
// that is not known, and a key that may change attention, experts or state and is not understood, are
// mistakes. Release with mb_model_config_deinit, whatever is returned.
mb_status mb_model_config_read(const char *path, mb_model_config *model, mb_error *error);
void mb_model_config_deinit(mb_model_config *model);

// The part of a model on one of `stages` stages of a pipeline, as vLLM deals layers out: what does not divide
// goes to the last stages but the very last. It shares the model's pointers; do not release it.
mb_model_config mb_model_stage(const mb_model_config *model, uint32_t stage, uint32_t stages);
