# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows about a stranger on the dedicated link, who floods one end of it with datagrams that mean nothing."""

import time

from nodes import CPU_LOAD, Meter, Tool

STRANGER = "10.99.0.66"
FLOOD = 100000  # a second
RATE = 20000    # of events


def load(pair, op, count, found, key):
    """Processor time of the receiver, flood and all, for each event of the peer."""
    meter = Meter(pair.b)
    start = time.monotonic()
    pair.a.load(op, count, rate=RATE)
    # Not until it is idle: under a flood it may never be.
    time.sleep(0.3)
    found[key + "recv"] = meter.read()[0] / count
    found[key + "seconds"] = time.monotonic() - start
    have = pair.b.cached("external")
    found[key + "missing"] = abs((count if op == "create" else 0) - have)


def passes(pair, count, found, key):
    load(pair, "create", count, found, key + "create.")
    load(pair, "delete", count, found, key + "delete.")


def flooded(ctx, binary):
    pair, found = ctx.pair, {}
    count = RATE * (2 if ctx.quick else 3)
    pair.clean()
    pair.a.space.run("ip", "addr", "add", STRANGER + "/24", "dev", "eth2")
    try:
        pair.start(binary)
        passes(pair, count, found, "hostile.quiet.")
        flood = Tool(pair.a.space, CPU_LOAD, "flood", ready=True, source=STRANGER, peer=pair.b.own, rate=FLOOD)
        try:
            time.sleep(0.5)
            passes(pair, count, found, "hostile.flood.")
        finally:
            done = flood.stop()
        found["hostile.flood.rate"] = done["done"] / done["seconds"]
        for op in ("create", "delete"):
            found["hostile.%s.ratio" % op] = (found["hostile.flood.%s.recv" % op] /
                                             found["hostile.quiet.%s.recv" % op])
    finally:
        pair.clean()
        pair.a.space.run("ip", "addr", "del", STRANGER + "/24", "dev", "eth2", check=False)
    return found
