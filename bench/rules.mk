# SPDX-License-Identifier: MIT
# make bench [RIG=intel|amd|both] [MITIGATIONS=off|auto]

BENCH_OUT := $(BUILD)/bench
BENCH_RIG = $(or $(RIG),both)
MITIGATIONS ?= off

$(BENCH_OUT)/guest.elf: bench/start.S bench/guest.c bench/guest.ld
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 $(WARN) -ffreestanding -nostdlib -static -fno-pic -no-pie \
		-mno-red-zone -mgeneral-regs-only -fno-stack-protector -fcf-protection=none \
		-fno-asynchronous-unwind-tables -Wl,-T,bench/guest.ld -Wl,--build-id=none \
		-Wl,-e,start -o $@ bench/start.S bench/guest.c

$(BENCH_OUT)/guest.bin: $(BENCH_OUT)/guest.elf
	objcopy -O binary --set-section-flags .text=alloc,load,contents $< $@

$(BENCH_OUT)/init: bench/init.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE -static -o $@ $<

.PHONY: bench
bench: all $(BENCH_OUT)/guest.bin $(BENCH_OUT)/init
	@for rig in $(if $(filter both,$(BENCH_RIG)),intel amd,$(BENCH_RIG)); do \
		bench/run $$rig --mitigations $(MITIGATIONS) || exit 1; done
