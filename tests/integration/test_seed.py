# SPDX-License-Identifier: GPL-2.0-or-later
"""The example files of 2007, byte for byte: configurations, keepalived.conf and scripts."""

import time

import pytest
from conftest import incumbent
from space import wait_until

SOCKET = "/tmp/sync.sock"


def needs_seed_support(expected_of_incumbent):
    expected_of_incumbent("ours", "1.4.7 refuses the configuration files of 2007")


@pytest.mark.parametrize("kind", ["ftfw", "alarm"])
def test_seed_failover_under_keepalived(make_lab, kind, expected_of_incumbent):
    """Nothing but the seed's files: the daemons start, keepalived elects, its scripts run, the
    master crashes, TCP connections live on through the other node."""
    needs_seed_support(expected_of_incumbent)
    lab = make_lab()
    lab.seed(kind)
    for fw in lab.fws:
        done = fw.start_daemon()
        assert done.returncode == 0, done.stderr
    for fw in lab.fws:
        fw.start_keepalived()
    wait_until(lambda: any(fw.has_vips() for fw in lab.fws), 20, "a master")
    time.sleep(1)
    # Both have priority 80: which one wins is not said.
    master = [fw for fw in lab.fws if fw.has_vips()]
    assert len(master) == 1
    master, backup = master[0], lab.other(master[0])
    traffic = lab.start_traffic()
    assert traffic.ask("open", n=50)["opened"] == 50
    assert traffic.ask("open", n=5, proto="udp")["opened"] == 5
    # UDP is on the seed's ignore list, TCP is not.
    wait_until(lambda: backup.count("-e") == 50, 20, "the backup knows the TCP flows", 0.2)
    assert not backup.dump("-e", "udp ")
    master.crash()
    lab.wait_master(backup, 20)
    since = time.monotonic()
    stats = traffic.ask("wait", timeout_s=50, since=since, wait_s=40)
    assert stats["tcp"]["alive"] == 50, stats
    # script_master.sh has committed; the timeout is the seed's CommitTimeout or, since traffic
    # flows, what the kernel made of it.  With -f the external cache is empty, in ALARM it is not.
    assert len(backup.flows(lambda f: f["orig"][0] == "192.168.1.10" and f["orig"][2] == 6)) == 50
    assert backup.count("-i") == 50
    if kind == "ftfw":
        assert backup.count("-e") == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ftfw", "alarm"])
def test_seed_failovers_to_and_fro_while_connections_come_and_go(make_lab, kind,
                                                                 expected_of_incumbent):
    """The role changes every few seconds, faster than ALARM repeats itself.  A node that gets it
    back still has its old entries, whose windows have moved on through the other node."""
    needs_seed_support(expected_of_incumbent)
    lab = make_lab()
    lab.seed(kind)
    for fw in lab.fws:
        assert fw.start_daemon().returncode == 0
    for fw in lab.fws:
        fw.start_keepalived()
    wait_until(lambda: any(fw.has_vips() for fw in lab.fws), 20, "a master")
    time.sleep(1)
    master = [fw for fw in lab.fws if fw.has_vips()][0]
    traffic = lab.start_traffic()
    assert traffic.ask("open", n=100)["opened"] == 100
    for _ in range(4):
        other = lab.other(master)
        wait_until(lambda: other.count("-e") >= 100, 20, "the backup knows as many flows", 0.2)
        master.stop_keepalived()
        lab.wait_master(other, 20)
        stats = traffic.ask("wait", timeout_s=50, since=time.monotonic(), wait_s=30)
        assert stats["tcp"]["alive"] == 100, stats
        assert traffic.ask("close", n=10)["closed"] == 10
        assert traffic.ask("open", n=10)["opened"] == 10
        master.start_keepalived()
        time.sleep(4)
        master = other


@pytest.mark.parametrize("node", ["node1", "node2"])
@pytest.mark.parametrize("kind", ["ftfw", "alarm"])
def test_seed_configuration_is_accepted_and_serves_its_scripts(make_lab, kind, node,
                                                               expected_of_incumbent):
    """Daemon and clients take the file; every command of the scripts exits 0, again and again, and
    says nothing on stdout or stderr when all is well."""
    needs_seed_support(expected_of_incumbent)
    lab = make_lab()
    lab.seed(kind)
    fw = lab.fws[int(node[-1]) - 1]
    assert fw.start_daemon().returncode == 0
    for script in ("script_master.sh", "script_backup.sh") * 2:
        done = fw.space.run("/etc/conntrackd/" + script, check=False)
        assert (done.returncode, done.stdout) == (0, ""), done
        assert "refused" not in done.stderr and "ERROR" not in done.stderr
    for command in ("-c", "-f", "-R", "-n", "-B", "-c", "-f", "-R"):
        done = fw.ct(command)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), (command, done)
    assert "262142" in fw.ct("-s", "runtime", check=True).stdout
    assert fw.ct("-k").returncode == 0


def test_seed_commit_timeout_is_180_seconds(make_lab, expected_of_incumbent):
    needs_seed_support(expected_of_incumbent)
    lab = make_lab()
    lab.seed("ftfw")
    for fw in lab.fws:
        assert fw.start_daemon().returncode == 0
    flow = {"orig": ("192.168.1.10", "192.168.0.10", 6, 4000, 80, 0), "tcp": (3, 0, 0, 0, 0),
            "status": 0x6, "timeout": 5000}
    with lab.fw1.table() as table:
        table.create(flow)
    wait_until(lambda: lab.fw2.count("-e") == 1, 5, "replicated")
    assert lab.fw2.ct("-c").returncode == 0
    committed = list(lab.fw2.flows().values())
    assert len(committed) == 1
    assert 170 <= committed[0]["timeout"] <= 180


def test_seed_refused_by_the_incumbent(make_lab):
    """Why the tests above matter; fails the day the incumbent takes these files."""
    if not incumbent("ref"):
        pytest.skip("CONNTRACKD_REF is not conntrack-tools")
    lab = make_lab(("ref", "ref"))
    lab.seed("ftfw")
    assert lab.fw1.start_daemon().returncode == 1
