// SPDX-License-Identifier: MIT
// Which policy runs, with which parameters, within which limits.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum mb_param_kind {
    MB_PARAM_NUMBER,
    MB_PARAM_TEXT,
    MB_PARAM_BOOLEAN,
    MB_PARAM_NUMBERS
} mb_param_kind;

// A value given to a policy's parameter.
typedef struct mb_param {
    char *name;
    mb_param_kind kind;
    double number;
    bool boolean;
    char *text;
    double *numbers;
    size_t number_count;
    bool if_declared; // for every policy that has such a parameter; no error for one that has not
} mb_param;

typedef struct mb_policy_spec {
    char *label; // how results name it
    char *path;  // script
    mb_param *params;
    size_t param_count;
    struct mb_scripts *scripts; // that read `path` and what it loads; NULL: each run reads them. Not owned
    bool unlimited_memory; // this policy alone runs without a memory limit (a baseline that ignores memory)
} mb_policy_spec;

typedef struct mb_limits {
    double hook_s;              // longest CPU time of one hook; INFINITY: none
    uint64_t hook_instructions; // the same on every machine; 0: none
    uint64_t memory_bytes;      // of a policy's state
    bool jit;                   // LuaJIT may compile: nothing ends a compiled loop
} mb_limits;
