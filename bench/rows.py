# SPDX-License-Identifier: GPL-2.0-or-later
"""What is measured: experiments, and the rows that they fill, each with what it is to be held against."""

from collections import namedtuple

import events
import growth
import latency
import packets
import strangers
import tables

# floor, incumbent: how many times the floor's, or the incumbent's, figure ours may be; most: ours itself.  None:
# it is not held against that.
Row = namedtuple("Row", "key text unit floor incumbent most", defaults=(None, None, None))
# most: rounds at most, for what takes long; quick: part of a quick run.
Experiment = namedtuple("Experiment", "name text daemon floor rows most quick", defaults=(50, True))


def event_rows():
    for prefix, text, send, receive in (("sat", "flat out", 1.5, 1.5), ("20k", "20,000/s", 1.25, 1.8),
                                        ("1k", "1,000/s", None, None)):
        for op in events.OPS:
            key = "%s.%s." % (prefix, op)
            yield Row(key + "send", "%s, %s, send" % (text, op), "us", send, 1)
            yield Row(key + "recv", "%s, %s, receive" % (text, op), "us", receive, 1)
            if op != "update":
                yield Row(key + "missing", "%s, %s, wrong at the peer" % (text, op), "flows")
            if prefix == "sat":
                yield Row(key + "rate", "%s, %s, load" % (text, op), "/s")
        yield Row(prefix + ".create.bytes", "%s, bytes for an event on the cable" % text, "B", None, 1)
        yield Row(prefix + ".create.dgram", "%s, events in a datagram" % text, "")
        yield Row(prefix + ".overruns", "%s, events lost by the kernel" % text, "times")


TABLE_ROWS = [
    Row("mem.int", "memory of an own flow", "B", 2, 1),
    Row("mem.ext", "memory of a peer's flow", "B", 1.8, 1),
    Row("mem.int_pss", "memory of the sender in all", "MiB"),
    Row("mem.ext_pss", "memory of the receiver in all", "MiB"),
    Row("start.us", "start with the table full", "us", 1.15, 1),
    Row("dump.daemon", "-i, daemon", "us", 3, 1),
    Row("dump.client", "-i, client", "us"),
    Row("dump.wall", "-i, until the client is done", "s"),
    Row("commit.us", "-c, into an empty table", "us", 1.15, 1),
    Row("commit.wall", "-c, until all is there", "s", None, 1),
    Row("commit.missing", "-c, not in the kernel", "flows"),
    Row("recommit.us", "-c once more", "us", 1.3, 1),
    Row("recommit.wall", "-c once more, until done", "s", None, 1),
    Row("takeover.rest", "-f, -R and -B after it", "s", None, 1),
    Row("bulk.send", "-B to an empty peer, send", "us", None, 1),
    Row("bulk.recv", "-B to an empty peer, receive", "us", None, 1),
    Row("bulk.wall", "-B, until the last flow is there", "s", None, 1),
    Row("bulk.missing", "-B, not at the peer", "flows"),
    Row("narrow.wall", "-B, receive buffer of 100 kB", "s"),
    Row("narrow.missing", "-B, the same, not at the peer", "flows"),
]

