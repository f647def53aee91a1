# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows about time: how long a flow takes from one kernel to the other, idle and while a node is busy.

The receiving end has DisableExternalCache, so that it puts each flow into its kernel as it comes, and
that kernel's own event tells when: nobody has to be asked, and the daemons are not disturbed.  They run
in the scheduling class that they take by themselves.
"""

import threading
import time

import tables
from nodes import CPU_LOAD, GREETING_S, LabError, Tool

BACKGROUND, FIRST = 0, 5000000  # numbers of the flows that are there, and of those that are watched
WRITE_THROUGH = "DisableExternalCache on"
CTL_EVERY_S = 0.02
# Three times that at 20,000/s, and the flows that are committed, are less than the kernel has room for.
BUSY_S = 2


def lag(ctx, binary):
    """One flow at a time, and at two rates."""
    pair, found = ctx.pair, {}
    pair.clean()
    pair.a.configure()
    pair.b.configure(in_mode=WRITE_THROUGH)
    for node in (pair.b, pair.a):
        node.start(binary, ordinary=False)
    time.sleep(GREETING_S)
    first = FIRST
    for name, rate, count in (("one", 0, 2000), ("200", 200, 600), ("20k", 20000, 40000)):
        count = count // 2 if ctx.quick else count
        seen = watch(pair.a, pair.b, first, count, rate).result()
        first += count
        for quantile in ("p50", "p90", "p99", "p999"):
            found["lag.%s.%s" % (name, quantile)] = seen[quantile + "_us"]
        found["lag.%s.max" % name] = seen["max_us"] / 1e3
        found["lag.%s.lost" % name] = seen["lost"]
    pair.clean()
    return found


def watch(source, target, first, count, rate):
    return Tool(source.space, CPU_LOAD, "lag", ready=True, watch=target.space, first=first, count=count,
                rate=rate)


class Pinger(threading.Thread):
    """Asks a daemon for its statistics again and again, and keeps the longest that an answer took."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.worst_s, self.count, self.failed = node, 0, 0, 0
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(CTL_EVERY_S):
            start = time.monotonic()
            try:
                self.node.ctl("runtime", 30)
                self.count += 1
            except (OSError, LabError):
                self.failed += 1
            self.worst_s = max(self.worst_s, time.monotonic() - start)

    def stop(self):
        self.over.set()
        self.join(40)


def busy(ctx, what, rate, found, first):
    """Node a is told to do something while its kernel reports events, which are watched at b."""
    pair = ctx.pair
    count = rate * BUSY_S
    key = "busy.%s.%s." % (what, "2k" if rate == 2000 else "20k")
    tool = watch(pair.a, pair.b, first, count, rate)
    pinger = Pinger(pair.a)
    pinger.start()
    try:
        time.sleep(0.5)
        if what == "dump":
            pair.a.client("-e")
        elif what == "commit":
            pair.a.client("-c")
        seen = tool.result()
    finally:
        pinger.stop()
    found[key + "lost"] = 100 * seen["lost"] / count
    found[key + "p99"] = seen["p99_us"] / 1e3
    found[key + "max"] = seen["max_us"] / 1e3
    found[key + "ctl"] = pinger.worst_s * 1e3
    if seen["errors"]:
        ctx.note("%s: %d errors of the kernel" % (key, seen["errors"]))
    if pinger.failed:
        ctx.note("%s: %d questions were not answered" % (key, pinger.failed))
    return first + count


def stall(ctx, binary):
    """b has the flows and tells a, which commits them."""
    pair, found, first = ctx.pair, {}, FIRST
    for rate in (2000, 20000):
        for what in ("idle", "dump", "commit"):
            if what == "idle":
                pair.clean()
                pair.b.load("create", ctx.flows, first=BACKGROUND)
                pair.a.configure()
                pair.b.configure(in_mode=WRITE_THROUGH)
                for node in (pair.a, pair.b):
                    node.start(binary, ordinary=False)
                tables.tell_all(ctx, pair.b, pair.a, ctx.flows)
            first = busy(ctx, what, rate, found, first)
    pair.clean()
    return found
