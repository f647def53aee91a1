#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How many instructions does each kind of work take, and is that within tests/perf/budget.txt?

    tests/perf/budget.py PROGRAM          fails if one takes more than its budget and a tenth of it
    tests/perf/budget.py PROGRAM --fix    writes the budget anew

PROGRAM is tests/perf/instructions of a build by gcc with the default options.  It runs under callgrind
twice for each kind, for N and for 2N times; the difference is what N take.  No clock is asked.
"""

import concurrent.futures
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BUDGET = os.path.join(HERE, "budget.txt")
TIMES = 1000
SLACK = 1.1
HEAD = """# Instructions of each kind of work for one event or flow, as tests/perf/budget.py counts them; that
# writes this file anew with --fix.  More than a tenth above fails.
"""


def budgets():
    found = {}
    with open(BUDGET) as f:
        for line in f:
            words = line.split("#")[0].split()
            if words:
                found[words[0]] = int(words[1])
    return found


def count(program, work, times):
    """(instructions of the whole run, how often the work was done)."""
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, work,
                           str(times)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        sys.exit("%s %s: exit %d\n%s" % (program, work, done.returncode, done.stderr[-1000:]))
    return int(found[1]), int(done.stdout)


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--fix"]):
        sys.exit(__doc__)
    program, fix = sys.argv[1], len(sys.argv) == 3
    known, failed, lines = budgets(), 0, []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = {work: [pool.submit(count, program, work, n) for n in (TIMES, 2 * TIMES)] for work in known}
        for work, pair in runs.items():
            (once, n), (twice, m) = (run.result() for run in pair)
            each = round((twice - once) / (m - n))
            over = each > known[work] * SLACK
            failed += over
            lines.append("%-14s %d\n" % (work, each))
            print("%-14s %6d instructions, budget %6d%s" % (
                work, each, known[work], ": too many" if over and not fix else ""))
    if fix:
        with open(BUDGET, "w") as f:
            f.write(HEAD + "".join(lines))
    elif failed:
        sys.exit("%d over their budget; if that is meant, --fix writes it anew, and the commit says why" % failed)


if __name__ == "__main__":
    main()
