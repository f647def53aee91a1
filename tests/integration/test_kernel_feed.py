# SPDX-License-Identifier: GPL-2.0-or-later
"""How a daemon hears of its kernel's table: events, lost events, polling; and which of them it wants."""

import contextlib
import os
import re
import signal
import socket
import threading
import time

import ctnl
import lab as lab_module
import pytest
from node import conf, tcp, udp
from space import wait_until

BURST = 3000
@contextlib.contextmanager
def storm(fw, pause_s=0.001):
    """Flows come and go, hundreds in one system call: more at once than a small buffer holds, however
    quick its reader is."""
    def flow(i):
        return ("192.168.1.77", "192.168.0.10", 17, 1000 + i, 53, 0)

    def blow():
        with fw.table() as table:
            make = b"".join(table.message(ctnl.CT_NEW, ctnl.NLM_F_CREATE, socket.AF_INET,
                                          ctnl.build_flow({"orig": flow(i)})) for i in range(300))
            take = b"".join(table.message(ctnl.CT_DELETE, 0, socket.AF_INET, ctnl.build_tuple(
                ctnl.TUPLE_ORIG, flow(i))) for i in range(300))
            while not over.wait(pause_s):
                table.sock.sendall(make)
                table.sock.sendall(take)
    over = threading.Event()
    blower = threading.Thread(target=blow)
    blower.start()
    try:
        yield
        assert blower.is_alive()
    finally:
        over.set()
        blower.join(10)


def many(count, base=0):
    for i in range(count):
        n = base + i
        yield {"orig": ("192.168.1.10", "10.0.%d.%d" % (n >> 8, n & 255), 6, 4000, 80, 0),
               "tcp": (3, 0, 0, 0, 0), "status": 6}


def deaf(fw, act):
    """While the daemon is stopped, so that its event socket overflows."""
    pids = fw.daemon_pids()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        act()
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def shown(fw, which="-i"):
    return len(fw.dump(which, "src=192.168.1.10 "))


def runtime(fw, name):
    found = re.search(r"^\s*%s\s+(\d+)" % re.escape(name), fw.ct("-s", "runtime").stdout, re.M)
    return int(found[1])


def pair_conf(general, place="Userspace", which="fw1"):
    return re.sub(r"NetlinkBufferSize\w* \d+\n\s*", "", lab_module.conntrackd_conf(
        which, general_options=general)).replace("From Userspace", "From " + place)


SMALL = "NetlinkBufferSize 20000 NetlinkBufferSizeMaxGrowth 20000\n\t"


# Lost events --------------------------------------------------------------------------------------

def test_what_was_lost_in_a_burst_is_made_good(make_lab):
    """Ends too; the peer hears of differences, and there is no whole resend."""
    lab = make_lab()
    lab.configure("FTFW")
    lab.fw1.configure(pair_conf(SMALL + "NetlinkOverrunResync on"))
    # They are there before the daemon is: on a busy machine their events alone would overflow so
    # small a buffer, and the next read would wait.
    with lab.fw1.table() as table:
        for flow in many(1000):
            table.create(flow)
    lab.start_daemons()
    wait_until(lambda: shown(lab.fw2, "-e") == 1000, 10, "replicated")
    # Each asks the other for everything once, a second after the first contact.
    wait_until(lambda: "resync requested by other node" in lab.fw1.log(), 10, "asked")
    wait_until(lambda: runtime(lab.fw1, "bulk_sends") == lab.fw1.log().count("bulk update sent"), 10,
               "answered")
    bulks = runtime(lab.fw1, "bulk_sends")

    def burst():
        with lab.fw1.table() as table:
            for flow in many(1000):
                table.delete(flow)
            for flow in many(BURST, 1000):
                table.create(flow)
    deaf(lab.fw1, burst)
    wait_until(lambda: shown(lab.fw2, "-e") == BURST, 10, "made good")
    assert shown(lab.fw1) == BURST
    assert not lab.fw2.dump("-e", "dst=10.0.0.1 ")
    assert runtime(lab.fw1, "netlink overrun:") >= 1
    assert runtime(lab.fw1, "bulk_sends") == bulks
    assert "the kernel dropped events because our netlink buffer was full: the table will be read " \
        "again in 500 ms" in lab.fw1.log()


