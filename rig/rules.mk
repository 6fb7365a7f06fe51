# SPDX-License-Identifier: MIT
#
# What the rig is made of, below $(BUILD)/rig. Included by the top Makefile, and
# used alone by rig/run, which brings its parts up to date by itself:
#     make -f rig/rules.mk rig-parts

BUILD ?= build
RIG_OUT := $(BUILD)/rig
RIG_CC ?= gcc
RIG_WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
RIG_RELEASE := $(shell cat $(RIG_OUT)/kernel/RELEASE 2>/dev/null)
RIG_KDIR := $(RIG_OUT)/kernel/lib/modules/$(RIG_RELEASE)/kernel
RIG_BUSYBOX := $(RIG_OUT)/busybox/bin/busybox
RIG_ROM_SIZE := 512

# Stock modules at hand on the host, in the order that they depend on each other
RIG_MODULES := virt/lib/irqbypass arch/x86/kvm/kvm arch/x86/kvm/kvm-intel \
	arch/x86/kvm/kvm-amd arch/x86/kernel/msr
RIG_MODULES_OUT := $(foreach m,$(RIG_MODULES),$(RIG_OUT)/modules/$(notdir $(m)).ko)

RIG_PARTS := $(RIG_OUT)/agent $(RIG_OUT)/shim.so $(RIG_OUT)/boot.rom $(RIG_OUT)/vmlinux \
	$(RIG_OUT)/host.cpio $(RIG_OUT)/guest.cpio

# What a saved state of a Bochs host depends on, besides its options
RIG_SUMMED := $(RIG_PARTS) $(RIG_OUT)/kernel/boot/vmlinuz-$(RIG_RELEASE) \
	$(wildcard /usr/bin/bochs-bin /usr/share/bochs/*BIOS-*-latest)

.PHONY: rig-parts
rig-parts: $(RIG_PARTS) $(RIG_OUT)/parts.sum

$(RIG_OUT)/kernel/RELEASE $(RIG_BUSYBOX):
	@echo "rig: $@ is missing: run ./setup.sh" >&2; exit 1

$(RIG_OUT)/agent: rig/agent.c rig/channel.c rig/tools.c rig/agent.h rig/rigcall.h
	$(RIG_CC) -std=gnu11 -O2 $(RIG_WARN) -static -o $@ $(filter %.c,$^)

$(RIG_OUT)/shim.so: rig/shim.c rig/repair.c rig/rigcall.h rig/repair.h
	$(RIG_CC) -std=gnu11 -O2 $(RIG_WARN) -fPIC -shared -o $@ $(filter %.c,$^)

$(RIG_OUT)/boot.rom: rig/boot.S rig/rigcall.h rig/tool/romsum.py
	$(RIG_CC) -DROM_SIZE=$(RIG_ROM_SIZE) -c -o $(RIG_OUT)/boot.o $<
	objcopy -O binary -j .text $(RIG_OUT)/boot.o $(RIG_OUT)/boot.bin
	python3 -B rig/tool/romsum.py $(RIG_OUT)/boot.bin $@

$(RIG_OUT)/vmlinux: $(RIG_OUT)/kernel/RELEASE rig/tool/vmlinux.py
	python3 -B rig/tool/vmlinux.py $(RIG_OUT)/kernel/boot/vmlinuz-$(RIG_RELEASE) $@

# Debug and type information is most of a module, and the host would read all of it.
define rig_module
$(RIG_OUT)/modules/$(notdir $(1)).ko: $(RIG_OUT)/kernel/RELEASE
	@mkdir -p $(RIG_OUT)/modules
	objcopy --strip-unneeded -R .BTF -R .BTF_ids -R .note.gnu.build-id \
		$(RIG_KDIR)/$(1).ko $$@
endef
$(foreach m,$(RIG_MODULES),$(eval $(call rig_module,$(m))))

$(RIG_OUT)/host.cpio: $(RIG_OUT)/agent $(RIG_BUSYBOX) $(RIG_MODULES_OUT) \
		rig/tool/mkcpio.py rig/tool/cpio.py
	python3 -B rig/tool/mkcpio.py host $@ $(RIG_BUSYBOX) $(RIG_OUT)/agent \
		$(RIG_MODULES_OUT)

$(RIG_OUT)/guest.cpio: rig/guest-init $(RIG_BUSYBOX) rig/tool/mkcpio.py rig/tool/cpio.py
	python3 -B rig/tool/mkcpio.py guest $@ $(RIG_BUSYBOX) rig/guest-init

$(RIG_OUT)/parts.sum: $(RIG_SUMMED)
	sha256sum $^ >$@.new
	mv $@.new $@
