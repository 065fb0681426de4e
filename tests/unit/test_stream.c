// SPDX-License-Identifier: MIT
// The answers of llama-server as verify's client reads them: whole, in pieces cut anywhere, and wrong.
#include "probe/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEAD                                                                                                 \
    "HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nContent-Type: text/event-stream\r\n"                            \
    "Transfer-Encoding: chunked\r\n\r\n"

#define STRANGE "the server's answer is none of llama-server's: \""

// As the server sends it, from llama.cpp 0.5.0, the settings cut.
static const char WHOLE[] = HEAD
    "68\r\ndata: {\"index\":0,\"content\":\"w1814\",\"stop\":false,\"id_slot\":-1,\"tokens_predicted\":1,"
    "\"tokens_evaluated\":3}\n\r\n1\r\n\n\r\n"
    "67\r\ndata: {\"index\":0,\"content\":\"w697\",\"stop\":false,\"id_slot\":-1,\"tokens_predicted\":2,"
    "\"tokens_evaluated\":3}\n\r\n1\r\n\n\r\n"
    "8\r\n: pause\n\r\n"
    "65;x=y\r\ndata: {\"index\":0,\"content\":\"\",\"id_slot\":3,\"stop\":true,\"tokens_predicted\":3,"
    "\"tokens_evaluated\":3 }\n  \n\r\n"
    "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

typedef struct heard {
    size_t count;
    mb_stream_event events[8];
} heard;

static void hear(void *self, const mb_stream_event *event) {
    heard *h = self;
    h->events[h->count++ % 8] = *event;
}

// Fed in two pieces.
static mb_status listen_to(const char *text, size_t cut, heard *h, mb_error *error) {
    mb_stream stream = {0};
    *h = (heard){0};
    mb_status status = mb_stream_feed(&stream, text, cut, hear, h, error);
    if (!status) status = mb_stream_feed(&stream, text + cut, strlen(text) - cut, hear, h, error);
    if (!status) status = mb_stream_end(&stream, error);
    mb_stream_deinit(&stream);
    return status;
}

static void test_cut_anywhere(void **state) {
    (void)state;
    for (size_t cut = 0; cut <= strlen(WHOLE); cut++) {
        heard h;
        mb_error error;
        if (listen_to(WHOLE, cut, &h, &error)) fail_msg("cut at %zu: %s", cut, error.message);
        assert_int_equal(h.count, 3);
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(h.events[i].predicted, i + 1);
            assert_int_equal(h.events[i].evaluated, 3);
            assert_int_equal(h.events[i].last, i == 2);
        }
        assert_int_equal(h.events[2].slot, 3);
    }
}

// Every answer that breaks off before the last event is none.
static void test_breaks_off(void **state) {
    (void)state;
    const size_t last = (size_t)(strstr(WHOLE, "3 }\n") - WHOLE) + strlen("3 }\n");
    for (size_t length = 0; length < strlen(WHOLE); length++) {
        char text[sizeof WHOLE];
        memcpy(text, WHOLE, length);
        text[length] = '\0';
        heard h;
        mb_error error;
        const mb_status status = listen_to(text, length / 2, &h, &error);
        assert_int_equal(status, length < last ? MB_FAILED : MB_OK);
        if (status) assert_string_equal(error.message, "the server closed the connection within an answer");
    }
}

static void test_wrong_answers(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"HTTP/1.1 400 Bad Request\r\nContent-Length: 50\r\n\r\n"
         "{\"error\":{\"code\":400,\"message\":\"the prompt is long\"}}",
         "the server answers 400: the prompt is long"},
        {"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nlate\r\n0\r\n\r\n",
         "the server answers 503: late"},
        {HEAD "30\r\nerror: {\"code\":500,\"message\":\"Compute error.\"}\n\n\r\n0\r\n\r\n",
         "the server answers 500: Compute error."},
        {HEAD "3f\r\ndata: {\"error\":{\"code\":500,\"message\":\"Context size exceeded\"}}\n\r\n0\r\n\r\n",
         "the server answers 500: Context size exceeded"},
        {HEAD "x\r\n", STRANGE "x?\""},
        {HEAD "ffffffff\r\n", STRANGE "ffffffff?\""},
        {HEAD "8\r\ndata: {\n\r\n", STRANGE "data: {\""},
        {HEAD "9\r\ndata: 12\n\r\n", STRANGE "data: 12\""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
         STRANGE "http/1.1 200 ok??content-length: 2????\""},
        {"SSH-2.0-OpenSSH\r\n\r\n", STRANGE "ssh-2.0-openssh????\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t cut = 0; cut <= strlen(cases[i][0]); cut++) {
            heard h;
            mb_error error;
            assert_int_equal(listen_to(cases[i][0], cut, &h, &error), MB_FAILED);
            assert_string_equal(error.message, cases[i][1]);
            assert_int_equal(h.count, 0);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_breaks_off),
        cmocka_unit_test(test_wrong_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