def test_with_off_the_table_is_never_read_again_but_by_order(node):
    node.configure(conf(in_general=SMALL + "NetlinkOverrunResync off").replace(
        "HashLimit 2048", "HashLimit 262144"))
    node.start_daemon(check=True)
    deaf(node, lambda: node.create(*many(BURST)))
    wait_until(lambda: runtime(node, "netlink overrun:") >= 1, 5, "an overrun")
    before = shown(node)
    node.for_a_while(2, lambda: runtime(node, "resync with kernel table:") == 0)
    assert shown(node) == before < BURST
    assert node.ct("-R").returncode == 0
    assert shown(node) == BURST
    # Once it is allowed, what is owed is made good.
    deaf(node, lambda: node.create(*many(BURST, BURST)))
    wait_until(lambda: runtime(node, "netlink overrun:") >= 2, 5, "an overrun")
    node.configure(conf(in_general=SMALL + "NetlinkOverrunResync on").replace(
        "HashLimit 2048", "HashLimit 262144"))
    for pid in node.daemon_pids():
        os.kill(pid, signal.SIGHUP)
    wait_until(lambda: runtime(node, "resync with kernel table:") == 2, 5, "a read")


def test_after_a_read_for_lost_events_the_next_one_waits(node):
    node.configure(conf(in_general=SMALL + "NetlinkOverrunResync 3").replace(
        "HashLimit 2048", "HashLimit 262144"))
    node.start_daemon(check=True)
    deaf(node, lambda: node.create(*many(BURST)))
    wait_until(lambda: shown(node) == BURST, 5, "made good")
    first = time.monotonic()
    deaf(node, lambda: node.create(*many(BURST, BURST)))
    wait_until(lambda: shown(node) == 2 * BURST, 8, "made good again")
    assert 2 < time.monotonic() - first < 6


@pytest.mark.parametrize("size, limit, pause_s", [(4608, 100, 0.001), (200000, 1, 0)])
def test_a_storm_without_end_puts_nothing_off_for_ever(make_lab, size, limit, pause_s):
    """The buffer overflows again and again, or is never empty; meanwhile the table is read, and clients
    are served."""
    lab = make_lab()
    lab.configure("FTFW")
    lab.fw1.configure(pair_conf("NetlinkBufferSize %d NetlinkBufferSizeMaxGrowth %d\n\t"
                                "NetlinkOverrunResync 1\n\tEventIterationLimit %d" % (
                                    size, size, limit)))
    lab.start_daemons()
    with storm(lab.fw1, pause_s):
        wait_until(lambda: runtime(lab.fw1, "netlink overrun:") > 5, 5, "overruns")
        with lab.fw1.table() as table:
            for flow in many(500):
                table.create(flow)
        reads = runtime(lab.fw1, "resync with kernel table:")
        wait_until(lambda: runtime(lab.fw1, "resync with kernel table:") >= reads + 2, 5, "two reads")
        wait_until(lambda: shown(lab.fw2, "-e") == 500, 5, "all of them on the peer")
        assert lab.fw1.ct("-s", timeout_s=3).seconds < 2


def test_reliable_delivery_loses_no_end_of_a_flow(node):
    """A statistics line for each, though the buffer was full at the time."""
    for reliable in ("off", "on"):
        node.configure(conf(sync="Stats { LogFile /var/log/%s.log }" % reliable,
                            in_general=SMALL + "NetlinkOverrunResync off\n\tNetlinkEventsReliable "
                            + reliable).replace("HashLimit 2048", "HashLimit 262144"))
        node.start_daemon(check=True)
        # The buffer holds fifteen events.
        for base in range(0, 500, 10):
            node.create(*many(10, base))
            wait_until(lambda n=base + 10: shown(node) == n, 5, "cached")
        deaf(node, lambda: node.delete(*many(500)))

        def ended():
            return node.space.read("/var/log/%s.log" % reliable).count("src=192.168.1.10")
        if reliable == "on":
            assert "reliable ctnetlink event delivery is ENABLED." in node.log()
            wait_until(lambda: ended() == 500, 10, "500 lines")
            assert runtime(node, "netlink overrun:") == 0
        else:
            wait_until(lambda: runtime(node, "netlink overrun:") == 1, 5, "an overrun")
            assert 0 < ended() < 500
        node.stop_daemon()


