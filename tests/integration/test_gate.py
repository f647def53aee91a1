# SPDX-License-Identifier: GPL-2.0-or-later
"""The takeover gate: what comes of packets that belong to flows which are still to be committed.

fw2 takes over many flows of fw1.  It is stopped in the midst of that, which leaves the kernel as it is then for as
long as a test needs: some flows are there, others are not.  The ruleset answers what it does not know with a
reset, as many do.
"""

import json
import os
import select
import signal
import socket
import struct

import pytest
from conftest import OURS
from lab import CLIENT, SERVER, VIP_CLIENT, VIP_SERVER, conntrackd_conf
from node import conf
from space import wait_until

pytestmark = pytest.mark.skipif(not OURS, reason="the gate is ours")

FLOWS = 30000
SAMPLES = 200      # flows that packets are sent for
GATE = "TakeoverGate { Timeout %d HoldUDP %s }"
TABLE = "table inet conntrackd-gate"
STRICT_NFT = """
table inet strict {
	chain forward {
		type filter hook forward priority -10
		iifname "eth0" tcp flags & (fin|syn|rst|ack) != syn ct state { new, invalid } reject with tcp reset
		iifname "eth0" ct state new accept
	}
}
"""
MUTE_NFT = """
table inet mute {
	chain input {
		type filter hook input priority 0; policy drop
	}
}
"""
FIN, SYN, RST, ACK = 1, 2, 4, 16


# Packets ------------------------------------------------------------------------------------------

def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def tcp_packet(sport, dport, flags):
    src, dst = socket.inet_aton(CLIENT), socket.inet_aton(SERVER)
    head = struct.pack("!HHIIBBHHH", sport, dport, 1000, 2000 if flags & ACK else 0, 5 << 4, flags, 8192, 0, 0)
    total = checksum(src + dst + struct.pack("!BBH", 0, 6, len(head)) + head)
    return head[:16] + struct.pack("!H", total) + head[18:]


class Client:
    """Sends packets of flows as if they were its own, and counts the resets that come back."""

    def __init__(self, space):
        self.out = {number: space.socket(socket.AF_INET, socket.SOCK_RAW, number)
                    for number in (socket.IPPROTO_TCP, socket.IPPROTO_UDP)}
        self.resets = space.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)

    def tcp(self, ports, flags=ACK):
        for sport, dport in ports:
            self.out[6].sendto(tcp_packet(sport, dport, flags), (SERVER, 0))

    def udp(self, ports):
        for sport, dport in ports:
            self.out[17].sendto(struct.pack("!HHHH", sport, dport, 8, 0), (SERVER, 0))

    def reset(self, wait_s=0.5):
        """The flows that were reset, as (sport, dport); as soon as none has been for so long."""
        found = set()
        while select.select([self.resets], [], [], wait_s)[0]:
            data = self.resets.recv(2048)
            tcp = data[(data[0] & 15) * 4:]
            if tcp[13] & RST and data[16:20] == socket.inet_aton(CLIENT):
                found.add((struct.unpack("!H", tcp[2:4])[0], struct.unpack("!H", tcp[:2])[0]))
        return found

    def close(self):
        for sock in (*self.out.values(), self.resets):
            sock.close()


# Takeover -----------------------------------------------------------------------------------------

def ports_of(i):
    """Of flow number i."""
    return 1024 + i % 50000, 80 + i // 50000


def make_flows(fw):
    """Flows of the client through fw, one half UDP, all with NAT: {protocol: [ports]}.  Where too many fall into
    one bucket the kernel refuses them."""
    made = {6: [], 17: []}
    with fw.table() as table:
        for i in range(FLOWS):
            sport, dport = ports_of(i)
            number = 17 if i % 2 == 0 else 6
            flow = {"orig": (CLIENT, SERVER, number, sport, dport, 0), "status": 6,
                    "snat": (VIP_SERVER, 0)}
            if number == 6:
                flow["tcp"] = (3, 0, 0, 10, 10)
            try:
                table.create(flow)
                made[number].append((sport, dport))
            except FileExistsError:
                pass
    return made


