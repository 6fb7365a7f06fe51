/* SPDX-License-Identifier: MIT */
#include "harness.h"
const struct table abi_table = { "abi", NULL, 0 };
