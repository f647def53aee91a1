# SPDX-License-Identifier: GPL-2.0-or-later
"""What other products do with conntrackd: Pacemaker's resource agent as it is shipped, the
configurations that VyOS and OpenStack neutron generate, and the orders that their scripts give.

They test for exit codes of exactly 1, find the process by its command line, the socket by reading
our configuration, and flows by parsing lines.
"""

import os
import re
import shutil
import signal
import time
from xml.etree import ElementTree

import pytest
import root as root_module
from conftest import REF, incumbent
from lab import CLIENT, CONF, ROOT, conntrackd_conf
from root import Unavailable
from space import wait_until

DATA = os.path.join(ROOT, "tests", "data", "embedders")
EXAMPLES = "/usr/share/doc/conntrackd/examples/sync"

GENERATED = sorted(name[:-5] for name in os.listdir(DATA) if name.startswith("vyos-"))


def generated(name, **values):
    with open(os.path.join(DATA, name + ".conf")) as f:
        text = f.read()
    for key, value in values.items():
        text = text.replace("@%s@" % key.upper(), value)
    return text


def make_flows(fw, count):
    """Established connections of the client through fw, in its kernel."""
    with fw.table() as table:
        for i in range(count):
            table.create({"orig": (CLIENT, "192.168.0.10", 6, 4000 + i, 80, 0),
                          "tcp": (3, 0, 0, 0, 0), "status": 0x6, "timeout": 5000})


def wait_known(fw, count):
    wait_until(lambda: fw.count("-e") == count, 15, "%s knows %d flows" % (fw.name, count), 0.1)


# ------------------------------------------------------------------------------------------------
# Pacemaker: ocf:heartbeat:conntrackd of Debian's resource-agents

SUCCESS, GENERIC, ARGS, UNIMPLEMENTED, INSTALLED, CONFIGURED, NOT_RUNNING, PROMOTED = \
    0, 1, 2, 3, 5, 6, 7, 8


class Agent:
    """The agent on one firewall, with a cluster around it that is made of two stubs: crm_master keeps
    what it is told, hostname says which node this is."""

    def __init__(self, fw):
        self.fw = fw
        try:
            tree = root_module.unpacked("resource-agents")
        except Unavailable as why:
            pytest.skip("no resource-agents: %s" % why)
        shutil.copytree(os.path.join(tree, "usr/lib/ocf"), fw.space.path("/run/ocf"))
        # The files that a cluster stack would have brought.
        fw.space.run("mkdir", "-p", "/run/stubs", "/run/resource-agents")
        fw.space.write("/run/stubs/crm_master", '#!/bin/sh\necho "$*" >>/run/crm_master\n', 0o755)
        fw.space.write("/run/stubs/hostname", "#!/bin/sh\necho %s\n" % fw.name, 0o755)

    def __call__(self, action, timeout_s=20, **more):
        env = {"OCF_ROOT": "/run/ocf", "OCF_RESOURCE_INSTANCE": "ct:0", "OCF_RESOURCE_TYPE": "conntrackd",
               "OCF_RESOURCE_PROVIDER": "heartbeat", "HA_SBIN_DIR": "/run/stubs", "HA_LOGD": "no",
               "OCF_RESKEY_binary": "/usr/sbin/conntrackd", "OCF_RESKEY_config": CONF,
               "OCF_RESKEY_CRM_meta_master_node_max": "1", "OCF_RESKEY_CRM_meta_master_max": "1",
               "OCF_RESKEY_CRM_meta_clone_node_max": "1", "OCF_RESKEY_CRM_meta_interval": "0",
               "PATH": "/run/stubs:/usr/sbin:/usr/bin:/sbin:/bin", **more}
        return self.fw.space.run("env", "-i", *("%s=%s" % item for item in env.items()),
                                 "/run/ocf/resource.d/heartbeat/conntrackd", action,
                                 timeout_s=timeout_s, check=False)

    def score(self):
        """The promotion score that the agent asked for last."""
        return int(self.fw.space.read("/run/crm_master").split()[-1])


