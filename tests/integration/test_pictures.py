# SPDX-License-Identifier: GPL-2.0-or-later
"""The pictures that tools/demo and tools/screenshots draw, without what they show."""

import xml.etree.ElementTree as ElementTree

import pyte
from demo_record import chart
from screenshots import CELL, PAD, svg

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture):
    return {e.text: e for e in ElementTree.fromstring(picture).iter(SVG + "text")}


def test_a_screen_stands_where_it_stood():
    screen = pyte.Screen(20, 3)
    pyte.ByteStream(screen).feed(b"\x1b[7mhead <&>\x1b[0m\r\n  \x1b[1;31mNO\x1b[0m a  b\r\n")
    picture = svg(screen, 2, "fw1 # it")
    found = texts(picture)
    assert set(found) == {"fw1 # it", "head", "<&>", "NO", "a", "b"}
    for word, col in (("head", 0), ("<&>", 5), ("NO", 2), ("a", 5), ("b", 8)):
        assert float(found[word].get("x")) == round(PAD + col * CELL, 1), word
        assert float(found[word].get("textLength")) == round(len(word) * CELL, 1), word
    assert found["NO"].get("font-weight") == "bold" and found["NO"].get("fill") != found["a"].get("fill")
    assert found["head"].get("y") != found["NO"].get("y")
    # What is reversed has a paper of its own, with the blank in it.
    wide = [e for e in ElementTree.fromstring(picture).iter(SVG + "rect") if e.get("width") == "%.1f" % (8 * CELL)]
    assert len(wide) == 1


def test_a_timeline_has_its_marks_and_gaps():
    picture = chart.timeline("it", [
        ("answers", [("echoes", "#111", [(-1, 10), (0, 10), (1, 0), (2, 20)])]),
        ("flows", [("replica", "#222", [(-1, 5), (0, 5), (0.5, None), (1, None), (1.5, 0), (2, 0)])])],
        [(0, "dies", "#a00"), (1.5, "again", "#555")])
    root, found = ElementTree.fromstring(picture), texts(picture)
    lines = [(e.get("stroke"), e.get("points").split()) for e in root.iter(SVG + "polyline")]
    assert [(color, len(points)) for color, points in lines] == [("#111", 4), ("#222", 2), ("#222", 2)]
    marks = [float(e.get("x1")) for e in root.iter(SVG + "line") if e.get("stroke") in ("#a00", "#555")]
    place = [float(point.split(",")[0]) for point in lines[0][1]]
    assert marks[0] == place[1] and place[2] < marks[1] < place[3]
    assert {"it", "answers", "flows", "echoes", "replica", "dies", "again", "0", "1", "2", "-1"} <= set(found)
    # The higher the value, the higher its place.
    height = [float(point.split(",")[1]) for point in lines[0][1]]
    assert height[3] < height[0] == height[1] < height[2]
