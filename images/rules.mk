# SPDX-License-Identifier: MIT
# Disk images to boot.

DEBIAN_DISK := $(BUILD)/images/debian.img

.PHONY: debian-disk
debian-disk: $(DEBIAN_DISK)

# Not made again when the script changes: it is the user's disk by then.
$(DEBIAN_DISK): | images/debian-disk
	@images/debian-disk $@
