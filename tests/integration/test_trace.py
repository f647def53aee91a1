# SPDX-License-Identifier: GPL-2.0-or-later
"""`conntrackd trace TUPLE': what is known of a flow, and each step of it while it is followed."""

import contextlib
import json
import threading
import time

import ctnl
import pytest
from conftest import OURS
from node import conf, tcp, udp
from space import wait_until

pytestmark = pytest.mark.skipif(not OURS, reason="verbs are ours")

TCP1 = "tcp src=192.168.1.10 dst=192.168.0.10 sport=4001 dport=80"


def trace(fw, *args, code=0):
    done = fw.ct("trace", "--json", *args)
    assert done.returncode == code, done
    return json.loads(done.stdout)


@pytest.fixture
def fw(node):
    node.configure(conf())
    assert node.start_daemon().returncode == 0
    return node


@pytest.fixture
def firewalls(make_lab):
    lab = make_lab()
    lab.configure("FTFW", protocols="")
    lab.start_daemons()
    return lab.fws


@contextlib.contextmanager
def following(fw, tuple_, seconds=20):
    """Gives a list to which the lines of `trace --follow' are added."""
    proc = fw.space.start("/usr/sbin/conntrackd", "trace", "--json", "--follow", "--seconds", str(seconds),
                          *tuple_, stdout=-1)
    lines = []

    def read():
        for line in proc.stdout:
            lines.append(json.loads(line))
    reader = threading.Thread(target=read)
    reader.start()
    try:
        wait_until(lambda: lines, 5, "the document")
        yield lines
    finally:
        proc.terminate()
        proc.wait(5)
        reader.join(5)


def steps(lines):
    return [line["step"] for line in lines[1:]]


def one(lines, step):
    wait_until(lambda: step in steps(lines), 10, "the step %s" % step)
    return next(line for line in lines[1:] if line["step"] == step)


def test_a_flow_is_found_by_its_tuple_either_way(fw):
    fw.create(tcp(1), tcp(2))
    fw.cached(2)
    for words in ([TCP1], TCP1.split(), ["192.168.0.10:80->192.168.1.10:4001", "-p", "tcp"],
                  ["-s", "192.168.1.10", "--sport", "4001"]):
        doc = trace(fw, *words)
        flow, = doc["internal"]
        assert flow["key"] == TCP1 + " zone=0" and flow["origin"] == "kernel"
        assert flow["kernel"]["key"] == flow["key"] and flow["kernel"]["timeout_s"] > 500
        assert doc["external"] == [] and not doc["internal_more"]
    both = trace(fw, "src=192.168.1.10")
    assert len(both["internal"]) == 2
    text = fw.ct("trace", TCP1)
    assert text.returncode == 0 and "last event of the kernel" in text.stdout


def test_a_flow_is_found_by_its_translated_tuple(fw):
    nat = {"orig": ("192.168.1.10", "192.168.0.10", 6, 4001, 80, 0),
           "reply": ("192.168.0.10", "10.9.9.9", 6, 80, 1024, 0), "tcp": (3, 0, 0, 0, 0),
           "status": 6 | ctnl.SRC_NAT | ctnl.SRC_NAT_DONE, "nat_src": "10.9.9.9"}
    fw.space.run("nft", "add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; }")
    fw.create({k: v for k, v in nat.items() if k != "nat_src"})
    fw.cached(1)
    for words in (["tcp", "10.9.9.9:1024->192.168.0.10:80"], ["tcp", "192.168.0.10:80->10.9.9.9:1024"]):
        doc = trace(fw, *words)
        assert [f["key"] for f in doc["internal"]] == [TCP1 + " zone=0"]
        assert [f["key"] for f in doc["kernel"]] == [TCP1 + " zone=0"]


def test_what_only_the_kernel_has_is_told(node):
    node.configure(conf(in_filter="Protocol Accept { UDP }"))
    assert node.start_daemon().returncode == 0
    node.create(tcp(1))
    doc = trace(node, TCP1)
    assert doc["internal"] == [] and [f["key"] for f in doc["kernel"]] == [TCP1 + " zone=0"]
    assert "not in the cache of this node" in node.ct("trace", TCP1).stdout