# The size of the buffer ---------------------------------------------------------------------------

def sizes_said(node):
    return [int(n) for n in re.findall(r"(?:set|doubled) to (\d+) bytes", node.log())]


def test_the_buffer_grows_and_its_size_is_the_one_in_force(node):
    node.configure(conf(in_general="NetlinkBufferSize 50000 NetlinkBufferSizeMaxGrowth 250000"))
    node.start_daemon(check=True)
    assert runtime(node, "current buffer size (in bytes):") == 50000
    for i in range(4):
        deaf(node, lambda base=i * BURST: node.create(*many(BURST, base)))
        wait_until(lambda n=i: runtime(node, "netlink overrun:") > n, 5, "an overrun")
    assert sizes_said(node) == [50000, 100000, 200000]
    assert runtime(node, "current buffer size (in bytes):") == 200000
    # That there is an end to it is said, but not each time.
    assert node.log().count("cannot be doubled further since it will exceed "
                            "NetlinkBufferSizeMaxGrowth (200000 bytes now)") == 1


@pytest.mark.slow
def test_that_the_buffer_grows_no_more_is_said_again(node):
    node.configure(conf(in_general=SMALL))
    node.start_daemon(check=True)
    for wait_s in (0, 0, 61):
        time.sleep(wait_s)
        before = runtime(node, "netlink overrun:")
        deaf(node, lambda: node.create(*many(BURST, before * BURST)))
        wait_until(lambda: runtime(node, "netlink overrun:") > before, 5, "an overrun")
    assert node.log().count("cannot be doubled further") == 2
    assert "events were lost 2 times since this was last said" in node.log()


@pytest.mark.parametrize("asked", ["NetlinkBufferSize 100", "NetlinkBufferSize 262142", "",
                                   "SocketBufferSize 262142 SocketBufferSizeMaxGrown 655355"])
def test_a_size_is_said_only_if_it_is_in_force(node, asked):
    node.configure(conf(in_general=asked))
    node.start_daemon(check=True)
    said, = sizes_said(node)
    assert runtime(node, "current buffer size (in bytes):") == said
    if "262142" in asked:
        assert said == 262142
    elif asked:
        assert said > 100


# Polling ------------------------------------------------------------------------------------------

def test_polling_announces_what_differs_and_nothing_else(make_lab):
    lab = make_lab()
    lab.configure("FTFW")
    lab.fw1.configure(pair_conf("PollSecs 1"))
    with lab.fw1.table() as table:
        for flow in many(50):
            table.create(flow)
    lab.start_daemons()
    assert "running in polling mode" in lab.fw1.log()
    wait_until(lambda: shown(lab.fw2, "-e") == 50, 10, "what was there at the start")
    # Until both have been told all that they asked for.
    wait_until(lambda: lab.fw1.log().count("bulk update sent: 50 flows") >= 2, 10, "greeted")
    time.sleep(2)
    bulks = runtime(lab.fw1, "bulk_sends")
    sent = runtime(lab.fw1, "send_messages")
    time.sleep(3)
    # Keepalives and acknowledgements, but none of the fifty.
    assert runtime(lab.fw1, "send_messages") - sent < 15
    assert "entries deleted" not in lab.fw1.log()
    with lab.fw1.table() as table:
        for flow in many(30):
            table.delete(flow)
        for flow in many(5, 100):
            table.create(flow)
    wait_until(lambda: shown(lab.fw2, "-e") == 25, 4, "the difference")
    assert shown(lab.fw1) == 25
    assert len(lab.fw2.dump("-e", "dst=10.0.0.10")) == 5
    assert runtime(lab.fw1, "bulk_sends") == bulks
    assert runtime(lab.fw1, "events received:") == 0
    # Both ways: it takes the peer's flows to its kernel, too, and knows them for what they are.
    with lab.fw2.table() as table:
        table.create(tcp(1))
    wait_until(lambda: len(lab.fw1.dump("-e", "sport=4001 ")) == 1, 5, "the peer's")
    lab.fw1.ct("-c", check=True)
    assert len(lab.fw1.flows(lambda f: f["orig"][3] == 4001)) == 1


# Filters ------------------------------------------------------------------------------------------

