# SPDX-License-Identifier: GPL-2.0-or-later
"""What people have in production today: the example files that Debian's conntrackd ships; and those
of ours, which take their place."""

import os
import time

import pytest
from lab import KEEPALIVED_CONF, ROOT
from space import wait_until

EXAMPLES = {"debian": "/usr/share/doc/conntrackd/examples",
            "ours": os.path.join(ROOT, "doc", "examples")}
SCRIPT = "sync/primary-backup.sh"

whose_examples = pytest.mark.parametrize("whose", [
    pytest.param(whose, marks=pytest.mark.skipif(
        not os.path.exists(os.path.join(folder, SCRIPT)), reason="no " + folder))
    for whose, folder in EXAMPLES.items()])


def example(whose, name):
    with open(os.path.join(EXAMPLES[whose], name)) as f:
        return f.read()


@whose_examples
@pytest.mark.parametrize("name", ["sync/ftfw", "sync/alarm", "sync/notrack", "stats"])
def test_example_configuration_starts(node, whose, name):
    node.configure(example(whose, name + "/conntrackd.conf"))
    done = node.start_daemon()
    assert done.returncode == 0, done
    assert node.ct("-s").returncode == 0
    assert node.ct("-k").returncode == 0


def move_the_connections(lab, whose, name):
    """Example configuration and primary-backup.sh as they are, but for the second node's address;
    to fro and back, so that each branch of the script is run."""
    text = example(whose, "sync/%s/conntrackd.conf" % name)
    assert "192.168.100.100" in text
    for fw, priority in zip(lab.fws, (150, 100)):
        address = "192.168.100.100" if fw is lab.fw1 else "192.168.100.200"
        fw.configure(text.replace("192.168.100.100", address))
        fw.space.write("/etc/conntrackd/primary-backup.sh", example(whose, SCRIPT), 0o755)
        conf = KEEPALIVED_CONF % {"priority": priority, "advert": "0.25"}
        for ours, theirs in (("master", "primary"), ("backup", "backup"), ("fault", "fault")):
            conf = conf.replace("/etc/conntrackd/notify.sh " + ours,
                                "/etc/conntrackd/primary-backup.sh " + theirs)
        fw.space.write("/etc/conntrackd/keepalived.conf", conf)
    lab.start_daemons()
    lab.start_vrrp()
    traffic = lab.start_traffic()
    assert traffic.ask("open", n=20)["opened"] == 20
    for old in (lab.fw1, lab.fw2):
        new = lab.other(old)
        wait_until(lambda: len(new.dump("-e", "ESTABLISHED src=192.168.1.10 ")) == 20, 20,
                   "%s knows the connections" % new.name, 0.2)
        old.stop_keepalived()
        wait_until(new.has_vips, 10, "%s takes over" % new.name)
        stats = traffic.ask("wait", timeout_s=30, since=time.monotonic(), wait_s=20)
        assert stats["alive"] == 20, stats
        old.start_keepalived()
        time.sleep(1)


@pytest.mark.skipif(not os.path.exists(os.path.join(EXAMPLES["debian"], SCRIPT)),
                    reason="no " + EXAMPLES["debian"])
@pytest.mark.parametrize("name", ["ftfw", "alarm"])
def test_primary_backup_script_moves_the_connections(make_lab, pair, name):
    move_the_connections(make_lab(pair), "debian", name)


@pytest.mark.parametrize("name", ["ftfw", "alarm"])
def test_our_primary_backup_script_moves_the_connections(make_lab, name):
    move_the_connections(make_lab(), "ours", name)
