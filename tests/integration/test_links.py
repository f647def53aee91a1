# SPDX-License-Identifier: GPL-2.0-or-later
"""Dedicated links of every kind, with both binaries at either end, and several of them.

Beside eth2 a firewall of these tests can have a second cable, eth3 (192.168.101.0/24), to a bridge of
its own.
"""

import re
import time

import lab as lab_module
import pytest
from conftest import incumbent
from space import wait_until

from test_interop import FLOWS, external, inject

HOST = {"fw1": 1, "fw2": 2}
# What 1.4.7 can carry as well.
SOME = {name: FLOWS[name] for name in ("tcp", "tcp6", "udp", "snat", "mark")}


def addresses(name, dev, l3):
    """(own, peer's) on a cable."""
    n = HOST[name]
    if l3 == "link-local":
        return "fe80::%d:%d" % (int(dev[3:]), n), "fe80::%d:%d" % (int(dev[3:]), 3 - n)
    if l3 == "IPv6":
        return "fd00:%s::%d" % (dev[3:], n), "fd00:%s::%d" % (dev[3:], 3 - n)
    third = 98 + int(dev[3:])
    return "192.168.%d.%d00" % (third, n), "192.168.%d.%d00" % (third, 3 - n)


def link_block(name, kind, dev="eth2", l3="IPv4", default=False):
    own, peer = addresses(name, dev, l3)
    family = "IPv4" if l3 == "IPv4" else "IPv6"
    if kind == "Multicast":
        group = "225.0.0.50" if l3 == "IPv4" else "ff02::77" if l3 == "link-local" else "ff05::77"
        # 1.4.7 hears what comes to a port on all links that have it, whatever the group.
        where = ["%s_address %s" % (family, group), "Group %d" % (3778 + int(dev[3:]))]
        if l3 == "IPv4":
            where.append("IPv4_interface " + own)
    else:
        where = ["%s_address %s" % (family, own), "%s_Destination_Address %s" % (family, peer),
                 "Port 3780"]
    # 1.4.7 wants the interface after the address.
    return "%s%s {\n%s\nInterface %s\n}" % (kind, " Default" if default else "",
                                            "\n".join(where), dev)


def configure(lab, blocks, mode="FTFW", **options):
    """blocks(name): the text of the links of a firewall."""
    for fw in lab.fws:
        text = lab_module.conntrackd_conf(fw.name, mode, protocols="", **options)
        text = re.sub(r"Multicast \{.*?\}", lambda _: blocks(fw.name), text, count=1,
                      flags=re.DOTALL)
        fw.configure(text)


def add_cable(lab, dev="eth3"):
    """A second dedicated link."""
    bridge = "br-" + dev
    lines = ["link add %s type bridge mcast_snooping 0 forward_delay 0" % bridge,
             "link set %s up" % bridge]
    for fw in lab.fws:
        port = "%s-%s" % (fw.name, dev)
        lines += ["link add %s type veth peer name %s netns %d" % (port, dev, fw.space.init),
                  "link set %s master %s" % (port, bridge), "link set %s up" % port]
    lab.switch_ip(lines)
    for fw in lab.fws:
        fw.space.run("ip", "-batch", "-", stdin="address add %s/24 dev %s\nlink set %s up\n" % (
            addresses(fw.name, dev, "IPv4")[0], dev, dev))
        fw.space.run("nft", "insert rule inet filter input iifname %s accept" % dev)


def add_ipv6(lab, dev="eth2"):
    for fw in lab.fws:
        for l3 in ("IPv6", "link-local"):
            fw.space.run("ip", "address", "add", addresses(fw.name, dev, l3)[0] + "/64", "dev",
                         dev, "nodad")


def stats(fw, what="link"):
    return fw.ct("-s", what, check=True).stdout


def roles(fw):
    """{device: (status, role)} of `-s link'."""
    return {dev: (status, role) for dev, status, role in re.findall(
        r"^\w+ traffic device=(\S+) status=(\S+) role=(\S+):$", stats(fw), re.MULTILINE)}


def active(fw):
    found = [dev for dev, (_, role) in roles(fw).items() if role == "ACTIVE"]
    assert len(found) == 1
    return found[0]


def has_all(fw, flows):
    return len(external(fw)) == len(flows)


