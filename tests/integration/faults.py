# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts faults to our daemon and to conntrack-tools', and writes the table of doc/RELIABILITY.md; see
tools/faults."""

import argparse
import fnmatch
import json
import os
import platform
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import lab  # noqa: E402
from fault_rows import ROWS  # noqa: E402
from space import LabError  # noqa: E402

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
HEAD = "| fault | promise | ours | 1.4.7 | tests |\n| --- | --- | --- | --- | --- |\n"
NOTHING = "-"


def arguments():
    parser = argparse.ArgumentParser(prog="tools/faults", description=__doc__)
    parser.add_argument("--rows", default="*", metavar="PATTERN", help="faults whose words match")
    parser.add_argument("--slow", action="store_true", help="those that take minutes, too")
    parser.add_argument("--only", choices=("ours", "1.4.7"), help="one of the two")
    parser.add_argument("--list", action="store_true", help="name the faults")
    parser.add_argument("--binary", help="our conntrackd")
    parser.add_argument("--reference", default="/usr/sbin/conntrackd", metavar="PATH",
                        help="conntrack-tools' conntrackd")
    parser.add_argument("--table", metavar="FILE", help="put what was measured into its table")
    parser.add_argument("--json", metavar="FILE", help="keep all figures")
    return parser.parse_args()


def measure(row, name, binary):
    """(words, figures) of one fault put to one binary."""
    start = time.monotonic()
    try:
        figures = row.measure(binary)
        words = row.tell(figures)
    except (LabError, OSError) as error:
        figures, words = {"error": str(error)}, "not measured: %s" % str(error).split("\n")[0][:120]
    print("  %-6s %s   (%.0f s)" % (name, words, time.monotonic() - start), flush=True)
    return words, figures


def cells(path):
    """{fault: (ours, theirs)} of a table that is there already."""
    found = {}
    with open(path) as f:
        for line in f.read().split(BEGIN)[1].split(END)[0].splitlines():
            row = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
            if len(row) == 5:
                found[row[0]] = (row[2], row[3])
    return found


def table(known):
    """The whole table; known: {fault: (ours, theirs)}."""
    lines = []
    for row in ROWS:
        ours, theirs = known.get(row.fault, (NOTHING, NOTHING))
        tests = " ".join("`%s`%s" % (test.split(" ")[0], " (slow)" if test.endswith("(slow)") else "")
                         for test in row.tests)
        lines.append("| %s | %s | %s | %s | %s |" % (row.fault, row.promise, ours, theirs, tests))
    return HEAD + "\n".join(lines) + "\n"


def write_table(path, measured):
    known = cells(path)
    for fault, words in measured.items():
        ours, theirs = known.get(fault, (NOTHING, NOTHING))
        known[fault] = (words.get("ours", ours), words.get("1.4.7", theirs))
    with open(path) as f:
        text = f.read()
    text = re.sub(re.escape(BEGIN) + ".*" + re.escape(END),
                  lambda _: "%s\n\n%s\n%s" % (BEGIN, table(known), END), text, flags=re.S)
    with open(path, "w") as f:
        f.write(text)


def main():
    options = arguments()
    lab.terminate_cleanly()
    rows = [row for row in ROWS if row.measure and fnmatch.fnmatch(row.fault, options.rows) and
            (options.slow or not row.alone)]
    if options.list:
        for row in ROWS:
            print("%s%s" % (row.fault, "" if row.measure else "   (a test, no figure)"))
        return 0
    binaries = {"ours": options.binary or os.path.join(lab.ROOT, "build", "conntrackd"),
                "1.4.7": options.reference}
    if options.only:
        binaries = {options.only: binaries[options.only]}
    if "1.4.7" in binaries and not (os.access(binaries["1.4.7"], os.X_OK) and
                                    lab.is_incumbent(binaries["1.4.7"])):
        print("no conntrack-tools at %s: ours alone" % binaries.pop("1.4.7"))
    print("Linux %s, %d processors, %d faults" % (platform.release(), os.cpu_count(), len(rows)))
    measured, figures = {}, {}
    for row in rows:
        print(row.fault, flush=True)
        measured[row.fault], figures[row.fault] = {}, {}
        for name, binary in binaries.items():
            measured[row.fault][name], figures[row.fault][name] = measure(row, name, binary)
        if options.table:
            write_table(options.table, measured)
    if options.json:
        with open(options.json, "w") as f:
            json.dump(figures, f, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
