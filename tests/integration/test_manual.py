# SPDX-License-Identifier: GPL-2.0-or-later
"""Every command of doc/MANUAL.md, run as a reader would."""

import os
import re

import manual
import pytest
from conftest import OURS
from space import LabError

MANUAL = os.path.join(manual.ROOT, "doc", "MANUAL.md")
CHAPTERS = manual.chapters(MANUAL)


def commands(title):
    after, blocks = CHAPTERS[title]
    return (commands(after) if after else []) + blocks


@pytest.mark.parametrize("title", [title for title, (_, blocks) in CHAPTERS.items() if blocks])
def test_what_the_manual_says_works(make_lab, title):
    manual.Reader(make_lab()).follow(commands(title))


def test_every_alert_is_in_the_manual():
    with open(os.path.join(manual.ROOT, "contrib", "prometheus", "conntrackd.rules.yml")) as f:
        alerts = re.findall(r"alert: (\w+)", f.read())
    with open(MANUAL) as f:
        table = "".join(line for line in f if line.startswith("| Conntrackd"))
    assert len(alerts) > 10
    assert sorted(alerts) == sorted(re.findall(r"\bConntrackd\w+", table))


def test_a_command_that_does_not_print_what_it_says_is_noticed(make_lab):
    reader = manual.Reader(make_lab())
    reader.follow([manual.Block(["sh", "fw1"], "echo one; echo 'two  2 three'", 1),
                   manual.Block(["text"], "one\ntwo ... three\n", 2)])
    for block, shown in (("echo two; echo one", "one\ntwo\n"), ("exit 3", ""), ("echo x", "y\n")):
        with pytest.raises(LabError):
            reader.follow([manual.Block(["sh", "fw1"], block, 1), manual.Block(["text"], shown, 2)])
    with pytest.raises(LabError):
        reader.follow([manual.Block(["sh"], "true", 1)])
    assert OURS
