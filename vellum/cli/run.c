/* SPDX-License-Identifier: MIT */
/* `vellum run`: from its options to a machine's configuration. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../status.h"
#include "commands.h"
#include "../named.h"
#include "firmware.h"
#include "parse.h"

enum {
	OPT_HELP = 1, OPT_KERNEL, OPT_INITRD, OPT_APPEND, OPT_CMDLINE,
	OPT_FAST_BOOT, OPT_MEMORY, OPT_CPUS, OPT_ACCEL, OPT_NO_REBOOT,
	OPT_STRICT_IO, OPT_DEBUG_EXIT, OPT_QUIET, OPT_FLAT, OPT_ENTRY,
	OPT_MODE, OPT_BIOS, OPT_LOAD, OPT_FIRMWARE, OPT_VARS, OPT_STATE, OPT_TRAP,
	OPT_DEBUG_PORT, OPT_PCI, OPT_COM2, OPT_KEYBOARD,
	OPT_DISK, OPT_CDROM, OPT_FLOPPY, OPT_NAME, OPT_CATCH, OPT_LINT,
	OPT_NO_SANDBOX, OPT_GDB, OPT_VGA, OPT_SCREEN, OPT_COM1,
};

static const struct option_spec specs[] = {
	{ "kernel", "FILE", OPT_KERNEL, "kernel: Linux's bzImage, an ELF file with a PVH entry (vmlinux), or Multiboot" },
	{ "initrd", "FILE", OPT_INITRD, "initial RAM disk; Multiboot: a module FILE[,STRING], may be repeated" },
	{ "append", "WORDS", OPT_APPEND, "add to the guest's default command line" },
	{ "cmdline", "WORDS", OPT_CMDLINE, "replace the default command line" },
	{ "fast-boot", NULL, OPT_FAST_BOOT, "default command line for emulated hosts: mitigations and tracing off" },
	{ "memory", "SIZE", OPT_MEMORY, "guest memory in bytes or with K, M, G (default 512M)" },
	{ "cpus", "N", OPT_CPUS, "number of vCPUs (default 1)" },
	{ "accel", "PATH", OPT_ACCEL, "accelerator (default " VMM_DEFAULT_ACCEL "; /dev/kvm works too)" },
	{ "no-reboot", NULL, OPT_NO_REBOOT, "end with status 16 when the guest resets" },
	{ "strict-io", NULL, OPT_STRICT_IO, "end when the guest touches a port or address without a device" },
	{ "debug-exit", NULL, OPT_DEBUG_EXIT, "port 0xf4: OUT N ends with status N (always on with --flat)" },
	{ "quiet", NULL, OPT_QUIET, "no announcements and no counts, only errors" },
	{ "flat", "FILE@ADDR", OPT_FLAT, "load FILE as it is at ADDR; may be repeated" },
	{ "entry", "ADDR", OPT_ENTRY, "flat: first instruction; SEG:OFF in hexadecimal for real mode" },
	{ "mode", "MODE", OPT_MODE, "flat: real, prot or long (default long)" },
	{ "bios", "FILE", OPT_BIOS, "BIOS image, from the reset vector; under 64 KiB or with --entry: real-mode code at 0" },
	{ "load", "FILE@ADDR", OPT_LOAD, "real mode: load FILE as it is at ADDR; may be repeated" },
	{ "firmware", "FILE", OPT_FIRMWARE, "firmware image of any multiple of 4 KiB, from the reset vector" },
	{ "vars", "FILE", OPT_VARS, "firmware's variables: flash below the image, kept in FILE" },
	{ "state", "FILE", OPT_STATE, "lines of REGISTER=NUMBER for the first vCPU, right or wrong" },
	{ "trap", "LIST", OPT_TRAP, "end when the guest executes one of these: vmcall,cpuid,rdtsc,hlt..." },
	{ "pci", NULL, OPT_PCI, "a PCI bus even if nothing is on it" },
	{ "vga", NULL, OPT_VGA, "show the guest's screen on the terminal; keys go to its keyboard" },
	{ "screen", "FILE", OPT_SCREEN, "write the text on the guest's screen to FILE, each time that it changes" },
	{ "com1", "FILE", OPT_COM1, "write what the guest sends to its first serial port to FILE" },
	{ "com2", "FILE", OPT_COM2, "write what the guest sends to its second serial port to FILE" },
	{ "disk", "FILE", OPT_DISK, "disk image or block device: FILE[,ro][,bus=virtio|ata]; may be repeated" },
	{ "cdrom", "FILE", OPT_CDROM, "CD image (ISO 9660)" },
	{ "floppy", "FILE", OPT_FLOPPY, "floppy's image: FILE[,ro]; may be repeated; booted before disks" },
	{ "keyboard", NULL, OPT_KEYBOARD, "input goes to the guest's keyboard, not to its serial port" },
	{ "catch-faults", NULL, OPT_CATCH, "trap the faults that lead to a triple fault, to explain it from its first" },
	{ "lint", NULL, OPT_LINT, "check the first vCPU's state; don't enter a guest that can't run" },
	{ "debug-port", NULL, OPT_DEBUG_PORT, "show what firmware writes to port 0x402" },
	{ "name", "NAME", OPT_NAME, "make a VM of that name, which stays when this program ends" },
	{ "no-sandbox", NULL, OPT_NO_SANDBOX, "keep privileges, files and system calls that the guest needs not" },
	{ "gdb", "WHERE", OPT_GDB, "wait for a debugger at tcp:PORT (this host only) or unix:PATH; with ,nowait behind it: don't wait" },
	{ "help", NULL, OPT_HELP, "this text" },
};

#define N_SPECS (sizeof(specs) / sizeof(specs[0]))

/* What is booted from disk if nothing else is said. */
#define DEFAULT_BIOS	"/usr/share/seabios/bios-256k.bin"