@pytest.mark.parametrize("l3", ["IPv4", "IPv6", "link-local"])
@pytest.mark.parametrize("kind", ["Multicast", "UDP", "TCP"])
@pytest.mark.parametrize("ftfw_or_not", ["FTFW", "NOTRACK"])
def test_flows_pass_both_ways(make_lab, pair, kind, l3, ftfw_or_not):
    if kind == "TCP" and l3 == "link-local" and pair != ("ours", "ours"):
        pytest.skip("1.4.7 cannot connect to a link-local address")
    if ftfw_or_not == "NOTRACK" and l3 == "link-local":
        pytest.skip("the mode does not look at addresses")
    lab = make_lab(pair)
    add_ipv6(lab)
    configure(lab, lambda name: link_block(name, kind, l3=l3), ftfw_or_not)
    lab.start_daemons()
    # The incumbent connects with what it has to send, at most once a second.
    time.sleep(2.5 if kind == "TCP" else 0)
    names = list(SOME)
    inject(lab.fw1, {name: SOME[name] for name in names[:3]})
    inject(lab.fw2, {name: SOME[name] for name in names[3:]})
    wait_until(lambda: has_all(lab.fw2, names[:3]) and has_all(lab.fw1, names[3:]), 8,
               "flows on both sides", 0.1)
    word = {"Multicast": "multicast"}.get(kind, kind)
    for fw in lab.fws:
        text = fw.ct("-s", check=True).stdout
        ends = " server=connected client=connected" if kind == "TCP" else ""
        assert "\n%s traffic (active device=eth2)%s:\n" % (word, ends) in text
        assert "\t" not in text[text.index(word + " traffic"):text.index("message tracking")]
    assert roles(lab.fw1) == {"eth2": ("RUNNING", "ACTIVE")}


@pytest.mark.parametrize("l3", ["IPv4", "IPv6"])
def test_nothing_is_cut_into_fragments(make_lab, l3):
    """A full resend fills datagrams to the brim."""
    lab = make_lab()
    add_ipv6(lab)
    configure(lab, lambda name: link_block(name, "UDP", l3=l3))
    lab.fw1.space.run("nft", "add table inet look; add chain inet look out { type filter hook "
                      "postrouting priority 300; }; "
                      "add rule inet look out oifname eth2 ip frag-off & 0x3fff != 0 counter; "
                      "add rule inet look out oifname eth2 exthdr frag exists counter; "
                      "add rule inet look out oifname eth2 meta length 1450-1500 counter")
    lab.start_daemons()
    inject(lab.fw1, {n: {"orig": ("192.168.1.10", "192.168.0.20", 6, 1024 + n, 80, 0),
                         "tcp": (3, 0, 0, 0, 0), "status": 6} for n in range(300)})
    lab.fw1.ct("-B", check=True)
    wait_until(lambda: len(external(lab.fw2)) == 300, 8, "all flows", 0.1)
    counts = re.findall(r"counter packets (\d+)", lab.fw1.space.run(
        "nft", "list", "table", "inet", "look").stdout)
    assert counts[:2] == ["0", "0"] and int(counts[2]) > 5


def test_strangers_are_counted_and_named(make_lab):
    lab = make_lab()
    configure(lab, lambda name: link_block(name, "UDP"))
    lab.start_daemons()
    inject(lab.fw1, {"tcp": FLOWS["tcp"]})
    wait_until(lambda: len(external(lab.fw2)) == 1, 8, "the flow")
    lab.fw1.space.run("ip", "address", "add", "192.168.100.66/24", "dev", "eth2")
    for _ in range(3):
        lab.fw1.space.run(
            "python3", "-c", "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
            " s.bind(('192.168.100.66', 0)); s.sendto(b'x' * 20, ('192.168.100.200', 3780))")
    wait_until(lambda: "link_recv_strangers                        3\n" in
               stats(lab.fw2, "runtime"), 5, "strangers are counted")
    wait_until(lambda: "192.168.100.66" in lab.fw2.log(), 5, "and named")
    assert lab.fw2.log().count("192.168.100.66") == 1
    assert "192.168.100.100" not in lab.fw2.log().replace("peer 192.168.100.100", "")


def test_tcp_starts_without_a_link_and_comes_up_with_it(make_lab):
    """1.4.7 refuses to start then."""
    lab = make_lab()
    configure(lab, lambda name: link_block(name, "TCP"))
    lab.fw1.space.run("ip", "link", "set", "eth2", "down")
    lab.start_daemons()
    assert roles(lab.fw1) == {"eth2": ("DOWN", "ACTIVE")}
    inject(lab.fw1, {"tcp": FLOWS["tcp"]})
    lab.fw1.space.run("ip", "link", "set", "eth2", "up")
    wait_until(lambda: len(external(lab.fw2)) == 1, 12, "the flow", 0.1)


