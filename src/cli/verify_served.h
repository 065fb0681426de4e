// SPDX-License-Identifier: MIT
// mbsand verify --engine llama-server: the engine's own scheduler, under HTTP.
#pragma once
#include "cli/verify_check.h"

// Before a minute of measuring: does the server start, and load the model?
mb_status mb_verify_served_starts(const mb_verify_check *check, mb_error *error);
// With the tables made and the load set: measure what steps and requests take in service, simulate both of
// the server's ways under that, play the same requests to the server, and print both.
mb_status mb_verify_served(mb_verify_check *check, mb_error *error);
