# SPDX-License-Identifier: GPL-2.0-or-later
"""The resource agent for Pacemaker, without Pacemaker: what ocf-tester asks of it, and what it says in
situations that ocf-tester does not make."""

import os
import shutil
import signal

import pytest
from lab import CONF, ROOT
from node import conf
from space import wait_until

AGENT = "/run/agent"
OK, GENERIC, UNIMPLEMENTED, INSTALLED, CONFIGURED, NOT_RUNNING, PROMOTED = 0, 1, 3, 5, 6, 7, 8


@pytest.fixture
def agent(node):
    """Runs an action; its exit status.  interval 0 is a probe."""
    assert shutil.which("ocf-tester"), "resource-agents is needed"
    node.configure(conf())
    with open(os.path.join(ROOT, "contrib", "ocf", "conntrackd")) as f:
        node.space.write(AGENT, f.read(), 0o755)

    def run(action, interval=10000, **params):
        env = {"OCF_ROOT": "/usr/lib/ocf", "OCF_RESOURCE_INSTANCE": "conntrackd",
               "OCF_RESKEY_CRM_meta_interval": str(interval), "OCF_RESKEY_CRM_meta_timeout": "20000",
               "__OCF_ACTION": action, **{"OCF_RESKEY_" + k: v for k, v in params.items()}}
        done = node.space.run("env", *("%s=%s" % item for item in env.items()), AGENT, action,
                              check=False)
        run.said = done.stdout + done.stderr
        return done.returncode
    return run


def role(node):
    done = node.ct("role")
    return done.stdout.strip() if done.returncode == 0 else None


def test_ocf_tester_has_nothing_to_say(node, agent):
    done = node.space.run("ocf-tester", "-n", "conntrackd", "-o", "config=" + CONF, AGENT, timeout_s=120,
                          check=False)
    assert done.returncode == 0 and "passed all tests" in done.stdout, done.stdout + done.stderr
    said = [line for line in done.stdout.splitlines() if line.startswith("*")]
    assert said == ["* Your agent does not support the reload action (optional)"]


def test_what_the_daemon_is_the_monitor_says(node, agent):
    assert agent("monitor", 0) == NOT_RUNNING and agent("stop") == OK
    assert agent("promote") == NOT_RUNNING and agent("demote") == NOT_RUNNING
    assert agent("start") == OK and role(node) == "unknown"
    assert agent("monitor", 0) == OK and agent("monitor") == OK
    assert agent("promote") == OK and role(node) == "master"
    assert agent("monitor", 0) == PROMOTED and agent("monitor") == PROMOTED
    assert agent("promote") == OK and agent("start") == OK and role(node) == "master"
    assert agent("demote") == OK and role(node) == "backup"
    assert agent("monitor") == OK
    # Somebody else promotes it: Pacemaker has to know.
    node.ct("promote")
    assert agent("monitor") == PROMOTED
    assert agent("stop") == OK
    wait_until(lambda: not node.daemon_pids(), 2, "the daemon is gone")
    assert agent("monitor") == NOT_RUNNING


def test_a_daemon_that_was_killed_does_not_run(node, agent):
    assert agent("start") == OK
    node.kill_daemon()
    assert agent("monitor") == NOT_RUNNING
    # Socket and lock file are still there.
    assert agent("start") == OK and agent("monitor") == OK
    assert agent("stop") == OK


def test_a_daemon_that_hangs_is_a_failure_and_stop_ends_it(node, agent):
    assert agent("start") == OK
    node.space.kill("conntrackd", signal.SIGSTOP)
    pid = node.space.run("cat", "/var/lock/conntrack.lock").stdout.strip()
    said = "conntrackd (pid %s) is there and does not answer" % pid
    assert agent("monitor") == GENERIC and said in agent.said
    assert agent("stop") == OK
    wait_until(lambda: not node.daemon_pids(), 2, "the daemon is gone")
    assert agent("monitor") == NOT_RUNNING
    assert agent("start") == OK and agent("monitor") == OK and agent("stop") == OK


def test_a_mistake_in_the_file_is_none_of_the_daemon_that_runs(node, agent):
    assert agent("start") == OK
    node.configure("Sync {")
    assert agent("promote") == OK and agent("monitor") == PROMOTED
    assert agent("stop") == OK
    wait_until(lambda: not node.daemon_pids(), 2, "the daemon is gone")
    assert agent("start") == CONFIGURED
    node.configure(conf())
    assert agent("start") == OK and agent("stop") == OK


def test_what_is_wrong_is_said_in_its_code(node, agent):
    assert agent("start", binary="/nonexistent") == INSTALLED
    assert agent("monitor", 0, binary="/nonexistent") == NOT_RUNNING
    assert agent("start", config="/nonexistent") == INSTALLED
    assert agent("monitor", 0, config="/nonexistent") == NOT_RUNNING
    assert agent("validate-all") == OK
    node.configure("Sync {")
    assert agent("validate-all") == CONFIGURED and "has errors" in agent.said
    assert agent("start") == CONFIGURED
    assert agent("fly") == UNIMPLEMENTED
    # A configuration that is right, and cannot be used.
    node.configure(conf(in_general="LogFile /nonexistent/log"))
    assert agent("start") == GENERIC


def test_role_is_one_word(node):
    node.configure(conf())
    done = node.ct("role")
    assert (done.returncode, done.stdout) == (1, "") and "is conntrackd running?" in done.stderr
    node.start_daemon(check=True)
    done = node.ct("role")
    assert (done.returncode, done.stdout, done.stderr) == (0, "unknown\n", "")
    done = node.ct("role", "--ready")
    assert (done.returncode, done.stdout, done.stderr) == (2, "no-peer\n", "")
    node.ct("-c", check=True)
    assert node.ct("role").stdout == "master\n"
    done = node.ct("role", "--ready")
    assert (done.returncode, done.stdout) == (0, "ready\n")
