# SPDX-License-Identifier: GPL-2.0-or-later
"""One order for each change of role, and what came of it: conntrackd promote and demote."""

import json
import re
import subprocess

import pytest
from conftest import OURS
from lab import CLIENT, crash, graceful
from node import tcp
from space import wait_until
from test_failover import assert_same_table, survivors

pytestmark = pytest.mark.skipif(not OURS, reason="verbs are ours")

FLOWS = 50
NOTIFY = """#!/bin/sh
# In place of four commands and a race.
echo "$(date +%s.%N) STATE $1" >>/run/notify.log
case "$1" in
master) verb="promote" ;;
*) verb="demote" ;;
esac
/usr/sbin/conntrackd $verb --json >/run/verdict.$1
echo "$(date +%s.%N) $verb rc=$?" >>/run/notify.log
echo "$(date +%s.%N) DONE $1" >>/run/notify.log
"""


def ask(fw, *args, code=0, timeout_s=90):
    """The document that a verb prints."""
    done = fw.ct(*args, "--json", timeout_s=timeout_s)
    assert code in (None, done.returncode), (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout)


def status(fw):
    """Its exit status is about more than this test's subject."""
    return json.loads(fw.ct("status", "--json").stdout)


def role(fw):
    return status(fw)["role"]["is"]


def codes(doc):
    return [reason["code"] for reason in doc["reasons"]]


@pytest.fixture
def fws(make_lab):
    """fw1 has flows in its kernel, and fw2 knows of them."""
    lab = make_lab()
    lab.configure("FTFW", sync_options="", general_options="")
    lab.start_daemons()
    with lab.fw1.table() as table:
        for i in range(FLOWS):
            table.create(tcp(i))
    wait_until(lambda: lab.fw2.count("-e") == FLOWS, 10, "fw2 knows them", 0.1)
    return lab


def in_sync(fw):
    """Waits until the node counts as ready."""
    doc = ask(fw, "demote", "--wait", "60")
    assert doc["result"] == "in-sync" and doc["readiness"]["ready"]
    return doc


def test_a_script_of_one_line_keeps_all_connections(make_lab):
    lab = make_lab()
    lab.configure("FTFW")
    lab.vrrp()
    for fw in lab.fws:
        fw.space.write("/etc/conntrackd/notify.sh", NOTIFY, 0o755)
    lab.start_daemons()
    lab.start_vrrp()
    traffic = lab.start_traffic()
    assert traffic.ask("open", n=100) == {"opened": 100}
    assert traffic.ask("open", n=20, proto="udp") == {"opened": 20}
    lab.replicated(lab.fw1, lab.fw2)
    assert (role(lab.fw1), role(lab.fw2)) == ("master", "backup")
    traffic.ask("reset")
    new = crash(lab, lab.fw1)
    survivors(lab, traffic)
    assert_same_table(traffic, lab.fw1, new)
    verdict = json.loads(new.space.read("/run/verdict.master"))
    assert verdict["flows"]["failed"] == 0 and verdict["flows"]["in_kernel"] >= 120, verdict
    assert verdict["replica"]["peers"][0]["flows"] >= 120
    assert role(new) == "master" and "promotion by promote: complete" in new.log()


def test_to_and_fro_by_promote_and_demote(make_lab):
    lab = make_lab()
    lab.configure("FTFW")
    lab.vrrp()
    for fw in lab.fws:
        fw.space.write("/etc/conntrackd/notify.sh", NOTIFY, 0o755)
    lab.start_daemons()
    lab.start_vrrp()
    traffic = lab.start_traffic()
    assert traffic.ask("open", n=100) == {"opened": 100}
    lab.replicated(lab.fw1, lab.fw2)
    traffic.ask("reset")
    master = lab.fw1
    for _ in range(2):
        old, master = master, graceful(lab, master)
        survivors(lab, traffic)
        old.start_keepalived()
        wait_until(lambda: role(old) == "backup", 15, "the old master is backup", 0.2)
        lab.replicated(master, old)
    assert_same_table(traffic, lab.other(master), master)


