# SPDX-License-Identifier: GPL-2.0-or-later
"""Medians, spreads, ratios: as a table for people, as JSON for bench/figures.py."""

import json
import statistics

NOISE = 1.05  # that much beyond the incumbent's figure is no difference


def figure(value):
    """Three digits that matter."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return "%.0f" % value
    if abs(value) >= 10:
        return "%.1f" % value
    return "%.2f" % value


def summary(values):
    """median, least, most; None where nothing was measured."""
    return (statistics.median(values), min(values), max(values)) if values else None


def ratio(ours, other):
    return ours[0] / other[0] if ours and other and other[0] else None


def verdict(row, ours, floor, theirs):
    """Is the row within what it is held against?  "" if it is held against nothing."""
    said = []
    for name, limit, other, noise in (("floor", row.floor, floor, 1), ("1.4.7", row.incumbent, theirs, NOISE)):
        times = ratio(ours, other)
        if limit is not None and times is not None and times > limit * noise:
            said.append("> %g x %s" % (limit, name))
    if row.most is not None and ours and ours[0] > row.most:
        said.append("> %g" % row.most)
    if said:
        return ", ".join(said)
    return "" if (row.floor, row.incumbent, row.most) == (None, None, None) else "ok"


LINE = "%-44s %5s %-24s %-24s %8s %6s %7s %6s  %s"
MARKDOWN_HEAD = """| | unit | ours | 1.4.7 | floor | ours / floor | target | ours / 1.4.7 | |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def spread(s):
    """The median, and the extremes if there was more than one round."""
    if s is None:
        return "-"
    return figure(s[0]) if s[1] == s[2] else "%s [%s..%s]" % tuple(map(figure, s))


def target(row):
    """The hardest of what the row is held against: times the floor, else a figure, else times 1.4.7."""
    if row.floor is not None:
        return "%g" % row.floor
    return "=%g" % row.most if row.most is not None else "-"


def cells(row, results):
    """A row's words; None if nothing was measured.  results: {"ours" | "incumbent" | "floor": {key: [values]}}"""
    ours, theirs, floor = (summary(results.get(who, {}).get(row.key)) for who in
                           ("ours", "incumbent", "floor"))
    if not ours and not theirs:
        return None
    return (row.text, row.unit, spread(ours), spread(theirs), figure(floor and floor[0]),
            figure(ratio(ours, floor)), target(row), figure(ratio(ours, theirs)),
            verdict(row, ours, floor, theirs))


def print_header():
    print(LINE % ("", "unit", "ours", "1.4.7", "floor", "/floor", "target", "/1.4.7", ""))


def print_rows(rows, results):
    for row in rows:
        words = cells(row, results)
        if words:
            print(LINE % words, flush=True)


def write_json(path, about, experiments, results):
    rows = [{"key": row.key, "text": row.text, "unit": row.unit, "experiment": experiment.name,
             "target_floor": row.floor, "target_incumbent": row.incumbent,
             **{who: values[row.key] for who, values in results.items() if row.key in values}}
            for experiment in experiments for row in experiment.rows]
    with open(path, "w") as f:
        json.dump({"about": about, "rows": rows, "all": results}, f, indent=1)
        f.write("\n")
