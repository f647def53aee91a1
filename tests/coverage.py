# SPDX-License-Identifier: GPL-2.0-or-later
"""What tools/coverage prints: the branches that gcov counted, those of core that nobody took.

    coverage.py BUILD-DIRECTORY EXCEPTIONS [--all]

With --all also the branches of base and conf that nobody took.

An unoptimized build has the branches of the source: two for every condition of a line, in order,
and one for every group of case labels.  Not counted, because no test can take them:

* what stands in ASSERT(): our own mistakes;
* the way out of a switch that has no `default`: such a switch names every value of its enum, which
  -Wswitch-enum checks.  For gcov that is the last branch of the line.

A branch has a name that survives edits: file, function, source text of the line, and its number
among the branches of all lines of the function that read so.
"""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LAYERS = ("base", "conf", "core")
WANTED = 95.0  # percent of core's branches


class CoverageError(Exception):
    pass


def blanked(text):
    """C source with comments and literals made blank: the same length, the same lines."""
    token = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return token.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def closing(text, start, pair):
    """Where the bracket that opens at or after `start` is closed."""
    depth = 0
    for i in range(start, len(text)):
        depth += (text[i] == pair[0]) - (text[i] == pair[1])
        if depth == 0 and text[i] == pair[1]:
            return i
    raise CoverageError("no %s after offset %d" % (pair[1], start))


class Source:
    """One file: its lines, and those among them with branches that do not count."""

    def __init__(self, path):
        with open(os.path.join(ROOT, path)) as f:
            text = f.read()
        self.path = path
        self.lines = text.split("\n")
        code = re.sub(r"^[ \t]*#.*(?:\\\n.*)*", lambda m: re.sub(r"[^\n]", " ", m[0]),
                      blanked(text), flags=re.M)
        self.asserts = set()
        self.whole_switches = set()
        for m in re.finditer(r"\bASSERT\s*\(", code):
            end = closing(code, m.end() - 1, "()")
            first, last = (code.count("\n", 0, i) + 1 for i in (m.start(), end))
            rest = code[code.rindex("\n", 0, m.start()):m.start()] + code[end + 1:].split("\n")[0]
            if rest.strip() != ";":
                raise CoverageError("%s:%d: ASSERT() shares its line" % (path, first))
            self.asserts.update(range(first, last + 1))
        for m in re.finditer(r"\bswitch\s*\(", code):
            body = code.index("{", closing(code, m.end() - 1, "()"))
            if not re.search(r"\bdefault\s*:", code[body:closing(code, body, "{}")]):
                self.whole_switches.add(code.count("\n", 0, m.start()) + 1)

    def text(self, line):
        return " ".join(self.lines[line - 1].split())


class File:
    """What was counted in one source file, over all objects it was compiled into."""

    def __init__(self, source):
        self.source = source
        self.lines = defaultdict(int)
        self.branches = {}  # (function, line): counts

    def add(self, function, line, count, branches):
        if line in self.source.asserts:
            return
        self.lines[line] += count
        if not branches:
            return
        known = self.branches.setdefault((function, line), [0] * len(branches))
        if len(known) != len(branches):
            raise CoverageError("%s:%d: the number of its branches changes" %
                                (self.source.path, line))
        for i, taken in enumerate(branches):
            known[i] += taken

    def named(self):
        """Pairs of a branch's name and how often it was taken, in source order."""
        seen = defaultdict(int)
        for (function, line), counts in sorted(self.branches.items(), key=lambda b: b[0][1]):
            if line in self.source.whole_switches:
                if counts[-1] != 0:
                    raise CoverageError("%s:%d: a value that is none of the enum" %
                                        (self.source.path, line))
                counts = counts[:-1]
            name = (self.source.path, function, self.source.text(line))
            for count in counts:
                yield name + (seen[name],), count
                seen[name] += 1


