# SPDX-License-Identifier: MIT
# guest-tests: tiny guests and the program that runs them on an emulated host.

GT := $(BUILD)/tests/guest
GUEST_TESTS := $(BUILD)/tests/guest-tests
GT_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARN) -Iinclude -Itests/guest -I$(GT) \
	-Wno-missing-field-initializers -pthread -MMD -MP
GT_OBJS := $(patsubst tests/guest/%.c,$(GT)/%.o,$(wildcard tests/guest/*.c))
GT_ASM_OBJS := $(patsubst tests/guest/%.S,$(GT)/%.asm.o,$(wildcard tests/guest/*.S))

$(GT)/%.asm.o: tests/guest/%.S tests/guest/guest.inc tests/guest/layout.h
	@mkdir -p $(@D)
	$(CC) -Itests/guest -c $< -o $@

# All guests are one image, linked at its address; entries are its g_ labels.
$(GT)/guests.elf: $(GT_ASM_OBJS)
	$(LD) -static -Ttext=0x1000 -e 0 -z noexecstack -o $@.new $^
	@size -A $@.new | awk '$$1 == ".data" && $$2 + 0 { print "guests: .data has no place"; exit 1 } \
		$$1 == ".text" && $$2 + 0 > 57344 { print "guests: larger than 56 KiB"; exit 1 }'
	@mv $@.new $@

$(GT)/guests.bin: $(GT)/guests.elf
	objcopy -O binary -j .text $< $@

$(GT)/guests.h: $(GT)/guests.elf
	@{ echo '/* Made from the labels of tests/guest: entries of the guests. */'; \
	nm $< | awk '$$3 ~ /^g_/ { printf "#define G_%s 0x%s\n", substr($$3, 3), substr($$1, 9) }'; \
	} >$@

$(GT)/blob.o: $(GT)/guests.bin
	@printf '.section .rodata\n.globl guest_blob, guest_blob_end\nguest_blob: .incbin "%s"\nguest_blob_end:\n.section .note.GNU-stack,"",@progbits\n' \
		$< | $(CC) -x assembler -c -o $@ -

$(GT_OBJS): $(GT)/guests.h

$(GT)/%.o: tests/guest/%.c
	@mkdir -p $(@D)
	$(CC) $(GT_CFLAGS) -c $< -o $@

$(GUEST_TESTS): $(GT_OBJS) $(GT)/blob.o
	$(CC) -static -pthread -o $@ $^

guest-tests: $(GUEST_TESTS)

-include $(GT_OBJS:.o=.d)
