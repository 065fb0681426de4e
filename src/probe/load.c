// SPDX-License-Identifier: MIT
#include "probe/load.h"

#include "base/clock.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "probe/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_OPEN = 512, LONGEST_WAIT_S = 60 };

typedef struct talk {
    int socket;
    mb_strbuf text; // of the request
    size_t sent;
    mb_stream stream;
    const mb_load_request *request;
    mb_load_answer *answer;
    double now_s; // when what is being read came
    uint32_t evaluated;
} talk;

typedef struct play {
    const mb_load *load;
    double start_s, heard_s; // when the last byte came
    talk *open[MOST_OPEN];
    fd_set readable, writable;
    size_t open_count;
    mb_rng random;
    mb_error *error;
} play;

static double now_s(const play *p) {
    return mb_clock_wall() - p->start_s;
}

// --- a connection
// ----------------------------------------------------------------------------------------------

static int connect_to(uint16_t port, bool waits) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1, made = socket(AF_INET, SOCK_STREAM, 0);
    if (made < 0) return -1;
    setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(made, F_SETFD, FD_CLOEXEC);
    if (!waits) fcntl(made, F_SETFL, O_NONBLOCK);
    const bool fits = made < FD_SETSIZE;
    if (fits && (connect(made, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS))
        return made;
    const int reason = fits ? errno : EMFILE;
    close(made);
    errno = reason;
    return -1;
}

static void end_talk(talk *t) {
    if (!t) return;
    if (t->socket >= 0) close(t->socket);
    mb_strbuf_deinit(&t->text);
    mb_stream_deinit(&t->stream);
    free(t);
}