def count_all(build):
    """{path: File} of the layers' files, as gcov has it."""
    notes = []
    for directory, _, names in os.walk(build):
        # A source that is gone leaves its notes behind, but no object.
        notes += [os.path.join(directory, n) for n in names
                  if n.endswith(".gcno") and n[:-len("gcno")] + "o" in names]
    run = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities"] +
                         [os.path.relpath(n, build) for n in sorted(notes)], cwd=build,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True)
    files = {}
    for document in run.stdout.splitlines():
        document = json.loads(document)
        for part in document["files"]:
            path = os.path.join(document["current_working_directory"], part["file"])
            path = os.path.relpath(os.path.normpath(path), ROOT)
            if not path.startswith(tuple("src/%s/" % layer for layer in LAYERS)):
                continue
            path = path[len("src/"):]
            if path not in files:
                files[path] = File(Source("src/" + path))
            for line in part["lines"]:
                files[path].add(line.get("function_name"), line["line_number"], line["count"],
                                [b["count"] for b in line["branches"] if not b["throw"]])
    if not files:
        raise CoverageError("nothing was counted in %s" % build)
    return files


def exceptions(path):
    """{name: reason}.  An entry is a line `FILE:FUNCTION branch N', the source line, the reason."""
    listed = {}
    with open(path) as f:
        blocks = re.split(r"\n\s*\n", re.sub(r"^#.*\n", "", f.read(), flags=re.M).strip())
    for block in filter(None, blocks):
        lines = [" ".join(line.split()) for line in block.split("\n")]
        head = re.fullmatch(r"(\S+):(\w+) branch (\d+)", lines[0])
        if head is None or len(lines) < 3:
            raise CoverageError("%s: no exception with a reason: %s" % (path, lines[0]))
        name = ("src/" + head[1], head[2], lines[1], int(head[3]))
        if name in listed:
            raise CoverageError("%s: twice: %s" % (path, lines[0]))
        listed[name] = " ".join(lines[2:])
    return listed


def shown(name):
    return "%s:%s branch %d\n\t%s" % (name[0][len("src/"):], name[1], name[3], name[2])


class Sum:
    """Lines and branches, of which some were taken."""

    def __init__(self):
        self.lines, self.lines_all, self.branches, self.branches_all = 0, 0, 0, 0

    def add(self, file):
        taken = [count for _, count in file.named()]
        self.lines += sum(1 for count in file.lines.values() if count)
        self.lines_all += len(file.lines)
        self.branches += sum(1 for count in taken if count)
        self.branches_all += len(taken)

    @staticmethod
    def percent(part, whole):
        """Rounded down: 100.0 is all of them."""
        return part * 1000 // whole / 10 if whole else 100.0

    def row(self, label):
        return "%-24s %5d of %5d  %5.1f%% %5d of %5d  %5.1f%%" % (
            label, self.lines, self.lines_all, self.percent(self.lines, self.lines_all),
            self.branches, self.branches_all, self.percent(self.branches, self.branches_all))

    def words(self, label):
        return "%s: lines %.1f%%, branches %.1f%%" % (
            label, self.percent(self.lines, self.lines_all),
            self.percent(self.branches, self.branches_all))


def report(files, listed, everything):
    """Prints everything; is it good enough?"""
    totals = {layer: Sum() for layer in LAYERS}
    print("%-24s %22s %22s" % ("", "lines", "branches"))
    for layer in LAYERS:
        for path in sorted(p for p in files if p.startswith(layer + "/")):
            one = Sum()
            one.add(files[path])
            totals[layer].add(files[path])
            print(one.row(path))
        print(totals[layer].row(layer) + "\n")

    taken = {layer: {name: count for path, file in sorted(files.items())
                     if path.startswith(layer + "/") for name, count in file.named()}
             for layer in LAYERS}
    core = taken["core"]
    open_ones = [name for layer in (LAYERS if everything else ("core",))
                 for name, count in taken[layer].items() if not count and name not in listed]
    if open_ones:
        print("never taken and not listed:\n")
        for name in open_ones:
            print(shown(name) + "\n")
    good = True
    for name in listed:
        if core.get(name, 1):
            good = False
            print("listed, but %s:\n\n%s\n" % (
                "taken" if name in core else "there is no such branch", shown(name)))
    if totals["core"].percent(totals["core"].branches, totals["core"].branches_all) < WANTED:
        good = False
        print("core: less than %.0f%% of the branches" % WANTED)
    for layer in LAYERS:
        print(totals[layer].words(layer) +
              (" (%d listed)" % len(listed) if layer == "core" else ""))
    return good


def main(build, path, *flags):
    try:
        return 0 if report(count_all(build), exceptions(path), "--all" in flags) else 1
    except (CoverageError, OSError, subprocess.CalledProcessError) as e:
        print("coverage: %s" % e, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
