# SPDX-License-Identifier: GPL-2.0-or-later
"""`conntrackd status': the document and the screen of the real daemon."""

import json
import os
import re

import pytest
from conftest import OURS
from lab import ROOT
from node import tcp
from space import wait_until

pytestmark = pytest.mark.skipif(not OURS, reason="verbs are ours")

FLOWS = 1234


def document(fw):
    return json.loads(fw.ct("status", "--json").stdout)


def short(fw):
    done = fw.ct("status", "--short")
    assert done.stdout.count("\n") == 1
    return done.returncode, done.stdout.strip()


@pytest.fixture
def firewalls(make_lab):
    """fw1 is master with flows, fw2 backup and has them."""
    made = make_lab()
    made.configure("FTFW")
    with made.fw1.table() as table:
        for i in range(FLOWS):
            table.create(tcp(i, timeout=600))
    for fw in (made.fw1, made.fw2):
        assert fw.start_daemon().returncode == 0
    made.fw1.ct("-c", check=True)
    made.fw2.ct("-n", check=True)
    return made


def ready(fw):
    wait_until(lambda: document(fw)["ready"]["ready"], 40, "%s is ready" % fw.name)


# ------------------------------------------------------------------------------------------------
# The document

def paths(value, at=""):
    """Every key of a document, with those it lies in; elements of lists without a number."""
    found = set()
    if isinstance(value, dict):
        for key, inside in value.items():
            path = "%s.%s" % (at, key) if at else key
            found.add(path)
            found |= paths(inside, path)
    elif isinstance(value, list):
        for inside in value:
            found |= paths(inside, at)
    return found


def documented():
    with open(os.path.join(ROOT, "man/conntrackd.8")) as f:
        page = f.read()
    section = page[page.index(".Ss STATUS DOCUMENT"):]
    section = section[:section.index("\n.Sh ")]
    return set(re.findall(r"^\.It Va (\S+)$", section, re.M))


def test_every_key_is_in_the_manual_and_the_other_way_round(firewalls):
    firewalls.fw1.ct("-B", check=True)
    known = documented()
    there = paths(document(firewalls.fw1))
    open_ended = {path[:-2] for path in known if path.endswith(".*")}

    def is_known(path):
        return path in known or any(path.startswith(o + ".") for o in open_ended) or \
            any(k.startswith(path + ".") for k in known)

    assert len(there) > 150
    assert sorted(path for path in there if not is_known(path)) == []
    # What there is only under TCP, or where there are expectations or reasons.
    elsewhere = ("links.connected.", "expectations.", "ready.reasons.")
    assert sorted(k for k in known - there if not k.endswith(".*") and not k.startswith(elsewhere)) == []


def test_the_kernel_and_the_last_read(firewalls):
    kernel = document(firewalls.fw1)["kernel"]
    assert kernel["flows"] >= FLOWS and kernel["flows_max"] > kernel["flows"]
    assert kernel["event_buffer_bytes"] == 2097152 and kernel["overruns"] == 0
    assert kernel["overrun_ms_ago"] is None
    assert kernel["last_read"]["why"] == ["start"] and kernel["last_read"]["flows"] >= FLOWS
    firewalls.fw1.ct("-R", check=True)
    assert document(firewalls.fw1)["kernel"]["last_read"]["why"] == ["resync"]
    assert kernel["filter"] == {"in_kernel": False, "protocol": "accept", "address": "ignore",
                                "addresses": 10, "state": None}


def test_jobs_leave_their_results(firewalls):
    fw1, fw2 = firewalls.fw1, firewalls.fw2
    wait_until(lambda: document(fw2)["external"]["flows"] == FLOWS, 20, "the flows are there")
    assert document(fw2)["commit"]["last"] is None
    fw2.ct("-c", check=True)
    last = document(fw2)["commit"]["last"]
    assert last["created"] == last["total"] == FLOWS and last["failed"] == 0
    fw1.ct("-B", check=True)
    wait_until(lambda: document(fw1)["bulk"]["last"]["unacknowledged"] == 0, 10, "the bulk is acknowledged")
    assert document(fw1)["bulk"]["last"]["flows"] == FLOWS
    fw1.ct("-t", check=True)
    assert 50000 < document(fw1)["purge"]["due_ms"] <= 60000