def kernel_count(fw):
    """Entries of the kernel's table; a file, so that it can be read again and again."""
    with open("/proc/%d/net/stat/nf_conntrack" % fw.space.init) as f:
        return int(f.read().splitlines()[1].split()[0], 16)


def address(fw, dev):
    return json.loads(fw.space.run("ip", "-json", "link", "show", dev).stdout)[0]["address"]


def point_at(lab, fw):
    """The ends find the virtual addresses at fw."""
    for space, dev, vip in ((lab.client, "eth0", VIP_CLIENT), (lab.server, "eth1", VIP_SERVER)):
        space.run("ip", "neigh", "replace", vip, "lladdr", address(fw, dev), "dev", "eth0", "nud", "permanent")
        fw.space.run("ip", "addr", "replace", vip + "/24", "dev", dev)


@pytest.fixture
def takeover(make_lab):
    """A function that begins a takeover by fw2 and stops its daemon in the midst of it."""
    lab = make_lab()
    clients = []

    def begin(gate=None, loose=0):
        for fw in lab.fws:
            fw.configure(conntrackd_conf(fw.name, sync_options=gate or ""))
        lab.start_daemons()
        lab.fw2.space.sysctl(netfilter__nf_conntrack_tcp_loose=loose)
        lab.fw2.space.run("nft", "-f", "-", stdin=STRICT_NFT)
        # The server has no such connections and would answer for them.
        lab.server.run("nft", "-f", "-", stdin=MUTE_NFT)
        lab.fw2.made = make_flows(lab.fw1)
        count = sum(map(len, lab.fw2.made.values()))
        assert count > FLOWS * 9 // 10
        wait_until(lambda: status(lab.fw2)["external"]["flows"] == count, 30, "fw2 knows the flows", 0.1)
        point_at(lab, lab.fw2)
        clients.append(Client(lab.client))
        stop_amidst(lab.fw2)
        return lab, clients[0]

    yield begin
    for client in clients:
        client.close()


def stop_amidst(fw):
    """-c, and SIGSTOP once the first flows are in the kernel.  Whatever the order is, of either protocol some are
    not."""
    few = min(map(len, fw.made.values())) - 2 * SAMPLES
    pid, = fw.stopped = fw.daemon_pids()
    for _ in range(8):
        before = kernel_count(fw)
        fw.committing = fw.space.start("/usr/sbin/conntrackd", "-c")
        wait_until(lambda: kernel_count(fw) >= before + 200, 10, "flows are committed", 0)
        os.kill(pid, signal.SIGSTOP)
        # A system call under way is carried out to its end.
        wait_until(lambda: state(pid) == "T", 5, "it is stopped", 0.001)
        if kernel_count(fw) - before < few:
            return
        os.kill(pid, signal.SIGCONT)
        fw.committing.wait(20)
        fw.ct("-F", check=True)
    raise AssertionError("the commit is always faster than this test")


def state(pid):
    with open("/proc/%d/stat" % pid) as f:
        return f.read().rsplit(")", 1)[1].split()[0]


def resume(fw):
    os.kill(fw.stopped[0], signal.SIGCONT)
    assert fw.committing.wait(20) == 0


