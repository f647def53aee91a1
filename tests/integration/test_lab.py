# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab must not lie: its own instruments are tested first."""

import os
import re
import subprocess
import sys
import time

import ctnl
import lab as lab_module
import pytest
from space import Space, children, wait_until


def host_view():
    """What a leaking lab would change: links and mounts of this machine."""
    links = subprocess.run(["ip", "-o", "link"], stdout=subprocess.PIPE, text=True).stdout
    with open("/proc/self/mounts") as f:
        return sorted(re.findall(r"^\d+: (\S+?)[@:]", links, re.M)), f.read()


def test_reader_agrees_with_conntrack_tool(make_lab):
    """The same flows as `conntrack -L -o id' prints, tuple by tuple and id by id."""
    lab = make_lab()
    lab.configure()
    flow = {"orig": ("192.168.1.10", "192.168.0.10", 6, 4000, 80, 0), "tcp": (3, 0, 0, 0, 0),
            "status": 6, "mark": 9, "zone": 3, "snat": ("192.168.0.100", 5555)}
    with lab.fw1.table() as table:
        table.create(flow)
        mine = table.flows(lambda f: f["orig"][2] == 6)
    text = lab.fw1.space.run("conntrack", "-L", "-p", "tcp", "-o", "id").stdout
    got = mine[flow["orig"], 3]
    assert got["reply"] == ("192.168.0.10", "192.168.0.100", 6, 80, 5555, 0)
    assert got["status"] & 0x9e == 0x9e & ~0  # SNAT, both ways seen, assured, confirmed
    for word in ("src=192.168.1.10", "sport=4000", "dst=192.168.0.100", "dport=5555", "mark=9",
                 "zone=3", "[ASSURED]", "id=%d" % got["id"]):
        assert word in text, (word, text)


def test_differences_are_seen():
    a = {"orig": (1,), "reply": ("a", "b", 6, 1, 2, 0), "status": 6, "tcp": (3, 0, 0, 0, 0)}
    key = (("a", "b", 6, 2, 1, 0), 0)
    assert not ctnl.differences({key: a}, {key: {**a, "id": 3, "timeout": 1, "mark": 0}})
    for change in ({"status": 2}, {"tcp": (4, 0, 0, 0, 0)}, {"mark": 1}, {"helper": "ftp"},
                   {"zone": 1}, {"labels": b"\1"}, {"reply": ("a", "b", 6, 1, 3, 0)}):
        assert len(ctnl.differences({key: a}, {key: {**a, **change}})) == 1, change
    assert ctnl.differences({key: a}, {})
    assert ctnl.differences({}, {key: a})


def test_generator_sees_a_cut_and_a_reset(make_lab):
    """Without keepalived, VIPs by hand: gaps and failures are reported as they happened."""
    lab = make_lab()
    for dev, vip in (("eth0", lab_module.VIP_CLIENT), ("eth1", lab_module.VIP_SERVER)):
        lab.fw1.space.run("ip", "address", "add", vip + "/32", "dev", dev)
    traffic = lab.start_traffic()
    assert traffic.ask("open", n=5)["opened"] == 5
    assert traffic.ask("open", n=2, proto="udp")["opened"] == 2
    traffic.ask("reset")
    lab.link("fw1", "eth1", False)
    time.sleep(1)
    lab.link("fw1", "eth1", True)
    stats = traffic.ask("wait", since=time.monotonic(), wait_s=10)
    assert stats["alive"] == 7
    assert 900 < stats["udp"]["gap_max_ms"] < 4000
    assert 900 < stats["tcp"]["gap_max_ms"] < 6000
    # The firewall forgets: TCP stays silent.
    with lab.fw1.table() as table:
        for flow in table.dump():
            table.delete(flow)
    stats = traffic.ask("wait", since=time.monotonic(), wait_s=2)
    assert stats["tcp"]["alive"] == 0
    assert stats["udp"]["alive"] == 2
    lab.server.kill("python3")
    wait_until(lambda: not lab.server.pids(), 5, "server gone")


def test_keepalived_is_stopped_even_if_its_child_has_the_lower_pid(make_lab):
    """Pids wrap around.  A child that is asked to end is started anew, and the node stays up."""
    lab = make_lab()
    lab.vrrp(daemon=False)
    fw = lab.fw1
    with open("/proc/sys/kernel/pid_max") as f:
        pid_max = int(f.read())
    for back in range(2, 12):
        # The entering process, the parent, the child: the numbers may end before any of them.
        with open("/proc/sys/kernel/ns_last_pid", "w") as f:
            f.write(str(pid_max - back))
        fw.start_keepalived()
        wait_until(fw.has_vips, 10, "master")
        pids = [pid for pid, comm in fw.space.pids().items() if comm == "keepalived"]
        inverted = children(max(pids)) != []
        fw.stop_keepalived()
        if inverted:
            return
    pytest.skip("pids did not wrap between parent and child")


def test_nothing_is_left_behind():
    before = host_view()
    made = lab_module.Lab((sys.executable, sys.executable))
    pids = [s.init for s in (*made.spaces.values(), *(fw.space for fw in made.fws))]
    made.client.start("sleep", "60")
    made.close()
    assert host_view() == before
    for pid in pids:
        assert not os.path.exists("/proc/%d" % pid)


def test_a_lab_dies_with_its_owner():
    """kill -9 of the program that made the lab: the kernel clears up."""
    script = ("import sys, time; sys.path.insert(0, %r); import space\n"
              "s = space.Space('x'); p = s.start('sleep', '60')\n"
              "print(s.init, flush=True); time.sleep(60)" % lab_module.HERE)
    proc = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    init = int(proc.stdout.readline())
    assert os.path.exists("/proc/%d" % init)
    proc.kill()
    proc.wait()
    proc.stdout.close()
    wait_until(lambda: not os.path.exists("/proc/%d" % init), 5, "the namespaces' init gone")


def test_a_command_that_fails_is_an_error():
    space = Space("x")
    try:
        with pytest.raises(lab_module.LabError, match="exit 3: out"):
            space.run("sh", "-c", "echo out; exit 3")
        with pytest.raises(lab_module.LabError, match="not done"):
            space.run("sleep", "5", timeout_s=0.2)
    finally:
        space.close()
