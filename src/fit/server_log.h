// SPDX-License-Identifier: MIT
// Steps out of what a server prints while it serves: vLLM's lines about iterations, SGLang's about batches.
#pragma once
#include "fit/step_log.h"

typedef enum mb_server {
    MB_SERVER_NONE, // a CSV
    MB_SERVER_VLLM,
    MB_SERVER_SGLANG,
} mb_server;

// Each step whose tokens, context and time the lines tell; the log's note says what they do not. Lines about
// anything else are skipped. MB_BAD_INPUT with a sentence where the lines lack what a fit needs, or are of
// more than one engine. Release with mb_step_log_free; *log is NULL on failure.
mb_status mb_server_log_read(const char *path, mb_server server, mb_step_log **log, mb_error *error);
