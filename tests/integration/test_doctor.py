# SPDX-License-Identifier: GPL-2.0-or-later
"""`conntrackd doctor' on machines that have what it is to find, and then have it no more."""

import json
import os
import re
import shutil
import signal

import ctnl
import node as node_module
import pytest
from conftest import OURS, REF, incumbent
from lab import CONF, ROOT
from node import LOCK, SOCKET, conf, tcp
from space import wait_until

pytestmark = pytest.mark.skipif(not OURS, reason="verbs are ours")

# What is always found on these machines, whose configuration is small on purpose.
OF_THE_MACHINE = {"hash-limit", "clock-unsynchronised", "config-remarks", "peer-not-known", "kernel-old",
                  "realtime-unbounded", "realtime-off", "buckets-few", "tcp-loose", "table-small", "helper-auto",
                  "module-missing", "log-disk"}


def examine(fw, *args):
    """{code: [finding]}"""
    done = fw.ct("doctor", "--json", *args)
    assert done.returncode in (0, 2), done
    doc = json.loads(done.stdout)
    found = {}
    for finding in doc["findings"]:
        found.setdefault(finding["code"], []).append(finding)
    count = {s: sum(f["severity"] == s for f in doc["findings"]) for s in ("error", "warning", "note")}
    assert (doc["errors"], doc["warnings"], doc["notes"]) == (count["error"], count["warning"], count["note"])
    assert done.returncode == (2 if doc["errors"] + doc["warnings"] else 0)
    return found


def codes(fw, *args):
    return set(examine(fw, *args)) - OF_THE_MACHINE


@pytest.fixture(scope="module")
def machine():
    """One node for all conditions that can be taken back."""
    made = node_module.Node(OURS)
    try:
        made.configure(conf(in_filter="Address Ignore { IPv4_address 192.168.0.0/16 IPv4_address 127.0.0.0/8 }"))
        made.space.sysctl(ipv4__ip_forward=1, netfilter__nf_conntrack_tcp_loose=0)
        made.space.run("nft", "-f", "-", stdin="table inet raw {\n"
                       "chain out { type filter hook output priority raw; oifname eth2 notrack; }\n"
                       "chain pre { type filter hook prerouting priority raw; iifname eth2 notrack; }\n}\n")
        assert made.start_daemon().returncode == 0
        # Kernels of other machines have been busy, too.
        made.ct("-R", check=True)
        yield made
    finally:
        made.close()


def sh(fw, *lines):
    fw.space.run("sh", "-ec", "\n".join(lines))


def test_a_node_that_is_well(machine):
    assert codes(machine) == set()


# (code, make it so, take it back)
CONDITIONS = [
    ("link-no-carrier", "ip link set cable down", "ip link set cable up"),
    ("link-down", "ip link set eth2 down", "ip link set eth2 up"),
    ("link-not-multicast", "ip link set eth2 multicast off", "ip link set eth2 multicast on"),
    ("link-address-absent", "ip addr del 192.168.100.100/24 dev eth2", "ip addr add 192.168.100.100/24 dev eth2"),
    ("link-address-elsewhere",
     "ip addr del 192.168.100.100/24 dev eth2; ip addr add 192.168.100.100/24 dev cable",
     "ip addr del 192.168.100.100/24 dev cable; ip addr add 192.168.100.100/24 dev eth2"),
    ("link-mtu-large", "ip link set cable mtu 9000; ip link set eth2 mtu 9000",
     "ip link set eth2 mtu 1500; ip link set cable mtu 1500"),
    ("link-not-dedicated", "ip route add default via 192.168.100.1", "ip route del default"),
    ("filter-own", "ip addr add 10.9.9.9/24 dev cable", "ip addr del 10.9.9.9/24 dev cable"),
    ("events-off", "echo 0 > /proc/sys/net/netfilter/nf_conntrack_events",
     "echo 1 > /proc/sys/net/netfilter/nf_conntrack_events"),
    ("forwarding-off", "echo 0 > /proc/sys/net/ipv4/ip_forward", "echo 1 > /proc/sys/net/ipv4/ip_forward"),
    ("link-tracked", "nft flush table inet raw; sleep 1.5",
     "nft add rule inet raw out oifname eth2 notrack; nft add rule inet raw pre iifname eth2 notrack; conntrack -F"),
    ("link-firewall", "nft add table ip fw; nft 'add chain ip fw in { type filter hook input priority 0; policy drop; }'\n"
     "nft add rule ip fw in ct state established,related accept",
     "nft add rule ip fw in iifname eth2 udp dport 3780 accept"),
    ("config-writable", "chmod 666 " + CONF, "chmod 644 " + CONF),
    ("config-changed", "sed -i s/2048/4096/ " + CONF, "sed -i s/4096/2048/ " + CONF),
    ("script", "mkdir -p /etc/conntrackd; printf 'vrrp_instance V {\\nnotify_master /etc/conntrackd/n.sh\\n}\\n' > /etc/keepalived/keepalived.conf",
     "printf '#!/bin/sh\\n' > /etc/conntrackd/n.sh; chmod 755 /etc/conntrackd/n.sh"),
    ("zones", "conntrack -I -p udp -s 192.168.1.10 -d 192.168.0.10 --sport 5 --dport 6 --timeout 60 --zone 7", "conntrack -F"),
]
MORE = {  # comes with it
    "link-down": {"link-no-carrier"},
    "link-address-absent": {"link-not-member"}, "link-address-elsewhere": {"filter-own"},
}


