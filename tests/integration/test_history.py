# SPDX-License-Identifier: GPL-2.0-or-later
"""`conntrackd history': the flight recorder of the real daemon."""

import json
import os
import re
import time

import pytest
from conftest import OURS
from lab import ROOT
from node import conf, tcp
from space import wait_until

pytestmark = pytest.mark.skipif(not OURS, reason="verbs are ours")


def history(fw, *args):
    done = fw.ct("history", "--json", *args)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def events(fw, *args):
    return [e["event"] for e in history(fw, *args)["entries"]]


def entry(fw, event):
    """The last one with this code."""
    return [e for e in history(fw)["entries"] if e["event"] == event][-1]


@pytest.fixture
def firewalls(make_lab):
    made = make_lab()
    made.configure("FTFW")
    for fw in (made.fw1, made.fw2):
        assert fw.start_daemon().returncode == 0
    return made


def test_it_begins_with_the_start(firewalls):
    doc = history(firewalls.fw1)
    first, second = doc["entries"][:2]
    assert first["event"] == "start" and "2.0.0" in first["text"]
    assert second["event"] == "ready"
    assert abs(doc["time_ms"] / 1000 - time.time()) < 30
    assert first["monotonic_ms"] <= second["monotonic_ms"] <= doc["monotonic_ms"]


def test_peers_and_orders_are_in_it(firewalls):
    fw1, fw2 = firewalls.fw1, firewalls.fw2
    wait_until(lambda: "peer-new" in events(fw1), 10, "the peer is noted")
    assert entry(fw1, "peer-new")["peer"] == "192.168.100.200"
    for option in ("-c", "-B", "-f", "-n"):
        fw1.ct(option, check=True)
    done = entry(fw1, "commit-done")
    assert done["flows"] == 0 and done["took_ms"] >= 0
    commit = entry(fw1, "commit")
    assert commit["uid"] == 0 and commit["pid"] > 0
    assert {"flush", "command", "bulk-begun", "bulk-done", "resync-asked"} <= set(events(fw1))
    # Who asks all asks nobody in particular.
    assert not any("0.0.0.0" in e["text"] for e in history(fw1)["entries"])
    # What is only shown changes nothing.
    before = history(fw1)["added"]
    for option in (("-s",), ("-i",), ("status",), ("history",)):
        fw1.ct(*option)
    assert history(fw1)["added"] == before


def test_last_and_text(firewalls):
    assert len(history(firewalls.fw1, "--last", "1")["entries"]) == 1
    assert history(firewalls.fw1, "--last=0")["entries"] == []
    text = firewalls.fw1.ct("history", check=True).stdout
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{3}  start  ", text, re.M)
    for wrong in ("x", "-1", ""):
        done = firewalls.fw1.ct("history", "--last=" + wrong)
        assert done.returncode == 1 and "no number" in done.stderr


def test_the_oldest_goes_and_the_answer_comes_in_pieces(firewalls):
    fw = firewalls.fw1
    for _ in range(140):
        fw.ct("-f", "external", check=True)
        fw.ct("-t", check=True)
    doc = history(fw)
    assert len(doc["entries"]) == doc["limit"] < doc["added"]
    numbers = [e["number"] for e in doc["entries"]]
    assert numbers == list(range(doc["added"] - doc["limit"], doc["added"]))
    assert "older entries" in fw.ct("history", check=True).stdout


def test_every_code_is_in_the_manual():
    with open(os.path.join(ROOT, "src/app/history.h")) as f:
        codes = re.findall(r'\tX\(\w+, "([a-z-]+)"', f.read())
    with open(os.path.join(ROOT, "man/conntrackd.8")) as f:
        page = f.read()
    section = page[page.index(".Sh FLIGHT RECORDER"):]
    section = section[:section.index("\n.Sh ", 4)]
    described = re.findall(r"^\.It Li ([a-z-]+)$", section, re.M)
    assert len(codes) > 30 and codes == described


def wait_for(fw, event, timeout_s=10):
    wait_until(lambda: event in events(fw), timeout_s, "the history has " + event)
    return entry(fw, event)


def test_what_the_kernel_and_the_operator_do_is_in_it(node):
    node.boot()
    # Flows beyond HashLimit are left out.
    node.configure(conf(in_general="NetlinkOverrunResync 5").replace("HashLimit 2048", "HashLimit 20"))
    assert node.start_daemon().returncode == 0
    node.create(*(tcp(i) for i in range(30)))
    assert wait_for(node, "table-full")["flows"] == 20
    node.ct("-t", check=True)
    assert "60 s" in wait_for(node, "purge-set")["text"]
    node.ct("-R", check=True)
    read = wait_for(node, "read")
    assert "by order" in read["text"] and read["flows"] == 20 and read["took_ms"] >= 0
    node.ct("-F", check=True)
    assert wait_for(node, "flush-done")["flows"] == 20
    assert entry(node, "flush")["text"] == "flush of the kernel's table ordered"
    # The configuration, read again; and again with an error.
    good = conf(in_general="NetlinkOverrunResync 7").replace("HashLimit 2048", "HashLimit 20")
    node.configure(good)
    node.space.kill("conntrackd", sig=1)
    assert "NetlinkOverrunResync" in wait_for(node, "reload")["text"]
    node.configure("Sync {")
    node.space.kill("conntrackd", sig=1)
    node.says("configuration not reloaded")
    node.configure(good)
    wait_for(node, "reload-failed")
    # No carrier.
    node.space.run("ip", "link", "set", "cable", "down")
    assert "eth2" in wait_for(node, "no-link")["text"]


def test_a_peer_that_comes_and_goes_is_in_it(firewalls):
    fw1, fw2 = firewalls.fw1, firewalls.fw2
    wait_for(fw1, "peer-new")
    fw2.stop_daemon()
    assert wait_for(fw1, "peer-silent", 15)["peer"] == "192.168.100.200"
    assert fw2.start_daemon().returncode == 0
    wait_for(fw1, "peer-restarted")
    back = wait_for(fw1, "peer-back")
    assert back["number"] > entry(fw1, "peer-silent")["number"]
