#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How many connections a takeover breaks, without a takeover gate and with one.

    /usr/bin/python3 tests/integration/measure_gate.py [--runs N] [--flows N]

200 TCP and 100 UDP connections, which say something 20 times a second, go through a firewall with so many other flows
when the other one takes over.  All of them have NAT, which chooses ports at random.  The ruleset answers TCP that it does
not know with a reset, on behalf of either end.

    crash, script     the old master dies; keepalived runs its notify script, which runs `conntrackd -c'
    crash, FIFO       the same; the daemon reads keepalived's FIFO
    planned, script   keepalived is stopped on the old master
    planned, FIFO
    planned, before   the new master has committed before that; the daemon reads the FIFO
    in time           the commit has begun before packets come to the new master, and packets come at once

A connection is broken if it was reset, or if UDP comes from another port than before.  A line for each kind: the median
of the runs, and the smallest and the largest figure.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import lab as lab_module  # noqa: E402
from lab import CLIENT, SERVER, VIP_CLIENT, VIP_SERVER, conntrackd_conf, crash, graceful  # noqa: E402
from space import wait_until  # noqa: E402
from test_gate import address, kernel_count, point_at, status  # noqa: E402

TCP, UDP = 200, 100
FIFO = "/run/conntrackd/vrrp.fifo"
FIFO_WAYS = ("crash, FIFO", "planned, FIFO", "planned, before")
WAYS = ("crash, script", "crash, FIFO", "planned, script", "planned, FIFO", "planned, before", "in time")
GATES = {"no gate": "", "gate": "TakeoverGate { }", "gate, HoldUDP": "TakeoverGate { HoldUDP on }"}
STRICT_NFT = """
table inet strict {
	chain forward {
		type filter hook forward priority -10
		tcp flags & (fin|syn|rst|ack) != syn ct state new reject with tcp reset
	}
	chain input {
		type filter hook input priority -10
		iifname "eth1" tcp flags & (fin|syn|rst|ack) != syn ct state new reject with tcp reset
	}
}
"""


def other_flows(fw, first, count):
    """How many were made: where many fall into one bucket, the kernel takes no more of them."""
    made = 0
    with fw.table() as table:
        for i in range(first, first + count):
            try:
                table.create({"orig": (CLIENT, SERVER, 6, 1024 + i % 50000, 80 + i // 50000, 0), "status": 6,
                              "tcp": (3, 0, 0, 10, 10), "snat": (VIP_SERVER, 0)})
                made += 1
            except FileExistsError:
                pass
    return made


def strict(fw):
    # As the kernel has it by default: what is unknown is new, and only what does not fit its entry is invalid.
    fw.space.sysctl(netfilter__nf_conntrack_tcp_loose=1)
    fw.space.run("nft", "-f", "-", stdin=STRICT_NFT + "flush chain ip nat postrouting\n"
                 'add rule ip nat postrouting oifname "eth1" ip saddr 192.168.1.0/24 snat to '
                 "192.168.0.100 fully-random\n")


def without_scripts(lab):
    for fw in lab.fws:
        text = fw.space.read("/etc/conntrackd/keepalived.conf")
        text = re.sub(r"\tnotify_.*\n", "", text)
        fw.space.write("/etc/conntrackd/keepalived.conf",
                       text.replace("global_defs {", "global_defs {\n\tvrrp_notify_fifo " + FIFO, 1))
        fw.space.run("rm", "/etc/conntrackd/notify.sh")


def switch(lab):
    """A function that turns both ends to fw2 at once."""
    waiting = []
    for space, dev, vip in ((lab.client, "eth0", VIP_CLIENT), (lab.server, "eth1", VIP_SERVER)):
        lab.fw2.space.run("ip", "addr", "replace", vip + "/24", "dev", dev)
        waiting.append(space.start("sh", "-c", "echo; read go; ip neigh replace %s lladdr %s dev eth0 nud permanent" % (
            vip, address(lab.fw2, dev)), stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        waiting[-1].stdout.readline()

    def turn():
        for shell in waiting:
            shell.stdin.write(b"go\n")
            shell.stdin.flush()
        for shell in waiting:
            assert shell.wait(10) == 0
    return turn


def in_time(lab):
    turn, before = switch(lab), kernel_count(lab.fw2)
    committing = lab.fw2.space.start("/usr/sbin/conntrackd", "-c")
    wait_until(lambda: kernel_count(lab.fw2) > before + 100, 10, "the commit has begun", 0)
    turn()
    committing.wait(30)


def run(binary, way, gate, flows):
    """(broken TCP, broken UDP, object "gate") of one takeover."""
    with lab_module.Lab([binary, binary]) as lab:
        for fw in lab.fws:
            if way in FIFO_WAYS:
                fw.space.run("mkdir", "-p", "/run/conntrackd")
                gate += " VRRP { NotifyFifo %s Group G1 }" % FIFO
            fw.configure(conntrackd_conf(fw.name, sync_options=gate))
            strict(fw)
        lab.start_daemons()
        if way == "in time":
            point_at(lab, lab.fw1)
        else:
            lab.vrrp()
            if way in FIFO_WAYS:
                without_scripts(lab)
            lab.start_vrrp()
        flows = other_flows(lab.fw1, 0, flows)
        traffic = lab.start_traffic()
        assert traffic.ask("open", n=TCP, interval_ms=50) == {"opened": TCP}
        assert traffic.ask("open", n=UDP, proto="udp") == {"opened": UDP}
        wait_until(lambda: status(lab.fw2)["external"]["flows"] >= flows + TCP + UDP, 60, "all is told", 0.1)
        if way == "planned, before":
            lab.fw2.ct("-c", check=True)
        if way == "in time":
            in_time(lab)
        else:
            (crash if "crash" in way else graceful)(lab, lab.fw1)
        wait_until(lambda: "commit has taken" in lab.fw2.log(), 60, "the commit is over", 0.05)
        stats = traffic.ask("wait", timeout_s=30, since=time.monotonic(), wait_s=20)
        return (TCP - stats["tcp"]["alive"], UDP - stats["udp"]["alive"], status(lab.fw2)["gate"])


def figure(values):
    return "%g (%g to %g)" % (statistics.median(values), min(values), max(values))


def main():
    args = argparse.ArgumentParser(description="Connections that a takeover breaks.")
    args.add_argument("--runs", type=int, default=5)
    args.add_argument("--flows", type=int, default=60000)
    args.add_argument("--way", action="append", choices=WAYS, help="only this one; may be given again")
    args = args.parse_args()
    binary = os.path.realpath(os.environ.get("CONNTRACKD") or
                              os.path.join(lab_module.ROOT, "build", "conntrackd"))
    lab_module.terminate_cleanly()
    for way in args.way or WAYS:
        for name, gate in GATES.items():
            done = [run(binary, way, gate, args.flows) for _ in range(args.runs)]
            print("%-16s %-14s TCP %s, UDP %s of %d and %d; closed for %s ms, held back %s packets" % (
                way, name, figure([d[0] for d in done]), figure([d[1] for d in done]), TCP, UDP,
                figure([d[2]["last_closed_ms"] for d in done]),
                figure([d[2]["last_held_packets"] for d in done])), flush=True)


if __name__ == "__main__":
    main()