/* Not on the stack: each disk has a good deal of state. */
static struct storage the_storage;
static struct rtc_battery the_battery;

struct run_options {
	struct machine_config cfg;
	const char *kernel, *entry, *mode;
	const char *initrd[BOOT_MODULES_MAX];
	unsigned int n_initrds;
	const char *flat[FLAT_MAX], *flat_option[FLAT_MAX];
	unsigned int n_flat;
	struct firmware_options fw;
};

static void help(void)
{
	printf("usage: vellum run --kernel FILE [OPTIONS]\n"
	       "       vellum run --bios FILE [OPTIONS]\n"
	       "       vellum run --flat FILE@ADDR --entry ADDR [OPTIONS]\n"
	       "       vellum run NAME [OPTIONS]\n"
	       "       vellum load NAME --kernel FILE|--flat FILE@ADDR [OPTIONS]\n\n");
	print_options(specs, N_SPECS);
	printf("\nThe guest's serial port is on standard input and output, "
	       "with --vga its screen\nand keyboard are. On a terminal Ctrl-] and then q leaves, "
	       "Ctrl-] and then ? tells\nmore; all else goes to the guest.\n\n"
	       "status: 0 guest powered off, 16 reset (--no-reboot), 17 guest "
	       "panic, 18 triple\nfault, 19 --strict-io, 20 left by the escape "
	       "key, 21 --trap, 128+N signal N; 1 internal\nerror, 2 usage, 3 the host "
	       "refuses or lacks something, 4 unusable file.\n");
}

static int usage_error(const char *option, const char *value, const char *why)
{
	fprintf(stderr, "vellum: %s %s: %s\n", option, value, why);
	return -1;
}

static int set_memory(struct machine_config *cfg, const char *value)
{
	if (!parse_size(value, &cfg->memory))
		return usage_error("--memory", value,
			"not a size: write a number of bytes, or 512M, 2G");
	if (!cfg->memory)
		return usage_error("--memory", value, "a guest needs memory");
	if (cfg->memory < RAM_MIN)
		return usage_error("--memory", value,
				   "too small: the least is 2M");
	/* Whole 2 MiB pages: below that neither side could use large ones. */
	if (cfg->memory > UINT64_MAX - RAM_ALIGN)
		return usage_error("--memory", value, "more than any host has");
	cfg->memory = (cfg->memory + RAM_ALIGN - 1) & ~(RAM_ALIGN - 1);
	return 0;
}

static int set_cpus(struct machine_config *cfg, const char *value)
{
	uint64_t n;

	if (!parse_number(value, &n))
		return usage_error("--cpus", value, "not a number");
	if (n < 1 || n > CPUS_MAX)
		return usage_error("--cpus", value, "must be 1 to 64");
	cfg->cpus = (unsigned int)n;
	return 0;
}

static int add_initrd(struct run_options *o, const char *value)
{
	if (o->n_initrds == BOOT_MODULES_MAX)
		return usage_error("--initrd", value, "more than 16 of them");
	o->initrd[o->n_initrds++] = value;
	return 0;
}

static int add_flat(struct run_options *o, const char *option,
		    const char *value)
{
	if (o->n_flat == FLAT_MAX)
		return usage_error(option, value, "more than 8 of them");
	o->flat_option[o->n_flat] = option;
	o->flat[o->n_flat++] = value;
	return 0;
}