@pytest.mark.parametrize("kind", ["UDP", "TCP"])
def test_a_daemon_that_was_killed_is_connected_again(make_lab, pair, kind):
    lab = make_lab(pair)
    configure(lab, lambda name: link_block(name, kind))
    lab.start_daemons()
    time.sleep(2.5)
    inject(lab.fw1, {"tcp": FLOWS["tcp"]})
    wait_until(lambda: len(external(lab.fw2)) == 1, 8, "the first flow", 0.1)
    lab.fw2.kill_daemon()
    if incumbent(pair[1]):
        lab.fw2.space.run("rm", "-f", "/var/lock/conntrack.lock", "/run/conntrackd.ctl")
    inject(lab.fw1, {"udp": FLOWS["udp"]})
    time.sleep(1.5)
    assert lab.fw2.start_daemon().returncode == 0
    time.sleep(3)
    lab.fw2.ct("-n", check=True)
    wait_until(lambda: len(external(lab.fw2)) == 2, 12, "both flows", 0.1)
    inject(lab.fw1, {"mark": FLOWS["mark"]})
    wait_until(lambda: len(external(lab.fw2)) == 3, 8, "and what comes", 0.1)


def test_an_address_that_is_not_ours_is_refused_with_its_line(make_lab):
    lab = make_lab()
    configure(lab, lambda name: link_block(name, "UDP").replace("192.168.100.100",
                                                               "192.168.100.101"))
    done = lab.fw1.start_daemon()
    assert done.returncode == 1
    assert "192.168.100.101 is not an address of this host (UDP in line " in lab.fw1.log()


# ------------------------------------------------------------------------------------------------
# Several links


@pytest.fixture
def two_links(make_lab, pair):
    """A pair on two links of this kind; eth2 is the default one, though it is named last."""
    def make(kind, mode="FTFW"):
        lab = make_lab(pair)
        add_cable(lab)
        configure(lab, lambda name: link_block(name, kind, "eth3") + "\n" +
                  link_block(name, kind, "eth2", default=True), mode)
        lab.start_daemons()
        time.sleep(2.5 if kind == "TCP" else 1)
        assert roles(lab.fw1) == {"eth2": ("RUNNING", "ACTIVE"), "eth3": ("RUNNING", "BACKUP")}
        return lab
    return make


def peers_named(fw):
    return re.findall(r"peer (\S+): first heard", fw.log())


@pytest.mark.parametrize("kind", ["Multicast", "UDP", "TCP"])
@pytest.mark.parametrize("ftfw_or_not", ["FTFW", "NOTRACK"])
def test_a_cable_is_pulled_and_put_in_again(two_links, pair, kind, ftfw_or_not):
    lab = two_links(kind, ftfw_or_not)
    inject(lab.fw1, {"tcp": FLOWS["tcp"]})
    wait_until(lambda: len(external(lab.fw2)) == 1, 8, "the first flow", 0.1)
    asked = [fw.log().count("resync requested by other node") for fw in lab.fws]
    before = time.monotonic()
    lab.link("fw1", "eth2", False)
    wait_until(lambda: active(lab.fw1) == "eth3", 5, "fw1 changes its link", 0.02)
    took = time.monotonic() - before
    # The kernel may hold back the news of a carrier for a second.
    assert took < 2.5
    assert "device `eth3' becomes dedicated link" in lab.fw1.log()
    assert roles(lab.fw1)["eth2"] == ("NO-CARRIER", "BACKUP")
    wait_until(lambda: active(lab.fw2) == "eth3", 8, "fw2 follows", 0.1)
    inject(lab.fw1, {"udp": FLOWS["udp"]})
    inject(lab.fw2, {"mark": FLOWS["mark"]})
    wait_until(lambda: len(external(lab.fw2)) == 2 and len(external(lab.fw1)) == 1, 10,
               "flows over the other link", 0.1)
    lab.link("fw1", "eth2", True)
    for fw, which in zip(lab.fws, pair):
        # 1.4.7 stays where it is until it is spoken to on another link.
        if pair == ("ours", "ours") or incumbent(which):
            wait_until(lambda fw=fw: active(fw) == "eth2", 20, fw.name + " is back", 0.1)
    inject(lab.fw1, {"snat": FLOWS["snat"]})
    wait_until(lambda: len(external(lab.fw2)) == 3, 10, "flows over the default link", 0.1)
    if pair == ("ours", "ours") and ftfw_or_not == "FTFW":
        assert asked == [fw.log().count("resync requested by other node") for fw in lab.fws]
    for fw, which in zip(lab.fws, pair):
        if not incumbent(which):
            assert len(peers_named(fw)) == 1
        if pair == ("ours", "ours"):
            assert re.search(r"link_switches +2\n", stats(fw, "runtime"))


