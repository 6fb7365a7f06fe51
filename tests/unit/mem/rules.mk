# SPDX-License-Identifier: MIT
# Unit tests of guest memory, on the simulated host.
UNIT_MEM_SOURCES := $(wildcard engine/mem/*.c) host/sim/host.c
UNIT_MEM_DEPS := $(UNIT_MEM_SOURCES) $(wildcard engine/mem/*.h engine/core/*.h engine/x86/*.h \
	engine/*.h host/sim/*.h)
# The tests stand between the engine and the host where a page is looked up.
UNIT_MEM_CFLAGS := -std=gnu11 -O1 -g -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer $(WARN) \
	-Wl,--wrap=host_page_get -Wl,--wrap=host_page_put -Wl,--wrap=host_page_level
UNIT_TESTS += $(BUILD)/tests/unit-mem

$(BUILD)/tests/unit-mem: tests/unit/mem/mem.c $(UNIT_MEM_DEPS) tests/unit/mem/rules.mk
	@mkdir -p $(@D)
	$(CC) $(UNIT_MEM_CFLAGS) -o $@ $< $(UNIT_MEM_SOURCES) -lcmocka -pthread
