# SPDX-License-Identifier: MIT
# Disk images to boot.

DEBIAN_DISK := $(BUILD)/images/debian.img
DEBIAN_BASE := $(BUILD)/images/debian-base.img

.PHONY: debian-disk
debian-disk: $(DEBIAN_DISK)

# As it was made: for tests, and to begin anew without the network.
$(DEBIAN_BASE): images/debian-disk
	@images/debian-disk $@

# Not made again when that changes: it is the user's disk by then.
$(DEBIAN_DISK): | $(DEBIAN_BASE)
	@cp --sparse=always $| $@.new && mv $@.new $@
	@echo "$@: log in as root, no password; make run DISK=$@ boots it"
