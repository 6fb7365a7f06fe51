# SPDX-License-Identifier: MIT
# The instruction emulator's tests: native programs, under sanitizers where
# nothing they do forbids it.
EMUL_SOURCES := $(wildcard engine/emul/*.c)
EMUL_HEADERS := $(wildcard engine/emul/*.h tests/unit/emul/*.h)
EMUL_SANITIZE := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

$(BUILD)/tests/unit-emul-cases: tests/unit/emul/cases.c $(EMUL_SOURCES) $(EMUL_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(EMUL_SANITIZE) -o $@ $< $(EMUL_SOURCES)

$(BUILD)/tests/unit-emul-seabios: tests/unit/emul/seabios.c $(EMUL_SOURCES) $(EMUL_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(EMUL_SANITIZE) -o $@ $< $(EMUL_SOURCES)

$(BUILD)/tests/unit-emul-fuzz: tests/fuzz/emul.c $(EMUL_SOURCES) $(EMUL_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(EMUL_SANITIZE) -o $@ $< $(EMUL_SOURCES)

$(BUILD)/tests/unit-emul-decode: tests/unit/emul/decode_zydis.c $(EMUL_SOURCES) $(EMUL_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $< $(EMUL_SOURCES) -lZydis

# The child shares its address space with what it runs: no sanitizers' shadow there.
$(BUILD)/tests/unit-emul-cpu: tests/unit/emul/cpu.c $(EMUL_SOURCES) $(EMUL_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fPIE -pie -o $@ $< $(EMUL_SOURCES)

UNIT_TESTS += $(BUILD)/tests/unit-emul-cases $(BUILD)/tests/unit-emul-fuzz \
	$(BUILD)/tests/unit-emul-seabios
UNIT_TESTS_LONG += $(BUILD)/tests/unit-emul-decode $(BUILD)/tests/unit-emul-cpu
