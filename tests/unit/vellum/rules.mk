# SPDX-License-Identifier: MIT
# Unit tests of the program, under the address and undefined-behaviour
# sanitizers: one binary per test_*.c, each linked with what it uses of the
# program.

UNIT_VELLUM := bus cpuid uart rtc ports acpi load multiboot fuzz_load parse console evloop tally block virtio ata fdc storage pci board garbage emulation sandbox gdb gdb_server vga screen
UNIT_VELLUM_BINS := $(UNIT_VELLUM:%=$(BUILD)/tests/unit-vellum-%)
UNIT_VELLUM_DIR := $(BUILD)/tests/unit-vellum.d
UNIT_VELLUM_SRCS := $(filter-out vellum/cli/main.c,$(wildcard vellum/*.c \
	vellum/acpi/*.c vellum/block/*.c vellum/cli/*.c vellum/dev/*.c \
	vellum/firmware/*.c vellum/gdb/*.c vellum/load/*.c vellum/screen/*.c vellum/explain/*.c lib/*.c \
	engine/explain/*.c)) engine/svm/check.c engine/vmx/fields.c engine/vmx/reasons.c
UNIT_VELLUM_OBJS := $(UNIT_VELLUM_SRCS:%.c=$(UNIT_VELLUM_DIR)/%.o)
UNIT_VELLUM_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O1 -g $(WARN) -Iinclude -I. \
	-I$(BUILD)/vellum.d/acpi -pthread -MMD -MP -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all

UNIT_TESTS += $(UNIT_VELLUM_BINS)

$(UNIT_VELLUM_DIR)/vellum/acpi/tables.o: $(BUILD)/vellum.d/acpi/dsdt.hex \
	$(BUILD)/vellum.d/acpi/q35.hex

$(UNIT_VELLUM_DIR)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC $@"
	@$(CC) $(UNIT_VELLUM_CFLAGS) -c $< -o $@

.SECONDARY: $(UNIT_VELLUM_OBJS)

$(UNIT_VELLUM_DIR)/program.a: $(UNIT_VELLUM_OBJS)
	@rm -f $@
	@$(AR) rcs $@ $^

$(UNIT_VELLUM_BINS): $(BUILD)/tests/unit-vellum-%: \
		$(UNIT_VELLUM_DIR)/tests/unit/vellum/test_%.o $(UNIT_VELLUM_DIR)/program.a
	@echo "  CC $@"
	@$(CC) -fsanitize=address,undefined -pthread -o $@ $^ -lcmocka -lutil -luring -lseccomp -lcapstone -ljansson

-include $(UNIT_VELLUM_OBJS:.o=.d)
-include $(UNIT_VELLUM:%=$(UNIT_VELLUM_DIR)/tests/unit/vellum/test_%.d)

# The same devices driven by bytes: 4000 inputs of a seed as a unit test, and with
# clang `make fuzz-devices` for as long as one likes: build/fuzz/devices -jobs=2 DIR.
UNIT_TESTS += $(BUILD)/tests/unit-vellum-devices

$(BUILD)/tests/unit-vellum-devices: $(UNIT_VELLUM_DIR)/tests/fuzz/devices.o \
		$(UNIT_VELLUM_DIR)/program.a
	@echo "  CC $@"
	@$(CC) -fsanitize=address,undefined -pthread -o $@ $^ -luring -lseccomp -lcapstone -ljansson

.PHONY: fuzz-devices
fuzz-devices: $(BUILD)/vellum.d/acpi/dsdt.hex $(BUILD)/vellum.d/acpi/q35.hex
	@mkdir -p $(BUILD)/fuzz
	clang -std=gnu11 -D_GNU_SOURCE -DLIBFUZZER -O1 -g -Iinclude -I. \
		-I$(BUILD)/vellum.d/acpi -pthread -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined -o $(BUILD)/fuzz/devices tests/fuzz/devices.c \
		$(UNIT_VELLUM_SRCS) -luring -lseccomp -lcapstone -ljansson

-include $(UNIT_VELLUM_DIR)/tests/fuzz/devices.d
