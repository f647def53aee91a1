# SPDX-License-Identifier: GPL-2.0-or-later
"""`conntrackd check': divergences made on purpose are found, and churn is none."""

import contextlib
import json
import os
import signal
import socket
import threading
import time

import ctnl
import pytest
from conftest import OURS
from node import conf, tcp, udp
from space import wait_until
from test_kernel_feed import deaf, many

pytestmark = pytest.mark.skipif(not OURS, reason="verbs are ours")

# Events that a buffer of this size loses stay lost.
FORGETFUL = "NetlinkBufferSize 20000\n\tNetlinkBufferSizeMaxGrowth 20000\n\tNetlinkOverrunResync Off"
CHURN_PER_S = 10000


def check(fw, *args, code=0):
    done = fw.ct("check", *args, "--json")
    assert done.returncode == code, done
    return json.loads(done.stdout)


def counts(section):
    return {k: v for k, v in section.items() if isinstance(v, int) and v and k != "flows"}


def start(node, general="", **where):
    node.configure(conf(in_general="HashLimit 65536\n\t" + general, **where))
    assert node.start_daemon().returncode == 0
    return node


@pytest.fixture
def forgetful(node):
    return start(node, FORGETFUL)


def make(fw, flows):
    with fw.table() as table:
        for flow in flows:
            table.create(flow)


def known(fw, number):
    wait_until(lambda: len(fw.dump("-i", "src=192.168.1.10 ")) == number, 5, "flows in the cache")


def lose_events(fw, act):
    """What act() does while the daemon stands still, with its buffer full already."""
    def fill_first():
        make(fw, ({**flow, "timeout": 600} for flow in many(300, 1000)))
        act()
    deaf(fw, fill_first)


def example(section, kind):
    return next(e for e in section["examples"] if e["kind"] == kind)


def test_agreement_is_said_in_one_sentence(node):
    start(node)
    make(node, [tcp(1), udp(2)])
    known(node, 2)
    doc = check(node)
    assert doc["agree"]
    # The kernel speaks on new interfaces, too.
    assert doc["kernel"]["after_filter"] == doc["internal"]["flows"] >= 2
    assert counts(doc["internal"]) == {} and doc["advice"] == []
    assert any("version 1" in line for line in doc["unknown"])
    done = node.ct("check")
    assert done.returncode == 0
    assert done.stdout.startswith("OK: the kernel and the caches of this node agree: ")


def test_what_lost_events_have_said_is_found_with_examples(forgetful):
    fw = forgetful
    make(fw, [tcp(1), tcp(2), tcp(3)])
    known(fw, 3)

    def act():
        with fw.table() as table:
            table.delete(tcp(1))
            table.set_mark(tcp(2), 77)
    lose_events(fw, act)
    doc = check(fw, code=2)
    assert not doc["agree"]
    internal = doc["internal"]
    assert internal["stale"] == 1 and internal["different"] == 1 and internal["missing"] > 0
    assert "sport=4001 " in example(internal, "stale")["cache"]
    assert example(internal, "stale")["kernel"] is None
    differs = example(internal, "different")
    assert "sport=4002 " in differs["kernel"]
    assert differs["differs"] == [{"what": "mark", "kernel": "77", "cache": "0"}]
    assert len([e for e in internal["examples"] if e["kind"] == "missing"]) == min(
        10, internal["missing"])
    assert any("-R" in line for line in doc["advice"])
    few = check(fw, "--examples", "1", code=2)["internal"]["examples"]
    assert sorted(e["kind"] for e in few) == ["different", "missing", "stale"]
    text = fw.ct("check")
    assert text.returncode == 2 and text.stdout.startswith("NOT OK: they differ:")
    assert "mark    77 in the kernel, 0 in the cache" in text.stdout
    fw.ct("-R", check=True)
    assert check(fw)["agree"]


def test_what_the_filter_leaves_out_is_not_missing(node):
    start(node, in_filter="Protocol Accept { UDP }")
    make(node, [tcp(1), tcp(2), udp(2)])
    known(node, 1)
    doc = check(node)
    # The daemon's own datagrams are tracked, too.
    assert doc["kernel"]["flows"] - 2 >= doc["kernel"]["after_filter"] == doc["internal"]["flows"] >= 1


