/* SPDX-License-Identifier: MIT */
#include "harness.h"
const struct table life_table = { "life", NULL, 0 };