def test_promote_says_what_is_in_the_kernel_and_can_be_repeated(fws):
    in_sync(fws.fw2)
    doc = ask(fws.fw2, "promote")
    assert doc["result"] == "complete" and not doc["already_master"], doc
    assert doc["role"]["is"] == "master" and doc["role"]["by"] == "promote"
    flows = doc["flows"]
    assert flows["total"] == flows["in_kernel"] == flows["created"] == FLOWS
    assert doc["failures"] == [] and doc["replica"]["readiness"]["ready"]
    assert doc["replica"]["peers"][0]["flows"] == FLOWS
    assert doc["purge_cancelled"]
    assert len(fws.fw2.flows()) == FLOWS
    # What is there is ours: of no peer any more, and peers have it from us.
    assert fws.fw2.count("-e") == 0 and fws.fw2.count("-i") == FLOWS
    wait_until(lambda: fws.fw1.count("-e") == FLOWS, 10, "fw1 is told", 0.1)
    again = ask(fws.fw2, "promote")
    assert again["result"] == "complete" and again["already_master"]
    assert again["flows"]["failed"] == 0 and again["role"]["since_s"] >= 0
    assert len(re.findall("role: master", fws.fw2.log())) == 1
    text = fws.fw2.ct("promote")
    assert text.returncode == 0 and text.stdout.startswith("Promotion: complete\n  already master")


def test_a_replica_that_is_not_in_sync_is_an_exception(fws):
    doc = ask(fws.fw2, "promote", code=2)
    assert doc["result"] == "complete-with-exceptions"
    assert doc["flows"]["in_kernel"] == FLOWS
    open_reasons = doc["replica"]["readiness"]["reasons"]
    assert open_reasons[0]["blocking"] and open_reasons[0]["code"] == "resync-under-way"


def conflict(lab):
    """fw1 has a flow with a mapping that a flow of fw2's took later."""
    mapping = ("192.168.0.100", 5000)
    with lab.fw1.table() as table:
        table.create(tcp(1000, snat=mapping))
    wait_until(lambda: lab.fw2.count("-e") == FLOWS + 1, 10, "fw2 knows it", 0.1)
    with lab.fw2.table() as table:
        table.create(tcp(2000, snat=mapping))
    wait_until(lambda: lab.fw2.count("-i") == 1, 10, "fw2 has its own", 0.1)


def test_what_the_kernel_refuses_is_counted_by_reason(fws):
    conflict(fws)
    in_sync(fws.fw2)
    doc = ask(fws.fw2, "promote", code=2)
    assert doc["result"] == "complete-with-exceptions"
    assert doc["flows"]["failed"] == 1 and doc["flows"]["in_kernel"] == FLOWS
    failure, = doc["failures"]
    assert failure["code"] == "tuple-taken" and failure["count"] == 1
    assert "sport=5000" in failure["example"] and "src=" + CLIENT in failure["example"]
    text = fws.fw2.ct("promote")
    assert text.returncode == 2
    assert "Promotion: complete, with exceptions" in text.stdout and "1 failed" in text.stdout
    # It is still there to be written once the other one is gone.
    with fws.fw2.table() as table:
        table.delete(tcp(2000))
    wait_until(lambda: ask(fws.fw2, "promote", code=0)["flows"]["failed"] == 0, 5, "it is written", 0.2)
    assert len(fws.fw2.flows()) == FLOWS + 1


def test_a_rehearsal_says_the_same_and_writes_nothing(fws):
    conflict(fws)
    with fws.fw2.table() as table:
        table.create(tcp(3))
    in_sync(fws.fw2)
    before = fws.fw2.flows()
    sent = status(fws.fw2)["counters"]
    rehearsed = ask(fws.fw2, "promote", "--dry-run", code=2)
    assert rehearsed["rehearsal"] and rehearsed["result"] == "complete-with-exceptions"
    assert rehearsed["role"]["is"] == "backup" and rehearsed["room"] > FLOWS
    after = status(fws.fw2)["counters"]
    assert fws.fw2.flows() == before and len(before) == 2
    for written in ("commits", "commit_created", "commit_updated", "commit_replaced", "commit_failed"):
        assert after[written] == sent[written], written
    assert fws.fw2.count("-e") == FLOWS + 1
    assert ask(fws.fw2, "status", code=None)["role"]["is"] == "backup"
    real = ask(fws.fw2, "promote", code=2)
    assert rehearsed["flows"] == real["flows"], (rehearsed["flows"], real["flows"])
    assert [(f["code"], f["count"], f["example"]) for f in rehearsed["failures"]] == \
        [(f["code"], f["count"], f["example"]) for f in real["failures"]]
    text = fws.fw2.ct("promote", "--dry-run")
    assert text.stdout.startswith("Rehearsal: ") and "What nobody knows before" in text.stdout


