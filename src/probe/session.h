// SPDX-License-Identifier: MIT
// A device with one layer of a model on it, and the time of any step of that model: layers x a layer + the
// head. Or an engine with a whole model in it, and the time of any step of that.
#pragma once
#include "plan/model_config.h"
#include "probe/backend.h"

#include <stdatomic.h>

// A step as its times depend on it: chunks of prompts, and decodes that are all equally long.
typedef struct mb_probe_step {
    uint32_t chunks;  // prompts, each computing
    uint32_t chunk;   // that many tokens after
    uint32_t prefix;  // that many
    uint32_t decodes; // one token each, with
    uint32_t context; // that many computed before
} mb_probe_step;

typedef struct mb_probe_limits {
    uint32_t tokens, rows; // of a step
    uint32_t row_tokens;   // of a request: context and new ones
    uint64_t kv_tokens;    // of a step's requests together, in whole blocks
} mb_probe_limits;

typedef struct mb_probe_session mb_probe_session;

// What is to be timed. Of a layer's device `model`, of an engine `file` counts.
typedef struct mb_probe_subject {
    const mb_model_config *model;
    const char *file;
    bool
        processor; // of an engine: its times are those in which this thread had the processor, not the wall's
} mb_probe_subject;

bool mb_probe_is_engine(const mb_probe_backend *backend);
const char *mb_probe_usual_precision(const mb_probe_backend *backend);
// Are the model's layers of the probe's kind?
mb_status mb_probe_check_model(const mb_model_config *model, mb_error *error);

// precision NULL: the backend's usual one. Fails where the model's layers are not of the probe's kind
// (experts, latent attention), or the device is too small.
mb_status mb_probe_session_open(const mb_probe_backend *backend, const mb_probe_subject *subject,
                                const char *precision, uint32_t distinct_layers,
                                const mb_probe_limits *limits, uint64_t seed, mb_probe_session **session,
                                mb_error *error);
void mb_probe_session_close(mb_probe_session *session);
void mb_probe_session_describe(mb_probe_session *session, char *text, size_t size);
const char *mb_probe_session_note(const mb_probe_session *session); // mb_probe_backend.note

// From `end_s` on (mb_clock_wall) and after a stop nobody waits for the contexts that an engine computes
// before a step: it is not run then, and its seconds are 0. The caller asks for himself whether that was so.
// A new session: never.
void mb_probe_session_until(mb_probe_session *session, double end_s, const atomic_bool *stop);

// Seconds of the whole model. Up to four layers are run and scaled to all of them, then the head.
mb_status mb_probe_session_time(mb_probe_session *session, const mb_probe_step *step, double *seconds,
                                mb_error *error);
// The same by running every layer, for checking that.
mb_status mb_probe_session_time_all(mb_probe_session *session, const mb_probe_step *step, double *seconds,
                                    mb_error *error);
// Seconds of one layer, and of the head for that many rows.
mb_status mb_probe_session_layer(mb_probe_session *session, const mb_probe_step *step, double *seconds,
                                 mb_error *error);
mb_status mb_probe_session_head(mb_probe_session *session, uint32_t rows, double *seconds, mb_error *error);
// Rows as a simulation has them, through every layer: whoever waits for it waits that long. Blocks are the
// session's affair.
mb_status mb_probe_session_rows(mb_probe_session *session, const uint32_t *tokens, const uint32_t *contexts,
                                uint32_t count, double *seconds, mb_error *error);

// Of an engine: as mb_probe_backend.hold; and a step of the sequences that it holds.
mb_status mb_probe_session_hold(mb_probe_session *session, uint32_t sequence, uint32_t tokens,
                                mb_error *error);
mb_status mb_probe_session_sequences(mb_probe_session *session, const mb_probe_row *rows, uint32_t count,
                                     double *seconds, mb_error *error);

// "cpu", or "cuda" or "llama" (plugins beside the program, or in $MBSAND_PROBE).
mb_status mb_probe_backend_find(const char *name, const mb_probe_backend **backend, mb_error *error);