def test_pacemaker_agent_moves_the_flows(make_lab, pair):
    lab = make_lab(pair)
    lab.configure()
    agents = [Agent(fw) for fw in lab.fws]
    first, second = agents
    for agent in agents:
        assert agent("validate-all").returncode == SUCCESS
        assert agent("monitor").returncode == NOT_RUNNING
        done = agent("start")
        assert done.returncode == SUCCESS, done
        assert agent("start").returncode == SUCCESS
        assert agent("monitor").returncode == SUCCESS
        assert agent.score() == 100
    assert first("promote").returncode == SUCCESS
    assert first("monitor").returncode == PROMOTED
    assert first.score() == 1000
    make_flows(lab.fw1, 30)
    wait_known(lab.fw2, 30)
    # The other node is told again when it starts, and before it is promoted.
    lab.fw2.ct("-f", check=True)
    told = {"OCF_RESKEY_CRM_meta_notify_master_uname": "fw1",
            "OCF_RESKEY_CRM_meta_notify_type": "post",
            "OCF_RESKEY_CRM_meta_notify_operation": "start",
            "OCF_RESKEY_CRM_meta_notify_start_uname": "fw2"}
    done = first("notify", **told)
    assert done.returncode == SUCCESS, done
    wait_known(lab.fw2, 30)
    lab.fw2.ct("-f", check=True)
    promoted = {"OCF_RESKEY_CRM_meta_notify_type": "pre",
                "OCF_RESKEY_CRM_meta_notify_operation": "promote",
                "OCF_RESKEY_CRM_meta_notify_promote_uname": "fw2"}
    assert first("notify", **promoted).returncode == SUCCESS
    wait_known(lab.fw2, 30)
    assert not lab.fw2.flows()
    assert first("demote").returncode == SUCCESS
    assert first("monitor").returncode == SUCCESS
    assert first.score() == 100
    assert second("promote").returncode == SUCCESS
    # Not a moment later: the agent's promotion is over when the flows are in the kernel.
    assert len(lab.fw2.flows()) == 30
    assert second("monitor").returncode == PROMOTED
    # And back, with a demotion that asks for everything.
    assert second("demote").returncode == SUCCESS
    assert first("promote").returncode == SUCCESS
    assert len(lab.fw1.flows()) == 30
    assert first("demote").returncode == SUCCESS
    for agent in agents:
        done = agent("stop")
        assert done.returncode == SUCCESS, done
        assert agent("monitor").returncode == NOT_RUNNING
        assert agent("stop").returncode == SUCCESS
        wait_until(lambda fw=agent.fw: not fw.daemon_pids(), 5, "the daemon has gone")
        assert not os.path.exists(agent.fw.space.path("/run/conntrackd.ctl"))


def test_pacemaker_agent_tells_what_is_wrong(make_lab):
    lab = make_lab()
    lab.fw1.configure(conntrackd_conf("fw1"))
    agent = Agent(lab.fw1)
    described = agent("meta-data")
    assert described.returncode == SUCCESS
    assert ElementTree.fromstring(described.stdout.split("\n", 2)[2]).get("name") == "conntrackd"
    assert agent("validate-all", OCF_RESKEY_config="/nowhere").returncode == INSTALLED
    assert agent("validate-all", OCF_RESKEY_binary="/nowhere").returncode == INSTALLED
    assert agent("validate-all", OCF_RESKEY_CRM_meta_master_max="2").returncode == CONFIGURED
    assert agent("bogus").returncode == UNIMPLEMENTED
    assert agent("start").returncode == SUCCESS
    # Whoever answers no more is found out: the socket is there, the daemon is not.
    lab.fw1.kill_daemon(signal.SIGKILL)
    assert agent("monitor").returncode == GENERIC
    # A restart by hand needs no clearing up, and the agent is content with it.
    assert lab.fw1.start_daemon().returncode == 0
    assert agent("monitor").returncode == SUCCESS
    assert agent("stop").returncode == SUCCESS


# ------------------------------------------------------------------------------------------------
# VyOS: service conntrack-sync

@pytest.mark.parametrize("name", GENERATED)
def test_vyos_configuration_runs(make_lab, name):
    lab = make_lab()
    lab.fw1.configure(generated(name))
    done = lab.fw1.start_daemon()
    assert done.returncode == 0, done
    # What one of its orders would stumble over.
    for order in (("-s",), ("-s", "exp"), ("-i", "ct", "-x"), ("-n",), ("-B",), ("-c", "exp")):
        done = lab.fw1.ct(*order)
        assert (done.returncode, done.stderr) == (0, ""), (order, done)
    assert len(lab.fw1.daemon_pids()) == 1


