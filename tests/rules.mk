# SPDX-License-Identifier: MIT
# make unit, lint, check, test: all through tests/run, which aggregates.

TESTS_JOBS := $(shell nproc)
# The lists are complete only when all fragments have been read.
.SECONDEXPANSION:

.PHONY: unit-programs rig-programs unit lint check test
unit-programs: $$(UNIT_TESTS) $$(UNIT_TESTS_LONG)
rig-programs: all $$(GUEST_TESTS)

unit: unit-programs
	@tests/run --unit $(UNIT_TESTS_LONG) $(UNIT_TESTS)

lint:
	@tests/run --lint

# For a developer, in under two minutes: what needs no Bochs.
check:
	@$(MAKE) -j$(TESTS_JOBS) unit-programs rig-programs
	@tests/run --quick --rig amd --lint --unit $(UNIT_TESTS)

# Everything, from nothing.
test:
	@./setup.sh
	@echo "building"
	@$(MAKE) -j$(TESTS_JOBS) unit-programs rig-programs
	@tests/run --rig intel --rig amd --lint --unit $(UNIT_TESTS_LONG) $(UNIT_TESTS)
