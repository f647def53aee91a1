# SPDX-License-Identifier: GPL-2.0-or-later
"""The packet filter that SECURITY.md gives for the dedicated link, with the addresses that the lab has as well."""

import os
import re

from space import wait_until
from test_interop import FLOWS, external, inject
from test_links import configure, link_block, stats

PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "SECURITY.md")
SPEAK = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("192.168.100.66", 0))
for _ in range(3):
    s.sendto(b"x" * 20, ("192.168.100.100", 3780))
"""


def strangers(fw):
    found = re.search(r"link_recv_strangers +(\d+)", stats(fw, "runtime"))
    return int(found[1]) if found else 0


def test_the_rules_of_the_security_page_let_only_the_peer_speak(make_lab):
    lab = make_lab()
    with open(PAGE) as f:
        rules = re.search(r"^```nft\n(.*?)^```$", f.read(), re.MULTILINE | re.DOTALL)[1]
    lab.fw1.space.run("nft", "-f", "-", stdin=rules)
    lab.fw2.space.run("ip", "address", "add", "192.168.100.66/24", "dev", "eth2")
    configure(lab, lambda name: link_block(name, "UDP"))
    lab.start_daemons()

    lab.fw2.space.run("python3", "-c", SPEAK)
    inject(lab.fw1, {"tcp": FLOWS["tcp"]})
    wait_until(lambda: len(external(lab.fw2)) == 1, 15, "what we say leaves")
    # It is sent after what the stranger said, by the same cable.
    inject(lab.fw2, {"udp": FLOWS["udp"]})
    wait_until(lambda: len(external(lab.fw1)) == 1, 15, "what the peer says comes in")
    assert strangers(lab.fw1) == 0

    lab.fw1.space.run("nft", "delete table inet conntrackd_link")
    lab.fw2.space.run("python3", "-c", SPEAK)
    wait_until(lambda: strangers(lab.fw1) == 3, 15, "without the rules the stranger gets as far as the daemon")