/* 0, or -1 after a message, or 1 after the help. */
static int take_option(struct run_options *o, int id, const char *value)
{
	switch (id) {
	case OPT_HELP:
		help();
		return 1;
	case OPT_KERNEL: o->kernel = value; return 0;
	case OPT_INITRD: return add_initrd(o, value);
	case OPT_APPEND: o->cfg.append = value; return 0;
	case OPT_CMDLINE: o->cfg.cmdline = value; return 0;
	case OPT_FAST_BOOT: o->cfg.fast_boot = true; return 0;
	case OPT_MEMORY: return set_memory(&o->cfg, value);
	case OPT_CPUS: return set_cpus(&o->cfg, value);
	case OPT_ACCEL: o->cfg.accel = value; return 0;
	case OPT_NO_REBOOT: o->cfg.no_reboot = true; return 0;
	case OPT_STRICT_IO: o->cfg.strict_io = true; return 0;
	case OPT_DEBUG_EXIT: o->cfg.debug_exit = true; return 0;
	case OPT_QUIET: o->cfg.quiet = true; return 0;
	case OPT_NO_SANDBOX: o->cfg.no_sandbox = true; return 0;
	case OPT_FLAT: return add_flat(o, "--flat", value);
	case OPT_ENTRY: o->entry = value; return 0;
	case OPT_MODE: o->mode = value; return 0;
	case OPT_BIOS: o->fw.bios = value; return 0;
	case OPT_LOAD: o->fw.loads = true; return add_flat(o, "--load", value);
	case OPT_FIRMWARE: o->fw.firmware = value; return 0;
	case OPT_VARS: o->fw.vars = value; return 0;
	case OPT_STATE: o->fw.state = value; return 0;
	case OPT_TRAP: return parse_traps(value, &o->cfg.traps);
	case OPT_DEBUG_PORT: o->cfg.debug_port = o->cfg.pci = true; return 0;
	case OPT_PCI: o->cfg.pci = true; return 0;
	case OPT_VGA: o->fw.vga = true; return 0;
	case OPT_SCREEN: o->fw.screen = value; return 0;
	case OPT_COM1: o->fw.com1 = value; return 0;
	case OPT_COM2: o->fw.com2 = value; o->cfg.pci = true; return 0;
	case OPT_DISK:
	case OPT_CDROM:
	case OPT_FLOPPY:
		o->cfg.storage = &the_storage;
		o->cfg.pci = true;
		return storage_parse(&the_storage, value,
				     id == OPT_DISK ? STORAGE_DISK :
				     id == OPT_CDROM ? STORAGE_CDROM : STORAGE_FLOPPY);
	case OPT_NAME: o->cfg.name = value; return 0;
	case OPT_CATCH: o->cfg.catch_faults = true; return 0;
	case OPT_LINT: o->cfg.lint = true; return 0;
	case OPT_GDB:
		if (!gdb_check(value))
			return usage_error("--gdb", value,
				"must be tcp:PORT or unix:PATH, and perhaps ,nowait");
		o->cfg.gdb = value;
		return 0;
	case OPT_KEYBOARD: o->cfg.keyboard = o->cfg.pci = true; return 0;
	default: return -1;
	}
}

static int set_mode(struct machine_config *cfg, const char *mode)
{
	if (!mode || !strcmp(mode, "long"))
		cfg->mode = MODE_LONG;
	else if (!strcmp(mode, "prot"))
		cfg->mode = MODE_PROTECTED;
	else if (!strcmp(mode, "real"))
		cfg->mode = MODE_REAL;
	else
		return usage_error("--mode", mode,
				   "must be real, prot or long");
	return 0;
}

static int set_entry(struct machine_config *cfg, const char *entry)
{
	bool far;

	if (!parse_far(entry, &far, &cfg->entry_cs, &cfg->entry))
		return usage_error("--entry", entry,
				   "neither an address nor SEG:OFF");
	if (far && cfg->mode != MODE_REAL)
		return usage_error("--entry", entry,
				   "SEG:OFF is for --mode real");
	if (cfg->mode == MODE_REAL && !far) {
		if (cfg->entry > 0xfffff)
			return usage_error("--entry", entry,
					   "real mode ends at 0xfffff");
		if (cfg->entry > 0xffff) {
			cfg->entry_cs = (uint16_t)(cfg->entry >> 4);
			cfg->entry &= 0xf;
		}
	}
	if (cfg->mode == MODE_PROTECTED && cfg->entry > UINT32_MAX)
		return usage_error("--entry", entry,
				   "protected mode ends at 4 GiB");
	return 0;
}

