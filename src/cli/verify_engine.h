// SPDX-License-Identifier: MIT
// mbsand verify --engine llama: how far are simulation and a real engine apart on this machine?
#pragma once

// argv[0] is the verb. The exit code.
int mb_verify_engine(int argc, char **argv);
