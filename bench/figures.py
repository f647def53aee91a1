#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Draws what tools/bench --json has kept, as SVG files, or writes it as tables into a Markdown file.

    bench/figures.py FILE... [--out DIRECTORY] [--table FILE.md]

The tables take the place of what is between the lines <!-- measured --> and <!-- end --> of FILE.md.

Of several files the later ones add their rows, and take the place of what the earlier ones have.
"""

import argparse
import json
import os

import chart
import report
from rows import EXPERIMENTS

WHO = (("ours", "ours", "#0b6e99"), ("incumbent", "1.4.7", "#c4572b"), ("floor", "floor", "#999999"))
QUANTILES = (("p50", "50 %"), ("p90", "90 %"), ("p99", "99 %"), ("p999", "99.9 %"), ("max", "longest"))
PEOPLE = WHO[:2]
MEASURED, END = "<!-- measured -->", "<!-- end -->"


def middle(results, who, key, factor=1.0):
    """(median, least, most), or None if it was not measured."""
    values = results.get(who, {}).get(key)
    return tuple(factor * v for v in report.summary(values)) if values else None


def curve(results, who, points, factor=1.0):
    """[(x, median, least, most)] of those that were measured."""
    found = [(x, middle(results, who, key, factor)) for x, key in points]
    return [(x, *value) for x, value in found if value]


def curves(results, kinds, who=WHO):
    """Lines of several programs and kinds [(name, dash, [(x, key)])], of which those with points are drawn."""
    series = []
    for program, name, color in who:
        for kind, dash, points in kinds:
            data = curve(results, program, points)
            if data:
                series.append(((name + ", " + kind) if kind else name, color, dash, data))
    return series


def by_size(results):
    sizes = ((10000, "10k"), (100000, "100k"), (1000000, "1000k"))
    for op in ("create", "update"):
        series = curves(results, [(end, dash, [(n, "size.%s.%s.%s" % (name, op, short))
                                               for n, name in sizes])
                                  for end, short, dash in (("send", "send", False), ("receive", "recv", True))])
        yield "size-%s.svg" % op, series, lambda s, what=op: chart.lines(
            "What one event costs, by the size of the table (%s)" % what, "flows in the table",
            "processor time, µs", s, log_x=True)


def by_rate(results):
    names = ("1k", "20k", "sat")
    for end, word in (("send", "sender"), ("recv", "receiver")):
        series = curves(results, [("", False, [(i, "%s.create.%s" % (name, end)) for i, name in enumerate(names)] +
                                   [(3, "tcp.3k." + end), (4, "tcp.10k." + end)])])
        yield "rate-%s.svg" % end, series, lambda s, what=word: chart.lines(
            "What one event costs the %s" % what, "events: new flows by netlink; six of each TCP connection",
            "processor time, µs", s, log_y=True,
            categories=("1,000/s", "20,000/s", "flat out", "TCP 18,000/s", "TCP 60,000/s"))


def commit_time(results):
    points = [(n, "commits.%d.wall" % n) for n in (10000, 30000, 100000, 300000)]
    series = curves(results, [("", False, points + [(1020000, "1000k.commit.wall")])], PEOPLE)
    yield "commit.svg", series, lambda s: chart.lines(
        "How long a commit takes", "flows", "seconds", s, log_x=True, log_y=True)


def lag(results):
    for load, words in (("one", "one flow at a time"), ("20k", "20,000 flows a second")):
        series = []
        for program, name, color in PEOPLE:
            data = curve(results, program, [(i, "lag.%s.%s" % (load, q)) for i, (q, _) in enumerate(QUANTILES)])
            # The longest is in milliseconds, as a table has it.
            data = [(x, *(v * (1000 if QUANTILES[x][0] == "max" else 1) for v in values))
                    for x, *values in data]
            if data:
                series.append((name, color, False, data))
        yield "lag-%s.svg" % load, series, lambda s, what=words: chart.lines(
            "From one kernel to the other's, " + what, "of all flows", "µs", s, log_y=True,
            categories=[words for _, words in QUANTILES])


def memory(results):
    keys = (("mem.int", "own flow"), ("mem.ext", "peer's flow"))
    series = [(name, color, [middle(results, who, key) for key, _ in keys]) for who, name, color in WHO
              if any(middle(results, who, key) for key, _ in keys)]
    yield "memory.svg", series, lambda s: chart.bars(
        "Memory of one IPv4 flow", "bytes", [words for _, words in keys], s)


def busy(results):
    keys = [("busy.%s.%s.max" % (what, rate), "%s, %s" % (words, what)) for rate, words in
            (("2k", "2,000/s"), ("20k", "20,000/s")) for what in ("idle", "dump", "commit")]
    series = [(name, color, [middle(results, who, key) for key, _ in keys]) for who, name, color in PEOPLE
              if any(middle(results, who, key) for key, _ in keys)]
    yield "busy.svg", series, lambda s: chart.bars(
        "The longest lag of an event while the node is busy", "ms", [words for _, words in keys], s, log_y=True)


def read(paths):
    """(what was measured where, all figures)"""
    results, about = {}, {}
    for path in paths:
        with open(path) as f:
            kept = json.load(f)
        for who, values in kept["all"].items():
            results.setdefault(who, {}).update(values)
        about = {**kept["about"], "seconds": kept["about"]["seconds"] + about.get("seconds", 0),
                 "rounds": max(kept["about"]["rounds"], about.get("rounds", 1))}
    return about, results


def tables(about, results):
    """All rows that were measured, experiment by experiment."""
    text = ["Linux %(kernel)s, %(processors)d processors, %(flows)d flows, up to %(rounds)d rounds, "
            "%(seconds)d seconds in all." % about]
    for experiment in EXPERIMENTS:
        lines = [words for words in (report.cells(row, results) for row in experiment.rows) if words]
        if lines:
            text += ["", "### " + experiment.text, "", report.MARKDOWN_HEAD]
            text += ["| " + " | ".join(words) + " |" for words in lines]
    return "\n".join(text)


def write_tables(path, text):
    with open(path) as f:
        before, rest = f.read().split(MEASURED, 1)
    after = rest.split(END, 1)[1]
    with open(path, "w") as f:
        f.write("%s%s\n\n%s\n\n%s%s" % (before, MEASURED, text, END, after))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--out", default=".", metavar="DIRECTORY")
    parser.add_argument("--table", metavar="FILE.md")
    options = parser.parse_args()
    about, results = read(options.files)
    if options.table:
        write_tables(options.table, tables(about, results))
        return
    os.makedirs(options.out, exist_ok=True)
    for figure in (by_size, by_rate, commit_time, lag, memory, busy):
        for name, series, draw in figure(results):
            if not series:
                continue
            with open(os.path.join(options.out, name), "w") as f:
                f.write(draw(series))
            print(os.path.join(options.out, name))


if __name__ == "__main__":
    main()