def test_lag_is_since_when_a_peer_lacks_a_change(firewalls):
    fw1, fw2 = firewalls.fw1, firewalls.fw2

    def lag():
        return document(fw1)["peers"][0]["lag_ms"]

    wait_until(lambda: lag() == 0, 20, "all is acknowledged")
    fw2.space.run("nft", "add rule inet filter loss iifname eth2 drop")
    with fw1.table() as table:
        table.create(tcp(FLOWS + 1, timeout=600))
    wait_until(lambda: lag() >= 2000, 10, "the peer is behind")
    assert lag() < 12000
    fw2.sync_loss(0)
    wait_until(lambda: lag() == 0, 40, "the peer has caught up")


def test_where_lag_cannot_be_known_it_is_not_made_up(make_lab):
    made = make_lab()
    made.configure("ALARM")
    for fw in (made.fw1, made.fw2):
        assert fw.start_daemon().returncode == 0
    made.fw1.ct("-B", check=True)
    with made.fw2.table() as table:
        table.create(tcp(1, timeout=600))
    wait_until(lambda: document(made.fw1)["peers"], 10, "a peer is heard")
    peer = document(made.fw1)["peers"][0]
    assert peer["lag_ms"] is None and peer["hears_us"] is None and peer["asked_again"] is None
    made.fw1.ct("-c", check=True)
    assert "no acknowledgements" in short(made.fw1)[1]


# ------------------------------------------------------------------------------------------------
# The verdict

def test_a_backup_says_whether_it_could_take_over(firewalls):
    fw1, fw2 = firewalls.fw1, firewalls.fw2
    ready(fw2)
    code, text = short(fw2)
    assert code == 0
    assert re.match(r"backup; Taking over now: safe: 1,234 flows of 192\.168\.100\.100 are here, "
                    r"last heard \d.* ago; nothing is outstanding$", text), text
    code, text = short(fw1)
    assert code == 0
    assert text.startswith("master; Failing over to a peer now: not known here: peer 192.168.100.200 is heard")
    assert "version 1 of the protocol does not tell" in text
    # A master forgets what it has committed, as its script says; that is nothing to be mended.
    for order in ("-c", "-f", "-R", "-B"):
        fw1.ct(order, check=True)
    code, text = short(fw1)
    assert code == 0 and "flushed" not in text and "demote" not in text
    # A backup that does has lost its replica.
    fw2.ct("-f", "external", check=True)
    code, text = short(fw2)
    assert code == 2 and "NOT safe: the external cache was flushed" in text and "demote" in text
    screen = fw2.ct("status")
    assert screen.returncode == 2 and "\n  because the external cache was flushed" in screen.stdout


def test_a_master_whose_peer_is_gone_says_so(firewalls):
    fw1, fw2 = firewalls.fw1, firewalls.fw2
    wait_until(lambda: document(fw1)["peers"], 10, "a peer is heard")
    fw2.ct("-k", check=True)
    wait_until(lambda: not document(fw1)["peers"][0]["heard"], 15, "the peer is silent")
    code, text = short(fw1)
    assert code == 2 and "NOT safe: no peer is heard" in text


def test_alone_nothing_is_safe(make_lab):
    made = make_lab()
    made.configure("FTFW")
    assert made.fw1.start_daemon().returncode == 0
    code, text = short(made.fw1)
    assert code == 2 and "no peer was heard" in text
    made.fw1.ct("-k", check=True)
    done = made.fw1.ct("status")
    assert done.returncode == 1 and "is conntrackd running?" in done.stderr


# ------------------------------------------------------------------------------------------------
# The screen

def on_terminal(fw, env=""):
    return fw.space.run("script", "-qec", "%s TERM=xterm conntrackd status || true" % env,
                        "/dev/null").stdout


def test_the_screen_is_plain_but_on_a_terminal(firewalls):
    plain = firewalls.fw1.ct("status").stdout
    assert "\033" not in plain
    assert max(map(len, plain.splitlines())) <= 80
    assert re.search(r"^  internal +1,234 +1,234 +131,072 +0\.9 %$", plain, re.M)
    assert re.search(r"^RECENT EVENTS", plain, re.M)
    assert "\033[1" in on_terminal(firewalls.fw1)
    assert "\033" not in on_terminal(firewalls.fw1, "NO_COLOR=1")
