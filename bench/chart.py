# SPDX-License-Identifier: GPL-2.0-or-later
"""Line and bar charts, and timelines, as SVG text, with nothing but the standard library."""

import math
from html import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 72, 20, 64, 56
INK, GRID, PAPER = "#222", "#ddd", "#fff"
FONT = "font-family='system-ui, sans-serif'"


def text(x, y, words, size=12, anchor="middle", color=INK, more=""):
    return "<text x='%.1f' y='%.1f' font-size='%d' text-anchor='%s' fill='%s'%s>%s</text>" % (
        x, y, size, anchor, color, " " + more if more else "", escape(words))


def line(x1, y1, x2, y2, color=INK, width=1):
    return "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='%s' stroke-width='%g'/>" % (
        x1, y1, x2, y2, color, width)


def short(value):
    """A number as it stands at an axis."""
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return "%g%s" % (round(value / unit, 3), name)
    return "%g" % round(value, 4)


class Scale:
    """Values to places, linear or logarithmic, with round numbers to mark."""

    def __init__(self, values, start, end, log=False):
        self.start, self.end, self.log = start, end, log
        low, high = min(values), max(values)
        if log:
            low, high = max(low, 1e-9), max(high, 1e-9)
            steps = [n * 10.0 ** e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
                     for n in (1, 2, 5)]
            self.low = max(n for n in steps if n <= low * 1.0001)
            self.high = min(n for n in steps if n >= high * 0.9999 and n > self.low)
            few = self.high / self.low < 50
            self.marks = [n for n in steps if self.low <= n <= self.high and
                          (few or round(math.log10(n), 6).is_integer())]
        else:
            step = self.step(high or 1)
            self.low, self.high = 0, step * math.ceil((high or 1) / step)
            self.marks = [step * i for i in range(round(self.high / step) + 1)]

    @staticmethod
    def step(high):
        rough = high / 5
        power = 10 ** math.floor(math.log10(rough))
        return next(power * n for n in (1, 2, 2.5, 5, 10) if power * n >= rough)

    def at(self, value):
        if self.log:
            part = math.log10(max(value, self.low) / self.low) / math.log10(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)


class Chart:
    """What both kinds have: a title, axes, a legend.  series: [(name, color, ...)]"""

    def __init__(self, title, x_label, y_label):
        self.parts = ["<rect width='%d' height='%d' fill='%s'/>" % (WIDTH, HEIGHT, PAPER),
                      text(LEFT, 22, title, 15, "start", more="font-weight='600'"),
                      text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_label),
                      text(16, (TOP + HEIGHT - BOTTOM) / 2, y_label,
                           more="transform='rotate(-90 16 %.1f)'" % ((TOP + HEIGHT - BOTTOM) / 2))]

    def y_axis(self, scale):
        for mark in scale.marks:
            y = scale.at(mark)
            self.parts += [line(LEFT, y, WIDTH - RIGHT, y, GRID), text(LEFT - 8, y + 4, short(mark), 11, "end")]

    def x_mark(self, x, words):
        self.parts += [line(x, HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 5),
                       text(x, HEIGHT - BOTTOM + 19, words, 11)]

    def frame(self):
        self.parts += [line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM),
                       line(LEFT, TOP, LEFT, HEIGHT - BOTTOM)]

    def legend(self, series):
        x = LEFT
        for name, color, dash in series:
            self.parts += ["<line x1='%.1f' y1='42' x2='%.1f' y2='42' stroke='%s' stroke-width='4'%s/>" % (
                x, x + 22, color, " stroke-dasharray='5 3'" if dash else ""),
                           text(x + 28, 46, name, 12, "start")]
            x += 46 + 6.6 * len(name)

    def svg(self):
        return ("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' width='%d' height='%d' %s>\n%s\n"
                "</svg>\n" % (WIDTH, HEIGHT, WIDTH, HEIGHT, FONT, "\n".join(self.parts)))


