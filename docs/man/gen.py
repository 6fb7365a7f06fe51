#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the man pages of the commands on named VMs: docs/man/gen.py [--check]

One page per command in mdoc(7), from the table below, so that what they have in common
is said once. tests and packages take the pages as they lie there.
"""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

COMMON = [
    ("-vcpu N", "The vCPU, by number; 0 if not given."),
    ("-json", "Print JSON. Values that may exceed 53 bits are strings in hexadecimal."),
    ("-accel PATH", "The control node; the VM's node lies beside it. Default: /dev/vmm/ctl."),
]

NAMES = """A name has 1 to 31 letters, digits, dots, underscores and dashes, begins with neither
dot nor dash, and is not
.Dq ctl ."""

# name: (one line, arguments, description, options beyond the common ones, see also)
PAGES = {
    "create": ("make a VM with a name", "NAME", f"""Makes an empty VM. Its node
.Pa /dev/vmm/NAME
belongs to the caller and nobody else may open it. The VM stays, with its memory, until
.Xr vellum-destroy 1 ,
whatever becomes of the processes that use it.
{NAMES}
How many VMs one user may have, and how much memory in them, is set by the module's
parameters
.Va named_max
and
.Va named_mib .""", [], "vellum-load vellum-run vellum-list vellum-destroy"),
    "load": ("put a guest into a named VM", "NAME", """Sets up memory and vCPUs and loads a kernel
or flat images, with the options of
.Xr vellum-run 1
that say what to load:
.Fl -kernel , -initrd , -append , -cmdline , -memory , -cpus , -flat , -entry , -mode .
A VM is loaded once. Firmware can't be loaded: its memory belongs to the program.""",
             [], "vellum-create vellum-run"),
    "run": ("boot a guest and stay with it until it ends", "[NAME]", """With
.Ar NAME
goes on with a named VM where it is: at its start after
.Xr vellum-load 1 ,
or where its last program left it, even if that was killed. A port or memory access that
the last program was asked for and did not answer is asked for again. The devices are this
program's (serial port, clock, disks), so after a change of program they start anew and
what they held is lost; the serial port is set up as Linux's driver leaves it.
.Pp
With
.Fl -name Ar NAME
makes the VM, loads it and runs it. A reset makes it anew.
.Pp
.Fl -kernel Ar FILE
takes Linux (a bzImage of 64 bits, or vmlinux by its PVH entry) and Multiboot kernels, which
get each
.Fl -initrd Ar FILE Ns Op , Ns Ar STRING
as a module and as their command line the file's name and what
.Fl -append
says.
.Pp
A guest that dies of a triple fault, or whose entry the CPU refuses, is explained at the
end, as
.Xr vellum-explain 1
would.
.Pp
All options are shown by
.Nm
.Fl -help
and explained in docs/vellum.md.""", [("-name NAME", "Make a VM of that name, which stays."),
             ("-no-sandbox", "Keep privileges, files and system calls that the guest needs not."),
             ("-vga", """Show the guest's screen on the terminal and give keys to its keyboard. What
it sends to its first serial port goes to the file that
.Fl -com1
names, or nowhere. See docs/devices.md."""),
             ("-screen FILE", "Write the text on the guest's screen to FILE, each time that it changes."),
             ("-com1 FILE", "Write what the guest sends to its first serial port to FILE."),
             ("-catch-faults", "Trap the exceptions that can lead to a triple fault and give them back to the guest, so that the chain is seen. Needs vmm.ko."),
             ("-lint", "Check the first vCPU's state; don't enter a guest that can't run."),
             ("-gdb WHERE", """Wait for a debugger that speaks GDB's remote protocol, at
.Cm tcp:PORT
of this host's loopback or at the socket
.Cm unix:PATH ,
whose mode is 0600. With
.Cm ,nowait
behind it the guest runs until one connects. See docs/gdb.md.""")],
            "vellum-create vellum-load vellum-list"),
    "list": ("list the named VMs", "", """Shows the user's own VMs, and to who may override file
permissions all of them: name, state
.Pq new, running, stopped, paused ,
owner, vCPUs, memory, how much of it is in use, exits so far.""", [], "vellum-top vellum-destroy"),
    "destroy": ("end a named VM", "NAME", """The VM ends, its node goes, its memory is freed. A
program that runs it or looks at it is told so and ends.""", [], "vellum-create"),
    "pause": ("keep a named VM from running", "NAME", """Takes all vCPUs out of the guest; they
stay out, for any program, until
.Xr vellum-resume 1 .
The guest's clocks go on.""", [], "vellum-resume"),
    "resume": ("let a paused VM run again", "NAME", "Ends a pause.", [], "vellum-pause"),
    "reset": ("reset a named VM", "NAME", """The program that runs it, or runs it next, sees a
reset:
.Xr vellum-run 1
with
.Fl -name
boots it anew, one that goes on with a loaded VM ends with status 16.""", [], "vellum-run"),
    "nmi": ("send a vCPU an NMI", "NAME", "Queues a non-maskable interrupt.", [], "vellum-inject"),
    "inject": ("send a vCPU an interrupt or exception", "NAME", "Exactly one of these is given.", [
        ("-vector N", "An interrupt for the vCPU's LAPIC, 16 to 255."),
        ("-gsi N", "A pulse on an interrupt line."),
        ("-exception N", "An exception, 0 to 31, at the next entry; refused while another event is on its way."),
        ("-error CODE", "The exception's error code.")], "vellum-nmi"),
    "regs": ("show a vCPU's registers", "NAME", """All architectural state: general registers,
segments with their access rights in words, control and debug registers with their bits by
name, FPU control words, MSRs, events on their way. The guest is taken out once and goes on;
a halted one stays halted.""", [], "vellum-vmcs vellum-set"),
    "vmcs": ("show a vCPU's VMCS or VMCB", "NAME", """Every field of every group by the manual's
name, raw and in words, guest and host state, and the MSRs that the guest reaches without an
exit (R, W or RW).""", [
        ("-diff SECONDS", "Only what changes within that time; 0: between two looks at once."),
        ("-msrs", "Only the MSRs.")], "vellum-regs vellum-set vellum-explain"),
    "stats": ("show what a vCPU has done", "NAME", """Exits by reason, events injected, second-level
faults and pages by size, emulated instructions, migrations; ticks of the TSC in the guest, in the
kernel, in user space and halted; and for each reason a histogram of how long its exits took, from
the exit to the next entry, in powers of two of ticks. The guest is not disturbed.""", [],
              "vellum-trace vellum-top"),
    "trace": ("show a vCPU's last exits", "NAME", """The flight recorder, which is always on, keeps
the last 1023 exits. Each line has the time, the host's CPU, how long the exit before took
.Pq HANDLED ,
the ticks in the guest before this one, its reason, RIP and qualification
.Pq SVM: EXITINFO1 .
The guest is not disturbed.""", [
        ("-follow", "Go on with what comes, until interrupted. What was overwritten before it could be read is counted."),
        ("-seconds N", "Follow for that long."),
        ("-last N", "Begin with the last N records."),
        ("-perfetto FILE", "Write a file that ui.perfetto.dev and chrome://tracing open.")], "vellum-stats"),
    "set": ("set a vCPU's registers or fields", "NAME FIELD=VALUE ...", """A field is a register
.Pq rax ... r15, rip, rflags, cr0, cr2, cr3, cr4, cr8, efer, apic_base, dr0 ... dr7 ,
.Cm msr: Ns Ar NUMBER ,
or a field of the guest's state by the name that
.Xr vellum-vmcs 1
shows. Controls, host state and what could harm the host can't be set.""", [], "vellum-regs vellum-vmcs"),
    "top": ("watch all named VMs", "", """A line for each VM, every second: exits per second, where
the time went since the last look, and the commonest exit.
.Ic q
ends it.""", [("-delay SECONDS", "Between two looks; 1 if not given."),
              ("-rounds N", "End after N of them.")], "vellum-list vellum-stats"),
}

