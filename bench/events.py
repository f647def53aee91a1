# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows about events: what one costs the daemon whose kernel reports it, and the one at the other end."""

from nodes import Cable, CPU_RECEIVER, CPU_SENDER, Meter, Tool

OPS = ("create", "update", "delete")
RELAY_WAIT_US = 1000  # how long the floor lets events come together


def passes(pair, sender, receiver, count, rate, found, prefix):
    """Makes, changes and deletes so many flows and writes down what each event cost."""
    for op in OPS:
        meter, cable = Meter(sender, receiver), Cable(pair.a)
        # A few thousand events a second come one by one, more in batches.
        done = pair.a.load(op, count, rate=rate, batch=1 if 0 < rate < 5000 else 100,
                           state=5 if op == "update" else 3)
        pair.settle(sender, receiver)
        send, receive = meter.read()
        key = "%s.%s." % (prefix, op)
        found[key + "send"] = send / count
        found[key + "recv"] = receive / count
        cable.read(count, found, key)
        found[key + "rate"] = done["done"] / done["seconds"]
        if done["errors"]:
            raise ValueError("%d of the kernel's answers were errors" % done["errors"])
        yield op, key


def loads(ctx):
    """(name, flows, a second)"""
    return (("sat", ctx.flows, 0), ("20k", ctx.flows // 3, 20000), ("1k", 1000, 1000))


def daemon_events(ctx, binary):
    """Flat out, and at some rates."""
    found, pair = {}, ctx.pair
    pair.clean()
    pair.start(binary)
    for prefix, count, rate in loads(ctx):
        overruns = pair.a.overruns()
        for op, key in passes(pair, pair.a, pair.b, count, rate, found, prefix):
            have = pair.b.cached("external")
            found[key + "missing"] = count - have if op == "create" else have if op == "delete" else 0
        found[prefix + ".overruns"] = pair.a.overruns() - overruns
    pair.clean()
    return found


def floor_events(ctx):
    found, pair = {}, ctx.pair
    pair.clean()
    for prefix, count, rate in loads(ctx):
        sink = Tool(pair.b.space, CPU_RECEIVER, "sink", ready=True)
        relay = Tool(pair.a.space, CPU_SENDER, "relay", ready=True, peer=pair.b.own, wait=RELAY_WAIT_US)
        for _ in passes(pair, relay, sink, count, rate, found, prefix):
            pass
        seen, got = relay.stop(), sink.stop()
        if got["events"] != 3 * count:
            ctx.note("floor %s: %d of %d events sent (%d overruns), %d received" % (
                prefix, seen["events"], 3 * count, seen["overruns"], got["events"]))
    pair.clean()
    return found
