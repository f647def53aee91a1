# SPDX-License-Identifier: GPL-2.0-or-later
"""Flows of every kind cross the wire and are committed as they were, whoever sits at either end.

Flows are made in the kernel of one node over ctnetlink, seen in the other's external cache, and
committed there; the two kernel tables are then compared field by field.
"""

import re
import signal
import socket

import crowd
import ctnl
import lab as lab_module
import pytest
from conftest import incumbent
from space import wait_until

TCP, UDP, ICMP, ICMP6 = socket.IPPROTO_TCP, socket.IPPROTO_UDP, 1, 58
SCTP, GRE, UDPLITE, ESP = 132, 47, 136, 50
REPLIED, SURE = ctnl.SEEN_REPLY, ctnl.SEEN_REPLY | ctnl.ASSURED
ESTABLISHED = (3, 0, 0, 0, 0)


def tup(n, proto, a=0, b=0, c=0):
    return ("192.168.1.10", "192.168.0.%d" % n, proto, a, b, c)


def tup6(n, proto, a=0, b=0, c=0):
    return ("2001:db8:1::10", "2001:db8::%d" % n, proto, a, b, c)


FLOWS = {
    "tcp": {"orig": tup(20, TCP, 4000, 80), "tcp": ESTABLISHED, "status": SURE},
    "tcp-syn-sent": {"orig": tup(21, TCP, 4001, 80), "tcp": (1, 0, 0, 0, 0)},
    "tcp-fin-wait": {"orig": tup(22, TCP, 4002, 80), "tcp": (4, 0, 0, 0, 0), "status": SURE},
    "tcp-time-wait": {"orig": tup(23, TCP, 4003, 80), "tcp": (7, 0, 0, 0, 0), "status": SURE},
    "tcp6": {"orig": tup6(20, TCP, 4000, 80), "tcp": ESTABLISHED, "status": SURE},
    "udp": {"orig": tup(24, UDP, 5000, 53), "status": REPLIED},
    "udp-unreplied": {"orig": tup(25, UDP, 5001, 53)},
    "udp6": {"orig": tup6(24, UDP, 5000, 53), "status": SURE},
    "icmp": {"orig": tup(26, ICMP, 77, 8, 0), "status": REPLIED},
    "icmp6": {"orig": tup6(26, ICMP6, 78, 128, 0), "status": REPLIED},
    "sctp": {"orig": tup(27, SCTP, 6000, 3868), "sctp": (4, 0x11223344, 0x55667788),
             "status": SURE},
    "sctp6": {"orig": tup6(27, SCTP, 6000, 3868), "sctp": (4, 1, 2), "status": SURE},
    "esp": {"orig": tup(28, ESP), "status": REPLIED},
    "mark": {"orig": tup(29, TCP, 4010, 80), "tcp": ESTABLISHED, "status": SURE,
             "mark": 0x80000001},
    "labels": {"orig": tup(30, TCP, 4011, 80), "tcp": ESTABLISHED, "status": SURE,
               "labels": bytes(range(1, 17))},
    "zone": {"orig": tup(31, TCP, 4012, 80), "tcp": ESTABLISHED, "status": SURE, "zone": 7},
    "helper": {"orig": tup(32, TCP, 4013, 21), "tcp": ESTABLISHED, "status": SURE,
               "helper": "ftp"},
    "snat": {"orig": tup(33, TCP, 4014, 80), "tcp": ESTABLISHED, "status": SURE,
             "snat": ("198.51.100.7", 40002)},
    "snat-same-port": {"orig": tup(34, TCP, 4015, 80), "tcp": ESTABLISHED, "status": SURE,
                       "snat": ("198.51.100.7", 0)},
    "dnat": {"orig": tup(35, TCP, 4016, 8080), "tcp": ESTABLISHED, "status": SURE,
             "dnat": ("192.168.0.99", 80)},
    "snat-udp": {"orig": tup(36, UDP, 4017, 53), "status": SURE,
                 "snat": ("198.51.100.8", 40003)},
    "snat-dnat": {"orig": tup(37, TCP, 4018, 8080), "tcp": ESTABLISHED, "status": SURE,
                  "snat": ("198.51.100.9", 40004), "dnat": ("192.168.0.98", 8081)},
    "snat-icmp": {"orig": tup(38, ICMP, 79, 8, 0), "status": REPLIED,
                  "snat": ("198.51.100.7", 0)},
    "snat6": {"orig": tup6(33, TCP, 4019, 80), "tcp": ESTABLISHED, "status": SURE,
              "snat": ("2001:db8:2::7", 40005)},
    "dnat6": {"orig": tup6(34, TCP, 4020, 8080), "tcp": ESTABLISHED, "status": SURE,
              "dnat": ("2001:db8::99", 80)},
    "everything": {"orig": tup(40, TCP, 4021, 21), "tcp": ESTABLISHED, "status": SURE,
                   "mark": 5, "zone": 9, "helper": "ftp", "labels": b"\x80" + bytes(15),
                   "snat": ("198.51.100.7", 40006)},
}
# The wire has no attribute for these: GRE keys, the ports of UDP-Lite.
UNSPEAKABLE = {
    "gre": {"orig": tup(50, GRE, 1, 2), "status": REPLIED},
    "udplite": {"orig": tup(51, UDPLITE, 7000, 7001), "status": REPLIED},
}


