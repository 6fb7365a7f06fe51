# SPDX-License-Identifier: MIT
# Unit tests of the VT-x back end, on a simulated VT-x.
UNIT_VMX_NAMES := fields caps state event exit run realmode
UNIT_VMX_TESTS := $(UNIT_VMX_NAMES:%=$(BUILD)/tests/unit-vmx-%)
UNIT_VMX_SOURCES := $(wildcard engine/vmx/*.c) host/sim/host.c host/sim/insn.c \
	host/sim/vmx/machine.c tests/unit/vmx/fixture.c
UNIT_VMX_DEPS := $(UNIT_VMX_SOURCES) $(wildcard engine/vmx/*.h engine/core/*.h engine/x86/*.h \
	engine/*.h engine/mem/*.h engine/irq/*.h host/sim/*.h host/sim/*/*.h tests/unit/vmx/*.h)
UNIT_VMX_CFLAGS := -std=gnu11 -O1 -g -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer -Ihost/sim -Iengine $(WARN)
UNIT_VMX_OBJECTS := $(UNIT_VMX_SOURCES:%.c=$(BUILD)/tests/vmx/%.o)
UNIT_TESTS += $(UNIT_VMX_TESTS) $(BUILD)/tests/unit-vmx-nocompile

$(BUILD)/tests/vmx/%.o: %.c $(UNIT_VMX_DEPS) tests/unit/vmx/rules.mk
	@mkdir -p $(@D)
	$(CC) $(UNIT_VMX_CFLAGS) -c -o $@ $<

$(BUILD)/tests/unit-vmx-%: $(BUILD)/tests/vmx/tests/unit/vmx/%.o $(UNIT_VMX_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(UNIT_VMX_CFLAGS) -o $@ $^ -lcmocka

$(BUILD)/tests/unit-vmx-nocompile: tests/unit/vmx/nocompile.sh
	@mkdir -p $(@D)
	@cp $< $@
