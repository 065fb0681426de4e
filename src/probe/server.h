// SPDX-License-Identifier: MIT
// llama-server as a process of its own, on this machine alone.
#pragma once
#include "base/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct mb_probe_server_options {
    const char *program; // looked up in PATH
    const char *model, *log;
    uint16_t port; // a free one
    uint32_t slots, batch, context;
    bool continuous; // prompts are computed beside answers
    const atomic_bool *stop;
} mb_probe_server_options;

typedef struct mb_probe_server {
    pid_t pid; // 0: none
    uint16_t port;
    uint32_t slots, vocabulary; // as it says itself
} mb_probe_server;

// Start it and wait until it has loaded the model. One thread, one pool of KV cells, steps of up to `batch`
// tokens computed at once, nothing kept of earlier prompts. End it in any case.
mb_status mb_probe_server_start(const mb_probe_server_options *options, mb_probe_server *server,
                                mb_error *error);
void mb_probe_server_end(mb_probe_server *server);
