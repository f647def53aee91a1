# SPDX-License-Identifier: GPL-2.0-or-later
"""Operation without one cache or the other: what arrives is in the kernel at once, what is shown is the
kernel's, and no order on a cache touches the kernel's table."""

import re

import pytest
from conftest import incumbent
from space import wait_until
from test_interop import FLOWS, TCP, assert_committed, inject, injected, tup

NO_EXTERNAL = "DisableExternalCache on"
NO_CACHE = "DisableInternalCache on\n\t\tDisableExternalCache on"
# Nothing that a kernel in the test loses by itself while the test looks on.
LASTING = {name: flow for name, flow in FLOWS.items()
           if not name.startswith(("icmp", "udp-unreplied", "tcp-syn"))}


@pytest.fixture
def start(make_lab):
    def begin(pair=("ours", "ours"), mode="NOTRACK", options=NO_EXTERNAL):
        lab = make_lab(pair, features=("label",))
        for fw in lab.fws:
            fw.space.run("nft", "add table ip6 nat; add chain ip6 nat post "
                         "{ type nat hook postrouting priority 100; }")
        lab.configure(mode, mode_options=options, protocols="")
        lab.start_daemons()
        return lab
    return begin


def acknowledged_or_not(mode):
    if mode == "ALARM":
        pytest.skip("ALARM always has both caches")


def arrived(fw, n, timeout_s=8):
    wait_until(lambda: len(fw.flows(injected)) == n, timeout_s, "%d flows in the kernel" % n, 0.1)


def test_peers_flows_are_in_the_kernel_at_once_and_leave_it(start, pair, mode):
    if incumbent(pair[1]):
        pytest.skip("what the incumbent writes is its own affair")
    acknowledged_or_not(mode)
    lab = start(pair, mode)
    inject(lab.fw1, LASTING)
    arrived(lab.fw2, len(LASTING))
    assert_committed(lab.fw1, lab.fw2, "ours", len(LASTING))
    assert lab.fw2.ct("-e", check=True).stdout == ""
    with lab.fw1.table() as table:
        table.delete(LASTING["udp"])
        table.delete(LASTING["zone"])
    arrived(lab.fw2, len(LASTING) - 2)


def test_the_incumbent_without_external_cache_takes_what_we_tell(start, mode):
    """It needs a timeout with each flow, and refuses flows without one."""
    acknowledged_or_not(mode)
    lab = start(("ours", "ref"), mode, NO_EXTERNAL)
    inject(lab.fw1, {"tcp": FLOWS["tcp"], "udp": FLOWS["udp"], "snat": FLOWS["snat"]})
    arrived(lab.fw2, 3)


def test_orders_on_disabled_caches_leave_the_kernel_alone(start):
    """The stock scripts say -f right after -c (W9)."""
    lab = start(options=NO_CACHE)
    inject(lab.fw1, LASTING)
    arrived(lab.fw2, len(LASTING))
    for fw in lab.fws:
        for order in ("-c", "-f", "-f internal", "-f external", "-R", "-B", "-n"):
            done = fw.ct(*order.split())
            assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), order
        assert len(fw.flows(injected)) == len(LASTING)


def test_what_is_shown_without_an_internal_cache_is_the_kernels(start):
    lab = start(options=NO_CACHE)
    inject(lab.fw1, {"tcp": FLOWS["tcp"], "udp": FLOWS["udp"]})
    shown = [line for line in lab.fw1.ct("-i", check=True).stdout.splitlines()
             if "src=192.168.1.10 " in line]
    assert len(shown) == 2
    tcp = [line for line in shown if line.startswith("tcp ")][0]
    assert re.match(r"tcp      6 \d+ ESTABLISHED src=192\.168\.1\.10 dst=192\.168\.0\.20 sport=4000 "
                    r"dport=80 src=192\.168\.0\.20 dst=192\.168\.1\.10 sport=80 dport=4000 "
                    r"\[ASSURED\] mark=0", tcp), tcp
    assert "active since" not in tcp
    real = lab.fw1.space.run("conntrack", "-L", "-p", "tcp", "-s", "192.168.1.10").stdout
    assert abs(int(tcp.split()[2]) - int(real.split()[2])) <= 2
    assert lab.fw1.ct("-i", "-x", check=True).stdout.count("<flow>") >= 2