STATUS = """0 done; 1 internal error; 2 usage; 3 the host refuses, lacks something or
it is somebody else's; 4 no such VM, or not a name."""


def lines(text):
    """Each sentence on a line of its own, as mdoc wants it."""
    return re.sub(r"(?<=[A-Za-z0-9)]\.)\s+(?=[A-Z])", "\n", text)


def option(flag, text):
    word, _, arg = flag.partition(" ")
    return f".It Fl {word}" + (f" Ar {arg}" if arg else "") + f"\n{lines(text)}"


def page(name):
    line, args, text, options, see = PAGES[name]
    own = [o for o in COMMON if name not in ("run", "load") or o[0].startswith("-accel")]
    if name in ("list", "create", "destroy", "pause", "resume", "reset", "top"):
        own = [o for o in own if o[0] != "-vcpu N"]
    out = [".\\\" SPDX-License-Identifier: MIT", ".\\\" Made by docs/man/gen.py: edit that.",
           ".Dd November 22, 2026", f".Dt VELLUM-{name.upper()} 1", ".Os Vellum", ".Sh NAME",
           f".Nm vellum {name}", f".Nd {line}", ".Sh SYNOPSIS", f".Nm vellum {name}"]
    out += [f".Ar {args}"] if args else []
    out += [".Op Ar OPTIONS", ".Sh DESCRIPTION", lines(text)]
    if options or own:
        out += [".Sh OPTIONS", ".Bl -tag -width Ds"]
        out += [option(*o) for o in options + own]
        out += [".El"]
    out += [".Sh EXIT STATUS", "See docs/vellum.md for all of them." if name == "run" else STATUS]
    out += [".Sh SEE ALSO", " ,\n".join(f".Xr {s} 1" for s in sorted(see.split()))]
    return "\n".join(out) + "\n"


def main():
    bad = 0
    for name in PAGES:
        path = os.path.join(HERE, f"vellum-{name}.1")
        want = page(name)
        if "--check" in sys.argv:
            with open(path) as f:
                if f.read() != want:
                    print(f"{path}: not what gen.py makes")
                    bad = 1
        else:
            with open(path, "w") as f:
                f.write(want)
    return bad


if __name__ == "__main__":
    sys.exit(main())
