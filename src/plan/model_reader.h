// SPDX-License-Identifier: MIT
// Values of a config.json by name, with the first mistake kept; for the files src/plan/model_*.c alone.
#pragma once
#include "plan/model.h"
#include "plan/model_family.h"

#include <jansson.h>

typedef struct mb_reader {
    const char *path;
    const json_t *outer, *inner; // inner: text_config, or the same as outer
    const mb_family *family;
    mb_error *error;
    mb_status status; // the first error; nothing is done after it
} mb_reader;

// NULL where the file does not have it. Looks into text_config, the file, and its attn_config and ffn_config.
const json_t *mb_reader_get(const mb_reader *r, const char *key);
void mb_reader_complain(mb_reader *r, const char *key, const json_t *value, const char *expected);
void mb_reader_fail(mb_reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
// The first of `keys` (ends with NULL) that the file has; 0 where it has none.
uint32_t mb_reader_whole(mb_reader *r, const char *const *keys, uint32_t least);
// As above, but it must be there.
uint32_t mb_reader_needed(mb_reader *r, const char *const *keys);
bool mb_reader_flag(mb_reader *r, const char *key, bool otherwise);
const char *mb_reader_text(mb_reader *r, const char *key);
// Whether the list `key` of whole numbers has `number`.
bool mb_reader_lists(const mb_reader *r, const char *key, uint32_t number);
// Bytes of a type's name, as torch_dtype has it; `otherwise` where there is no such key.
double mb_reader_dtype(mb_reader *r, const char *key, double otherwise);

#define MB_WHOLE(reader, least, ...) mb_reader_whole(reader, (const char *const[]){__VA_ARGS__, NULL}, least)
#define MB_NEEDED(reader, ...) mb_reader_needed(reader, (const char *const[]){__VA_ARGS__, NULL})

// Every key that may change attention, experts or state must be understood, and belong to the family.
void mb_reader_check_keys(mb_reader *r);
// Which layers have attention, windows, state, MLPs and experts; after the dimensions have been read.
void mb_reader_layers(mb_reader *r, mb_model_config *model);
// Set the counts of layers to those of the layers from .. to - 1, by what they are made of.
void mb_model_count_layers(mb_model_config *model, uint32_t from, uint32_t to);
void mb_reader_quantisation(mb_reader *r, mb_model_config *model);
// An image encoder beside the text model.
void mb_reader_vision(mb_reader *r, mb_model_config *model);
