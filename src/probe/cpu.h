// SPDX-License-Identifier: MIT
#pragma once
#include "probe/backend.h"

extern const mb_probe_backend mb_probe_cpu; // fp32 only
