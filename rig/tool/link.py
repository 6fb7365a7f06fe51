# SPDX-License-Identifier: MIT
"""The conversation with the agent on the emulated host (agent.h has the frames)."""
import fcntl
import os
import selectors
import signal
import struct
import termios
import time
import tty

HELLO = b"R\0\0\0\4\0\0\0rig1"
WINDOW = 8192        # AGENT_WINDOW
TTY, INPUT = 1, 2    # flags of AGENT_RUN
ESCAPE = 0x1d        # Ctrl-]: three within a second end the run


class Interrupted(Exception):
    """A signal asks us to end."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


def frame(kind, payload=b""):
    return kind.encode() + b"\0\0\0" + struct.pack("<I", len(payload)) + payload


def window_size(fd):
    try:
        size = struct.unpack("HHHH", fcntl.ioctl(fd, termios.TIOCGWINSZ, b"\0" * 8))[:2]
    except OSError:
        size = 0, 0
    return size if all(size) else (24, 80)


class Link:
    """Runs one command. After run(): status (a wait status) or failure (text)."""

    def __init__(self, machine, sock, opts):
        self.machine, self.sock, self.opts = machine, sock, opts
        self.status = self.failure = None
        self.timed_out = False
        self.greeted = False     # the agent has spoken
        self.ready = False       # all is in place: it gets the command
        self.inbox, self.outbox = bytearray(), bytearray()
        self.feeds = []          # generators of frames that can be sent now
        self.stages = []         # those for when the agent is ready (again)
        self.credit = WINDOW
        self.stdin_open = bool(opts.input)
        self.tty = opts.input and os.isatty(0)
        self.saved_terminal = None
        self.escapes = []
        self.selector = selectors.PollSelector()  # takes plain files, too

    # What is sent

    def files(self, files):
        for source, dest, mode in files:
            with open(source, "rb") as f:
                size = os.fstat(f.fileno()).st_size
                yield frame("F", struct.pack("<IQ", mode, size) + dest.encode() + b"\0")
                while size > 0:
                    data = f.read(min(size, 65536))
                    if not data:
                        raise OSError(f"{source} has become shorter while it was copied")
                    size -= len(data)
                    yield frame("D", data)

    def command(self):
        yield frame("B")
        for path, parameters in self.opts.load:
            yield frame("M", path.encode() + b"\0" + parameters.encode() + b"\0")
        for name, value in self.opts.environment.items():
            yield frame("V", f"{name}={value}".encode() + b"\0")
        flags = TTY if self.tty else INPUT if self.opts.input else 0
        rows, columns = window_size(0) if self.tty else (24, 80)
        yield frame("X", struct.pack("<BHH", flags, rows, columns) +
                    b"".join(os.fsencode(arg) + b"\0" for arg in self.opts.command))

    def begin(self, base, files):
        """base: what is copied before a snapshot is taken; None: it is there already"""
        self.stages = [[self.files(files), self.command()]]
        if base is not None:
            self.stages.insert(0, [self.files(base), self.snapshot()])

    @staticmethod
    def snapshot():
        yield frame("N")

    def next_stage(self):
        """The agent is ready for what comes next."""
        self.feeds += self.stages.pop(0) if self.stages else []
        self.ready = not self.stages
        if self.ready:
            self.raw_terminal()

    def refill(self):
        while self.feeds and len(self.outbox) < 1 << 17:
            try:
                self.outbox += next(self.feeds[0])
            except StopIteration:
                self.feeds.pop(0)

    def on_terminal_size(self):
        if self.tty and self.ready:
            self.outbox += frame("W", struct.pack("<HH", *window_size(0)))

    def on_stdin(self):
        data = os.read(0, min(self.credit, 4096))
        if not data:
            self.stdin_open = False
            self.outbox += frame("C")
            return
        if self.tty:
            self.watch_escape(data)
        self.credit -= len(data)
        self.outbox += frame("I", data)

    def watch_escape(self, data):
        now = time.monotonic()
        for byte in data:
            self.escapes = [t for t in self.escapes if now - t < 1] if byte == ESCAPE else []
            if byte == ESCAPE:
                self.escapes.append(now)
            if len(self.escapes) == 3:
                raise Interrupted(signal.SIGINT)

    # What comes in

    def on_frame(self, kind, payload):
        if kind == "O":
            self.write(1, payload)
        elif kind == "S":
            self.write(2, payload)
        elif kind == "R":
            self.next_stage()
        elif kind == "K":
            self.credit += struct.unpack("<I", payload)[0]
        elif kind == "L":
            self.failure = self.failure or payload.decode(errors="replace")
        elif kind == "Z":
            self.status, = struct.unpack("<i", payload)

    @staticmethod
    def write(fd, data):
        while data:
            try:
                data = data[os.write(fd, data):]
            except BlockingIOError:
                time.sleep(0.01)

    def on_bytes(self, data):
        self.inbox += data
        if not self.greeted:
            at = self.inbox.find(HELLO)
            if at < 0:
                return
            del self.inbox[:at]  # what firmware may have said
            self.greeted = True
        while len(self.inbox) >= 8:
            kind, size = chr(self.inbox[0]), struct.unpack_from("<I", self.inbox, 4)[0]
            if len(self.inbox) < 8 + size:
                break
            payload = bytes(self.inbox[8:8 + size])
            del self.inbox[:8 + size]
            self.on_frame(kind, payload)

    # The user's terminal

    def raw_terminal(self):
        if self.tty and not self.saved_terminal:
            self.saved_terminal = termios.tcgetattr(0)
            tty.setraw(0, termios.TCSADRAIN)

    def restore_terminal(self):
        if self.saved_terminal:
            termios.tcsetattr(0, termios.TCSADRAIN, self.saved_terminal)
            self.saved_terminal = None

    # The loop

    def interest(self):
        want = selectors.EVENT_READ
        self.refill()
        if self.outbox:
            want |= selectors.EVENT_WRITE
        self.selector.modify(self.sock, want)
        reading = 0 in self.selector.get_map()
        may = self.ready and self.stdin_open and self.credit > 0 and not self.feeds
        if may and not reading:
            self.selector.register(0, selectors.EVENT_READ)
        elif reading and not may:
            self.selector.unregister(0)

    def step(self, timeout):
        """One turn; false if the host has gone."""
        self.interest()
        for key, events in self.selector.select(timeout):
            if key.fd == 0:
                self.on_stdin()
            elif key.fileobj is not self.sock:
                if self.machine.event():
                    return False
            else:
                if events & selectors.EVENT_READ:
                    try:
                        data = self.sock.recv(1 << 16)
                    except ConnectionResetError:
                        data = b""
                    if not data:
                        return False
                    self.on_bytes(data)
                if events & selectors.EVENT_WRITE:
                    try:
                        del self.outbox[:self.sock.send(self.outbox)]
                    except (BrokenPipeError, ConnectionResetError):
                        return False
        return True

    def run(self, base, files, notice):
        start = time.monotonic()
        limit = start + self.opts.timeout if self.opts.timeout else None
        told = start + 3
        self.sock.setblocking(False)
        self.selector.register(self.sock, selectors.EVENT_READ)
        if self.machine.event_socket():
            self.selector.register(self.machine.event_socket(), selectors.EVENT_READ)
        self.begin(base, files)
        try:
            while self.status is None and not self.failure:
                now = time.monotonic()
                if limit and now >= limit:
                    self.timed_out = True
                    break
                if not self.ready and now >= told:
                    notice(f"the host is booting: {now - start:.0f} s")
                    told = now + 3
                if not self.step(min(1, limit - now) if limit else 1):
                    break
        finally:
            self.restore_terminal()
            self.sock.setblocking(True)
