# SPDX-License-Identifier: MIT
# libvmm, linked into the program and into whatever else drives the module.

LIBVMM := $(BUILD)/lib/libvmm.a
LIBVMM_OBJS := $(patsubst lib/%.c,$(BUILD)/lib/%.o,$(wildcard lib/*.c))
LIBVMM_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARN) -Iinclude -MMD -MP

$(BUILD)/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	@echo "  CC $@"
	@$(CC) $(LIBVMM_CFLAGS) -c $< -o $@

$(LIBVMM): $(LIBVMM_OBJS)
	@rm -f $@
	@$(AR) rcs $@ $^

-include $(LIBVMM_OBJS:.o=.d)