def injected(flow):
    return flow["orig"][0] in ("192.168.1.10", "2001:db8:1::10")


@pytest.fixture
def running(make_lab, pair, mode):
    lab = make_lab(pair, features=("label",))
    for fw in lab.fws:
        # Loads the IPv6 NAT that an IPv6 firewall would have.
        fw.space.run("nft", "add table ip6 nat; add chain ip6 nat post "
                     "{ type nat hook postrouting priority 100; }")
    lab.configure(mode, protocols="")
    lab.start_daemons()
    return lab


def inject(fw, flows):
    with fw.table() as table:
        for name, flow in flows.items():
            try:
                table.create(flow)
            except OSError as error:
                pytest.fail("the kernel refuses flow %s: %s" % (name, error))


def external(fw):
    return [line for line in fw.ct("-e", check=True).stdout.splitlines()
            if "src=192.168.1.10 " in line or "src=2001:db8:1::10 " in line]


def assert_committed(sender, receiver, which, n):
    """The receiver's kernel has what the sender's has.  which binary runs on the receiver."""
    expected, found = sender.flows(injected), receiver.flows(injected)
    assert len(expected) == n
    lines = ctnl.differences(expected, found, traffic_went_on=False)
    if incumbent(which):
        # It sets the TCP flag "be liberal" (8) on every flow, and for SCTP that overwrites the low
        # byte of the original direction's verification tag.
        wrong = [line for line in lines if ": sctp " in line]
        assert len(wrong) == sum(1 for flow in expected.values() if "sctp" in flow)
        lines = [line for line in lines if line not in wrong]
    assert not lines


@pytest.mark.parametrize("source", ["fw1", "fw2"])
def test_every_kind_of_flow_is_committed_as_it_was(running, pair, source):
    """Both directions."""
    sender = getattr(running, source)
    receiver = running.other(sender)
    inject(sender, FLOWS)
    wait_until(lambda: len(external(receiver)) == len(FLOWS), 8,
               "%d flows in the external cache (%d)" % (len(FLOWS), len(external(receiver))), 0.1)
    assert receiver.ct("-c").returncode == 0
    assert_committed(sender, receiver, pair[receiver is running.fw2], len(FLOWS))


def test_flows_of_protocols_without_ports_on_the_wire(running, pair):
    """GRE and UDP-Lite travel as addresses and protocol only.  Nobody may choke on them, and the
    flows beside them arrive."""
    inject(running.fw1, UNSPEAKABLE)
    inject(running.fw1, {"tcp": FLOWS["tcp"]})
    wait_until(lambda: any("tcp " in line for line in external(running.fw2)), 8, "the TCP flow")
    assert running.fw2.ct("-c").returncode == 0
    found = running.fw2.flows(injected)
    assert (FLOWS["tcp"]["orig"], 0) in found


def test_updates_and_deletes_follow(running, pair):
    inject(running.fw1, FLOWS)
    wait_until(lambda: len(external(running.fw2)) == len(FLOWS), 8, "all there", 0.1)
    with running.fw1.table() as table:
        table.delete(FLOWS["udp"])
        table.delete(FLOWS["tcp6"])
        table.delete(FLOWS["zone"])
        running.fw1.space.run("conntrack", "-U", "-p", "tcp", "-s", "192.168.1.10",
                              "-d", "192.168.0.20", "--mark", "42")
    wait_until(lambda: len(external(running.fw2)) == len(FLOWS) - 3, 8, "three deleted", 0.1)
    wait_until(lambda: any("mark=42" in line for line in external(running.fw2)), 8, "the mark")
    running.fw2.ct("-c", check=True)
    assert_committed(running.fw1, running.fw2, pair[1], len(FLOWS) - 3)


@pytest.mark.parametrize("group", ["ff05::2:7", "ff02::2:7"])
def test_the_link_may_be_ipv6(make_lab, pair, mode, group):
    """An IPv6 group, site-local and link-local; both directions."""
    lab = make_lab(pair)
    for fw in lab.fws:
        text = lab_module.conntrackd_conf(fw.name, mode, protocols="")
        text = re.sub(r"IPv4_address 225\.0\.0\.50", "IPv6_address " + group, text)
        text = re.sub(r"\n\s*IPv4_interface \S+", "", text)
        assert "IPv6_address " + group in text and "IPv4_interface" not in text
        # An address for the group's traffic to come from, without the wait for duplicates.
        fw.space.run("ip", "address", "add", "fe80::%d/64" % (1 + lab.fws.index(fw)), "dev", "eth2",
                     "nodad")
        fw.configure(text)
    lab.start_daemons()
    inject(lab.fw1, {"tcp": FLOWS["tcp"]})
    inject(lab.fw2, {"udp": FLOWS["udp"]})
    wait_until(lambda: any("tcp " in line for line in external(lab.fw2)), 8, "fw1's flow", 0.1)
    wait_until(lambda: any("udp " in line for line in external(lab.fw1)), 8, "fw2's flow", 0.1)