@pytest.mark.parametrize("code, make, undo", CONDITIONS, ids=[c[0] for c in CONDITIONS])
def test_a_condition_is_found_and_then_it_is_not(machine, code, make, undo):
    sh(machine, "mkdir -p /tmp/keepalived /etc/keepalived && mount --bind /tmp/keepalived /etc/keepalived"
       if code == "script" else "true", make)
    found = examine(machine)
    sh(machine, undo)
    assert code in found, sorted(found)
    for finding in found[code]:
        assert finding["text"] and finding["advice"]
    # Nothing else is said of it.
    assert set(found) - OF_THE_MACHINE - {code} <= MORE.get(code, set())
    wait_until(lambda: code not in examine(machine), 5, code + " is found no more", 0.2)


def test_looking_leaves_no_trace(machine):
    def traces():
        return [machine.number("client_" + name) for name in ("read_failed", "unknown_request", "refused")], machine.log()
    before = traces()
    examine(machine)
    assert traces() == before


def test_text_and_exit_codes(machine):
    done = machine.ct("doctor")
    assert done.returncode == 2 and done.stderr == ""
    assert re.search(r"^warning  hash-limit: HashLimit is 2048, .*\n +-> set HashLimit \d+ ", done.stdout, re.M)
    assert re.search(r"^0 errors, \d+ warnings?, \d+ notes?$", done.stdout, re.M)
    # The severe ones first.
    order = [line.split()[0] for line in done.stdout.splitlines() if re.match("error|warning|note", line)]
    assert order == sorted(order, key=("error", "warning", "note").index)


def test_files_of_both_nodes(machine):
    with open(machine.space.path(CONF)) as f:
        text = f.read()
    machine.space.write("/tmp/peer.conf", text)
    found = examine(machine, "--peer-config", "/tmp/peer.conf")
    assert "nodes-same-address" in found and "peer-not-known" not in found
    machine.space.write("/tmp/peer.conf", text.replace("192.168.100.100", "192.168.100.200"))
    assert not [c for c in codes(machine, "--peer-config", "/tmp/peer.conf") if c.startswith("nodes-")]
    machine.space.write("/tmp/peer.conf", text.replace("100.100", "100.200").replace("3780", "3781"))
    (differ,) = examine(machine, "--peer-config", "/tmp/peer.conf")["nodes-differ"]
    assert differ["subject"] == "Group" and "3781" in differ["text"]
    machine.space.write("/tmp/peer.conf", "Sync {\n")
    done = machine.ct("doctor", "--peer-config", "/tmp/peer.conf")
    assert done.returncode == 1 and "/tmp/peer.conf:" in done.stderr and done.stdout == ""


def test_without_root_it_says_what_it_did_not_see(machine):
    done = machine.space.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all",
                             "/usr/sbin/conntrackd", "doctor", "--json", check=False)
    doc = json.loads(done.stdout)
    missed = [f["text"] for f in doc["findings"] if f["code"] == "not-looked"]
    assert any(text.startswith("the daemon:") for text in missed) and any("ruleset" in text for text in missed)
    assert "daemon-down" not in {f["code"] for f in doc["findings"]} and not doc["daemon"]


def udp(own, peer):
    family = 6 if ":" in own else 4
    return conf(sync="Sync {\n Mode FTFW { }\n UDP { IPv%d_address %s\n IPv%d_Destination_Address %s\n"
                "Interface eth2\n Port 3780 }\n}" % (family, own, family, peer), in_filter="Protocol Ignore { UDP }")


def test_the_way_to_one_peer(node):
    node.configure(udp("192.168.100.100", "192.168.100.200"))
    ways = {"link-peer-far", "link-mtu-path"}
    assert not ways & codes(node)
    sh(node, "ip route add 192.168.100.200/32 dev eth2 mtu 1400")
    (short,) = examine(node)["link-mtu-path"]
    assert short["numbers"] == {"mtu": 1500, "path_mtu": 1400}
    node.configure(udp("192.168.100.100", "10.1.1.1"))
    assert ways & codes(node) == {"link-peer-far"}


