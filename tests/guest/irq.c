/* SPDX-License-Identifier: MIT */
#include "harness.h"
const struct table irq_table = { "irq", NULL, 0 };