def test_resync_and_bulk_update_fill_an_empty_peer(running, pair, mode):
    """-n asks, -B pushes; both end with the same external cache.  ALARM repeats by itself."""
    inject(running.fw1, FLOWS)
    wait_until(lambda: len(external(running.fw2)) == len(FLOWS), 8, "all there", 0.1)
    for command, who in (("-n", running.fw2), ("-B", running.fw1)):
        running.fw2.ct("-f", "external", check=True)
        if mode == "FTFW":
            assert not external(running.fw2)
        who.ct(command, check=True)
        wait_until(lambda: len(external(running.fw2)) == len(FLOWS), 10, "all again", 0.1)


def test_dumps_agree_line_by_line(running, pair):
    """What -i shows on the sender and -e on the receiver, ages and reply tuples aside."""
    def essence(line, reply):
        words = line.replace("[active since", "\0").split("\0")[0]
        words = words.replace("[expires in", "\0").split("\0")[0].split()
        words = [w for w in words if w != "mark=0"]
        if not reply:
            return tuple(words)
        # The reply tuple is the second src= and what follows it up to the flags.
        second = [i for i, w in enumerate(words) if w.startswith("src=")][1]
        end = second
        while end < len(words) and words[end].split("=")[0] in (
                "src", "dst", "sport", "dport", "type", "code", "id", "srckey", "dstkey"):
            end += 1
        return tuple(words[:second] + words[end:])

    inject(running.fw1, FLOWS)
    wait_until(lambda: len(external(running.fw2)) == len(FLOWS), 8, "all there", 0.1)
    inside = [line for line in running.fw1.ct("-i", check=True).stdout.splitlines()
              if "src=192.168.1.10 " in line or "src=2001:db8:1::10 " in line]
    assert sorted(essence(x, True) for x in inside) == \
        sorted(essence(x, False) for x in external(running.fw2))


def test_an_older_flow_that_holds_the_mapping_makes_way(make_lab):
    """NAT gave the port of a dead connection to another client; the backup still has the old one."""
    lab = make_lab()
    lab.configure("FTFW", protocols="")
    lab.start_daemons()
    old = {**FLOWS["snat"], "orig": ("192.168.1.11", *FLOWS["snat"]["orig"][1:])}
    with lab.fw2.table() as table:
        table.create(old)
    wait_until(lambda: lab.fw2.dump("-i", "src=192.168.1.11 "), 5, "fw2 knows the old one")
    inject(lab.fw1, {"snat": FLOWS["snat"], "tcp": FLOWS["tcp"]})
    wait_until(lambda: len(external(lab.fw2)) == 2, 5, "replicated", 0.1)
    done = lab.fw2.ct("-c")
    assert (done.returncode, done.stderr) == (0, "")
    assert_committed(lab.fw1, lab.fw2, "ours", 2)
    assert not lab.fw2.flows(lambda f: f["orig"][0] == "192.168.1.11")
    assert not lab.fw2.dump("-i", "src=192.168.1.11 ")
    assert "an older kernel entry stood in the way" in lab.fw2.log()


def test_events_lost_in_a_burst_are_made_up_for_within_seconds(make_lab):
    """The event socket holds a handful; a failover may follow at once."""
    lab = make_lab()
    for fw in lab.fws:
        text = lab_module.conntrackd_conf(fw.name)
        fw.configure(re.sub(r"NetlinkBufferSize(MaxGrowth)? \d+", r"NetlinkBufferSize\1 8192", text))
    lab.start_daemons()
    lab.fw1.space.kill("conntrackd", signal.SIGSTOP)
    with lab.fw1.table() as table:
        for flow in crowd.flows(1000):
            table.create(flow)
    lab.fw1.space.kill("conntrackd", signal.SIGCONT)
    wait_until(lambda: crowd.cached(lab.fw2, "external") == 1000, 5, "1000 flows on the peer")
    assert "dropped events" in lab.fw1.log()


def test_commit_of_20000_flows_is_complete_when_the_command_returns(make_lab):
    """How long it takes, and how long the incumbent does, tools/bench tells."""
    lab = make_lab()
    lab.configure("FTFW")
    lab.start_daemons()
    with lab.fw1.table() as table:
        for flow in crowd.flows(20000):
            table.create(flow)
    wait_until(lambda: crowd.cached(lab.fw2, "external") == 20000, 30, "20000 flows on the peer",
               0.2)
    assert lab.fw2.ct("-c", timeout_s=60).returncode == 0
    assert crowd.in_kernel(lab.fw2) == 20000
