# SPDX-License-Identifier: GPL-2.0-or-later
"""SIGHUP: the configuration is read again, and nothing that a daemon holds is lost over it."""

import os
import re
import signal
import socket
import time

import lab as lab_module
import pytest
from node import conf, tcp, udp
from space import wait_until

LOG = "/var/log/conntrackd.log"
DONE, FAILED = "configuration reloaded", "configuration not reloaded"


def hup(fw, expect=DONE):
    """SIGHUP, and wait until it has been followed; what the log says of it."""
    before = len(fw.log())
    for pid in fw.daemon_pids():
        os.kill(pid, signal.SIGHUP)
    wait_until(lambda: expect in fw.log()[before:], 5, "the log says: " + expect)
    return fw.log()[before:]


def reconfigure(fw, text, expect=DONE):
    fw.configure(text)
    return hup(fw, expect)


@pytest.fixture
def running(node):
    node.configure(conf())
    node.start_daemon(check=True)
    return node


# What can change ----------------------------------------------------------------------------------

@pytest.mark.parametrize("place", ["Userspace", "Kernelspace"])
def test_a_new_filter_takes_flows_from_the_peer_and_brings_others(make_lab, mode, place):
    lab = make_lab()

    def text(protocols):
        return lab_module.conntrackd_conf("fw1", mode, protocols=protocols).replace(
            "From Userspace", "From " + place)
    lab.configure(mode)
    lab.fw1.configure(text("TCP"))
    lab.start_daemons()
    with lab.fw1.table() as table:
        for i in range(20):
            table.create(tcp(i))
            table.create(udp(i))
    wait_until(lambda: lab.fw2.count("-e") == 20, 10, "TCP replicated")
    assert lab.fw1.count("-i") == 20

    assert "changed are Filter" in reconfigure(lab.fw1, text("UDP"))
    wait_until(lambda: len(lab.fw2.dump("-e", "udp ")) == 20, 10, "UDP announced")
    wait_until(lambda: lab.fw2.count("-e") == 20, 10, "TCP taken back")
    assert len(lab.fw1.dump("-i", "udp ")) == 20 and lab.fw1.count("-i") == 20
    # The kernel's own table is as it was, and events follow the new filter.
    assert len(lab.fw1.flows(lambda f: f["orig"][0] == "192.168.1.10")) == 40
    with lab.fw1.table() as table:
        table.create(tcp(100))
        table.create(udp(100))
        table.delete(udp(1))
    wait_until(lambda: len(lab.fw2.dump("-e", "sport=4100 ")) == 1, 10, "a new one")
    wait_until(lambda: lab.fw2.count("-e") == 20, 10, "an end")

    reconfigure(lab.fw1, text("TCP UDP"))
    wait_until(lambda: lab.fw2.count("-e") == 41, 10, "all of them")


def test_caches_survive(make_lab):
    lab = make_lab()
    lab.configure("FTFW")
    lab.start_daemons()
    with lab.fw1.table() as table:
        table.create(tcp(1))
    wait_until(lambda: lab.fw2.count("-e") == 1, 10, "replicated")
    pids = lab.fw1.daemon_pids() + lab.fw2.daemon_pids()
    time.sleep(1.2)
    said = "".join(hup(fw) for fw in lab.fws)
    assert lab.fw1.daemon_pids() + lab.fw2.daemon_pids() == pids
    for fw, which in ((lab.fw1, "-i"), (lab.fw2, "-e")):
        line, = fw.dump(which)
        assert int(re.search(r"active since (\d+)s", line)[1]) >= 1
    assert "resync" not in said and "bulk" not in said


def test_what_changed_is_named_once(running):
    said = reconfigure(running, conf(
        in_mode="ACKWindowSize 50 ResendQueueSize 5 CommitTimeout 180 PurgeTimeout 3",
        in_sync="Options { TCPWindowTracking on }", in_general="NetlinkOverrunResync 7"))
    assert "configuration reloaded: changed are CommitTimeout, PurgeTimeout, ResendQueueSize, " \
        "ACKWindowSize, TCPWindowTracking, NetlinkOverrunResync" in said
    assert "next start" not in said
    assert "rsqueue:\ncurrent elements:\t\t           0\nmaximum elements:\t\t           5\n" in \
        running.ct("-s", "queue").stdout
    assert running.ct("-t").returncode == 0
    running.says("flushing conntrack table in 3 secs")
    assert "reloaded: nothing has changed" in hup(running)


def test_what_needs_a_restart_is_named_and_waits_for_one(running):
    said = reconfigure(running, conf(mode="ALARM", in_link="SndSocketBuffer 100000")
                       .replace("HashSize 1024", "HashSize 4096")
                       .replace("HashLimit 2048", "HashLimit 5000")
                       .replace("conntrackd.ctl", "other.ctl")
                       .replace("conntrack.lock", "other.lock"))
    warning, = [line for line in said.splitlines() if "next start" in line]
    assert warning.endswith("take effect with the next start: the dedicated links, Mode, HashSize, "
                            "HashLimit, LockFile, UNIX Path")
    assert "[warning]" in warning
    running.configure(conf())
    assert running.ct("-s", "rsqueue").stdout.startswith("resent queue")
    assert running.ct("-k").returncode == 0


