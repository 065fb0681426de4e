// SPDX-License-Identifier: MIT
// Files of one folder to browsers on this machine, and to nobody else.
#pragma once
#include "base/error.h"

#include <stdatomic.h>
#include <stdint.h>

// Take the port of 127.0.0.1; 0: one that is free. *port is the one taken.
mb_status mb_serve_open(uint16_t *port, int *listener, mb_error *error);
// Answer with the named files of `folder` (the first for "/") until *stop; closes the listener.
mb_status mb_serve(int listener, const char *folder, const char *const *names, const atomic_bool *stop,
                   mb_error *error);