def test_a_filter_that_the_daemon_does_not_run_with_is_refused(node):
    start(node, in_filter="Protocol Accept { UDP }")
    node.configure(conf(in_filter="Protocol Accept { TCP }"))
    done = node.ct("check")
    assert done.returncode == 1 and "Filter" in done.stderr and done.stdout == ""


@contextlib.contextmanager
def churn(fw, ports=range(20000, 22500)):
    """Flows are made, changed and ended, some 10,000 events a second in small groups; for as long as the
    body runs.  Gives the list of how many messages were sent."""
    over, sent = threading.Event(), [0]

    def messages(table, group):
        def body(**more):
            return [ctnl.build_flow({"orig": ("192.168.1.77", "192.168.0.10", 17, port, 53, 0), **more})
                    for port in group]
        make = [table.message(ctnl.CT_NEW, ctnl.NLM_F_CREATE, socket.AF_INET, b) for b in body()]
        mark = [table.message(ctnl.CT_NEW, 0, socket.AF_INET, b) for b in body(mark=sent[0] + 1)]
        take = [table.message(ctnl.CT_DELETE, 0, socket.AF_INET, ctnl.build_tuple(
            ctnl.TUPLE_ORIG, ("192.168.1.77", "192.168.0.10", 17, port, 53, 0))) for port in group]
        return make, mark, take

    def run():
        with fw.table() as table:
            live = []
            groups = [ports[i:i + 50] for i in range(0, len(ports), 50)]
            while True:
                for group in groups:
                    made, marked, taken = messages(table, group)
                    table.sock.sendall(b"".join(made + marked))
                    live.append(taken)
                    sent[0] += 150
                    # Some live on for a moment, and their ports come back.
                    if len(live) > 20:
                        table.sock.sendall(b"".join(live.pop(0)))
                    if over.wait(150 / CHURN_PER_S):
                        return
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield sent
        assert thread.is_alive()
    finally:
        over.set()
        thread.join(10)


def test_churn_is_no_divergence(node):
    start(node, "NetlinkBufferSize 8388608\n\tNetlinkBufferSizeMaxGrowth 16777216")
    make(node, ({**flow, "timeout": 600} for flow in many(3000)))
    known(node, 3000)
    moved = 0
    with churn(node) as sent:
        for _ in range(8):
            doc = check(node)
            assert doc["agree"], doc
            moved += doc["in_motion"]
            assert doc["kernel"]["flows"] >= 3000
    assert sent[0] > 1000
    # Otherwise it has not seen that anything moved, and the test shows nothing.
    assert moved > 0


def test_a_divergence_shows_through_churn(node):
    start(node, FORGETFUL)
    make(node, [tcp(1), tcp(2)])
    known(node, 2)

    def act():
        with node.table() as table:
            table.delete(tcp(1))
    lose_events(node, act)
    with churn(node):
        doc = check(node, code=2)
    assert "sport=4001 " in example(doc["internal"], "stale")["cache"]


def test_peers_flows_and_what_is_in_their_way(make_lab):
    lab = make_lab()
    lab.configure("FTFW", protocols="")
    lab.start_daemons()
    fw1, fw2 = lab.fws
    blocked = {"orig": ("192.168.1.10", "10.9.0.1", 6, 4001, 80, 0), "tcp": (3, 0, 0, 0, 0),
               "status": 6, "timeout": 600}
    make(fw1, [blocked, {**blocked, "orig": ("192.168.1.10", "10.9.0.2", 6, 4002, 80, 0)}])
    wait_until(lambda: fw2.count("-e") == 2, 10, "replicas", 0.1)
    doc = check(fw2)
    assert doc["external"]["flows"] == doc["external"]["not_in_kernel"] == 2
    assert not doc["external"]["expected_in_kernel"] and doc["external"]["in_kernel"] == 0
    # A connection of its own has the reply tuple of the first, and has been seen alive since.
    other = {**blocked, "orig": ("10.9.0.1", "192.168.1.10", 6, 80, 4001, 0)}
    make(fw2, [other])
    wait_until(lambda: fw2.count("-i") == 1, 5, "the kernel's flow", 0.1)
    doc = check(fw2, code=2)
    assert doc["external"]["blocked"] == 1
    assert "10.9.0.1" in example(doc["external"], "blocked")["cache"]
    assert any("alive" in line for line in doc["advice"])
    with fw2.table() as table:
        table.delete(other)
    fw2.ct("-c", check=True)
    doc = check(fw2)
    assert doc["external"]["in_kernel"] == 2 and doc["external"]["not_in_kernel"] == 0
    assert check(fw1)["peers"]["known_by"] == "acknowledgements"