def test_the_size_of_the_netlink_buffer(running):
    said = reconfigure(running, conf(in_general="NetlinkBufferSize 1048576"))
    assert "netlink event socket buffer size has been set to 1048576 bytes" in said
    assert running.number("current buffer size (in bytes):") == 1048576
    # One that says nothing leaves it as it is.
    assert "buffer size has been set" not in reconfigure(running, conf())
    assert running.number("current buffer size (in bytes):") == 1048576


def test_the_scheduler(node):
    """Of a daemon that was started with one in its file, and so has kept what changing it takes."""
    running = node
    node.configure(conf(in_general="Scheduler { Priority 1 }"))
    node.start_daemon(check=True)

    def policy():
        pid, = running.daemon_pids()
        with open("/proc/%d/stat" % pid) as f:
            words = f.read().rsplit(")", 1)[1].split()
        return int(words[37]), int(words[38])  # rt_priority, policy
    assert policy() == (1, 2)
    reconfigure(running, conf(in_general="Scheduler { Type FIFO Priority 7 }"))
    assert policy() == (7, 1)
    reconfigure(running, conf(in_general="Scheduler { Type RR Priority 0 }"))
    assert policy() == (0, 0)


def test_the_log_file(running):
    running.configure(conf(log=False, in_general="LogFile /var/log/other.log"))
    for pid in running.daemon_pids():
        os.kill(pid, signal.SIGHUP)
    wait_until(lambda: DONE in running.space.read("/var/log/other.log"), 5, "the new log")
    assert DONE not in running.log()
    assert running.ct("-R").returncode == 0
    assert "resync with master" in running.space.read("/var/log/other.log")
    assert "resync with master" not in running.log()


def test_a_log_that_cannot_be_opened_leaves_the_old_one(running):
    said = reconfigure(running, conf(log=False, in_general="LogFile /nonexist/x.log"))
    assert "can't open logfile `/nonexist/x.log'. Reason: No such file or directory" in said
    assert running.ct("-R").returncode == 0
    running.says("resync with master")


def test_a_rotated_log_is_opened_anew_without_a_change(running):
    running.space.run("mv", LOG, LOG + ".1")
    for pid in running.daemon_pids():
        os.kill(pid, signal.SIGHUP)
    wait_until(lambda: "log file reopened" in running.log(), 5, "a new file")
    wait_until(lambda: "nothing has changed" in running.log(), 5, "and the reload is in it")
    running.ct("-R", check=True)
    assert "resync with master" in running.log()
    assert "resync with master" not in running.space.read(LOG + ".1")


def test_helpers_are_warned_of_again_if_they_change(running):
    helper = "Helper { Type ftp inet tcp { } }"
    assert "helper `ftp'" in reconfigure(running, conf(top=helper))
    assert "helper `ftp'" not in hup(running)


# What cannot --------------------------------------------------------------------------------------

@pytest.mark.parametrize("broken", ["General {\n\tHashSizes 5\n}\n", "", "Sync {\n"],
                         ids=["word", "empty", "brace"])
def test_an_error_is_logged_with_its_place_and_nothing_changes(running, broken):
    running.create(tcp(1))
    running.cached(1)
    said = reconfigure(running, broken, FAILED)
    assert re.search(r"\[ERROR\] %s:(\d+:\d+:)? " % re.escape(lab_module.CONF), said)
    if "HashSizes" in broken:
        assert lab_module.CONF + ":2:2: " in said
    assert DONE not in said
    running.configure(conf())
    assert running.ct("-s").returncode == 0
    running.cached(1)
    assert DONE in hup(running)


def test_a_file_that_is_gone_is_said_and_nothing_changes(running):
    running.space.run("mv", lab_module.CONF, "/tmp/kept")
    assert "can't open config file `%s'" % lab_module.CONF in hup(running, FAILED)
    running.space.run("mv", "/tmp/kept", lab_module.CONF)
    assert running.ct("-s").returncode == 0


def test_many_hups_in_a_row(running):
    texts = [conf(in_filter="Protocol Ignore { UDP }"), conf(), "Nonsense {\n"]
    running.create(tcp(1))
    pids = running.daemon_pids()
    for i in range(60):
        running.configure(texts[i % 3])
        for pid in pids:
            os.kill(pid, signal.SIGHUP)
    reconfigure(running, conf())
    assert running.daemon_pids() == pids
    running.cached(1)


def test_the_way_to_the_file_does_not_depend_on_where_the_daemon_is(node):
    """-d changes to /."""
    node.configure(conf())
    node.space.run("sh", "-c", "cd /etc && /usr/sbin/conntrackd -C conntrackd/conntrackd.conf -d")
    said = reconfigure(node, conf(in_general="EventIterationLimit 7"))
    assert "changed are EventIterationLimit" in said


# The service manager ------------------------------------------------------------------------------

def test_a_service_manager_hears_of_begin_and_end_of_a_reload(node):
    node.configure(conf())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(node.space.path("/run/notify"))
        manager.settimeout(5)
        node.space.start("env", "NOTIFY_SOCKET=/run/notify", "/usr/sbin/conntrackd")
        assert "READY=1" in manager.recv(4096).decode().split("\n")
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        for text in (conf(), "Nonsense {\n"):
            node.configure(text)
            for pid in node.daemon_pids():
                os.kill(pid, signal.SIGHUP)
            begin = manager.recv(4096).decode().split("\n")
            assert begin[0] == "RELOADING=1" and begin[2].startswith("STATUS=")
            usec = int(begin[1][len("MONOTONIC_USEC="):])
            assert before <= usec <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            assert manager.recv(4096).decode().split("\n") == ["READY=1", "STATUS=Replicating"]
