/* SPDX-License-Identifier: MIT */
#include <stdarg.h>

#include "libvmm.h"

int vmm_fail(struct vmm_error *e, enum vmm_error_class class,
	     const char *fmt, ...)
{
	va_list ap;

	e->class = class;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -1;
}
