# SPDX-License-Identifier: MIT
# The program.  Static, so that it runs in an initramfs and on any distribution.

VELLUM := $(BUILD)/vellum
VELLUM_SRCS := $(wildcard vellum/*.c vellum/acpi/*.c vellum/cli/*.c \
	vellum/dev/*.c vellum/load/*.c)
VELLUM_OBJS := $(patsubst vellum/%.c,$(BUILD)/vellum.d/%.o,$(VELLUM_SRCS))
VELLUM_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARN) -Iinclude \
	-I$(BUILD)/vellum.d/acpi -pthread -MMD -MP

$(BUILD)/vellum.d/acpi/dsdt.hex: vellum/acpi/dsdt.asl
	@mkdir -p $(@D)
	@iasl -vs -va -tc -p $(@:.hex=) $< >$(@:.hex=.log) || \
		{ cat $(@:.hex=.log); rm -f $@; exit 1; }

$(BUILD)/vellum.d/acpi/tables.o: $(BUILD)/vellum.d/acpi/dsdt.hex

$(BUILD)/vellum.d/%.o: vellum/%.c
	@mkdir -p $(@D)
	@echo "  CC $@"
	@$(CC) $(VELLUM_CFLAGS) -c $< -o $@

$(VELLUM): $(VELLUM_OBJS) $(LIBVMM)
	@echo "  CC $@"
	@$(CC) -static -pthread -o $@ $^

-include $(VELLUM_OBJS:.o=.d)
