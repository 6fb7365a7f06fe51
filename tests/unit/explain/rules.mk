# SPDX-License-Identifier: MIT
# Unit tests of the explainer: the engine's part and the program's, with nothing between.
UNIT_EXPLAIN_NAMES := rules fault exit dump live fuzz
UNIT_EXPLAIN_TESTS := $(UNIT_EXPLAIN_NAMES:%=$(BUILD)/tests/unit-explain-%)
UNIT_EXPLAIN_SOURCES := $(wildcard engine/explain/*.c) engine/svm/check.c engine/vmx/fields.c \
	engine/vmx/reasons.c host/linux/test/mutations.c tests/unit/explain/fixture.c \
	$(filter-out vellum/explain/command.c,$(wildcard vellum/explain/*.c))
UNIT_EXPLAIN_DIR := $(BUILD)/tests/explain
UNIT_EXPLAIN_OBJECTS := $(UNIT_EXPLAIN_SOURCES:%.c=$(UNIT_EXPLAIN_DIR)/%.o)
UNIT_EXPLAIN_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O1 -g -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer -MMD -MP -Iinclude $(WARN)
UNIT_TESTS += $(UNIT_EXPLAIN_TESTS)

$(UNIT_EXPLAIN_DIR)/%.o: %.c tests/unit/explain/rules.mk
	@mkdir -p $(@D)
	@$(CC) $(UNIT_EXPLAIN_CFLAGS) -c -o $@ $<

.SECONDARY: $(UNIT_EXPLAIN_OBJECTS)

$(BUILD)/tests/unit-explain-%: $(UNIT_EXPLAIN_DIR)/tests/unit/explain/%.o $(UNIT_EXPLAIN_OBJECTS)
	@mkdir -p $(@D)
	@$(CC) $(UNIT_EXPLAIN_CFLAGS) -o $@ $^ -lcmocka -ljansson -lcapstone

-include $(UNIT_EXPLAIN_OBJECTS:.o=.d)
-include $(UNIT_EXPLAIN_NAMES:%=$(UNIT_EXPLAIN_DIR)/tests/unit/explain/%.d)

# vmm-test.ko: the CPU's own opinion. tests/system/entry-checks.sh runs it.
KMOD_TEST := $(BUILD)/kmod-test
$(BUILD)/vmm-test.ko: $(wildcard host/linux/test/* engine/explain/* engine/vmx/fields.* \
		engine/vmx/reasons.* engine/svm/check.* engine/arch/*)
	@mkdir -p $(KMOD_TEST)
	@for d in engine host include; do \
		mkdir -p $(KMOD_TEST)/$$d; cp -rsf $(CURDIR)/$$d/. $(KMOD_TEST)/$$d/; done
	@find $(KMOD_TEST) -xtype l -delete
	@ln -sf $(CURDIR)/host/linux/test/Kbuild $(KMOD_TEST)/Kbuild
	@$(MAKE) -C $(KERNEL_DIR) M=$(CURDIR)/$(KMOD_TEST) CC=$(CC) modules >$(BUILD)/kmod-test.log 2>&1 || \
		{ cat $(BUILD)/kmod-test.log; exit 1; }
	@grep -E 'warning|objtool' $(BUILD)/kmod-test.log || true
	@cp $(KMOD_TEST)/vmm-test.ko $@