def test_statistics_name_the_caches_that_are_not(start):
    lab = start(options=NO_CACHE)
    inject(lab.fw1, {"tcp": FLOWS["tcp"]})
    arrived(lab.fw2, 1)
    text = lab.fw1.ct("-s", check=True).stdout
    assert re.match(r"internal bypass:\nconnections new:\t\t +\d+\nconnections updated:\t\t +\d+\n"
                    r"connections destroyed:\t\t +\d+\n\nexternal inject:\n"
                    r"connections created:\t\t +\d+\tfailed:\t +\d+\n"
                    r"connections updated:\t\t +\d+\tfailed:\t +\d+\n"
                    r"connections destroyed:\t\t +\d+\tfailed:\t +\d+\n\ntraffic processed:\n", text)
    created = re.search(r"inject:\nconnections created:\t\t +(\d+)\t", lab.fw2.ct("-s").stdout)
    assert int(created.group(1)) == 1
    assert lab.fw1.ct("-s", "cache").stdout.startswith("internal bypass:\n")
    log = lab.fw1.log()
    assert "disabling internal cache" in log and "disabling external cache" in log


def test_the_end_of_a_copy_is_not_told_as_the_end_of_the_flow(start):
    """With both caches disabled on both sides the incumbent kills live flows so (W1)."""
    lab = start(options=NO_CACHE)
    inject(lab.fw1, {"udp": FLOWS["udp"]})
    arrived(lab.fw2, 1)
    with lab.fw2.table() as table:
        table.delete(FLOWS["udp"])
    wait_until(lambda: not lab.fw2.flows(injected), 3, "the copy is gone")
    # Whoever heard of that would have acted by now.
    inject(lab.fw2, {"tcp": FLOWS["tcp"]})
    wait_until(lambda: (FLOWS["tcp"]["orig"], 0) in lab.fw1.flows(injected), 5, "the next flow")
    assert (FLOWS["udp"]["orig"], 0) in lab.fw1.flows(injected)


def test_an_update_of_a_translated_ipv6_flow_does_not_make_it_anew(start):
    """W28: the incumbent destroys and creates it each time."""
    lab = start(options=NO_CACHE)
    inject(lab.fw1, {"snat6": FLOWS["snat6"]})
    arrived(lab.fw2, 1)
    before = node_counter(lab.fw2, "commit_replaced")
    lab.fw1.space.run("conntrack", "-U", "-f", "ipv6", "-p", "tcp", "--mark", "42")
    wait_until(lambda: any(f.get("mark") == 42 for f in lab.fw2.flows(injected).values()), 5,
               "the mark")
    assert node_counter(lab.fw2, "commit_replaced") == before


def node_counter(fw, name):
    return int(re.search(r"\t%s +(\d+)" % name, fw.ct("-s", "runtime").stdout).group(1))


def test_more_flows_than_hashlimit_where_no_cache_is_asked_for(make_lab):
    """HashLimit limits caches; without them nothing but the kernel's own limit is expected."""
    import lab as lab_module
    lab = make_lab()
    for fw in lab.fws:
        text = lab_module.conntrackd_conf(fw.name, "NOTRACK", mode_options=NO_CACHE, protocols="")
        fw.configure(text.replace("HashLimit 131072", "HashLimit 10"))
    lab.start_daemons()
    inject(lab.fw1, {"f%d" % i: {"orig": tup(60, TCP, 10000 + i, 80), "tcp": (3, 0, 0, 0, 0),
                                 "status": 6} for i in range(50)})
    arrived(lab.fw2, 50)
