# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows about real TCP connections: packets through a firewall, whose kernel reports six events for each."""

import subprocess

from events import RELAY_WAIT_US
from nodes import Cable, CPU_LOAD, CPU_RECEIVER, CPU_SENDER, LabError, Meter, Space, Tool

EVENTS = 6
RATES = (("3k", 3000), ("10k", 10000))
APART = 100000  # numbers between the connections of two rates

# Nobody lives at the addresses 10.1.0.2 to .17 and 10.2.0.2: the devices that the packets leave by lead to
# a machine for whose hardware address they are not.
FIREWALL = """
sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv4.ip_forward=1 net.netfilter.nf_conntrack_checksum=0
ip addr add 10.1.0.1/24 dev eth0
ip addr add 10.2.0.1/24 dev eth1
ip link set eth0 up
ip link set eth1 up
for i in $(seq 2 17); do ip neigh replace 10.1.0.$i lladdr 02:00:00:00:00:99 nud permanent dev eth0; done
ip neigh replace 10.2.0.2 lladdr 02:00:00:00:00:99 nud permanent dev eth1
"""
# What the daemons say to each other is no flow of anybody's.
RULES = """table inet bench {
	chain in {
		type filter hook prerouting priority -300
		iifname { "lo", "eth2" } notrack
	}
	chain out {
		type filter hook output priority -300
		notrack
	}
	chain forward {
		type filter hook forward priority 0; policy drop
		ct state { established, new } accept
	}
}
"""


class Ends:
    """The machine at both ends of a firewall."""

    def __init__(self, node):
        self.node = node
        self.space = Space("ends")
        try:
            for inside, outside, mac in (("c0", "eth0", "02:00:00:00:01:00"),
                                         ("s0", "eth1", "02:00:00:00:02:00")):
                self.cable(inside, outside, mac)
            node.space.run("sh", "-ec", FIREWALL)
            node.space.run("nft", "-f", "-", stdin=RULES)
        except BaseException:
            self.close()
            raise

    def cable(self, inside, outside, mac):
        done = subprocess.run(["ip", "link", "add", inside, "netns", str(self.space.init), "type", "veth",
                               "peer", "name", outside, "address", mac, "netns", str(self.node.space.init)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=10)
        if done.returncode:
            raise LabError("ip link add: " + done.stdout)
        self.space.run("ip", "link", "set", inside, "up")

    def connections(self, count, rate, first):
        return Tool(self.space, CPU_LOAD, "packets", count=count, rate=rate, first=first,
                    batch=max(1, min(250, rate // 500))).result()

    def close(self):
        """The devices go with the machine; the rules would stay."""
        self.node.space.run("nft", "flush", "ruleset", check=False)
        self.node.space.run("ip", "link", "del", "eth0", check=False)
        self.node.space.run("ip", "link", "del", "eth1", check=False)
        self.space.close()


def run(ctx, sender, receiver, ends, seen_events, found):
    for number, (name, rate) in enumerate(RATES):
        count = rate * (1 if ctx.quick else 2)
        meter, cable = Meter(sender, receiver), Cable(ctx.pair.a)
        done = ends.connections(count, rate, number * APART)
        ctx.pair.settle(sender, receiver)
        send, receive = meter.read()
        found["tcp.%s.send" % name] = send / count / EVENTS
        found["tcp.%s.recv" % name] = receive / count / EVENTS
        cable.read(count * EVENTS, found, "tcp.%s." % name)
        found["tcp.%s.rate" % name] = done["done"] / done["seconds"]
        seen_events(name, count)


def daemon_packets(ctx, binary):
    pair, found, total = ctx.pair, {}, []
    pair.clean()
    ends = Ends(pair.a)
    try:
        pair.start(binary)

        def check(name, count):
            total.append(count)
            found["tcp.%s.missing" % name] = sum(total) - pair.b.cached("external")
        run(ctx, pair.a, pair.b, ends, check, found)
        found["tcp.overruns"] = pair.a.overruns()
    finally:
        ends.close()
    pair.clean()
    return found


def floor_packets(ctx):
    pair, found, total = ctx.pair, {}, []
    pair.clean()
    ends = Ends(pair.a)
    try:
        sink = Tool(pair.b.space, CPU_RECEIVER, "sink", ready=True)
        relay = Tool(pair.a.space, CPU_SENDER, "relay", ready=True, peer=pair.b.own, wait=RELAY_WAIT_US)
        run(ctx, relay, sink, ends, lambda _, count: total.append(count), found)
        got = relay.stop()
        sink.stop()
        if got["events"] != EVENTS * sum(total):
            ctx.note("packets: %d events of %d connections (%d overruns)" % (
                got["events"], sum(total), got["overruns"]))
    finally:
        ends.close()
    pair.clean()
    return found
