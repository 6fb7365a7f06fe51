/* SPDX-License-Identifier: MIT */
#include "harness.h"
const struct table mmio_table = { "mmio", NULL, 0 };
