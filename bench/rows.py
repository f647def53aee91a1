# SPDX-License-Identifier: GPL-2.0-or-later
"""What is measured: experiments, and the rows that they fill, each with what it is to be held against."""

from collections import namedtuple

import events

# floor, incumbent: how many times the floor's, or the incumbent's, figure ours may be; None: not held against it.
Row = namedtuple("Row", "key text unit floor incumbent", defaults=(None, None))
Experiment = namedtuple("Experiment", "name daemon floor rows")


def event_rows():
    for prefix, text, send, receive in (("sat", "flat out", 1.5, 1.5), ("20k", "20,000/s", 1.25, 1.8)):
        for op in events.OPS:
            key = "%s.%s." % (prefix, op)
            yield Row(key + "send", "%s, %s, send" % (text, op), "us", send, 1)
            yield Row(key + "recv", "%s, %s, receive" % (text, op), "us", receive, 1)
            if op != "update":
                yield Row(key + "missing", "%s, %s, wrong at the peer" % (text, op), "flows")
            if prefix == "sat":
                yield Row(key + "rate", "%s, %s, load" % (text, op), "/s")
        yield Row(prefix + ".overruns", "%s, events lost by the kernel" % text, "times")


EXPERIMENTS = [
    Experiment("events", events.daemon_events, events.floor_events, list(event_rows())),
]
