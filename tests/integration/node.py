# SPDX-License-Identifier: GPL-2.0-or-later
"""One firewall on its own: namespaces, a dedicated link that leads nowhere, and a configuration that a
test makes out of clauses.  Much cheaper than a lab; for all that one node shows by itself."""

import re
import time

import lab
from space import Space, wait_until

LOCK, SOCKET = "/run/lock/conntrack.lock", "/run/conntrackd.ctl"
# Packets on loopback are tracked.
TRACKING_NFT = """
table inet t {
	chain output {
		type filter hook output priority 0
		ct state new accept
	}
}
"""
LINK = """Multicast {
		IPv4_address 225.0.0.50
		IPv4_interface 192.168.100.100
		Interface eth2
		Group 3780
		%s
	}"""


def conf(mode="FTFW", in_mode="", in_link="", in_sync="", in_general="", in_filter=None, top="",
         sync=None, log=True):
    """A configuration with clauses in its places; sync: the whole section in another's stead."""
    if sync is None:
        sync = "Sync {\n\tMode %s { %s }\n\t%s\n\t%s\n}" % (mode, in_mode, LINK % in_link, in_sync)
    return """%s
General {
	LockFile /var/lock/conntrack.lock
	UNIX { Path %s }
	HashSize 1024
	HashLimit 2048
	%s
	%s
	%s
}
%s
""" % (sync, SOCKET, "LogFile /var/log/conntrackd.log" if log else "", in_general,
       "" if in_filter is None else in_filter if in_filter.startswith("Filter")
       else "Filter { %s }" % in_filter, top)


def tcp(i, src="192.168.1.10", state=3, **more):
    return {"orig": (src, "192.168.0.10", 6, 4000 + i, 80, 0), "tcp": (state, 0, 0, 0, 0),
            "status": 6, **more}


def udp(i, src="192.168.1.10", **more):
    return {"orig": (src, "192.168.0.10", 17, 4000 + i, 53, 0), "status": 6, **more}


class Node(lab.Firewall):
    """A firewall without a lab."""

    def __init__(self, binary):
        super().__init__(None, "fw1", binary)

    def boot(self):
        self.space = Space(self.name)
        try:
            self.space.run("sh", "-c", lab.MOUNTS, "sh", self.binary)
            self.space.run("mount", "-t", "tmpfs", "-o", "mode=1777", "lab", "/tmp")
            self.space.run("sh", "-ec", "ip link set lo up\n"
                           "ip link add eth2 type veth peer name cable\n"
                           "ip link set cable up\nip link set eth2 up\n"
                           "ip addr add 192.168.100.100/24 dev eth2")
            self.space.sysctl(netfilter__nf_conntrack_events=1)
            self.space.run("nft", "-f", "-", stdin=TRACKING_NFT)
        except BaseException:
            self.space.close()
            raise

    def try_conf(self, text):
        """Does the daemon start with it?  (exit status of -d, all that it said); it is stopped."""
        self.configure(text)
        done = self.start_daemon()
        said = done.stdout + done.stderr + self.log()
        if done.returncode == 0:
            self.kill_daemon(15)
        return done.returncode, said

    def create(self, *flows):
        with self.table() as table:
            for flow in flows:
                table.create(flow)

    def delete(self, *flows):
        with self.table() as table:
            for flow in flows:
                table.delete(flow)

    def cached(self, count, which="-i", timeout_s=5, match="src=192.168.1.10 "):
        """Waits until so many of the test's flows are shown; their lines."""
        wait_until(lambda: len(self.dump(which, match)) == count, timeout_s,
                   "%d flows shown by %s" % (count, which), 0.05)
        return self.dump(which, match)

    def says(self, text, timeout_s=5):
        wait_until(lambda: text in self.log(), timeout_s, "the log says: " + text)

    def number(self, name, what="runtime"):
        """The value of a counter of -s."""
        found = re.search(r"^\s*%s\s+(\d+)" % re.escape(name),
                          self.ct("-s", what, check=True).stdout, re.M)
        return int(found[1])

    def for_a_while(self, seconds, condition):
        """Holds all the time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert condition()
            time.sleep(0.1)
