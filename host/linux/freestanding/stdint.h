/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The engine's <stdint.h> inside the kernel, which brings its own types. */
#ifndef VELLUM_FREESTANDING_STDINT_H
#define VELLUM_FREESTANDING_STDINT_H
#include <linux/types.h>
#include <linux/limits.h>
#ifndef UINT32_MAX
#define UINT32_MAX U32_MAX
#endif
#ifndef UINT64_MAX
#define UINT64_MAX U64_MAX
#endif
#endif