@pytest.mark.parametrize("kind", ["Multicast", "UDP", "TCP"])
def test_a_link_that_carries_nothing_is_left(two_links, pair, kind):
    lab = two_links(kind)
    inject(lab.fw1, {"tcp": FLOWS["tcp"]})
    wait_until(lambda: len(external(lab.fw2)) == 1, 8, "the first flow", 0.1)
    lab.silence("eth2", True)
    inject(lab.fw1, {"udp": FLOWS["udp"]})
    inject(lab.fw2, {"mark": FLOWS["mark"]})
    wait_until(lambda: active(lab.fw1) == "eth3" and active(lab.fw2) == "eth3", 12,
               "both change", 0.1)
    wait_until(lambda: len(external(lab.fw2)) == 2 and len(external(lab.fw1)) == 1, 10,
               "flows over the other link", 0.1)
    assert roles(lab.fw1)["eth2"] == ("RUNNING", "BACKUP")
    lab.silence("eth2", False)
    # It is tried after ten seconds, and if that was too early after twenty.
    wait_until(lambda: active(lab.fw1) == "eth2" and active(lab.fw2) == "eth2", 60,
               "both are back", 0.2)
    inject(lab.fw1, {"snat": FLOWS["snat"]})
    wait_until(lambda: len(external(lab.fw2)) == 3, 10, "flows over the default link", 0.1)
    for fw, which in zip(lab.fws, pair):
        if not incumbent(which):
            assert len(peers_named(fw)) == 1


def test_no_link_is_left(two_links):
    lab = two_links("UDP")
    fw = lab.fw1
    fw.space.run("ip", "link", "set", "eth3", "down")
    fw.space.run("ip", "link", "set", "eth2", "down")
    wait_until(lambda: "[ERROR] no dedicated links available!" in fw.log() or incumbent("ours"),
               5, "the error")
    assert {status for status, _ in roles(fw).values()} == {"DOWN"}
    inject(fw, {"tcp": FLOWS["tcp"]})
    fw.space.run("ip", "link", "set", "eth3", "up")
    wait_until(lambda: active(fw) == "eth3", 5, "the one that is there again", 0.05)
    wait_until(lambda: len(external(lab.fw2)) == 1, 15, "the flow", 0.1)


test_no_link_is_left.only_pairs = [("ours", "ours")]


def test_the_mtu_of_the_link_in_use_counts(two_links):
    """Datagrams made for a wide link leave in pieces when it is lost for a narrow one."""
    lab = two_links("UDP")
    for fw in lab.fws:
        fw.space.run("ip", "link", "set", "eth3", "mtu", "700")
    lab.fw1.space.run("nft", "add table inet look; add chain inet look out { type filter hook "
                      "postrouting priority 300; }; "
                      "add rule inet look out oifname eth3 ip frag-off & 0x3fff != 0 counter; "
                      "add rule inet look out oifname eth3 meta length > 600 counter")
    time.sleep(1.5)
    lab.link("fw1", "eth2", False)
    wait_until(lambda: active(lab.fw1) == "eth3", 5, "the narrow link")
    inject(lab.fw1, {n: {"orig": ("192.168.1.10", "192.168.0.20", 6, 1024 + n, 80, 0),
                         "tcp": (3, 0, 0, 0, 0), "status": 6} for n in range(200)})
    lab.fw1.ct("-B", check=True)
    wait_until(lambda: len(external(lab.fw2)) == 200, 10, "all flows", 0.1)
    counts = re.findall(r"counter packets (\d+)", lab.fw1.space.run(
        "nft", "list", "table", "inet", "look").stdout)
    assert counts[0] == "0" and int(counts[1]) > 5
    assert "Error send" in stats(lab.fw1)
    assert set(re.findall(r"(\d+) Error send", stats(lab.fw1))) == {"0"}


test_the_mtu_of_the_link_in_use_counts.only_pairs = [("ours", "ours")]
