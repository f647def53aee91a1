# SPDX-License-Identifier: GPL-2.0-or-later
"""The resource agent under a real Pacemaker: corosync over the dedicated link, no keepalived; the cluster moves the
addresses to where the daemon is promoted."""

import os
import re
import shutil
import signal
import time

import pytest
from lab import ROOT, VIP_CLIENT, VIP_SERVER
from space import wait_until

pytestmark = pytest.mark.slow

COROSYNC = """totem {
	version: 2
	cluster_name: firewalls
	transport: udpu
	crypto_cipher: none
	crypto_hash: none
}
nodelist {
	node {
		ring0_addr: 192.168.100.100
		name: fw1
		nodeid: 1
	}
	node {
		ring0_addr: 192.168.100.200
		name: fw2
		nodeid: 2
	}
}
quorum {
	provider: corosync_votequorum
	two_node: 1
	wait_for_all: 0
}
logging {
	to_logfile: yes
	logfile: /var/log/corosync.log
	to_syslog: no
}
"""

# What Pacemaker keeps is this node's own.
MOUNTS = """set -e
for dir in /var/lib/pacemaker /usr/lib/ocf/resource.d; do
	cp -a $dir /tmp/kept
	mount -t tmpfs -o mode=755 lab $dir
	cp -a /tmp/kept/. $dir
	rm -r /tmp/kept
done
mount -t tmpfs -o mode=1777 lab /dev/shm
mount -t tmpfs lab /etc/corosync
mount -t tmpfs lab /var/lib/corosync
chown hacluster:haclient /var/lib/pacemaker
mkdir -p /run/crm /var/log/pacemaker /usr/lib/ocf/resource.d/conntrackd
chown hacluster:haclient /run/crm /var/log/pacemaker
"""

ADDRESS = """<primitive id="%(id)s" class="ocf" provider="heartbeat" type="IPaddr2">
<instance_attributes id="%(id)s-a"><nvpair id="%(id)s-ip" name="ip" value="%(ip)s"/>
<nvpair id="%(id)s-nic" name="nic" value="%(nic)s"/><nvpair id="%(id)s-mask" name="cidr_netmask" value="24"/>
</instance_attributes></primitive>"""

RESOURCES = """<resources>
<clone id="conntrackd-clone"><meta_attributes id="clone-meta"><nvpair id="promotable" name="promotable" value="true"/>
</meta_attributes><primitive id="conntrackd" class="ocf" provider="conntrackd" type="conntrackd"><operations>
<op id="monitor-p" name="monitor" interval="10s" role="Promoted" timeout="20s"/>
<op id="monitor-u" name="monitor" interval="11s" role="Unpromoted" timeout="20s"/>
<op id="start" name="start" interval="0" timeout="60s"/><op id="stop" name="stop" interval="0" timeout="60s"/>
<op id="promote" name="promote" interval="0" timeout="60s"/><op id="demote" name="demote" interval="0" timeout="30s"/>
</operations></primitive></clone>
<group id="addresses">%s%s</group></resources>""" % (
    ADDRESS % {"id": "inside", "ip": VIP_CLIENT, "nic": "eth0"},
    ADDRESS % {"id": "outside", "ip": VIP_SERVER, "nic": "eth1"})

CONSTRAINTS = """<constraints>
<rsc_colocation id="with" rsc="addresses" with-rsc="conntrackd-clone" with-rsc-role="Promoted" score="INFINITY"/>
<rsc_order id="after" first="conntrackd-clone" first-action="promote" then="addresses" then-action="start"/>
</constraints>"""


