/* SPDX-License-Identifier: MIT */
#include "harness.h"
const struct table mem_table = { "mem", NULL, 0 };