def packet_rows():
    for name, rate in packets.RATES:
        key, text = "tcp.%s." % name, "TCP, %d,000 connections/s, " % (rate // 1000)
        yield Row(key + "send", text + "send", "us", 2, 1)
        yield Row(key + "recv", text + "receive", "us", 3, 1)
        yield Row(key + "rate", text + "load", "/s")
        yield Row(key + "bytes", text + "bytes for an event", "B", None, 1)
        yield Row(key + "dgram", text + "events in a datagram", "")
        yield Row(key + "missing", text + "wrong at the peer", "flows")
    yield Row("tcp.overruns", "TCP, events lost by the kernel", "times")


def lag_rows():
    for name, text in (("one", "one by one"), ("200", "200/s"), ("20k", "20,000/s")):
        key = "lag.%s." % name
        yield Row(key + "p50", "lag, %s, median" % text, "us", None, 1)
        yield Row(key + "p99", "lag, %s, 99 of 100" % text, "us", None, 1)
        yield Row(key + "max", "lag, %s, longest" % text, "ms")
        yield Row(key + "lost", "lag, %s, lost" % text, "flows")


def busy_rows():
    for rate, rate_text in (("2k", "2,000/s"), ("20k", "20,000/s")):
        for what in ("idle", "dump", "commit"):
            key, text = "busy.%s.%s." % (what, rate), "%s, %s, " % (rate_text, what)
            limit = None if what == "idle" else 20
            yield Row(key + "lost", text + "events lost", "%", most=0)
            yield Row(key + "max", text + "longest lag", "ms", most=limit)
            yield Row(key + "ctl", text + "slowest -s", "ms", most=limit)


def growth_rows():
    for size in ("10k", "200k"):
        for op in ("create", "update"):
            yield Row("hs8192.%s.%s.send" % (size, op), "HashSize 8192, %s flows, %s" % (size, op), "us", None, 1)
    for op in ("create", "update"):
        yield Row("hs8192.%s.send.ratio" % op, "200k to 10k flows, %s, send" % op, "times", most=1.1)
        yield Row("hs8192.%s.recv.ratio" % op, "200k to 10k flows, %s, receive" % op, "times", most=1.1)


def million_rows():
    for size in ("10k", "100k", "1000k"):
        for op in ("create", "update"):
            yield Row("size.%s.%s.send" % (size, op), "%s flows, %s, send" % (size, op), "us", None, 1)
            yield Row("size.%s.%s.recv" % (size, op), "%s flows, %s, receive" % (size, op), "us", None, 1)
    for key, text, unit in (("start.us", "start", "us"), ("dump.daemon", "-i, daemon", "us"),
                            ("dump.wall", "-i, until the client is done", "s"),
                            ("commit.us", "-c", "us"), ("commit.wall", "-c, until done", "s"),
                            ("commit.missing", "-c, not in the kernel", "flows"),
                            ("bulk.send", "-B, send", "us"), ("bulk.recv", "-B, receive", "us"),
                            ("bulk.wall", "-B, until the last flow is there", "s"),
                            ("bulk.missing", "-B, not at the peer", "flows")):
        yield Row("1000k." + key, "1000k flows, " + text, unit, None, None if unit == "flows" else 1)


def hostile_rows():
    for when, text in (("quiet", "nobody else"), ("flood", "100,000 datagrams/s of a stranger")):
        for op in ("create", "delete"):
            key = "hostile.%s.%s." % (when, op)
            yield Row(key + "recv", "%s, %s, receive" % (text, op), "us", None, 1)
            yield Row(key + "missing", "%s, %s, wrong at the peer" % (text, op), "flows", most=0)
    yield Row("hostile.flood.rate", "the stranger's datagrams", "/s")
    for op in ("create", "delete"):
        yield Row("hostile.%s.ratio" % op, "with the stranger to without, %s, receive" % op, "times", most=1.1)


ALARM_ROWS = [
    Row("alarm.send", "ALARM, idle flows, send", "%", None, 0.34),
    Row("alarm.recv", "ALARM, idle flows, receive", "%"),
    Row("alarm.missing", "ALARM, not at the peer", "flows"),
]
COMMIT_ROWS = [Row("commits.%d.wall" % n, "-c of %d flows" % n, "s", None, 1)
               for n in growth.COMMITS]

EXPERIMENTS = [
    Experiment("events", "Events of flows that are made by netlink", events.daemon_events,
               events.floor_events, list(event_rows())),
    Experiment("tables", "Whole tables", tables.daemon_tables, tables.floor_tables, TABLE_ROWS),
    Experiment("packets", "TCP connections through a firewall", packets.daemon_packets,
               packets.floor_packets, list(packet_rows())),
    Experiment("lag", "From one kernel to the other's", latency.lag, None, list(lag_rows())),
    Experiment("busy", "Events while the node is busy", latency.stall, None, list(busy_rows()), most=2),
    Experiment("chains", "Many flows in a small hash", growth.chains, None, list(growth_rows())),
    Experiment("hostile", "A stranger on the link", strangers.flooded, None, list(hostile_rows()), most=1),
    Experiment("alarm", "ALARM", growth.alarm, None, ALARM_ROWS, most=2),
    Experiment("commits", "Commit, by the number of flows", growth.commit_times, None, COMMIT_ROWS, most=2,
               quick=False),
    Experiment("million", "A million flows", growth.million, None, list(million_rows()), most=1, quick=False),
]