class Cluster:
    def __init__(self, lab):
        self.lab = lab
        with open(os.path.join(ROOT, "contrib", "ocf", "conntrackd")) as f:
            agent = f.read()
        lab.configure("FTFW")
        for fw in lab.fws:
            fw.space.run("sh", "-c", MOUNTS)
            fw.space.write("/usr/lib/ocf/resource.d/conntrackd/conntrackd", agent, 0o755)
            fw.space.write("/etc/corosync/corosync.conf", COROSYNC)
            fw.space.start("corosync", "-f")
        for fw in lab.fws:
            wait_until(lambda fw=fw: self.ask(fw, "corosync-quorumtool", "-s").returncode == 0, 20, "corosync")
            fw.space.start("env", "PCMK_logfile=/var/log/pacemaker.log", "pacemakerd", "-f")
        wait_until(lambda: "Online: [ fw1 fw2 ]" in self.state(), 60, "both nodes are online", 0.5)
        self.order("crm_attribute", "-n", "stonith-enabled", "-v", "false")
        self.order("crm_attribute", "-n", "no-quorum-policy", "-v", "ignore")
        for scope, text in (("resources", RESOURCES), ("constraints", CONSTRAINTS)):
            lab.fw1.space.write("/tmp/cib.xml", text)
            self.order("cibadmin", "--replace", "--scope", scope, "--xml-file", "/tmp/cib.xml")

    @staticmethod
    def ask(fw, *command):
        return fw.space.run(*command, check=False)

    def order(self, *command):
        """By a node that is there."""
        fw = next(fw for fw in self.lab.fws if fw.space.pids())
        return fw.space.run(*command)

    def state(self):
        return self.ask(next(fw for fw in self.lab.fws if fw.space.pids()), "crm_mon", "-1A").stdout

    def master(self):
        """The firewall that is promoted and has both addresses, None while there is none."""
        state = self.state()
        found = re.search(r"Promoted: \[ (\w+) \]", state)
        if not found or len(re.findall(r"IPaddr2\):\s+Started %s\b" % found.group(1), state)) != 2:
            return None
        return self.lab.fw1 if found.group(1) == "fw1" else self.lab.fw2

    def wait_master(self, fw=None, timeout_s=60):
        return wait_until(lambda: (self.master() in ((fw,) if fw else self.lab.fws)) and self.master(),
                          timeout_s, "%s is promoted" % (fw.name if fw else "one"), 0.3)


def alive(traffic, count):
    """All connections get echoes of what is sent from now on."""
    stats = traffic.ask("wait", timeout_s=30, since=time.monotonic(), wait_s=15)
    assert stats["tcp"]["alive"] == count, stats


def test_a_cluster_moves_all_connections_and_mends_a_daemon_that_is_killed_or_hangs(make_lab):
    assert shutil.which("pacemakerd") and shutil.which("corosync"), "pacemaker and corosync are needed"
    lab = make_lab()
    cluster = Cluster(lab)
    old = cluster.wait_master()
    new = lab.other(old)
    traffic = lab.start_traffic()
    assert traffic.ask("open", n=200)["opened"] == 200
    lab.replicated(old, new)
    wait_until(lambda: new.ct("role", "--ready").returncode == 0, 40, "the standby is ready")

    cluster.order("crm_standby", "-N", old.name, "-v", "on")
    cluster.wait_master(new)
    alive(traffic, 200)
    assert not old.daemon_pids()
    cluster.order("crm_standby", "-N", old.name, "-D")
    wait_until(lambda: old.ct("role", "--ready").returncode == 0, 60, "the old master is a good standby")

    new.crash()
    cluster.wait_master(old)
    alive(traffic, 200)

    old.kill_daemon()
    wait_until(lambda: old.ct("role").stdout == "master\n", 60, "started and promoted again")
    cluster.wait_master(old)
    alive(traffic, 200)

    old.space.kill("conntrackd", signal.SIGSTOP)
    hung = old.daemon_pids()
    wait_until(lambda: old.daemon_pids() and not set(hung) & set(old.daemon_pids()), 120,
               "another one has taken the place of the one that hangs", 0.5)
    wait_until(lambda: old.ct("role").stdout == "master\n", 60, "promoted again")
    cluster.wait_master(old)
    alive(traffic, 200)