def lines(title, x_label, y_label, series, log_x=False, log_y=False, categories=None):
    """
    series: [(name, color, dash, [(x, middle, low, high)])]; categories: words for x = 0, 1, 2, ...
    in place of numbers.
    """
    chart = Chart(title, x_label, y_label)
    points = [p for _, _, _, data in series for p in data]
    y = Scale([v for p in points for v in p[1:]], HEIGHT - BOTTOM, TOP, log_y)
    chart.y_axis(y)
    if categories:
        width = (WIDTH - RIGHT - LEFT) / len(categories)
        place = [LEFT + width * (i + 0.5) for i in range(len(categories))].__getitem__
        for i, words in enumerate(categories):
            chart.x_mark(place(i), words)
    else:
        x = Scale([p[0] for p in points], LEFT, WIDTH - RIGHT, log_x)
        place = x.at
        for mark in x.marks:
            chart.x_mark(place(mark), short(mark))
    chart.frame()
    for _, color, dash, data in series:
        path = " ".join("%.1f,%.1f" % (place(p[0]), y.at(p[1])) for p in data)
        chart.parts.append("<polyline points='%s' fill='none' stroke='%s' stroke-width='2'%s/>" % (
            path, color, " stroke-dasharray='5 3'" if dash else ""))
        for at, middle, low, high in data:
            chart.parts += [line(place(at), y.at(low), place(at), y.at(high), color, 1.5),
                            "<circle cx='%.1f' cy='%.1f' r='3.5' fill='%s'/>" % (place(at), y.at(middle), color)]
    chart.legend([s[:3] for s in series])
    return chart.svg()


def bars(title, y_label, groups, series, log_y=False):
    """groups: words; series: [(name, color, [(middle, low, high) or None for each group])]"""
    chart = Chart(title, "", y_label)
    values = [v for _, _, data in series for p in data if p for v in p]
    y = Scale([v for v in values if v > 0 or not log_y], HEIGHT - BOTTOM, TOP, log_y)
    chart.y_axis(y)
    room = (WIDTH - RIGHT - LEFT) / len(groups)
    width = min(48, room * 0.8 / len(series))
    for i, words in enumerate(groups):
        chart.x_mark(LEFT + room * (i + 0.5), words)
        for k, (_, color, data) in enumerate(series):
            if not data[i]:
                continue
            middle, low, high = data[i]
            x = LEFT + room * (i + 0.5) + (k - len(series) / 2) * width
            top = y.at(max(middle, y.low))
            chart.parts += ["<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' fill='%s'/>" % (
                x, top, width - 3, max(0, HEIGHT - BOTTOM - top), color),
                            text(x + (width - 3) / 2, top - 5, "%.3g" % middle, 10)]
            if high > low:
                mid = x + (width - 3) / 2
                chart.parts.append(line(mid, y.at(max(low, y.low)), mid, y.at(max(high, y.low)), INK))
    chart.frame()
    chart.legend([(name, color, False) for name, color, _ in series])
    return chart.svg()


def timeline(title, panels, marks, unit="s"):
    """
    What several things were over the same time, one panel above the other.  panels: [(label, [(name, color,
    [(x, value)])])], a value of None is a gap; marks: [(x, words, color)], lines through all panels.
    """
    xs = [p[0] for _, series in panels for _, _, data in series for p in data]
    first, last = min(xs), max(xs)
    room = (HEIGHT - BOTTOM - TOP - 24) / len(panels)

    def place(x):
        return LEFT + (x - first) / ((last - first) or 1) * (WIDTH - RIGHT - LEFT)

    chart = Chart(title, "seconds" if unit == "s" else unit, "")
    for i, (label, series) in enumerate(panels):
        top, bottom = TOP + i * (room + 24), TOP + i * (room + 24) + room
        values = [v for _, _, data in series for _, v in data if v is not None]
        y = Scale(values or [0], bottom, top + 6)
        chart.y_axis(y)
        chart.parts += [line(LEFT, bottom, WIDTH - RIGHT, bottom), line(LEFT, top, LEFT, bottom),
                        text(16, (top + bottom) / 2, label, 12,
                             more="transform='rotate(-90 16 %.1f)'" % ((top + bottom) / 2))]
        for _, color, data in series:
            for part in parts(data):
                chart.parts.append("<polyline points='%s' fill='none' stroke='%s' stroke-width='2'/>" % (
                    " ".join("%.1f,%.1f" % (place(x), y.at(v)) for x, v in part), color))
    step = Scale.step(last - first)
    for k in range(math.ceil(first / step), math.floor(last / step) + 1):
        chart.x_mark(place(k * step), short(k * step))
    for k, (x, words, color) in enumerate(marks):
        chart.parts += [line(place(x), TOP, place(x), HEIGHT - BOTTOM, color, 1.5),
                        text(place(x) + 4, TOP + 12 + 14 * k, words, 11, "start", color)]
    chart.legend([(name, color, False) for _, series in panels for name, color, _ in series])
    return chart.svg()


def parts(data):
    """The stretches of a line between its gaps."""
    found = [[]]
    for x, value in data:
        if value is None:
            found.append([])
        else:
            found[-1].append((x, value))
    return [part for part in found if part]