def test_an_address_that_is_not_ours_yet_or_never(node):
    states = {"link-address-tentative", "link-address-duplicate", "link-address-absent"}
    node.configure(udp("fd00::1", "fd00::2"))
    assert states & codes(node) == {"link-address-absent"}
    # Somebody else has it; and nobody, but it takes long to find that out.
    sh(node, "ip addr add fd00::1/64 dev cable nodad", "ip addr add fd00::1/64 dev eth2")
    wait_until(lambda: states & codes(node) == {"link-address-duplicate"}, 10, "the other one is found", 0.2)
    sh(node, "ip addr del fd00::1/64 dev eth2", "ip addr del fd00::1/64 dev cable",
       "echo 30 > /proc/sys/net/ipv6/conf/eth2/dad_transmits", "ip addr add fd00::1/64 dev eth2")
    assert states & codes(node) == {"link-address-tentative"}
    sh(node, "ip addr del fd00::1/64 dev eth2", "ip addr add fd00::1/64 dev eth2 nodad")
    assert not states & codes(node)


def test_what_keepalived_is_told(node):
    """The example has all of it; what is missing in it is found."""
    known = {"keepalived-fifo", "keepalived-name", "keepalived-track-file"}
    node.configure(conf(in_sync="VRRP {\n NotifyFifo /run/conntrackd/vrrp.fifo\n Group G1\n"
                        "TrackFile /run/conntrackd/vrrp.track\n}"))
    with open(os.path.join(ROOT, "doc/examples/sync/keepalived-fifo.conf")) as f:
        text = f.read()
    sh(node, "mkdir -p /tmp/keepalived /etc/keepalived && mount --bind /tmp/keepalived /etc/keepalived")
    for old, new, wanted in (("", "", set()), ("vrrp.fifo", "other.fifo", {"keepalived-fifo"}),
                             ("group G1", "group G2", {"keepalived-name"}),
                             ("vrrp.track", "other.track", {"keepalived-track-file"})):
        node.space.write("/etc/keepalived/keepalived.conf", text.replace(old, new) if old else text)
        assert codes(node) & known == wanted


def test_limits_and_windows(node):
    known = {"table-small", "hash-limit", "window-tracking"}

    def said(text):
        node.configure(text)
        return set(examine(node)) & known
    limit = int(node.space.read("/proc/sys/net/netfilter/nf_conntrack_max"))
    windows = conf(in_sync="Options { TCPWindowTracking on }")
    assert said(conf(in_general="HashLimit %d" % (limit - 1))) == {"hash-limit"}
    assert said(conf(in_general="HashLimit %d" % limit)) == set()
    assert said(conf(in_general="HashLimit %d" % (limit + 1))) == {"table-small"}
    node.space.sysctl(netfilter__nf_conntrack_tcp_be_liberal=1)
    assert said(windows) == {"hash-limit", "window-tracking"}
    node.space.sysctl(netfilter__nf_conntrack_tcp_be_liberal=0)
    assert said(windows) == {"hash-limit"}


def test_remarks_about_the_configuration(node):
    node.configure(conf())
    (remarks,) = examine(node)["config-remarks"]
    assert remarks["numbers"] == {"warnings": 2}
    node.configure(conf(in_general="NetlinkBufferSize 2097152", in_filter="Protocol Ignore { UDP }"))
    assert "config-remarks" not in examine(node)


def test_a_log_without_room(node):
    node.configure(conf())
    sh(node, "mount -t tmpfs -o size=400k lab /var/log")
    assert "log-disk" not in examine(node)
    sh(node, "head -c 390000 /dev/zero > /var/log/other.log")
    (full,) = examine(node)["log-disk"]
    assert full["numbers"]["free_percent"] < 5 and full["subject"] == "/var/log/conntrackd.log"


def test_events_that_are_lost(node):
    node.configure(conf(in_general="NetlinkBufferSize 4096\nHashLimit 60000"))
    assert node.start_daemon().returncode == 0
    assert "events-lost" not in examine(node)
    for burst in range(20):
        node.create(*[tcp(i, src="10.%d.0.1" % burst) for i in range(500)])
        if "events-lost" in examine(node):
            break
    (lost,) = examine(node)["events-lost"]
    assert lost["numbers"]["overruns"] > 0 and lost["numbers"]["buffer"] <= 8192
    assert "NetlinkBufferSize" in lost["advice"]


