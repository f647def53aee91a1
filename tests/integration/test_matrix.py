# SPDX-License-Identifier: GPL-2.0-or-later
"""Who can replicate to whom, in which mode, over which link: flows of every kind from one kernel to the
other, committed there and compared field by field.

The results stand in doc/COMPATIBILITY.md, and each test compares its own with what is written there.
With --write-matrix they are written there instead.
"""

import os
import re

import ctnl
import pytest
from conftest import incumbent
from lab import ROOT
from space import LabError, wait_until
from test_interop import FLOWS, external, inject, injected
from test_links import add_ipv6, configure, link_block

PAGE = os.path.join(ROOT, "doc", "COMPATIBILITY.md")
BEGIN, END = "<!-- interop: begin -->\n", "<!-- interop: end -->\n"
PAIRS = [("ours", "ours"), ("ours", "ref"), ("ref", "ours"), ("ref", "ref")]
MODES, KINDS, FAMILIES = ("FTFW", "ALARM", "NOTRACK"), ("Multicast", "UDP", "TCP"), ("IPv4", "IPv6")
NAMES = {"ours": "this", "ref": "1.4.7"}
HEAD = "| from | to | mode | " + " | ".join(
    "%s, %s" % (kind, family) for kind in KINDS for family in FAMILIES) + " |\n"


def row_of(which, kind_of_mode):
    return "| %s | %s | %s |" % (NAMES[which[0]], NAMES[which[1]], kind_of_mode)


def column_of(kind, family):
    return KINDS.index(kind) * len(FAMILIES) + FAMILIES.index(family)


def table():
    """{beginning of the row: cells} of what is written."""
    with open(PAGE) as f:
        text = f.read()
    rows = {}
    for line in text[text.index(BEGIN):text.index(END)].splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        rows["| %s |" % " | ".join(cells[:3])] = cells[3:]
    return rows


def write(results):
    with open(PAGE) as f:
        text = f.read()
    lines = [HEAD, re.sub(r"[^|]+", " --- ", HEAD.strip()) + "\n"]
    for which in PAIRS:
        for name in MODES:
            lines.append(row_of(which, name) + "".join(
                " %s |" % results[which, name, kind, family]
                for kind in KINDS for family in FAMILIES) + "\n")
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    with open(PAGE, "w") as f:
        f.write(text[:start] + "".join(lines) + text[end:])


def committed_whole(sender, receiver):
    """Names of the flows that the receiver's kernel has just as the sender's."""
    had, has = sender.flows(injected), receiver.flows(injected)
    whole = []
    for name, flow in FLOWS.items():
        key = (flow["orig"], flow.get("zone", 0))
        if key in had and key in has and not ctnl.differences(
                {key: had[key]}, {key: has[key]}, traffic_went_on=False):
            whole.append(name)
    return whole


@pytest.fixture(scope="module")
def results(request):
    found = {}
    yield found
    if request.config.getoption("--write-matrix") and len(found) == \
            len(PAIRS) * len(MODES) * len(KINDS) * len(FAMILIES):
        write(found)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("which", PAIRS, ids=lambda which: "-".join(which))
def test_flows_of_every_kind(make_lab, request, results, which, name, kind, family):
    lab = make_lab(which, features=("label",))
    add_ipv6(lab)
    for fw in lab.fws:
        fw.space.run("nft", "add table ip6 nat; add chain ip6 nat post "
                     "{ type nat hook postrouting priority 100; }")
    configure(lab, lambda node: link_block(node, kind, l3=family), name)
    lab.start_daemons()
    if kind == "TCP":
        # Connecting is tried once a second at most, by the incumbent when it has something to send.
        wait_until(lambda: connected(lab), 8, "connected both ways", 0.1)
    inject(lab.fw1, FLOWS)
    try:
        wait_until(lambda: len(external(lab.fw2)) == len(FLOWS), 8, "all there", 0.1)
    except LabError:
        assert "ref" in which, "%d of %d flows arrived" % (len(external(lab.fw2)), len(FLOWS))
    lab.fw2.ct("-c")
    whole = committed_whole(lab.fw1, lab.fw2)
    lacking = sorted(set(FLOWS) - set(whole))
    if not incumbent(which[1]):
        assert not lacking
    cell = "all %d" % len(FLOWS) if not lacking else "%d of %d: not %s" % (
        len(whole), len(FLOWS), ", ".join(lacking))
    results[which, name, kind, family] = cell
    if not request.config.getoption("--write-matrix"):
        assert table()[row_of(which, name)][column_of(kind, family)] == cell


def connected(lab):
    """With ALARM nobody says anything of himself: a flow of no interest makes the incumbent connect."""
    for fw in lab.fws:
        fw.space.run("conntrack", "-I", "-p", "udp", "-s", "10.9.9.9", "-d", "10.9.9.8", "--sport",
                     "9", "--dport", "9", "-t", "30", check=False)
        fw.space.run("conntrack", "-D", "-p", "udp", "-s", "10.9.9.9", check=False)
    return all(" server=connected client=connected" in fw.ct("-s", check=True).stdout
               for fw in lab.fws)
