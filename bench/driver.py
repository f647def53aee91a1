# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures our daemon, conntrack-tools' and the least that the work costs, by turns; see tools/bench."""

import argparse
import fnmatch
import os
import platform
import signal
import sys
import time

import report
from nodes import CPU_LOAD, LabError, Pair, Tool
from rows import EXPERIMENTS


class Context:
    """What the experiments get."""

    def __init__(self, options):
        self.quick = options.quick
        self.flows = options.flows or (50000 if options.quick else 100000)
        self.pair = None
        self.notes = []

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)
            print("  note: " + text, flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer flows and rounds")
    parser.add_argument("--rows", default="*", metavar="PATTERN", help="experiments whose name or rows match")
    parser.add_argument("--list", action="store_true", help="name the experiments and their rows")
    parser.add_argument("--rounds", type=int, metavar="N")
    parser.add_argument("--flows", type=int, metavar="N")
    parser.add_argument("--binary", help="our conntrackd")
    parser.add_argument("--reference", default="/usr/sbin/conntrackd", metavar="PATH", help="the incumbent's")
    parser.add_argument("--tool", help="bench-tool")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = 1 if options.quick else 3
    if not 1 <= options.rounds <= 50 or (options.flows and not 1000 <= options.flows <= 1000000):
        parser.error("--rounds 1 to 50, --flows 1000 to 1000000")
    return options


def chosen(pattern, quick):
    """The experiments, each with the rows that were asked for."""
    found = []
    for experiment in EXPERIMENTS:
        if quick and pattern == "*" and not experiment.quick:
            continue
        if fnmatch.fnmatch(experiment.name, pattern):
            found.append(experiment)
            continue
        rows = [row for row in experiment.rows if fnmatch.fnmatch(row.key, pattern)]
        if rows:
            found.append(experiment._replace(rows=rows))
    return found


def attempt(ctx, what, call, *args):
    """One measurement; one that fails leaves a note and its rows empty."""
    try:
        return call(ctx, *args)
    except (LabError, OSError, ValueError) as error:
        ctx.note("%s: %s" % (what, error))
        for node in (ctx.pair.a, ctx.pair.b):
            if node.proc and node.log():
                ctx.note("%s: log of %s ends: %s" % (what, node.name, node.log()[-300:].strip()))
        ctx.pair.close()
        ctx.pair = Pair()
        return {}


def measure(ctx, experiment, options):
    results = {"ours": {}, "incumbent": {}, "floor": {}}
    for number in range(min(options.rounds, experiment.most)):
        # Whoever goes first in one round goes last in the next.
        turns = [("ours", experiment.daemon, options.binary), ("incumbent", experiment.daemon,
                                                               options.reference)]
        if number % 2:
            turns.reverse()
        if experiment.floor:
            turns.append(("floor", experiment.floor))
        for who, call, *args in turns:
            for key, value in attempt(ctx, "%s, %s" % (experiment.name, who), call, *args).items():
                results[who].setdefault(key, []).append(value)
    return results


def stop(signum, _frame):
    sys.exit(128 + signum)


def main():
    options = arguments()
    experiments = chosen(options.rows, options.quick)
    if options.list:
        for experiment in experiments:
            print(experiment.name)
            for row in experiment.rows:
                print("    %-24s %s" % (row.key, row.text))
        return 0
    for name in (options.binary, options.reference, options.tool):
        if not name or not os.access(name, os.X_OK):
            print("no executable %s" % name, file=sys.stderr)
            return 2
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    os.sched_setaffinity(0, {CPU_LOAD})
    Tool.path = os.path.realpath(options.tool)
    options.binary, options.reference = map(os.path.realpath, (options.binary, options.reference))
    ctx, start, everything = Context(options), time.monotonic(), {}
    about = {"kernel": platform.release(), "processors": os.cpu_count(), "rounds": options.rounds,
             "flows": ctx.flows, "quick": options.quick}
    print("Linux %(kernel)s, %(processors)d processors; %(flows)d flows, %(rounds)d rounds" % about)
    print("medians [least..most]; us: processor time, user and system, for each event or flow")
    report.print_header()
    try:
        ctx.pair = Pair()
        for experiment in experiments:
            results = measure(ctx, experiment, options)
            report.print_rows(experiment.rows, results)
            for who, values in results.items():
                everything.setdefault(who, {}).update(values)
    except KeyboardInterrupt:
        return 130
    finally:
        if ctx.pair:
            ctx.pair.close()
    about.update(seconds=round(time.monotonic() - start), notes=ctx.notes)
    print("%d s" % about["seconds"])
    if options.json:
        report.write_json(options.json, about, experiments, everything)
    return 0


if __name__ == "__main__":
    sys.exit(main())
