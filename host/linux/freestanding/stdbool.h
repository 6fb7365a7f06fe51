/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include <linux/types.h>
#include <linux/stddef.h>