/* Both are for each other, and for nothing else. */
static int refuse_kernel(const struct run_options *o, const char *why)
{
	if (o->kernel)
		return usage_error("--kernel", o->kernel, why);
	return o->n_initrds ? usage_error("--initrd", o->initrd[0], why) : 0;
}

static bool wants_screen(const struct run_options *o)
{
	return o->fw.vga || o->fw.screen;
}

static int check_linux(const struct run_options *o)
{
	if (!o->kernel) {
		fprintf(stderr,
			"vellum: nothing to run: give --kernel FILE, --bios FILE, or --flat FILE@ADDR (see vellum run --help)\n");
		return -1;
	}
	if (o->entry || o->mode)
		return usage_error(o->entry ? "--entry" : "--mode",
				   o->entry ? o->entry : o->mode,
				   "only together with --flat");
	if (wants_screen(o))
		return usage_error(o->fw.vga ? "--vga" : "--screen",
				   o->fw.vga ? "" : o->fw.screen,
				   "a kernel from --kernel has no video adapter: boot it from --disk or --cdrom");
	return 0;
}

/* Firmware, or real-mode code that takes its place. */
static int check_firmware(struct run_options *o)
{
	bool flat = o->fw.loads || (o->fw.bios && o->entry);

	if (refuse_kernel(o, "not together with --bios, --load or --firmware"))
		return -1;
	if (o->mode && strcmp(o->mode, "real"))
		return usage_error("--mode", o->mode,
				   "a PC starts in real mode; see --flat");
	if (o->fw.bios && o->fw.firmware)
		return usage_error("--firmware", o->fw.firmware,
				   "not together with --bios");
	if (o->fw.firmware && (flat || o->entry || o->n_flat))
		return usage_error("--firmware", o->fw.firmware,
				   "starts at the reset vector: not together with --entry, --load or --flat");
	if (!o->fw.bios && !o->fw.firmware && !o->entry)
		return usage_error("--load", o->flat[0],
				   "needs --entry CS:IP as well");
	o->cfg.pci = o->cfg.vga = true;
	o->cfg.mode = MODE_REAL;
	o->cfg.flat = flat;
	o->cfg.rom = !flat;
	return o->entry ? set_entry(&o->cfg, o->entry) : 0;
}

static int check_flat(struct run_options *o)
{
	if (refuse_kernel(o, "not together with --flat"))
		return -1;
	if (!o->entry)
		return usage_error("--flat", o->flat[0],
				   "needs --entry ADDR as well");
	o->cfg.flat = o->cfg.debug_exit = true;
	o->cfg.vga = wants_screen(o);
	return set_mode(&o->cfg, o->mode) || set_entry(&o->cfg, o->entry) ?
	       -1 : 0;
}

/* FILE@ADDR; the last @, since file names may have one. */
static int open_flat(struct run_options *o, unsigned int i, char *name,
		     size_t size, struct vmm_error *e)
{
	const char *arg = o->flat[i], *at = strrchr(arg, '@');
	const char *option = o->flat_option[i];
	struct flat_image *img = &o->cfg.flat_image[i];

	if (!at || at == arg || !parse_number(at + 1, &img->addr)) {
		usage_error(option, arg, "must be FILE@ADDR");
		return STATUS_USAGE;
	}
	if ((size_t)(at - arg) >= size) {
		usage_error(option, arg, "the name is too long");
		return STATUS_USAGE;
	}
	memcpy(name, arg, (size_t)(at - arg));
	name[at - arg] = '\0';
	if (image_open(&img->file, option, name, e))
		return report(e);
	o->cfg.n_flat++;
	return STATUS_OK;
}

/*
 * FILE, or FILE and a string behind a comma or a blank; where the whole of it
 * is a file's name, that file is meant.
 */
static int open_module(struct run_options *o, unsigned int i,
		       struct vmm_error *e)
{
	static char names[BOOT_MODULES_MAX][4096];
	struct boot_module *m = &o->cfg.module[i];
	const char *arg = o->initrd[i], *name = arg;
	size_t len = strcspn(arg, ", ");

	if (arg[len] && access(arg, F_OK)) {
		if (len >= sizeof(names[i])) {
			usage_error("--initrd", arg, "the name is too long");
			return STATUS_USAGE;
		}
		memcpy(names[i], arg, len);
		name = names[i];
		m->string = arg + len + 1;
	}
	if (image_open(&m->file, "--initrd", name, e))
		return report(e);
	o->cfg.n_modules++;
	return STATUS_OK;
}