def vyos_pair(make_lab, pair, name="vyos-multicast"):
    """Two nodes that VyOS configured: as it, in /run/conntrackd."""
    lab = make_lab(pair)
    for fw in lab.fws:
        fw.space.run("mkdir", "/run/conntrackd")
        text = generated(name)
        if incumbent("ref") and fw.binary == REF:
            # Without nfnetlink_cthelper in the kernel it does not start.
            text = re.sub(r"^Helper \{.*?^\}\n", "", text, flags=re.M | re.S)
        if fw is lab.fw2:
            text = text.replace("IPv4_interface 192.168.100.100", "IPv4_interface 192.168.100.200")
            text = text.replace("IPv4_Destination_Address 192.168.100.200",
                                "IPv4_Destination_Address 192.168.100.100")
        fw.space.write("/run/conntrackd/conntrackd.conf", text)
        done = vyos(fw, "-d")
        assert done.returncode == 0, done
    return lab


def vyos(fw, *order):
    return fw.ct("-C", "/run/conntrackd/conntrackd.conf", *order)


def test_vyos_orders_of_the_operator(make_lab, pair):
    """show and reset conntrack-sync: one flow element in each line, with the fields that are shown."""
    lab = vyos_pair(make_lab, pair)
    make_flows(lab.fw1, 5)
    wait_until(lambda: len(vyos(lab.fw2, "-e", "ct", "-x").stdout.splitlines()) == 5, 10, "5 flows")
    for fw, which in ((lab.fw1, "-i"), (lab.fw2, "-e")):
        done = vyos(fw, which, "ct", "-x")
        assert done.returncode == 0
        shown = set()
        for line in done.stdout.splitlines():
            flow = ElementTree.fromstring(line)
            assert flow.tag == "flow"
            metas = flow.findall("meta")
            assert len(metas) > 1
            original = [m for m in metas if m.get("direction") == "original"][0]
            shown.add((original.findtext("layer3/src"), original.findtext("layer3/dst"),
                       original.findtext("layer4/sport"), original.findtext("layer4/dport"),
                       original.find("layer4").get("protoname")))
        assert shown == {(CLIENT, "192.168.0.10", str(4000 + i), "80", "tcp") for i in range(5)}
        done = vyos(fw, which, "expect", "-x")
        assert (done.returncode, done.stdout) == (0, "")
    for order in (("-s",), ("-s", "exp"), ("-f", "external"), ("-n",)):
        assert vyos(lab.fw2, *order).returncode == 0, order
    wait_until(lambda: len(vyos(lab.fw2, "-e", "ct", "-x").stdout.splitlines()) == 5, 10, "again")
    for order in (("-f", "internal"), ("-R",), ("-B",)):
        assert vyos(lab.fw1, *order).returncode == 0, order
    assert len(vyos(lab.fw1, "-i", "ct", "-x").stdout.splitlines()) == 5


@pytest.mark.parametrize("name", ["vyos-multicast", "vyos-peer"])
def test_vyos_orders_of_a_transition(make_lab, pair, name):
    """vyos-vrrp-conntracksync: `exp' is an abbreviation, and failure is the exit code 1."""
    lab = vyos_pair(make_lab, pair, name)
    make_flows(lab.fw1, 20)
    wait_until(lambda: len(vyos(lab.fw2, "-e").stdout.splitlines()) == 20, 10, "20 flows")
    for order in (("-c",), ("-c", "exp"), ("-f",), ("-R",), ("-B",)):
        done = vyos(lab.fw2, *order)
        assert done.returncode == 0, done
        if order == ("-c",):
            assert len(lab.fw2.flows()) == 20
    for order in (("-s",), ("-t",), ("-n",)):
        assert vyos(lab.fw1, *order).returncode == 0, order
    # fault
    assert vyos(lab.fw1, "-t").returncode == 0
    lab.fw1.kill_daemon(signal.SIGKILL)
    for order in ("-s", "-c", "-t", "-n", "-B", "-k"):
        assert vyos(lab.fw1, order).returncode == 1, order
    # What its script does then: the lock goes, the daemon comes.
    lab.fw1.space.run("rm", "-f", "/run/lock/conntrack.lock")
    assert vyos(lab.fw1, "-d").returncode == 0
    assert vyos(lab.fw1, "-s").returncode == 0


# ------------------------------------------------------------------------------------------------
# OpenStack neutron: one daemon for each router, in its namespace

