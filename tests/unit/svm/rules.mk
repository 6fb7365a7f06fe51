# SPDX-License-Identifier: MIT
# Unit tests of the AMD-V back end, on a simulated SVM.
UNIT_SVM_NAMES := caps check state event exit run
UNIT_SVM_TESTS := $(UNIT_SVM_NAMES:%=$(BUILD)/tests/unit-svm-%)
UNIT_SVM_SOURCES := $(wildcard engine/svm/*.c) host/sim/host.c host/sim/insn.c \
	tests/unit/svm/machine.c tests/unit/svm/fixture.c
UNIT_SVM_DEPS := $(wildcard engine/svm/*.h engine/core/*.h engine/x86/*.h engine/*.h \
	engine/mem/*.h engine/irq/*.h host/sim/*.h host/sim/arch/*.h tests/unit/svm/*.h \
	tests/unit/svm/sim/svm/*.h)
UNIT_SVM_CFLAGS := -std=gnu11 -O1 -g -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer -Itests/unit/svm/sim \
	-Ihost/sim -Iengine $(WARN)
UNIT_SVM_OBJECTS := $(UNIT_SVM_SOURCES:%.c=$(BUILD)/tests/svm/%.o)
UNIT_TESTS += $(UNIT_SVM_TESTS)

$(BUILD)/tests/svm/%.o: %.c $(UNIT_SVM_DEPS) tests/unit/svm/rules.mk
	@mkdir -p $(@D)
	$(CC) $(UNIT_SVM_CFLAGS) -c -o $@ $<

$(BUILD)/tests/unit-svm-%: $(BUILD)/tests/svm/tests/unit/svm/%.o $(UNIT_SVM_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(UNIT_SVM_CFLAGS) -o $@ $^ -lcmocka