// Greedy, to the length that was asked for, with nothing kept of earlier prompts.
static void write_request(play *p, talk *t) {
    mb_strbuf body = {0};
    mb_strbuf_add(&body, "{\"prompt\":[");
    for (uint32_t i = 0; i < t->request->prompt; i++)
        mb_strbuf_printf(&body, "%s%llu", i ? "," : "",
                         (unsigned long long)mb_rng_below(&p->random, p->load->vocabulary));
    mb_strbuf_printf(&body,
                     "],\"n_predict\":%u,\"stream\":true,\"ignore_eos\":true,\"cache_prompt\":false,"
                     "\"samplers\":[\"top_k\"],\"top_k\":1}",
                     t->request->output);
    mb_strbuf_printf(&t->text,
                     "POST /completion HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                     body.length, body.text ? body.text : "");
    t->text.failed |= body.failed;
    mb_strbuf_deinit(&body);
}

static mb_status begin_talk(play *p, const mb_load_request *request, mb_load_answer *answer) {
    talk *t = calloc(1, sizeof *t);
    if (!t) return mb_fail_memory(p->error);
    t->socket = -1;
    t->request = request;
    t->answer = answer;
    *answer = (mb_load_answer){.begun_s = NAN, .first_s = NAN, .last_s = NAN};
    p->open[p->open_count++] = t;
    write_request(p, t);
    if (t->text.failed) return mb_fail_memory(p->error);
    answer->sent_s = now_s(p);
    t->socket = connect_to(p->load->port, false);
    if (t->socket < 0)
        return mb_fail(p->error, MB_FAILED, "cannot connect to port %u of 127.0.0.1: %s",
                       (unsigned)p->load->port, strerror(errno));
    return MB_OK;
}

// --- answers
// ---------------------------------------------------------------------------------------------------

static void take(void *self, const mb_stream_event *event) {
    talk *t = self;
    mb_load_answer *a = t->answer;
    if (event->predicted > a->tokens) {
        if (a->tokens == 0) a->first_s = t->now_s;
        for (uint32_t i = a->tokens; t->request->tokens_s && i < event->predicted && i < t->request->output;
             i++)
            t->request->tokens_s[i] = t->now_s;
        a->tokens = event->predicted;
        a->last_s = t->now_s;
    }
    a->slot = event->slot;
    t->evaluated = event->evaluated;
}

static mb_status finish(play *p, talk *t) {
    const mb_status status = mb_stream_end(&t->stream, p->error);
    if (status) return status;
    if (t->answer->tokens != t->request->output || t->evaluated != t->request->prompt)
        return mb_fail(
            p->error, MB_FAILED,
            "the server computed a prompt of %u tokens and an answer of %u; %u and %u were asked for",
            t->evaluated, t->answer->tokens, t->request->prompt, t->request->output);
    return MB_OK;
}

static mb_status send_more(play *p, talk *t) {
    const ssize_t sent = send(t->socket, t->text.text + t->sent, t->text.length - t->sent, MSG_NOSIGNAL);
    if (sent >= 0)
        t->sent += (size_t)sent;
    else if (errno != EAGAIN && errno != EINTR && errno != ENOTCONN)
        return mb_fail(p->error, MB_FAILED, "the server takes no request: %s", strerror(errno));
    return MB_OK;
}

// *over: the server has said all.
static mb_status receive(play *p, talk *t, bool *over) {
    char bytes[16384];
    const ssize_t got = recv(t->socket, bytes, sizeof bytes, 0);
    t->now_s = p->heard_s = now_s(p);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return MB_OK;
    if (got < 0) return mb_fail(p->error, MB_FAILED, "the server is gone: %s", strerror(errno));
    *over = got == 0;
    const mb_status status =
        got ? mb_stream_feed(&t->stream, bytes, (size_t)got, take, t, p->error) : finish(p, t);
    if (isnan(t->answer->begun_s) && t->stream.state != MB_STREAM_HEAD) t->answer->begun_s = t->now_s;
    return status;
}

static mb_status serve_open(play *p) {
    mb_status status = MB_OK;
    size_t kept = 0;
    for (size_t i = 0; i < p->open_count; i++) {
        talk *t = p->open[i];
        bool over = false;
        if (!status && FD_ISSET(t->socket, &p->writable)) status = send_more(p, t);
        if (!status && FD_ISSET(t->socket, &p->readable)) status = receive(p, t, &over);
        if (over)
            end_talk(t);
        else
            p->open[kept++] = t;
    }
    p->open_count = kept;
    return status;
}

// Until something can be read or written, or the next request is due; to the nanosecond, as poll() cannot.
static mb_status wait(play *p, double due_s) {
    int most = -1;
    FD_ZERO(&p->readable);
    FD_ZERO(&p->writable);
    for (size_t i = 0; i < p->open_count; i++) {
        const talk *t = p->open[i];
        FD_SET(t->socket, &p->readable);
        if (t->sent < t->text.length) FD_SET(t->socket, &p->writable);
        if (t->socket > most) most = t->socket;
    }
    const double left_s = fmin(fmax(due_s - now_s(p), 0), 0.5); // (a stop is looked for meanwhile)
    const struct timespec left = {.tv_nsec = (long)(1e9 * left_s)};
    const int ready = pselect(most + 1, &p->readable, &p->writable, NULL, &left, NULL);
    if (ready < 0 && errno != EINTR)
        return mb_fail(p->error, MB_FAILED, "cannot wait for the server: %s", strerror(errno));
    if (p->open_count == 0) p->heard_s = now_s(p);
    if (now_s(p) - p->heard_s > LONGEST_WAIT_S)
        return mb_fail(p->error, MB_FAILED, "the server has said nothing for %d s", LONGEST_WAIT_S);
    return ready > 0 ? serve_open(p) : MB_OK;
}

mb_status mb_load_play(const mb_load *load, const mb_load_request *requests, size_t count,
                       mb_load_answer *answers, mb_error *error) {
    play *p = calloc(1, sizeof *p);
    if (!p) return mb_fail_memory(error);
    p->load = load;
    p->start_s = mb_clock_wall();
    p->error = error;
    mb_rng_init(&p->random, load->seed, 0, "prompts");
    mb_status status = MB_OK;
    size_t next = 0;
    while (!status && (next < count || p->open_count)) {
        const bool room = next < count && p->open_count < MOST_OPEN;
        if (atomic_load(load->stop))
            status = mb_fail(error, MB_FAILED, "interrupted");
        else if (!room || now_s(p) < requests[next].at_s)
            status = wait(p, room ? requests[next].at_s : INFINITY);
        else {
            status = begin_talk(p, &requests[next], &answers[next]);
            next++;
        }
    }
    for (size_t i = 0; i < p->open_count; i++)
        end_talk(p->open[i]);
    free(p);
    return status;
}

// --- one question
// ----------------------------------------------------------------------------------------------

mb_status mb_load_get(uint16_t port, const char *path, int *code, char *body, size_t size, mb_error *error) {
    char head[256];
    size_t length = 0;
    *code = 0;
    body[0] = '\0';
    const int made = connect_to(port, true);
    if (made < 0) return MB_OK;
    const int asked =
        snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", path);
    bool good = send(made, head, (size_t)asked, MSG_NOSIGNAL) == asked;
    for (ssize_t got = 1; good && got > 0 && length + 1 < size; length += (size_t)got) {
        got = recv(made, body + length, size - 1 - length, 0);
        good = got >= 0;
        if (!good) got = 0;
    }
    body[length] = '\0';
    close(made);
    if (!good) return MB_OK;
    if (sscanf(body, "HTTP/1.%*d %d", code) != 1)
        return mb_fail(error, MB_FAILED, "who listens on port %u is no HTTP server", (unsigned)port);
    const char *text = strstr(body, "\r\n\r\n");
    if (text) memmove(body, text + 4, strlen(text + 4) + 1);
    return MB_OK;
}
