# SPDX-License-Identifier: GPL-2.0-or-later
"""A terminal of our own: a pseudo-terminal, with a program on it, and an emulator (pyte) that knows what is on the
screen."""

import fcntl
import os
import select
import struct
import subprocess
import termios
import time

import pyte
from space import LabError

# What the emulator understands.
TERM = "linux"


class Terminal:
    """argv runs on it, as the session leader whose controlling terminal it is.  Use as a context manager."""

    def __init__(self, argv, rows=24, cols=80, env=None):
        self.screen = pyte.Screen(cols, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.master, slave = os.openpty()
        try:
            self.set_size(rows, cols)
            self.proc = subprocess.Popen(
                argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                env={**os.environ, "TERM": TERM, **(env or {})},
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        except BaseException:
            os.close(self.master)
            raise
        finally:
            os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def set_size(self, rows, cols):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def resize(self, rows, cols):
        """As somebody draws the window larger; the kernel tells the program."""
        self.screen.resize(rows, cols)
        self.set_size(rows, cols)

    def press(self, keys):
        os.write(self.master, keys.encode())

    def pump(self, for_s):
        """Takes in what is written for so long; False when the other end has gone."""
        end = time.monotonic() + for_s
        while True:
            left = end - time.monotonic()
            if not select.select([self.master], [], [], max(0, left))[0]:
                return True
            try:
                data = os.read(self.master, 65536)
            except OSError:
                data = b""
            if not data:
                return False
            self.raw += data
            self.stream.feed(data)

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines())

    def wait(self, condition, timeout_s, what):
        """Until condition(text of the screen) is true; its value."""
        deadline = time.monotonic() + timeout_s
        while True:
            alive = self.pump(0.05)
            value = condition(self.text())
            if value:
                return value
            if not alive or time.monotonic() >= deadline:
                raise LabError("not within %.1f s: %s; the screen:\n%s" % (timeout_s, what, self.text()))

    def end(self, timeout_s=10):
        """Waits for the program to end by itself; its exit code."""
        deadline = time.monotonic() + timeout_s
        while self.proc.poll() is None:
            self.pump(0.05)
            if time.monotonic() >= deadline:
                raise LabError("still there after %g s; the screen:\n%s" % (timeout_s, self.text()))
        self.pump(0.05)
        return self.proc.returncode