def test_a_peer_that_does_not_acknowledge_is_told(make_lab):
    lab = make_lab()
    lab.configure("FTFW", protocols="")
    lab.start_daemons()
    fw1, fw2 = lab.fws
    make(fw1, [tcp(1)])
    wait_until(lambda: fw2.count("-e") == 1, 10, "the replica", 0.1)
    wait_until(lambda: check(fw1)["peers"]["list"][0]["unacknowledged"] == 0, 5, "acknowledged", 0.1)
    for pid in fw2.daemon_pids():
        os.kill(pid, signal.SIGSTOP)
    make(fw1, [tcp(2), tcp(3)])
    peer = {}

    def late():
        done = fw1.ct("check", "--json")
        peer.update(json.loads(done.stdout)["peers"]["list"][0])
        assert done.returncode == (2 if peer["late"] else 0)
        return peer["late"] == 2
    wait_until(late, 12, "flows that are late", 0.3)
    assert peer["address"] == "192.168.100.200" and peer["unacknowledged"] == 2
    assert "have not acknowledged" in fw1.ct("check").stdout


def test_without_acknowledgements_it_says_that_it_cannot_know(node):
    node.configure(conf(mode="NOTRACK"))
    assert node.start_daemon().returncode == 0
    doc = check(node)
    assert doc["peers"]["known_by"] == "nothing"
    assert any("FT-FW" in line for line in doc["unknown"])


def test_what_was_not_written_through_is_told(make_lab):
    lab = make_lab()
    lab.configure("NOTRACK", mode_options="DisableExternalCache on", protocols="")
    lab.start_daemons()
    fw1, fw2 = lab.fws
    make(fw1, [tcp(1), tcp(2)])
    wait_until(lambda: fw2.table().__enter__().count(lambda f: f["orig"][3] in (4001, 4002)) == 2, 10,
               "written", 0.2)
    doc = check(fw2)
    assert doc["external"]["expected_in_kernel"] and doc["external"]["in_kernel"] == 2
    with fw2.table() as table:
        table.set_mark(tcp(2), 5)
        table.delete(tcp(1))
    doc = check(fw2, code=2)
    assert doc["external"]["unwritten"] == 1
    assert "sport=4001 " in example(doc["external"], "unwritten")["cache"]


def test_it_is_refused_where_the_kernel_is_another_one(node):
    start(node)
    done = node.space.run("unshare", "--net", "/usr/sbin/conntrackd","-C", "/etc/conntrackd/conntrackd.conf",
                          "check", check=False)
    assert done.returncode == 1 and "network namespace" in done.stderr


@pytest.mark.parametrize("bad", ["-1", "x", "10x", "", "1001", "99999999999999999999"])
def test_numbers_of_examples_that_are_none(node, bad):
    start(node)
    done = node.ct("check", "--examples=" + bad)
    assert done.returncode == 1 and "--examples" in done.stderr


def test_what_is_still_to_be_read_is_no_difference(node):
    """The daemon reads few events at a time, and has many to read when it is asked."""
    start(node, "EventIterationLimit 1\n\tNetlinkBufferSize 134217728\n\tNetlinkBufferSizeMaxGrowth 134217728")
    asked, flows = {}, [tcp(i) for i in range(100)]
    make(node, flows)
    known(node, 100)

    def ask():
        asked["done"] = node.ct("check", "--json")
    asker = threading.Thread(target=ask)

    def act():
        with node.table() as table:
            marked = [b"".join(table.message(ctnl.CT_NEW, 0, socket.AF_INET, ctnl.build_flow(
                {"orig": flow["orig"], "mark": mark})) for flow in flows) for mark in (1, 2, 3)]
            for _ in range(300):
                table.sock.sendall(marked[0])
                table.sock.sendall(marked[1])
            table.sock.sendall(marked[2])
        asker.start()
        # Until it waits for the daemon.
        time.sleep(0.5)
    deaf(node, act)
    asker.join(20)
    doc = json.loads(asked["done"].stdout)
    assert doc["agree"] and doc["looks"] == 1 and doc["events_drained"], doc