def waiting(fw, number):
    """Ports of flows that are still to be committed, spread over all of them."""
    there = set(fw.flows())
    left = [ports for ports in fw.made[number] if ((CLIENT, SERVER, number, *ports, 0), 0) not in there]
    assert len(left) >= SAMPLES
    return left[::len(left) // SAMPLES][:SAMPLES]


def committed(fw, number):
    """Ports of flows that are in the kernel."""
    return [flow[3:5] for (flow, _) in fw.flows() if flow[2] == number][:SAMPLES]


def status(fw):
    return json.loads(fw.ct("status", "--json").stdout)


def rules(fw):
    return fw.space.run("nft", "list", "ruleset").stdout


def counted(fw):
    """What the kernel has held back."""
    shown = fw.space.run("nft", "list", "counter", "inet", "conntrackd-gate", "held").stdout
    return int(shown.split("packets ")[1].split()[0])


def entries(fw, number, ports):
    return {(f[3], f[4]) for (f, _) in fw.flows() if f[2] == number} & set(ports)


# Held back ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("loose", [0, 1])
def test_without_a_gate_flows_that_wait_for_their_commit_are_reset(takeover, loose):
    """What the gate is for; and that the others tests would notice."""
    lab, client = takeover(loose=loose)
    ports = waiting(lab.fw2, 6)
    client.tcp(ports)
    assert client.reset() == set(ports)
    resume(lab.fw2)
    assert TABLE not in rules(lab.fw2)


@pytest.mark.parametrize("loose", [0, 1])
def test_flows_that_wait_for_their_commit_are_not_reset(takeover, loose):
    lab, client = takeover(GATE % (30, "off"), loose)
    fw = lab.fw2
    ports = waiting(fw, 6)
    client.tcp(ports)
    client.tcp(ports, SYN | ACK)
    client.tcp(ports, FIN | ACK)
    assert client.reset() == set()
    assert counted(fw) == 3 * SAMPLES
    assert entries(fw, 6, ports) == set(), "entries were made"
    # Whoever begins something need not wait, and UDP does not.
    fresh = [(60000 + i, 99) for i in range(5)]
    client.tcp(fresh, SYN)
    udp = waiting(fw, 17)
    client.udp(udp)
    wait_until(lambda: entries(fw, 6, fresh) == set(fresh) and entries(fw, 17, udp) == set(udp), 5,
               "entries of what passes", 0.1)
    assert counted(fw) == 3 * SAMPLES
    resume(fw)
    client.tcp(ports)
    assert client.reset() == set()
    assert "takeover gate closed for " in fw.log()
    assert ", held back %d packets" % (3 * SAMPLES) in fw.log()
    gate = status(fw)["gate"]
    assert gate["ready"] and not gate["closed"] and gate["failures"] == gate["timeouts"] == 0
    assert gate["last_held_packets"] == 3 * SAMPLES


def test_udp_is_held_back_where_that_is_configured(takeover):
    """So that the entry of the replica, with its NAT, is not preceded by another."""
    lab, client = takeover(GATE % (30, "on"))
    fw = lab.fw2
    ports = waiting(fw, 17)
    client.udp(ports)
    wait_until(lambda: counted(fw) == SAMPLES, 5, "packets are held back", 0.05)
    assert entries(fw, 17, ports) == set()
    # What is committed passes; which protocol is first is nobody's business.
    known = {number: committed(fw, number) for number in (6, 17)}
    assert len(known[6]) + len(known[17]) >= SAMPLES // 2
    client.tcp(known[6])
    client.udp(known[17])
    assert client.reset() == set()
    assert counted(fw) == SAMPLES
    resume(fw)
    assert entries(fw, 17, ports) == set(ports)


def test_what_comes_by_a_dedicated_link_is_never_held_back(takeover):
    lab, _ = takeover(GATE % (30, "on"))
    out = lab.fw1.space.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.sendto(b"x", ("192.168.100.200", 9999))
    seen = ("192.168.100.100", "192.168.100.200", 17)
    with out:
        wait_until(lambda: lab.fw2.flows(lambda flow: flow["orig"][:3] == seen), 5, "it has passed", 0.1)
    assert counted(lab.fw2) == 0
    resume(lab.fw2)


# Open again ---------------------------------------------------------------------------------------

def test_killed_it_leaves_nothing(takeover):
    lab, client = takeover(GATE % (30, "off"))
    ports = waiting(lab.fw2, 6)
    assert "tcp timeout 30s" in rules(lab.fw2)
    lab.fw2.kill_daemon(signal.SIGKILL)
    assert "conntrackd" not in rules(lab.fw2)
    client.tcp(ports)
    assert client.reset() == set(ports)
    # The next one has a gate of its own.
    assert lab.fw2.start_daemon().returncode == 0
    wait_until(lambda: TABLE in rules(lab.fw2), 10, "a gate again", 0.1)
    assert status(lab.fw2)["gate"]["ready"]


def test_the_kernel_opens_it_if_the_daemon_does_not(takeover):
    lab, client = takeover(GATE % (1, "off"))
    ports = waiting(lab.fw2, 6)
    wait_until(lambda: "timeout 1s" not in rules(lab.fw2), 5, "its time is over", 0.1)
    client.tcp(ports)
    assert client.reset() == set(ports)
    assert counted(lab.fw2) == 0
    resume(lab.fw2)
    assert "takeover gate opened by its Timeout after 1000 ms, before all flows were committed" in \
        lab.fw2.log()
    # And as soon as it comes to it, it does so itself.
    entries = json.loads(lab.fw2.ct("history", "--json", check=True).stdout)["entries"]
    opened = [e for e in entries if e["event"] == "gate" and "by its Timeout" in e["text"]]
    over = [e for e in entries if e["event"] == "commit-done"]
    assert opened[-1]["monotonic_ms"] + 5 <= over[-1]["monotonic_ms"]
    gate = status(lab.fw2)["gate"]
    assert gate["timeouts"] == 1 and gate["last_closed_ms"] == 1000


# One node -----------------------------------------------------------------------------------------

def with_gate(node, text=GATE % (2, "off")):
    node.configure(conf(in_sync=text))
    assert node.start_daemon().returncode == 0


def test_each_commit_of_flows_closes_it_once(node):
    with_gate(node)
    assert TABLE in rules(node) and "takeover gate ready" in node.log()
    for order in ("-c", "-c"):
        assert node.ct(order).returncode == 0
    assert node.log().count("takeover gate closed for 0 ms, held back 0 packets") == 2
    assert status(node)["gate"] == {
        "configured": True, "ready": True, "closed": False, "closings": 2, "timeouts": 0, "failures": 0,
        "held_packets": 0, "last_closed_ms": 0, "last_held_packets": 0}
    node.stop_daemon()
    assert TABLE not in rules(node)


def test_a_promotion_closes_it_as_a_commit_does(node):
    node.space.run("mkdir", "-p", "/run/conntrackd")
    with_gate(node, GATE % (2, "off") + " VRRP { NotifyFifo /run/conntrackd/vrrp.fifo Group G1 }")
    node.space.run("sh", "-c", "echo 'GROUP \"G1\" MASTER 0' >/run/conntrackd/vrrp.fifo")
    wait_until(lambda: status(node)["role"]["is"] == "master", 5, "it is master", 0.05)
    assert status(node)["gate"]["closings"] == 1
    said = [e["text"] for e in json.loads(node.ct("history", "--json").stdout)["entries"] if e["event"] == "gate"]
    assert said == ["takeover gate closed, for 2000 ms at the most", "takeover gate opened, held back 0 packets"]


def test_without_the_keyword_there_is_none(node):
    node.configure(conf())
    assert node.start_daemon().returncode == 0
    assert node.ct("-c").returncode == 0
    assert TABLE not in rules(node) and "gate" not in node.log()
    assert not status(node)["gate"]["configured"]


def test_where_it_cannot_be_made_flows_are_committed_without(node):
    node.space.run("nft", "add", "table", "inet", "conntrackd-gate")
    with_gate(node)
    node.says("can't make the takeover gate: File exists (is there a table inet conntrackd-gate of "
              "somebody else's?); flows are committed without", 15)
    for _ in range(3):
        assert node.ct("-c").returncode == 0
    assert node.log().count("takeover gate") == 1
    assert status(node)["gate"]["ready"] is False


def test_a_table_that_goes_in_time_was_of_the_daemon_before(node):
    node.space.run("nft", "add", "table", "inet", "conntrackd-gate")
    with_gate(node)
    assert "takeover gate" not in node.log()
    node.space.run("nft", "delete", "table", "inet", "conntrackd-gate")
    node.says("takeover gate ready", 5)
    node.ct("-c", check=True)
    assert status(node)["gate"]["closings"] == 1


def test_its_settings_change_at_once_and_its_being_there_does_not(node):
    with_gate(node)
    node.configure(conf(in_sync=GATE % (3, "on")))
    pid, = node.daemon_pids()
    os.kill(pid, signal.SIGHUP)
    node.says("changed are TakeoverGate Timeout, TakeoverGate HoldUDP")
    node.configure(conf())
    os.kill(pid, signal.SIGHUP)
    node.says("take effect with the next start: TakeoverGate")
    assert TABLE in rules(node)
    node.ct("-c", check=True)
    assert status(node)["gate"]["closings"] == 1
