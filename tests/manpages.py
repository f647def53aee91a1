#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Do the manual pages describe all there is?

    tests/manpages.py [--fix]

Reads from the sources every keyword of a configuration, every option, word, signal, line of `-s' and
counter, and looks for the item of a list in man/ that is about it; then lets mandoc and groff judge
the pages.  The lists of counters, there and in doc/METRICS.md, are made from src/core/stats.h: --fix writes them anew.
"""

import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE_8 = "man/conntrackd.8"
PAGE_5 = "man/conntrackd.conf.5"
METRICS = "doc/METRICS.md"
METRICS_HEAD = "| name | type | labels | |\n| :-- | :-- | :-- | :-- |\n"
BEGIN = '.\\" The list of counters is made by tests/manpages.py --fix from src/core/stats.h.\n'
END = '.\\" End of the list of counters.\n'
STRING = r'"((?:[^"\\]|\\.)*)"'


def source(path):
    with open(os.path.join(ROOT, path)) as f:
        return f.read()


def unique(words):
    return list(dict.fromkeys(words))


def between(text, begin, end):
    """What stands between two strings; an error if they are not there."""
    at = text.index(begin) + len(begin)
    return text[at:text.index(end, at)]


def items(page, macro):
    """The arguments of the `.It' lines with this macro; its words one by one, and those that stand in
    quotation marks as one."""
    found = set()
    # Rows of a table are no items.
    for line in re.findall(r"^\.It (?!.* Ta )(.*)$", page, re.M):
        words = re.findall(r'"[^"]*"|\S+', line)
        inside = False
        for word in words:
            if re.fullmatch(r"[A-Z][a-z]", word):
                inside = word == macro
            elif inside and word != ",":
                found.add(word.strip('"'))
    return found


def item_text(page, macro, name):
    """What is said of an item that is alone or one of several heads."""
    heads = re.split(r"^(?=\.It |\.El|\.Sh |\.Ss )", page, flags=re.M)
    said = []
    for i, part in enumerate(heads):
        first, _, rest = part.partition("\n")
        if re.match(r"\.It %s %s(?= |$)" % (macro, re.escape(name)), first):
            # Heads without a text share that of the next.
            while not rest.strip() and i + 1 < len(heads):
                i += 1
                rest = heads[i].partition("\n")[2]
            said.append(rest)
    return said


# ------------------------------------------------------------------------------------------------
# What there is

def keywords():
    """[(keyword, whether it is obsolete)] of the configuration."""
    table = between(source("src/conf/keyword.c"), "keywords[] = {\n", "\n};")
    rows = re.split(r"\n    \{(?=\")", "\n" + re.sub(r"/\*.*?\*/", "", table, flags=re.S))[1:]
    return [(re.match(STRING, row).group(1), ".obsolete" in row) for row in rows]


def options():
    """Letters, and [(letter, word)]."""
    text = source("src/app/cli.c")
    words = {name: re.findall(r"\{%s," % STRING, body) for name, body in
             re.findall(r"struct word (words_\w+)\[\] = \{(.*?)\};", text, re.S)}
    commands = re.findall(r"\{'(\w)', \w+, (\w+),", between(text, "commands[] = {\n", "};"))
    others = re.findall(r"case '(\w)':", between(text, "\nscan_other(", "\n}"))
    others += re.findall(r"arg\[1\] == '(\w)'", text)
    letters = [letter for letter, _ in commands] + others
    return unique(letters), [(letter, word) for letter, table in commands
                             for word in words.get(table, [])]


def signals():
    text = source("src/io/loop.c")
    return re.findall(r"\bSIG[A-Z0-9]+\b",
                      between(text, "handled_signals[] = {\n", "};")) + \
        re.findall(r"sigaction\((SIG\w+)", text)


def counters():
    """[(heading, [(name, help)])] of the core's counters."""
    groups = []
    text = between(source("src/core/stats.h"), "#define NODE_STATS(X)", "\n\n")
    for comment, name, helped in re.findall(r"/\* (.*?) \*/|X\((\w+), %s\)" % STRING, text):
        if comment:
            groups.append((comment, []))
        else:
            groups[-1][1].append((name, helped.replace('\\"', '"')))
    return groups


def other_counters():
    """Those that stand beside them in the output."""
    text = source("src/io/render_stats.c")
    return re.findall(r'\{%s, in->' % STRING, text) + re.findall(r'counter\(t, %s' % STRING, text)