def test_neutron_router_has_its_daemon(make_lab, pair):
    """The directory is that of a router, and fills the control socket's name up to its limit."""
    lab = make_lab(pair)
    room = 107 - len("//conntrackd.ctl")
    for fw, address in zip(lab.fws, ("192.168.100.100", "192.168.100.200")):
        folder = "/run/" + "n" * (room - len("/run/") + 1)
        assert len(folder + "/conntrackd.ctl") == 107
        fw.space.run("mkdir", "-p", folder)
        conf = folder + "/conntrackd.conf"
        fw.space.write(conf, generated("neutron", dir=folder, address=address))
        command = "conntrackd -d -C " + conf
        # A lock and a socket of an earlier one are removed, or not there.
        fw.space.run("rm", "-f", folder + "/conntrackd.lock", folder + "/conntrackd.ctl")
        done = fw.space.run(*command.split(), check=False)
        assert done.returncode == 0, done
        found = fw.space.run("pgrep", "-f", command).stdout.split()
        assert len(found) == 1
        assert fw.space.run("pidof", "conntrackd").stdout.split() == found
        assert fw.space.run("pgrep", "-x", "conntrackd").stdout.split() == found
        assert fw.space.run("cat", "/proc/%s/cmdline" % found[0]).stdout == \
            command.replace(" ", "\0") + "\0"
        fw.space.run("conntrackd", "-C", conf, "-n")
        fw.neutron = conf
    make_flows(lab.fw1, 10)
    conf = lab.fw2.neutron
    # Beside them there are those of the link itself: of its addresses only our own is ignored.
    wait_until(lambda: lab.fw2.ct("-C", conf, "-e").stdout.count("src=%s " % CLIENT) == 10, 10,
               "10 flows")
    for order in ("-c", "-f", "-R", "-B"):
        assert lab.fw2.ct("-C", conf, order).returncode == 0, order
    assert len(lab.fw2.flows()) == 10
    assert lab.fw2.ct("-C", conf, "-k").returncode == 0
    # It waits for five seconds before it kills.
    wait_until(lambda: not lab.fw2.daemon_pids(), 4.5, "gone")
    assert lab.fw2.ct("-C", conf, "-k").returncode == 1
    assert not os.path.exists(lab.fw2.space.path(os.path.dirname(conf) + "/conntrackd.lock"))


def test_neutron_path_one_byte_too_long_is_an_error(make_lab):
    lab = make_lab()
    folder = "/run/" + "n" * 88
    assert len(folder + "/conntrackd.ctl") == 108
    lab.fw1.space.run("mkdir", folder)
    lab.fw1.configure(generated("neutron", dir=folder, address="192.168.100.100"))
    done = lab.fw1.start_daemon()
    assert done.returncode == 1
    assert re.search(r"%s:\d+:\d+: .*107" % re.escape(CONF), done.stderr), done


# ------------------------------------------------------------------------------------------------
# primary-backup.sh of the package in the archive

@pytest.mark.skipif(not os.path.exists(EXAMPLES + "/primary-backup.sh"), reason="no " + EXAMPLES)
def test_primary_backup_script_in_all_its_branches(make_lab, pair):
    """Unmodified, by hand: primary commits; backup starts a daemon that is not there, also over the
    lock of one that was killed; fault only starts the timer; anything else is an error."""
    lab = make_lab(pair)
    with open(EXAMPLES + "/primary-backup.sh") as f:
        script = f.read()
    lab.configure(mode_options="PurgeTimeout 3")
    for fw in lab.fws:
        fw.space.write("/etc/conntrackd/primary-backup.sh", script, 0o755)

    def change(fw, state):
        return fw.space.run("/etc/conntrackd/primary-backup.sh", state, check=False)

    for fw in lab.fws:
        assert not fw.daemon_pids()
        assert change(fw, "backup").returncode == 0
        assert len(fw.daemon_pids()) == 1
    assert change(lab.fw1, "primary").returncode == 0
    make_flows(lab.fw1, 25)
    wait_known(lab.fw2, 25)
    # fw1 cannot go on: what it has becomes stale, and goes.
    assert change(lab.fw1, "fault").returncode == 0
    assert len(lab.fw1.flows()) == 25
    assert change(lab.fw2, "primary").returncode == 0
    assert len(lab.fw2.flows()) == 25
    wait_until(lambda: not lab.fw1.flows(), 6, "fw1 has purged its table", 0.1)
    assert len(lab.fw2.flows()) == 25
    # Its daemon dies; the script brings another, which asks for everything.
    lab.fw1.kill_daemon(signal.SIGKILL)
    assert change(lab.fw1, "backup").returncode == 0
    assert len(lab.fw1.daemon_pids()) == 1
    wait_known(lab.fw1, 25)
    time.sleep(3.5)
    assert len(lab.fw2.flows()) == 25
    assert change(lab.fw1, "bogus").returncode == 1
