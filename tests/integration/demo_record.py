# SPDX-License-Identifier: GPL-2.0-or-later
"""What tools/demo measures while it tells its story, and the picture of it."""

import os
import re
import socket
import struct
import sys
import threading
import time

import lab as lab_module

sys.path.insert(0, os.path.join(lab_module.ROOT, "bench"))

import chart  # noqa: E402

STATS = struct.pack("=I", 21)  # -s, as any client has asked for it since 2007
ANSWERS, REPLICA, KERNEL, KILLED, GOOD = "#0b6e99", "#c4572b", "#3f8f3f", "#b3261e", "#555"
SAMPLE_S = 0.05


class Record:
    """Samples of what the backup holds for its peer, and of its kernel's table, beside whatever else goes on.  What
    the client's connections carry the client itself keeps.  Use as a context manager."""

    def __init__(self, backup, traffic):
        self.backup, self.traffic = backup, traffic
        self.replica, self.kernel = [], []
        path = re.search(r"^\s*Path\s+(\S+)", backup.space.read(lab_module.CONF), re.M)
        self.socket = backup.space.path(path.group(1)) if path else None
        self.began, self.ended = time.monotonic(), threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.ended.set()
        self.thread.join(10)

    def run(self):
        pause_s = SAMPLE_S
        with self.backup.table() as table:
            while not self.ended.wait(pause_s):
                began = time.monotonic()
                self.replica.append((began, self.known()))
                self.kernel.append((time.monotonic(), table.count(lab_module.forwarded)))
                # Measuring is not to be what is measured.
                pause_s = max(SAMPLE_S, time.monotonic() - began)

    def known(self):
        """How many flows the backup holds for its peer; None if it does not say."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(1)
                sock.connect(self.socket)
                sock.sendall(STATS)
                text = b"".join(iter(lambda: sock.recv(65536), b"")).decode(errors="replace")
        except (OSError, TypeError):
            return None
        found = re.search(r"cache external:\s+current active connections:\s+(\d+)", text)
        return int(found.group(1)) if found else None

    def rates(self):
        """Echoes a second, over what two bins hold, since some load puts off what belongs in one."""
        got = self.traffic.ask("answers", since=self.began)
        bins, width = got["answers"], 2 * got["bin_s"]
        return [(bins[i][0] + width / 2, (bins[i][1] + bins[i + 1][1]) / width) for i in range(0, len(bins) - 1, 2)]

    def picture(self, title, zero, marks):
        """SVG; zero: when it was that the master was killed; marks: [(time, words, good)]."""
        def from_zero(points):
            return [(t - zero, v) for t, v in points]

        name = self.backup.name
        return chart.timeline(title, [
            ("answers a second", [("the client's echoes", ANSWERS, from_zero(self.rates()))]),
            ("flows", [("replica in %s's daemon" % name, REPLICA, from_zero(self.replica)),
                       ("in %s's kernel" % name, KERNEL, from_zero(self.kernel))])],
            [(t - zero, words, GOOD if good else KILLED) for t, words, good in marks])
