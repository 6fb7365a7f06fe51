# SPDX-License-Identifier: MIT
# The program.  Static, so that it runs in an initramfs and on any distribution.

VELLUM := $(BUILD)/vellum
VELLUM_SRCS := $(wildcard vellum/*.c vellum/acpi/*.c vellum/block/*.c \
	vellum/cli/*.c vellum/dev/*.c vellum/firmware/*.c vellum/gdb/*.c vellum/load/*.c \
	vellum/screen/*.c)
VELLUM_SRCS += $(wildcard vellum/explain/*.c)
VELLUM_OBJS := $(patsubst vellum/%.c,$(BUILD)/vellum.d/%.o,$(VELLUM_SRCS))
# The explainer's engine, and the tables that it reads.
VELLUM_ENGINE := $(wildcard engine/explain/*.c) engine/svm/check.c engine/vmx/fields.c \
	engine/vmx/reasons.c
VELLUM_OBJS += $(VELLUM_ENGINE:%.c=$(BUILD)/vellum.d/%.o)
VELLUM_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARN) -Iinclude \
	-I$(BUILD)/vellum.d/acpi -pthread -MMD -MP

$(BUILD)/vellum.d/acpi/dsdt.hex: vellum/acpi/dsdt.asl
	@mkdir -p $(@D)
	@iasl -vs -va -tc -p $(@:.hex=) $< >$(@:.hex=.log) || \
		{ cat $(@:.hex=.log); rm -f $@; exit 1; }

# iasl has no macros: the compiler's preprocessor lends its own.
$(BUILD)/vellum.d/acpi/q35.hex: vellum/acpi/q35.asl
	@mkdir -p $(@D)
	$(CC) -E -P -x c -nostdinc $< >$(@:.hex=.asl)
	iasl -vs -va -tc -p $(@:.hex=) $(@:.hex=.asl) >$(@:.hex=.log) || \
		{ cat $(@:.hex=.log); rm -f $@; exit 1; }

$(BUILD)/vellum.d/acpi/tables.o: $(BUILD)/vellum.d/acpi/dsdt.hex \
	$(BUILD)/vellum.d/acpi/q35.hex

$(BUILD)/vellum.d/%.o: vellum/%.c
	@mkdir -p $(@D)
	@echo "  CC $@"
	@$(CC) $(VELLUM_CFLAGS) -c $< -o $@

$(BUILD)/vellum.d/engine/%.o: engine/%.c
	@mkdir -p $(@D)
	@echo "  CC $@"
	@$(CC) $(VELLUM_CFLAGS) -ffreestanding -c $< -o $@

$(VELLUM): $(VELLUM_OBJS) $(LIBVMM)
	@echo "  CC $@"
	@$(CC) -static -pthread -o $@ $^ -luring -lseccomp -ljansson -lcapstone

-include $(VELLUM_OBJS:.o=.d)
