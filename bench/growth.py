# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows about size: what an event costs in a small and in a large table, flows by the million, ALARM."""

import time

import tables
from nodes import Meter

STEP = 50000  # events that are measured at each size
MILLION = 1000000
COMMITS = (10000, 30000, 100000, 300000)
MAX, BUCKETS = "/proc/sys/net/netfilter/nf_conntrack_max", "/sys/module/nf_conntrack/parameters/hashsize"


class Room:
    """The kernel has room for so many flows as long as this lasts.  It is the whole machine's setting."""

    def __init__(self, flows):
        self.want = {MAX: 2 * flows, BUCKETS: flows}
        self.had = {}

    def __enter__(self):
        for path, value in self.want.items():
            with open(path) as f:
                self.had[path] = int(f.read())
            if self.had[path] < value:
                self.write(path, value)

    def __exit__(self, *exc):
        for path, value in self.had.items():
            self.write(path, value)

    @staticmethod
    def write(path, value):
        with open(path, "w") as f:
            f.write("%d\n" % value)


def at_size(ctx, have, size, found, key):
    """Fills the table up to a size, and measures the next events; the new size."""
    pair = ctx.pair
    if size > have:
        pair.a.load("create", size - have, first=have, rate=60000)
        pair.settle(pair.a, pair.b)
    step = min(STEP, size)
    for op, first in (("create", size), ("update", 0)):
        meter = Meter(pair.a, pair.b)
        pair.a.load(op, step, first=first, state=5)
        pair.settle(pair.a, pair.b)
        send, receive = meter.read()
        found["%s.%s.send" % (key, op)] = send / step
        found["%s.%s.recv" % (key, op)] = receive / step
    return size + step


def chains(ctx, binary):
    """HashSize 8192, whatever the number of flows."""
    pair, found, have = ctx.pair, {}, 0
    pair.clean()
    pair.start(binary, hash_size=8192, hash_limit=524288)
    for name, size in (("10k", 10000), ("200k", 200000)):
        have = at_size(ctx, have, size, found, "hs8192." + name)
    for op in ("create", "update"):
        for end in ("send", "recv"):
            found["hs8192.%s.%s.ratio" % (op, end)] = (found["hs8192.200k.%s.%s" % (op, end)] /
                                                      found["hs8192.10k.%s.%s" % (op, end)])
    pair.clean()
    return found


def million(ctx, binary):
    """Sizes of up to a million flows, in the default way; then what concerns whole tables, at that size."""
    pair, found, have = ctx.pair, {}, 0
    with Room(2 * MILLION):
        pair.clean()
        pair.start(binary, hash_size=MILLION, hash_limit=2 * MILLION)
        for name, size in (("10k", 10000), ("100k", 100000), ("1000k", MILLION)):
            have = at_size(ctx, have, size, found, "size." + name)
        whole = {}
        tables.dump(ctx, have, whole)
        tables.commit(ctx, pair.b, have, whole, "commit")
        pair.b.stop()
        pair.b.flush()
        pair.b.start(binary)
        tables.bulk(ctx, have, whole, "bulk", 60)
        pair.stop()
        tables.start(ctx, binary, have, whole)
        found.update(("1000k." + key, value) for key, value in whole.items())
        pair.clean()
    return found


def commit_times(ctx, binary):
    """How long -c takes, by the number of flows."""
    pair, found = ctx.pair, {}
    with Room(MILLION):
        for size in COMMITS:
            pair.clean()
            pair.a.load("create", size)
            pair.start(binary, hash_size=262144, hash_limit=MILLION)
            tables.tell_all(ctx, pair.a, pair.b, size)
            tables.commit(ctx, pair.b, size, found, "commits.%d" % size)
        pair.clean()
    return found


def alarm(ctx, binary):
    """Idle flows in ALARM, of which each is told anew every 15 seconds."""
    pair, found = ctx.pair, {}
    seconds = 15 if ctx.quick else 30
    pair.clean()
    pair.start(binary, mode="ALARM", in_mode="RefreshTime 15\n\t\tCacheTimeout 180")
    pair.a.load("create", ctx.flows, rate=60000)
    time.sleep(3)
    meter, start = Meter(pair.a, pair.b), time.monotonic()
    time.sleep(seconds)
    spent = time.monotonic() - start
    send, receive = meter.read()
    found["alarm.send"] = send / spent / 1e4
    found["alarm.recv"] = receive / spent / 1e4
    found["alarm.missing"] = ctx.flows - pair.b.cached("external")
    pair.clean()
    return found
