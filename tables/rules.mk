# SPDX-License-Identifier: MIT
#
# make tables        makes engine/vmx's generated files from the tables again
# make tables-check  fails if what is checked in is not what the tables give

BUILD ?= build
TABLES_MADE := fields.h fields.c reasons.h reasons.c

.PHONY: tables tables-check
tables:
	tables/gen.py engine/vmx

tables-check:
	@mkdir -p $(BUILD)/tables
	@tables/gen.py $(BUILD)/tables
	@for f in $(TABLES_MADE); do \
		diff -u engine/vmx/$$f $(BUILD)/tables/$$f || \
		{ echo "engine/vmx/$$f is not what tables/ gives: run make tables" >&2; exit 1; }; \
	done
