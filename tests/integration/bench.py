# SPDX-License-Identifier: GPL-2.0-or-later
"""What a takeover costs, ours and the incumbent's side by side, as tools/bench shows it.

Both pairs run in one process of ours and take turns, so that whatever else this machine does falls
on both.  What counts are the ratios; the milliseconds are those of this machine and this run.
"""

import argparse
import os
import statistics
import sys

import lab as lab_module
from lab import Lab, LabError
from space import wait_until

SOURCES = "10."


def flows(n):
    """n established TCP connections that nobody ends meanwhile."""
    return ({"orig": ("%s%d.%d.%d" % (SOURCES, i >> 16 & 255, i >> 8 & 255, i & 255),
                      "192.168.0.10", 6, 1024 + i % 60000, 80, 0), "tcp": (3, 0, 0, 0, 0),
             "status": 6, "timeout": 3000} for i in range(n))


def in_kernel(fw):
    """How many of them the kernel of a firewall has."""
    with fw.table() as table:
        return table.count(lambda f: f["orig"][0].startswith(SOURCES))


def cached(fw, which):
    """How many flows a cache has; which is internal or external."""
    block = fw.ct("-s", check=True).stdout.split("cache %s:" % which)[1]
    return int(block.split("current active connections:")[1].split()[0])


class Pair:
    """Two firewalls that run one binary; the first has n flows, the second takes over."""

    def __init__(self, binary, n):
        self.n = n
        self.times = {}
        self.lab = Lab((binary, binary))
        try:
            self.lab.configure("FTFW")
            self.lab.start_daemons()
            self.backup = self.lab.fw2
            with self.lab.fw1.table() as table:
                for flow in flows(n):
                    table.create(flow)
            self.filled()
        except BaseException:
            self.lab.close()
            raise

    def filled(self):
        wait_until(lambda: cached(self.backup, "external") == self.n, 60,
                   "%d flows on the backup" % self.n, 0.1)

    def timed(self, what, *command):
        done = self.backup.ct(*command, timeout_s=120, check=True)
        self.times.setdefault(what, []).append(done.seconds * 1000)

    def round(self):
        """One takeover from an empty kernel table, then back to how it was."""
        self.timed("-e  show the peer's flows", "-e")
        self.timed("-c  commit", "-c")
        if in_kernel(self.backup) != self.n:
            raise LabError("-c returned with %d of %d flows in the kernel" % (
                in_kernel(self.backup), self.n))
        self.timed("-c  commit once more", "-c")
        for command in ("-f", "-R", "-B"):
            self.timed("%s  after it, as the script does" % command, command)
        self.timed("-i  show our own flows", "-i")
        self.backup.space.run("conntrack", "-F")
        wait_until(lambda: cached(self.backup, "internal") == 0, 60, "the backup is empty", 0.1)
        self.backup.ct("-f", "external", check=True)
        self.backup.ct("-n", check=True)
        self.filled()


def report(ours, theirs, rounds):
    print("%-38s %10s %10s %8s" % ("median of %d, ms" % rounds, "ours", "incumbent", "ratio"))
    for what, times in ours.times.items():
        a, b = statistics.median(times), statistics.median(theirs.times[what])
        print("%-38s %10.1f %10.1f %8.2f" % (what, a, b, a / b))


def main():
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__.splitlines()[0])
    parser.add_argument("--flows", type=int, default=20000, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--binary", required=True, help="our conntrackd")
    parser.add_argument("--reference", default="/usr/sbin/conntrackd", help="the incumbent's")
    options = parser.parse_args()
    if not 1 <= options.flows <= 60000 or not 1 <= options.rounds <= 50:
        parser.error("--flows 1 to 60000, --rounds 1 to 50")
    lab_module.terminate_cleanly()
    if not lab_module.is_incumbent(os.path.realpath(options.reference)):
        parser.error("%s is not conntrack-tools' conntrackd" % options.reference)
    try:
        print("%d flows, %d rounds ..." % (options.flows, options.rounds), flush=True)
        pairs = []
        try:
            for binary in (options.binary, options.reference):
                pairs.append(Pair(binary, options.flows))
            for number in range(options.rounds):
                # Whoever goes first in one round goes last in the next.
                for pair in pairs if number % 2 == 0 else reversed(pairs):
                    pair.round()
        finally:
            for pair in pairs:
                pair.lab.close()
    except KeyboardInterrupt:
        return 130
    except LabError as error:
        print("failed: %s" % error)
        return 1
    report(*pairs, options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