def test_of_a_zone_too(fw):
    fw.create(tcp(1), {**tcp(1), "zone": 9})
    fw.cached(2)
    assert len(trace(fw, TCP1)["internal"]) == 2
    flow, = trace(fw, TCP1, "zone=9")["internal"]
    assert flow["key"].endswith("zone=9") and flow["kernel"]["key"] == flow["key"]


def test_of_many_flows_some_are_shown(fw):
    fw.create(*(udp(i) for i in range(40)))
    fw.cached(40)
    doc = trace(fw, "udp dport=53")
    assert len(doc["internal"]) == 20 and doc["internal_more"]
    assert "say more of the tuple" in fw.ct("trace", "udp", "dport=53").stdout


def test_nothing_known_is_an_exit_code(fw):
    assert trace(fw, "tcp", "9.9.9.9:1->8.8.8.8:2", code=2)["kernel_asked"]
    assert not trace(fw, "src=9.9.9.9", code=2)["kernel_asked"]


@pytest.mark.parametrize("words, said", [
    ([], "no flow is named"), (["tcp"], "no flow is named"), (["src=1.2.3"], "no address"),
    (["--frob", "1.2.3.4"], "--frob"), (["1.2.3.4", "--seconds", "3"], "--follow"),
    (["--follow", "src=1.2.3.4"], "whole tuple"), (["--follow", "--seconds", "0", TCP1], "seconds"),
    (["--follow", "--seconds", "3601", TCP1], "seconds"), (["--follow", "--seconds", "1x", TCP1], "seconds")])
def test_nonsense_is_refused(fw, words, said):
    done = fw.ct("trace", *words)
    assert done.returncode == 1 and said in done.stderr and done.stdout == ""


def test_a_flow_is_followed_through_a_pair(firewalls):
    fw1, fw2 = firewalls
    with following(fw1, [TCP1]) as here, following(fw2, ["192.168.0.10:80->192.168.1.10:4001", "tcp"]) as there:
        with fw1.table() as table:
            table.create(tcp(1))
            table.create(tcp(2))
        sent = one(here, "sent")
        assert one(here, "event-new")["key"] == TCP1 + " zone=0" and sent["message"] == "new"
        received = one(there, "received")
        assert received["seq"] == sent["seq"] and received["peers"] == ["192.168.100.100"]
        assert one(here, "acknowledged")["peers"] == ["192.168.100.200"]
        fw2.ct("-c", check=True)
        assert one(there, "kernel-request")["op"] == "create"
        assert one(there, "kernel-answer")["errno"] == 0
        with fw1.table() as table:
            table.delete(tcp(1))
        one(there, "replica-gone")
        assert [s["message"] for s in there[1:] if s["step"] == "received"][-1] == "delete"
        assert "event-destroy" in steps(here)
        # The other flow is nobody's business.
        assert {s["key"] for s in here[1:] + there[1:]} == {TCP1 + " zone=0"}
    doc = trace(fw2, TCP1)
    assert doc["internal"][0]["origin"] == "written-by-us"


def test_a_refusal_of_the_kernel_is_told_with_its_error(firewalls):
    fw1, fw2 = firewalls
    holder = {**tcp(1), "orig": ("192.168.0.10", "192.168.1.10", 6, 80, 4001, 0)}
    with fw1.table() as table:
        table.create(tcp(1))
    wait_until(lambda: fw2.count("-e") == 1, 10, "the replica", 0.1)
    with fw2.table() as table:
        table.create(holder)
    wait_until(lambda: fw2.count("-i") == 1, 5, "the kernel's flow", 0.1)
    with following(fw2, [TCP1]) as lines:
        assert fw2.ct("-c").returncode == 1
        answer = one(lines, "kernel-answer")
        assert answer["op"] == "create" and answer["error"] == "File exists"


def test_it_ends_when_its_time_is_over_or_nobody_listens(fw):
    begun = time.monotonic()
    done = fw.ct("trace", "--json", "--follow", "--seconds", "1", TCP1)
    assert done.returncode == 2 and json.loads(done.stdout.splitlines()[-1])["step"] == "end"
    assert time.monotonic() - begun >= 1
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(following(fw, [TCP1]))
        done = fw.ct("trace", "--follow", TCP1)
        assert done.returncode == 1 and "followed already" in done.stderr

    def again():
        done = fw.ct("trace", "--json", "--follow", "--seconds", "1", TCP1)
        return done.returncode == 2
    wait_until(again, 5, "places are free again")
