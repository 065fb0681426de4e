// SPDX-License-Identifier: MIT
#include "cli/serve.h"

#include "base/paths.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

// Browsers open connections before they know what to ask; the oldest makes room.
enum { WAITING = 32, REQUEST_SIZE = 8192, MOST_BYTES = 64 << 20, TICK_MS = 200 };

typedef struct connection {
    int socket;
    size_t length;
    char request[REQUEST_SIZE];
} connection;

mb_status mb_serve_open(uint16_t *port, int *listener, mb_error *error) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const int on = 1;
    *listener = socket(AF_INET, SOCK_STREAM, 0);
    if (*listener >= 0) setsockopt(*listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (*listener >= 0 && bind(*listener, (struct sockaddr *)&address, size) == 0 &&
        listen(*listener, WAITING) == 0 && getsockname(*listener, (struct sockaddr *)&address, &size) == 0) {
        *port = ntohs(address.sin_port);
        return MB_OK;
    }
    const int reason = errno;
    if (*listener >= 0) close(*listener);
    *listener = -1;
    return mb_fail(error, MB_FAILED, "cannot listen on port %u of 127.0.0.1: %s; --port 0 takes a free one",
                   (unsigned)*port, strerror(reason));
}

// False: nobody takes it.
static bool send_all(int to, const char *bytes, size_t length) {
    while (length) {
        const ssize_t sent = send(to, bytes, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

static const char *type_of(const char *name) {
    static const char *const types[][2] = {{".html", "text/html; charset=utf-8"},
                                           {".js", "text/javascript; charset=utf-8"},
                                           {".css", "text/css; charset=utf-8"},
                                           {".txt", "text/plain; charset=utf-8"},
                                           {".wasm", "application/wasm"}};
    const char *end = strrchr(name, '.');
    for (size_t i = 0; end && i < sizeof types / sizeof *types; i++)
        if (strcmp(end, types[i][0]) == 0) return types[i][1];
    return "application/octet-stream";
}

static void answer(int to, const char *status, const char *type, const char *body, size_t length,
                   bool whole) {
    char head[256];
    const int size =
        snprintf(head, sizeof head,
                 "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-cache\r\n"
                 "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
                 status, type, length);
    if (send_all(to, head, (size_t)size) && whole) send_all(to, body, length);
}

// "GET /name HTTP/1.1": the one of `names` that it means; NULL: none.
static const char *asked_for(char *request, const char *const *names, bool *get, bool *known) {
    char *method = strtok(request, " "), *path = strtok(NULL, " ?\r\n");
    *get = method && strcmp(method, "GET") == 0;
    *known = *get || (method && strcmp(method, "HEAD") == 0);
    if (!path || *path != '/') return NULL;
    if (!path[1]) return names[0];
    for (; *names; names++)
        if (strcmp(path + 1, *names) == 0) return *names;
    return NULL;
}

static void answer_request(connection *one, const char *folder, const char *const *names) {
    static const char missing[] = "There is no such file.\n", unknown[] = "Only GET is understood.\n";
    bool get, known;
    const char *name = asked_for(one->request, names, &get, &known);
    mb_strbuf text = {0};
    mb_error ignored;
    char *path = name ? mb_paths_join(folder, name) : NULL;
    if (!known)
        answer(one->socket, "405 Method Not Allowed", "text/plain", unknown, sizeof unknown - 1, true);
    else if (path && mb_paths_read(path, MOST_BYTES, &text, &ignored) == MB_OK)
        answer(one->socket, "200 OK", type_of(name), text.text, text.length, get);
    else
        answer(one->socket, "404 Not Found", "text/plain", missing, sizeof missing - 1, get);
    mb_strbuf_deinit(&text);
    free(path);
}

// True: it is done with.
static bool go_on(connection *one, const char *folder, const char *const *names) {
    const ssize_t got =
        recv(one->socket, one->request + one->length, sizeof one->request - 1 - one->length, 0);
    if (got < 0 && errno == EINTR) return false;
    if (got <= 0) return true;
    one->length += (size_t)got;
    one->request[one->length] = '\0';
    if (!strstr(one->request, "\r\n\r\n") && one->length < sizeof one->request - 1) return false;
    answer_request(one, folder, names);
    return true;
}

static void drop(connection *all, size_t *count, size_t index) {
    close(all[index].socket);
    memmove(&all[index], &all[index + 1], (--*count - index) * sizeof *all);
}

static void take(int listener, connection *all, size_t *count) {
    const int taken = accept(listener, NULL, NULL);
    const struct timeval patience = {.tv_sec = 5}; // with one who does not take what was asked for
    if (taken < 0) return;
    setsockopt(taken, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (*count == WAITING) drop(all, count, 0);
    all[(*count)++] = (connection){.socket = taken};
}

mb_status mb_serve(int listener, const char *folder, const char *const *names, const atomic_bool *stop,
                   mb_error *error) {
    connection *all = calloc(WAITING, sizeof *all);
    size_t count = 0;
    while (all && !atomic_load(stop)) {
        struct pollfd look[WAITING + 1] = {{.fd = listener, .events = POLLIN}};
        for (size_t i = 0; i < count; i++)
            look[i + 1] = (struct pollfd){.fd = all[i].socket, .events = POLLIN};
        if (poll(look, (nfds_t)count + 1, TICK_MS) <= 0) continue; // a signal, or nothing
        for (size_t i = count; i-- > 0;)
            if (look[i + 1].revents && go_on(&all[i], folder, names)) drop(all, &count, i);
        if (look[0].revents) take(listener, all, &count);
    }
    while (count)
        drop(all, &count, 0);
    close(listener);
    free(all);
    return all ? MB_OK : mb_fail_memory(error);
}