def test_nothing_comes(node):
    """Ten seconds are what a peer is given."""
    node.configure(conf())
    assert node.start_daemon().returncode == 0
    assert not {"link-silent", "peer-unknown"} & codes(node)
    wait_until(lambda: {"link-silent", "peer-unknown"} <= codes(node), 20, "silence is found", 0.5)
    (silent,) = examine(node)["link-silent"]
    assert silent["numbers"]["sent"] > 0 and silent["subject"] == "eth2"


def test_what_a_daemon_leaves_behind(node):
    node.configure(conf())
    assert codes(node) >= {"daemon-down"} and not codes(node) & {"socket-left", "lock-left"}
    assert node.start_daemon().returncode == 0
    assert not codes(node) & {"daemon-down", "socket-left", "lock-left"}
    node.kill_daemon(signal.SIGKILL)
    assert codes(node) >= {"daemon-down", "socket-left", "lock-left"}
    sh(node, "rm %s %s" % (SOCKET, LOCK), "touch " + SOCKET)
    left = codes(node)
    assert "socket-other" in left and not left & {"socket-left", "lock-left"}
    node.configure(conf(in_general="LogFile /run/none/c.log").replace("LogFile /var/log/conntrackd.log", ""))
    assert "directory-missing" in codes(node)
    node.configure(conf().replace("Interface eth2", "Interface eth7"))
    assert "link-missing" in codes(node)


def test_a_daemon_that_knows_no_verbs():
    if not incumbent("ref"):
        pytest.skip("no conntrack-tools")
    old = node_module.Node(REF)
    try:
        old.configure(conf())
        assert old.start_daemon().returncode == 0
        shutil.copy(OURS, old.space.path("/run/ours"))
        done = old.space.run("/run/ours", "doctor", "--json", check=False)
        found = {f["code"]: f["text"] for f in json.loads(done.stdout)["findings"]}
        assert "it is a conntrackd 1.4" in found["not-looked"] and done.stderr == ""
        assert not {"daemon-down", "socket-left", "lock-left"} & set(found)
    finally:
        old.close()


def test_addresses_of_translated_flows(make_lab):
    """A flow of fw1 that is translated to an address of fw1's own is of no use on fw2."""
    lab = make_lab()
    lab.configure("FTFW")
    lab.start_daemons()
    # More than one slice of them.
    flows = [{**tcp(i), "snat": ("203.0.113.5", 0), "status": ctnl.SEEN_REPLY | ctnl.ASSURED} for i in range(700)]
    with lab.fw1.table() as table:
        for flow in flows:
            table.create(flow)
    wait_until(lambda: lab.fw2.ct("-e").stdout.count("dport=80") == 700, 10, "the flows are replicated", 0.1)
    assert not {"nat-address", "nat-address-perhaps"} & codes(lab.fw1)
    (perhaps,) = examine(lab.fw2)["nat-address-perhaps"]
    assert perhaps["subject"] == "203.0.113.5" and perhaps["numbers"] == {"flows": 700}
    sh(lab.fw2, "mkdir -p /tmp/keepalived /etc/keepalived && mount --bind /tmp/keepalived /etc/keepalived")

    def keepalived(address):
        lab.fw2.space.write("/etc/keepalived/keepalived.conf",
                            "vrrp_instance V {\n\tvirtual_ipaddress {\n\t\t%s\n\t}\n}\n" % address)
        return codes(lab.fw2)
    assert "nat-address" in keepalived("203.0.113.6/24")
    assert not {"nat-address", "nat-address-perhaps"} & keepalived("203.0.113.5/24 dev eth1")
    assert "nat-address" in keepalived("203.0.113.6/24")
    for add, take_back in (("ip route add blackhole 203.0.113.0/24", "ip route del blackhole 203.0.113.0/24"),
                           ("ip addr add 203.0.113.5/32 dev eth1", "ip addr del 203.0.113.5/32 dev eth1")):
        sh(lab.fw2, add)
        assert not {"nat-address", "nat-address-perhaps"} & codes(lab.fw2), add
        sh(lab.fw2, take_back)
        assert "nat-address" in codes(lab.fw2)


def test_the_manual_describes_each_code():
    with open(os.path.join(ROOT, "src/console/doctor.c")) as f:
        known = dict(re.findall(r'\] = \{"([a-z-]+)", SEVERITY_(\w+)\}', f.read()))
    with open(os.path.join(ROOT, "man/conntrackd.8")) as f:
        page = f.read()
    section = page[page.index(".Sh DOCTOR"):]
    section = section[:section.index("\n.Sh ", 5)]
    listed = dict(re.findall(r"^\.It Li ([a-z-]+) Pq (\w+)$", section, re.M))
    assert len(known) > 50 and listed == {code: level.lower() for code, level in known.items()}
