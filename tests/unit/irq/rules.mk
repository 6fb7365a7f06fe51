# SPDX-License-Identifier: MIT
# Unit tests of the interrupt controllers, on the simulated host.
UNIT_IRQ_NAMES := lapic x2apic timer deliver race pic ioapic route pit state fuzz
UNIT_IRQ_TESTS := $(UNIT_IRQ_NAMES:%=$(BUILD)/tests/unit-irq-%)
UNIT_IRQ_DEPS := $(wildcard engine/irq/*.[ch] engine/core/*.h engine/x86/*.h engine/*.h \
	engine/mem/*.h host/sim/*.[ch] tests/unit/irq/fixture.[ch])
UNIT_IRQ_CFLAGS := -std=gnu11 -O1 -g -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer $(WARN)
UNIT_TESTS += $(UNIT_IRQ_TESTS)

# Steps through the code instruction by instruction: the real code, and not too long.
$(BUILD)/tests/unit-irq-race: UNIT_IRQ_CFLAGS := -std=gnu11 -O2 -g $(WARN)

$(BUILD)/tests/unit-irq-%: tests/unit/irq/%.c $(UNIT_IRQ_DEPS) tests/unit/irq/rules.mk
	@mkdir -p $(@D)
	$(CC) $(UNIT_IRQ_CFLAGS) -o $@ $< tests/unit/irq/fixture.c host/sim/host.c \
		$(filter engine/irq/%.c,$^) -lcmocka -pthread