static int open_files(struct run_options *o)
{
	static char names[FLAT_MAX][4096];
	struct vmm_error e;
	unsigned int i;
	int status;

	for (i = 0; i < o->n_flat; i++) {
		status = open_flat(o, i, names[i], sizeof(names[i]), &e);
		if (status)
			return status;
	}
	status = open_firmware(&o->fw, &o->cfg);
	if (status)
		return status;
	if (o->kernel && image_open(&o->cfg.kernel, "--kernel", o->kernel, &e))
		return report(&e);
	for (i = 0; i < o->n_initrds; i++) {
		status = open_module(o, i, &e);
		if (status)
			return status;
	}
	if (o->cfg.storage && storage_open(o->cfg.storage, &e))
		return report(&e);
	if (open_outputs(&o->fw, &o->cfg, &e))
		return report(&e);
	return STATUS_OK;
}

/* What would be said to nobody. */
static int check_words(const struct run_options *o)
{
	const char *why = "only together with --kernel: nobody else reads it";

	if (o->kernel)
		return 0;
	if (o->cfg.append)
		return usage_error("--append", o->cfg.append, why);
	if (o->cfg.cmdline)
		return usage_error("--cmdline", o->cfg.cmdline, why);
	return 0;
}

static int check(struct run_options *o)
{
	int ret;

	if (o->cfg.attach && (o->kernel || o->n_initrds || o->n_flat || o->fw.bios ||
			      o->fw.firmware || o->fw.loads))
		return usage_error("run", o->cfg.name,
				   "goes on with what is loaded; to begin anew: --name NAME, or vellum load");
	if (o->cfg.attach)
		return check_words(o);
	if (o->fw.vars && !o->fw.firmware && !o->fw.bios)
		return usage_error("--vars", o->fw.vars,
				   "needs --firmware FILE as well");
	if (o->cfg.storage && !o->kernel && !o->n_flat && !o->fw.firmware &&
	    !o->fw.bios)
		o->fw.bios = DEFAULT_BIOS;
	if (o->fw.bios || o->fw.firmware || o->fw.loads)
		ret = check_firmware(o);
	else
		ret = o->n_flat ? check_flat(o) : check_linux(o);
	return ret ? ret : check_words(o);
}

/* The configuration of a VM that is there. */
static int read_named(struct machine_config *cfg)
{
	struct vmm_error e = { 0 };
	struct vmm_accel a;
	int status = STATUS_OK;

	if (vmm_accel_open(&a, cfg->accel, &e))
		return report(&e);
	if (named_read_config(cfg, &a, &e))
		status = report(&e);
	vmm_accel_close(&a);
	return status;
}

static int run_or_load(int argc, char **argv, bool load)
{
	struct run_options o = {
		.cfg = {
			.accel = VMM_DEFAULT_ACCEL,
			.memory = 512 * MIB,
			.cpus = 1,
			.battery = &the_battery,
			.kernel.fd = -1,
			.firmware.fd = -1,
			.vars.fd = -1,
			.com1.fd = -1,
			.com2.fd = -1,
			.vgabios.fd = -1,
			.screen.fd = -1,
		},
	};
	const char *value;
	int id, at = 1, ret, status;
	unsigned int i;

	if (argc > 1 && argv[1][0] != '-') {
		o.cfg.name = argv[at++];
		o.cfg.attach = !load;
	}
	while ((id = next_option(specs, N_SPECS, argc, argv, &at, &value))) {
		ret = id < 0 ? -1 : take_option(&o, id, value);
		if (ret)
			return ret > 0 ? STATUS_OK : STATUS_USAGE;
	}
	if (load && !o.cfg.name)
		return usage_error("load", "", "needs the VM's NAME") ?
			STATUS_USAGE : STATUS_OK;
	if (check(&o))
		return STATUS_USAGE;

	status = o.cfg.attach ? read_named(&o.cfg) : STATUS_OK;
	if (status == STATUS_OK)
		status = open_files(&o);
	if (status == STATUS_OK)
		status = load ? session_load(&o.cfg) : session_run(&o.cfg);

	storage_close(&the_storage);
	image_close(&o.cfg.kernel);
	for (i = 0; i < o.cfg.n_modules; i++)
		image_close(&o.cfg.module[i].file);
	close_firmware(&o.cfg);
	for (i = 0; i < o.cfg.n_flat; i++)
		image_close(&o.cfg.flat_image[i].file);
	return status;
}

int cmd_run(int argc, char **argv)
{
	return run_or_load(argc, argv, false);
}

int cmd_load(int argc, char **argv)
{
	return run_or_load(argc, argv, true);
}
