/* SPDX-License-Identifier: MIT */
#include "harness.h"
const struct table cpu_table = { "cpu", NULL, 0 };