FLOWS = [
    tcp(1), tcp(2, state=7), udp(3),
    {**tcp(4, src="10.9.9.9"), "orig": ("10.9.9.9", "192.168.0.10", 6, 4004, 80, 0)},
    # Translated: the destination that counts is the one behind it.
    {"orig": ("10.9.9.9", "192.0.2.1", 6, 4005, 80, 0),
     "reply": ("192.168.1.20", "10.9.9.9", 6, 80, 4005, 0), "tcp": (3, 0, 0, 0, 0), "status": 6},
    {"orig": ("2001:db8::1", "2001:db8:1::2", 6, 4006, 80, 0), "tcp": (3, 0, 0, 0, 0), "status": 6},
    {"orig": ("fe80::1", "fe80::2", 17, 4007, 53, 0), "status": 6},
]
FILTERS = {
    "Protocol Accept { TCP }": {4001, 4002, 4004, 4005, 4006},
    "Protocol Ignore { 6 }": {4003, 4007},
    "Protocol Ignore { UDP icmp VRRP IPv6-ICMP }": {4001, 4002, 4004, 4005, 4006},
    "Address Accept { IPv4_address 192.168.1.0/24 }": {4001, 4002, 4003, 4005},
    "Address Ignore { IPv4_address 192.168.1.20 }": {4001, 4002, 4003, 4004, 4006, 4007},
    "Address Accept { IPv6_address fe80::/10 }": {4007},
    "Address Ignore { IPv4_address 10.0.0.0/8 IPv6_address fe80::/10 }": {4001, 4002, 4003, 4006},
    "State Accept { ESTABLISHED CLOSED for TCP }": {4001, 4003, 4004, 4005, 4006, 4007},
    "State Ignore { TIME_WAIT for TCP }": {4001, 4003, 4004, 4005, 4006, 4007},
    "Protocol Accept { TCP } Address Ignore { IPv6_address 2001:db8::/32 } "
    "State Ignore { TIME_WAIT for TCP }": {4001, 4004, 4005},
}


def ports(node):
    found = re.findall(r"^\w+ .*? sport=(40\d\d) dport=(?:80|53) src=", node.ct("-i").stdout, re.M)
    return {int(port) for port in found}


@pytest.mark.parametrize("place", ["Userspace", "Kernelspace"])
@pytest.mark.parametrize("text", list(FILTERS))
def test_a_filter_means_the_same_wherever_it_works_for_events_and_for_reads(node, place, text):
    node.configure(conf(in_filter="Filter From %s { %s }" % (place, text)))
    node.start_daemon(check=True)
    node.says("using %s event filtering" % ("user-space" if place == "Userspace"
                                            else "kernel-space"))
    node.create(*FLOWS)
    wait_until(lambda: ports(node) >= FILTERS[text], 5, "those that pass")
    time.sleep(0.1)
    assert ports(node) == FILTERS[text]
    node.ct("-f", "internal", check=True)
    node.ct("-R", check=True)
    assert ports(node) == FILTERS[text]
    node.delete(*FLOWS)
    wait_until(lambda: not ports(node), 5, "their ends")


def test_events_that_do_not_pass_are_dropped_by_the_kernel(node):
    seen = {}
    for place in ("Userspace", "Kernelspace"):
        node.configure(conf(in_filter="Filter From %s { Protocol Accept { TCP } }" % place))
        node.start_daemon(check=True)
        node.create(*(udp(i) for i in range(200)), tcp(1))
        node.cached(1)
        seen[place] = runtime(node, "events received:")
        node.stop_daemon()
        node.delete(*(udp(i) for i in range(200)), tcp(1))
    assert seen["Userspace"] >= 200 > 20 > seen["Kernelspace"]


def test_more_addresses_than_the_kernel_takes_are_looked_at_all_the_same(node):
    nets = " ".join("IPv4_address 10.%d.%d.0/24" % (i >> 8, i & 255) for i in range(3000))
    node.configure(conf(in_filter="Filter From Kernelspace { Protocol Ignore { UDP } "
                        "Address Ignore { %s } }" % nets))
    node.start_daemon(check=True)
    node.says("using kernel-space event filtering")
    node.says("more addresses than the kernel takes")
    node.create(tcp(1), tcp(2, src="10.11.1.1"), udp(3))
    node.cached(1)
    time.sleep(0.1)
    assert "10.11.1.1" not in node.ct("-i").stdout and "udp" not in node.ct("-i").stdout