def lines():
    """The words in front of the numbers of `-s'."""
    text = source("src/io/render_stats.c")
    found = [re.sub(r"\\[tn]", "", literal) for literal in
             re.findall(r"\brow(?:_failed|_pair)?\(t, %s" % STRING, text)]
    return unique(label.rstrip(":") for label in found)


# ------------------------------------------------------------------------------------------------
# The list of counters

def counter_list():
    out = [BEGIN]
    for heading, rows in counters():
        out.append(".Pp\n%s:\n.Bl -tag -width Ds -compact\n" % (heading[0].upper() + heading[1:]))
        for name, helped in rows:
            out.append(".It Li %s\n%s.\n" % (name, helped[0].upper() + helped[1:]))
        out.append(".El\n")
    return "".join(out) + END


def metrics_list():
    """The same for doc/METRICS.md, whose last table it is."""
    return METRICS_HEAD + "".join("| `conntrackd_%s_total` | counter |  | %s |\n" % row
                                  for _, rows in counters() for row in rows)


def fix():
    text = source(METRICS)
    with open(os.path.join(ROOT, METRICS), "w") as f:
        f.write(text[:text.index(METRICS_HEAD)] + metrics_list())
    page = source(PAGE_8)
    at, end = page.index(BEGIN), page.index(END) + len(END)
    with open(os.path.join(ROOT, PAGE_8), "w") as f:
        f.write(page[:at] + counter_list() + page[end:])


# ------------------------------------------------------------------------------------------------

def missing():
    """One line for everything that a page does not say."""
    page8, page5 = source(PAGE_8), source(PAGE_5)
    said5 = items(page5, "Ic")
    found = keywords()
    for name, obsolete in found:
        if name not in said5:
            yield "%s: keyword %s" % (PAGE_5, name)
        elif obsolete and not any("bsolete" in text for text in item_text(page5, "Ic", name)):
            yield "%s: that %s is obsolete" % (PAGE_5, name)
    letters, words = options()
    said = items(page8, "Fl")
    for letter in letters:
        if letter not in said:
            yield "%s: option -%s" % (PAGE_8, letter)
    for letter, word in words:
        heads = re.findall(r"^\.It Fl %s\b(?!.* Ta )(.*)$" % letter, page8, re.M)
        # The words of -s have a list of their own.
        if not any(word in head.split() for head in heads) and \
                not (letter == "s" and word in items(page8, "Cm")):
            yield "%s: word %s of -%s" % (PAGE_8, word, letter)
    said = items(page8, "Dv")
    for name in signals():
        if name not in said:
            yield "%s: signal %s" % (PAGE_8, name)
    said = items(page8, "Li")
    for name in other_counters():
        if name not in said:
            yield "%s: counter %s" % (PAGE_8, name)
    for name in lines():
        if name not in said:
            yield "%s: line `%s' of the statistics" % (PAGE_8, name)
    if BEGIN not in page8 or counter_list() not in page8:
        yield "%s: the counters as they are; tests/manpages.py --fix" % PAGE_8
    if not source(METRICS).endswith(metrics_list()):
        yield "%s: the counters as they are; tests/manpages.py --fix" % METRICS
    # The sources have been read as they are meant to be.
    core = sum(len(rows) for _, rows in counters())
    for what, count, least in (("keywords", len(found), 80), ("options", len(letters), 15),
                               ("words", len(words), 20), ("signals", len(signals()), 7),
                               ("counters", core, 80), ("others", len(other_counters()), 10),
                               ("lines", len(lines()), 30)):
        if count < least:
            yield "only %d %s found in the sources" % (count, what)


def complaints():
    """What the formatters say."""
    pages = [PAGE_5, PAGE_8]
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *pages], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    yield from done.stdout.splitlines()
    if not shutil.which("groff"):
        yield "no groff"
        return
    for page in pages:
        done = subprocess.run(["groff", "-mandoc", "-Tutf8", "-ww", "-rCHECKSTYLE=1", "-z", page],
                              cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)
        yield from ("%s: %s" % (page, line) for line in done.stdout.splitlines())


def main():
    if sys.argv[1:] == ["--fix"]:
        fix()
    elif sys.argv[1:]:
        sys.exit(__doc__)
    bad = [*missing(), *complaints()]
    for line in bad:
        print(line)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