def test_a_client_that_is_killed_ends_nothing(fws):
    client = subprocess.Popen(fws.fw2.space.argv(["/usr/sbin/conntrackd", "promote"]),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: "role: promoting" in fws.fw2.log(), 5, "it has begun", 0.001)
    client.kill()
    client.wait()
    wait_until(lambda: role(fws.fw2) == "master", 5, "fw2 is master", 0.1)
    assert len(fws.fw2.flows()) == FLOWS
    # Two at once are one.
    both = [subprocess.Popen(fws.fw2.space.argv(["/usr/sbin/conntrackd", "promote", "--json"]),
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert all(json.loads(p.communicate(timeout=20)[0])["already_master"] for p in both)


def test_demote_says_whether_it_is_in_sync(fws):
    doc = ask(fws.fw2, "demote", code=2)
    assert doc["result"] == "not-in-sync" and "resync-under-way" in codes(doc["readiness"])
    assert 50 <= doc["purge_in_s"] <= 60
    done = fws.fw2.ct("demote", "--wait", "1")
    assert done.returncode == 2 and "not in sync yet" in done.stdout
    assert in_sync(fws.fw2)["role"]["is"] == "backup"
    assert fws.fw2.ct("demote", "--wait", "soon").returncode == 1
    # A node that becomes master while somebody waits for a backup.
    client = subprocess.Popen(fws.fw2.space.argv(["/usr/sbin/conntrackd", "demote", "--wait", "--json"]),
                              stdout=subprocess.PIPE)
    wait_until(lambda: "resync-under-way" in codes(status(fws.fw2)["ready"]), 5, "it waits", 0.05)
    assert fws.fw2.ct("promote").returncode == 2
    doc = json.loads(client.communicate(timeout=20)[0])
    assert client.returncode == 1 and doc["result"] == "failed" and doc["role"]["is"] == "master"


def test_the_commands_of_old_tell_the_role(fws):
    fw = fws.fw2
    assert status(fw)["role"] == {"is": "unknown", "since_s": pytest.approx(0, abs=60), "by": None}
    for command, name in (("-n", "backup"), ("-c", "master"), ("-t", "backup"), ("-c", "master")):
        fw.ct(command, check=True)
        assert status(fw)["role"]["is"] == name
        assert status(fw)["role"]["by"] == command
    # Once it is said in so many words, nothing is concluded.
    assert fw.ct("promote").returncode in (0, 2)
    fw.ct("-n", check=True)
    assert status(fw)["role"]["is"] == "master"


def test_a_purge_that_was_ordered_does_not_outlive_the_role(make_lab):
    lab = make_lab()
    lab.configure("FTFW", sync_options="", general_options="")
    fw = lab.fw1
    conf = fw.space.read("/etc/conntrackd/conntrackd.conf").replace("Mode FTFW {", "Mode FTFW {\n\t\tPurgeTimeout 2")
    fw.configure(conf)
    fw.start_daemon(check=True)
    with fw.table() as table:
        table.create(tcp(0))
    assert ask(fw, "demote", code=2)["purge_in_s"] <= 2
    assert ask(fw, "promote", code=2)["purge_cancelled"]
    fw.ct("-t", check=True)
    wait_until(lambda: "is not flushed, though" in fw.log(), 6, "the master is not flushed", 0.1)
    assert len(fw.flows()) == 1
    ask(fw, "demote", code=2)
    wait_until(lambda: not fw.flows(), 6, "the backup is", 0.1)
