// SPDX-License-Identifier: MIT
#include "probe/server.h"

#include "base/clock.h"
#include "base/paths.h"
#include "probe/load.h"

#include <jansson.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { LOADS_S = 120, ENDS_S = 5, MOST_LOG = 1 << 20, MOST_BODY = 1 << 16 };

static void sleep_ms(long ms) {
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

// --- the process
// -----------------------------------------------------------------------------------------------

static mb_status launch(const mb_probe_server_options *o, mb_probe_server *server, mb_error *error) {
    char port[16], slots[16], batch[16], context[16];
    snprintf(port, sizeof port, "%u", (unsigned)o->port);
    snprintf(slots, sizeof slots, "%u", o->slots);
    snprintf(batch, sizeof batch, "%u", o->batch);
    snprintf(context, sizeof context, "%u", o->context);
    const char *const words[] = {o->program,
                                 "--model",
                                 o->model,
                                 "--host",
                                 "127.0.0.1",
                                 "--port",
                                 port,
                                 "--parallel",
                                 slots,
                                 "--batch-size",
                                 batch,
                                 "--ubatch-size",
                                 batch,
                                 "--ctx-size",
                                 context,
                                 "--threads",
                                 "1",
                                 "--threads-batch",
                                 "1",
                                 "--kv-unified",
                                 "--slot-prompt-similarity",
                                 "0",
                                 "--cache-ram",
                                 "0",
                                 "--ctx-checkpoints",
                                 "0",
                                 "--fit",
                                 "off",
                                 "--offline",
                                 "--no-ui",
                                 "--log-verbosity",
                                 "2",
                                 o->continuous ? "--cont-batching" : "--no-cont-batching",
                                 NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    if (posix_spawn_file_actions_init(&actions)) return mb_fail_memory(error);
    if (posix_spawnattr_init(&attributes)) {
        posix_spawn_file_actions_destroy(&actions);
        return mb_fail_memory(error);
    }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, o->log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0); // Ctrl-C is for this program, which ends it
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    const int reason =
        posix_spawnp(&server->pid, o->program, &actions, &attributes, (char *const *)words, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (reason == 0) return MB_OK;
    server->pid = 0;
    return mb_fail(error, MB_BAD_INPUT, "llama-server cannot be started as %s: %s", o->program,
                   strerror(reason));
}

static bool has_ended(mb_probe_server *server) {
    if (waitpid(server->pid, NULL, WNOHANG) != server->pid) return false;
    server->pid = 0;
    return true;
}

void mb_probe_server_end(mb_probe_server *server) {
    if (server->pid == 0) return;
    const double from_s = mb_clock_wall();
    kill(server->pid, SIGTERM);
    while (!has_ended(server)) {
        if (mb_clock_wall() - from_s > ENDS_S) kill(server->pid, SIGKILL);
        sleep_ms(5);
    }
}

// --- what it says
// ----------------------------------------------------------------------------------------------

// The log's first line that says "error" or "failed", else its last.
static mb_status ended_early(const mb_probe_server_options *o, mb_error *error) {
    mb_strbuf log = {0};
    mb_error ignored;
    char line[256] = "it does not say why";
    if (mb_paths_read(o->log, MOST_LOG, &log, &ignored) == MB_OK && log.text)
        for (char *at = strtok(log.text, "\n"); at; at = strtok(NULL, "\n")) {
            if (*at) snprintf(line, sizeof line, "%s", at);
            if (strstr(at, "error") || strstr(at, "failed")) break;
        }
    mb_strbuf_deinit(&log);
    return mb_fail(error, MB_BAD_INPUT, "llama-server ended at its start, with %s: %s", o->model, line);
}

static mb_status ask(const mb_probe_server *server, const char *path, json_t **answer, mb_error *error) {
    int code;
    char *body = malloc(MOST_BODY);
    *answer = NULL;
    mb_status status =
        body ? mb_load_get(server->port, path, &code, body, MOST_BODY, error) : mb_fail_memory(error);
    if (!status && code == 200) *answer = json_loads(body, JSON_DISABLE_EOF_CHECK, NULL);
    free(body);
    return status;
}

static mb_status look_at(mb_probe_server *server, mb_error *error) {
    json_t *props, *models = NULL;
    mb_status status = ask(server, "/props", &props, error);
    if (!status) status = ask(server, "/v1/models", &models, error);
    const json_t *meta = json_object_get(json_array_get(json_object_get(models, "data"), 0), "meta");
    server->slots = (uint32_t)json_integer_value(json_object_get(props, "total_slots"));
    server->vocabulary = (uint32_t)json_integer_value(json_object_get(meta, "n_vocab"));
    if (!status && (server->slots == 0 || server->vocabulary == 0))
        status = mb_fail(error, MB_FAILED,
                         "llama-server does not say its slots (/props) or its vocabulary (/v1/models); which "
                         "version is this?");
    json_decref(props);
    json_decref(models);
    return status;
}

mb_status mb_probe_server_start(const mb_probe_server_options *o, mb_probe_server *server, mb_error *error) {
    const double from_s = mb_clock_wall();
    *server = (mb_probe_server){.port = o->port};
    mb_status status = launch(o, server, error);
    for (int code = 0; !status && code != 200;) {
        char body[1024];
        sleep_ms(10);
        if (has_ended(server)) return ended_early(o, error);
        if (atomic_load(o->stop)) return mb_fail(error, MB_FAILED, "interrupted");
        if (mb_clock_wall() - from_s > LOADS_S)
            return mb_fail(error, MB_FAILED, "llama-server has not loaded %s in %d s", o->model, LOADS_S);
        status = mb_load_get(server->port, "/health", &code, body, sizeof body, error);
    }
    return status ? status : look_at(server, error);
}
