# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows about whole tables: memory, commit, start, what clients ask for, and the transfer of everything."""

import time

from nodes import CPU_LOAD, GREETING_S, LabError, Meter, Tool, private_kb, wait_until

FLOOR_BYTES = 64  # the information in an IPv4 flow
SMALL_RCVBUF = 100000
BULK_LIMIT_S = 20


def memory(ctx, binary, count, found):
    """The flows come as events; leaves both daemons running with all of them."""
    pair = ctx.pair
    pair.start(binary, hash_size=max(65536, count), hash_limit=2 * max(131072, count))
    before = [private_kb(node.pid) for node in (pair.a, pair.b)]
    # Not faster than anybody can follow: what is measured is what all of them take.
    pair.a.load("create", count, rate=60000)
    pair.settle(pair.a, pair.b)
    have = pair.a.cached("internal"), pair.b.cached("external")
    if min(have) < count * 0.99:
        ctx.note("memory: %d of %d flows in the internal, %d in the external cache" % (
            have[0], count, have[1]))
    for node, kind, n in zip((pair.a, pair.b), ("int", "ext"), have):
        private, pss = private_kb(node.pid)
        found["mem.%s" % kind] = (private - before[0][0]) * 1024 / n if n else 0
        found["mem.%s_pss" % kind] = pss / 1024


def timed_client(node, *command):
    """(seconds, the client's processor time, the daemon's, exit status)."""
    meter = Meter(node)
    seconds, client, status = node.client(*command)
    return seconds, client, meter, status


def dump(ctx, count, found):
    pair = ctx.pair
    seconds, client, meter, _ = timed_client(pair.a, "-i")
    pair.settle(pair.a)
    found["dump.daemon"] = meter.read()[0] / count
    found["dump.client"] = client / count
    found["dump.wall"] = seconds


def commit(ctx, node, count, found, name):
    """-c, until the kernel has all of them; who is not done in a minute never is."""
    count = min(count, node.cached("external"))
    start = time.monotonic()
    seconds, _, meter, status = timed_client(node, "-c")
    try:
        wait_until(lambda: node.flows() >= count, 20, "all flows in the kernel", 0.01)
    except LabError:
        ctx.note("%s: exit %d, %d of %d flows in the kernel" % (name, status, node.flows(), count))
    found[name + ".wall"] = max(seconds, time.monotonic() - start)
    ctx.pair.settle(node)
    found[name + ".us"] = meter.read()[0] / count
    found[name + ".missing"] = count - node.flows()


def rest(ctx, node, found):
    """What else a takeover's script says."""
    seconds = [node.client(command)[0] for command in ("-f", "-R", "-B")]
    ctx.pair.settle(*(n for n in ctx.pair.nodes))
    found["takeover.rest"] = sum(seconds)


def tell_all(ctx, source, target, count):
    """Until the one has been told all that the other has; to tell it once may not be enough."""
    time.sleep(GREETING_S)
    for _ in range(10):
        source.client("-B")
        ctx.pair.settle(source, target)
        if target.cached("external") >= count:
            return
    ctx.note("-B ten times, and the peer has %d of %d flows" % (target.cached("external"), count))


def bulk(ctx, count, found, name, limit_s=BULK_LIMIT_S):
    """-B to a peer that has nothing."""
    pair = ctx.pair
    # A peer that has just begun may be told everything of its own accord, in more than one go.
    time.sleep(GREETING_S)
    pair.settle(pair.a, pair.b)
    pair.b.client("-f", "external")
    pair.settle(pair.a, pair.b)
    if pair.b.cached("external"):
        ctx.note("%s: the peer has %d flows before it is told" % (name, pair.b.cached("external")))
    meter = Meter(pair.a, pair.b)
    start = time.monotonic()
    pair.a.client("-B")
    have, best, changed = 0, 0, start
    while have < count and time.monotonic() - start < limit_s:
        time.sleep(0.01)
        have = pair.b.cached("external")
        if have > best:
            best, changed = have, time.monotonic()
    pair.settle(pair.a, pair.b)
    send, receive = meter.read()
    have = pair.b.cached("external")
    found[name + ".wall"] = changed - start
    found[name + ".send"], found[name + ".recv"] = send / count, receive / count
    found[name + ".missing"] = count - have


def start(ctx, binary, count, found, name="start.us"):
    """A daemon that finds so many flows in the kernel; what one takes that finds none is not counted."""
    pair = ctx.pair
    pair.b.start(binary)
    pair.settle(pair.b)
    empty = pair.b.cpu_us()
    pair.b.stop()
    pair.a.start(binary)
    pair.settle(pair.a)
    found[name] = (pair.a.cpu_us() - empty) / count
    if pair.a.cached("internal") != count:
        ctx.note("start: %d of %d flows in the internal cache" % (pair.a.cached("internal"), count))


def daemon_tables(ctx, binary):
    found, pair, count = {}, ctx.pair, ctx.flows
    pair.clean()
    memory(ctx, binary, count, found)
    dump(ctx, count, found)
    commit(ctx, pair.b, count, found, "commit")
    commit(ctx, pair.b, count, found, "recommit")
    rest(ctx, pair.b, found)
    pair.b.stop()
    pair.b.flush()
    pair.b.start(binary)
    bulk(ctx, count, found, "bulk")
    pair.b.stop()
    pair.b.configure(rcvbuf=SMALL_RCVBUF)
    pair.b.start(binary)
    bulk(ctx, count, found, "narrow")
    pair.stop()
    pair.b.configure()
    start(ctx, binary, count, found)
    pair.clean()
    return found


def floor_tables(ctx):
    """The same work without a daemon."""
    pair, count = ctx.pair, ctx.flows
    pair.clean()
    # A daemon listens, so that the kernel makes events also of what the daemon itself writes.
    create = pair.b.load("create", count, listen=1)
    update = pair.b.load("update", count, listen=1)
    read = Tool(pair.b.space, CPU_LOAD, "dump").result()
    text = Tool(pair.b.space, CPU_LOAD, "text", count=count).result()
    pair.clean()
    return {"commit.us": create["cpu_us"] / count, "commit.wall": create["seconds"],
            "recommit.us": update["cpu_us"] / count, "recommit.wall": update["seconds"],
            "start.us": read["cpu_us"] / read["flows"], "dump.daemon": text["cpu_us"] / count,
            "mem.int": FLOOR_BYTES, "mem.ext": FLOOR_BYTES}
