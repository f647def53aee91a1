# SPDX-License-Identifier: GPL-2.0-or-later
"""The level of the log while the daemon runs, and what the journal gets."""

import json
import os
import socket

import pytest
from conftest import OURS
from node import conf
from space import wait_until

pytestmark = pytest.mark.skipif(not OURS, reason="verbs are ours")


def level(fw):
    return json.loads(fw.ct("log", "--json", check=True).stdout)


@pytest.fixture
def firewalls(make_lab):
    made = make_lab()
    made.configure("FTFW")
    for fw in (made.fw1, made.fw2):
        assert fw.start_daemon().returncode == 0
    return made


def test_levels_leave_out_what_is_below(firewalls):
    fw = firewalls.fw1
    assert level(fw) == {"level": "info", "configured": "info", "until_ms": None}
    assert fw.ct("log").stdout == "info\n"
    fw.ct("log", "warning", check=True)
    assert "[notice] log level is warning now, was info" in fw.log()
    fw.ct("-f", "external", check=True)
    assert "flushing external cache" not in fw.log()
    fw.ct("log", "notice", check=True)
    fw.ct("-f", "external", check=True)
    assert "[notice] flushing external cache" in fw.log()
    # It is the configured one again after a restart.
    fw.ct("log", "error", check=True)
    fw.stop_daemon()
    assert fw.start_daemon().returncode == 0
    assert level(fw)["level"] == "info"


def test_debug_says_what_goes_on_and_no_more_than_that(firewalls):
    fw1, fw2 = firewalls.fw1, firewalls.fw2
    wait_until(lambda: "first heard" in fw1.log(), 10, "the peer is heard")
    assert "[debug]" not in fw1.log()
    fw1.ct("log", "debug", check=True)
    wait_until(lambda: "[debug] in a second: " in fw1.log(), 5, "lines about traffic")
    fw2.ct("-n", check=True)
    wait_until(lambda: "[debug] control messages in a second: " in fw1.log() and "RESYNC +1" in fw1.log(),
               5, "the request is seen")
    fw1.ct("-n", check=True)
    wait_until(lambda: "peer 192.168.100.200: resync " in fw1.log(), 10, "a step of the resync")
    fw1.ct("log", "info", check=True)
    before = fw1.log().count("[debug]")
    fw2.ct("-n", check=True)
    wait_until(lambda: fw1.log().count("resync requested by other node") >= 3, 5, "another second")
    assert fw1.log().count("[debug]") == before


def test_a_level_for_a_while_ends(firewalls):
    fw = firewalls.fw1
    text = fw.ct("log", "debug", "--for", "1", check=True).stdout
    assert text.startswith("debug, and info again in ")
    assert 0 < level(fw)["until_ms"] <= 1000
    wait_until(lambda: level(fw)["level"] == "info", 5, "the level is the configured one")
    assert "log level is info again, as the time is over" in fw.log()
    entries = json.loads(fw.ct("history", "--json").stdout)["entries"]
    told = [e for e in entries if e["event"] == "log-level"]
    assert len(told) == 2 and told[0]["uid"] == 0 and "pid" not in told[1]
    # Who asks for a level without an end means it.
    fw.ct("log", "debug", "--for", "1", check=True)
    fw.ct("log", "debug", check=True)
    assert level(fw)["until_ms"] is None


@pytest.mark.parametrize("args", [("loud",), ("debug", "--for", "0"), ("debug", "--for", "-1"),
                                  ("debug", "--for", "1e9"), ("debug", "--for", "604801"),
                                  ("--for", "5"), ("debug", "info")])
def test_what_makes_no_sense_changes_nothing(firewalls, args):
    done = firewalls.fw1.ct("log", *args)
    assert done.returncode == 1 and done.stderr
    assert level(firewalls.fw1) == {"level": "info", "configured": "info", "until_ms": None}


# ------------------------------------------------------------------------------------------------
# The journal

class Journal:
    """In the place of systemd-journald: a socket that takes records."""

    def __init__(self, space):
        os.makedirs(space.path("/run/systemd/journal"))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(space.path("/run/systemd/journal/socket"))
        self.socket.settimeout(0.1)
        self.records = []

    def read(self):
        try:
            while True:
                lines = self.socket.recv(65536).decode().rstrip("\n").split("\n")
                self.records.append(dict(line.split("=", 1) for line in lines))
        except TimeoutError:
            return self.records

    def has(self, event):
        return [r for r in self.read() if r.get("CONNTRACKD_EVENT") == event]


def start_under_systemd(node, stream=None):
    """As systemd would; what it does not give to the journal's socket is in /run/stderr."""
    node.configure(conf())
    node.space.write("/run/stderr", "")
    found = os.stat(node.space.path("/run/stderr"))
    node.space.start("sh", "-c", "exec env JOURNAL_STREAM=%s conntrackd >>/run/stderr 2>&1" % (
        stream or "%d:%d" % (found.st_dev, found.st_ino)))


def test_the_journal_gets_fields(node):
    node.boot()
    journal = Journal(node.space)
    start_under_systemd(node)
    wait_until(lambda: journal.has("ready"), 10, "the daemon is ready")
    ready = journal.has("ready")[0]
    assert ready["MESSAGE"] == "initialization completed" and ready["PRIORITY"] == "5"
    assert ready["SYSLOG_IDENTIFIER"] == "conntrackd"
    node.ct("-c", check=True)
    wait_until(lambda: journal.has("commit-done"), 5, "the commit")
    commit = journal.has("commit-done")[0]
    assert commit["CONNTRACKD_FLOWS"] == "0" and int(commit["CONNTRACKD_TOOK_MS"]) >= 0
    # The log file is what it was, and nothing is said twice.
    assert "[notice] initialization completed" in node.log()
    assert "initialization completed" not in node.space.read("/run/stderr")
    # A journal that is gone is no reason to lose a line.
    journal.socket.close()
    node.ct("-f", "external", check=True)
    wait_until(lambda: "[notice] flushing external cache" in node.space.read("/run/stderr"), 5, "the line")


def test_without_a_journal_all_is_as_it_was(node):
    node.boot()
    journal = Journal(node.space)
    start_under_systemd(node, stream="1:1")
    wait_until(lambda: ") [notice] initialization completed" in node.space.read("/run/stderr"), 10, "ready")
    assert journal.read() == []
