/* SPDX-License-Identifier: MIT */
#include "harness.h"
const struct table exc_table = { "exc", NULL, 0 };
