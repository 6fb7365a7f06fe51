# SPDX-License-Identifier: MIT
# make help lists the targets.
.DEFAULT_GOAL := all
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

BUILD := build
CC ?= gcc
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
CFLAGS := -std=gnu11 -O2 -g $(WARN)
UNIT_TESTS :=
UNIT_TESTS_LONG :=

# The kernel that the module is for: the rig's, or with NATIVE=1 this machine's.
ifeq ($(NATIVE),)
KERNEL_RELEASE = $(RIG_RELEASE)
else
KERNEL_RELEASE = $(shell uname -r)
endif
KERNEL_DIR ?= /lib/modules/$(KERNEL_RELEASE)/build

include $(sort $(wildcard rig/rules.mk lib/rules.mk vellum/rules.mk tables/rules.mk \
	bench/rules.mk images/rules.mk docs/rules.mk tests/rules.mk tests/*/rules.mk tests/*/*/rules.mk))

.PHONY: all module run run-check test check unit lint bench clean distclean help setup silicon-report

all: module $(BUILD)/vellum
	@:

setup:
	@./setup.sh

# make run ARGS='--memory 256M' RIG=amd
run: run-check setup
	@exec 8>$(BUILD)/run.lock; flock -n 8 || { echo "run: another make run builds" >&2; flock 8; }; \
		$(MAKE) -j$(TESTS_JOBS) all >&2 8>&-
	@RIG=$(RIG) ./run.sh $(ARGS)

run-check:
	@RIG=$(RIG) ./run.sh --only-check

# On a machine with VT-x or AMD-V of its own: tests and benchmarks, one file to post.
silicon-report: setup
	@./silicon-report.sh

help:
	@echo 'make run            boot Debian as a guest (RIG=amd, ARGS="...")'
	@echo "                    ... or what ARGS names: ARGS='--cdrom FILE'"
	@echo 'make debian-disk    a Debian disk image; make run DISK=build/images/debian.img boots it'
	@echo 'make test           everything: lint, unit tests, guests on both rigs'
	@echo 'make check          unit tests and the AMD rig: two minutes'
	@echo 'make bench          ticks per exit beside stock KVM (RIG=intel|amd)'
	@echo 'make module         vmm.ko (NATIVE=1: for the running kernel)'
	@echo 'make silicon-report on a machine with VT-x or AMD-V: a file to post'
	@echo 'make clean          remove what was built, but neither downloads nor disk images'
	@echo 'make distclean      remove build/'

# -- The module ------------------------------------------------------------------
MODULE_SOURCES := $(shell find engine host/linux include -type f)
KMOD := $(BUILD)/kmod

module: $(BUILD)/vmm.ko

$(BUILD)/vmm.ko: $(MODULE_SOURCES) Makefile
	@mkdir -p $(KMOD)
	@for d in engine host include; do \
		mkdir -p $(KMOD)/$$d; cp -rsf $(CURDIR)/$$d/. $(KMOD)/$$d/; done
	@find $(KMOD) -xtype l -delete
	@ln -sf $(CURDIR)/host/linux/Kbuild $(KMOD)/Kbuild
	@$(MAKE) -C $(KERNEL_DIR) M=$(CURDIR)/$(KMOD) CC=$(CC) modules >$(BUILD)/kmod.log 2>&1 || \
		{ cat $(BUILD)/kmod.log; exit 1; }
	@grep -E 'warning|objtool' $(BUILD)/kmod.log || true
	@cp $(KMOD)/vmm.ko $@

# Spares what was downloaded, and disk images: a guest may have written to them.
clean:
	@[ ! -d $(BUILD) ] || find $(BUILD) -mindepth 1 -maxdepth 1 ! -name rig ! -name images \
		-exec rm -rf {} +
	@[ ! -d $(BUILD)/rig ] || find $(BUILD)/rig -mindepth 1 -maxdepth 1 ! -name kernel \
		! -name busybox -exec rm -rf {} +

distclean:
	rm -rf $(BUILD)
