# SPDX-License-Identifier: GPL-2.0-or-later
"""`conntrackd VERB': what all of them have in common, and status."""

import json
import signal

import pytest
from conftest import OURS

pytestmark = pytest.mark.skipif(not OURS, reason="verbs are ours")

VERBS = ("check", "config", "demote", "doctor", "expectations", "flows", "history", "log",
         "metrics", "promote", "role", "status", "top", "trace")


@pytest.fixture
def fw(make_lab):
    made = make_lab()
    made.configure("FTFW")
    assert made.fw1.start_daemon().returncode == 0
    return made.fw1


def ask(fw, *args, code=0):
    """The document that a verb prints."""
    done = fw.ct(*args, "--json")
    assert done.returncode == code, done
    return json.loads(done.stdout)


def test_status_is_one_document(fw):
    # Nobody else is there yet.
    doc = ask(fw, "status", code=2)
    assert doc["mode"] == "FT-FW" and doc["internal"]["flows"] == 0
    assert doc["counters"]["kernel_overruns"] == 0
    assert doc["links"][0]["counters"]["sent_datagrams"] == doc["counters"]["send_datagrams"]
    done = fw.ct("status")
    assert done.returncode == 2 and "received 0 B; errors 0" in done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_refuses_what_it_does_not_know(fw, verb):
    done = fw.ct(verb, "--help")
    assert done.returncode == 0 and done.stdout.startswith("Usage: conntrackd [-C FILE] %s" % verb)
    done = fw.ct(verb, "--no-such-option")
    assert done.returncode == 1 and "--no-such-option" in done.stderr
    assert verb in fw.ct("-h").stdout


def test_a_verb_says_that_no_daemon_answers(fw):
    fw.ct("-k")
    done = fw.ct("status")
    assert done.returncode == 1 and "is conntrackd running?" in done.stderr and done.stdout == ""


def test_a_verb_does_not_wait_for_a_daemon_that_hangs(fw):
    pid = fw.space.run("cat", "/var/lock/conntrack.lock").stdout.strip()
    fw.space.kill("conntrackd", signal.SIGSTOP)
    done = fw.ct("status")
    assert done.returncode == 1 and done.stdout == ""
    assert "conntrackd (pid %s) has not answered in time" % pid in done.stderr
    fw.space.kill("conntrackd", signal.SIGCONT)
    ask(fw, "status", code=2)
