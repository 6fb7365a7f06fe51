# SPDX-License-Identifier: MIT
# Unit tests of the run loop and of what exits mean: the whole neutral engine on a
# scripted back end.
UNIT_CORE_NAMES := core/run core/event core/life x86/paging x86/registers x86/mmio x86/real x86/task
UNIT_CORE_TESTS := $(foreach n,$(UNIT_CORE_NAMES),$(BUILD)/tests/unit-$(subst /,-,$(n)))
UNIT_CORE_SOURCES := $(wildcard engine/core/*.c engine/x86/*.c engine/mem/*.c engine/irq/*.c \
	engine/emul/*.c) host/sim/host.c host/sim/insn.c tests/unit/core/fixture.c
UNIT_CORE_DEPS := $(wildcard engine/*.h engine/core/*.h engine/x86/*.h engine/mem/*.h \
	engine/irq/*.h engine/emul/*.h host/sim/*.h host/sim/arch/*.h tests/unit/core/*.h)
UNIT_CORE_CFLAGS := -std=gnu11 -O1 -g -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer -Ihost/sim -Iengine $(WARN) \
	-Wno-missing-field-initializers
UNIT_CORE_OBJECTS := $(UNIT_CORE_SOURCES:%.c=$(BUILD)/tests/core/%.o)
UNIT_TESTS += $(UNIT_CORE_TESTS)

$(BUILD)/tests/core/%.o: %.c $(UNIT_CORE_DEPS) tests/unit/core/rules.mk
	@mkdir -p $(@D)
	$(CC) $(UNIT_CORE_CFLAGS) -c -o $@ $<

$(UNIT_CORE_TESTS): $(UNIT_CORE_OBJECTS)
$(BUILD)/tests/unit-core-%: $(BUILD)/tests/core/tests/unit/core/%.o
	@mkdir -p $(@D)
	$(CC) $(UNIT_CORE_CFLAGS) -o $@ $^ -lcmocka

$(BUILD)/tests/unit-x86-%: $(BUILD)/tests/core/tests/unit/x86/%.o
	@mkdir -p $(@D)
	$(CC) $(UNIT_CORE_CFLAGS) -o $@ $^ -lcmocka
