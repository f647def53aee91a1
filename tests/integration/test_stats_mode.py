# SPDX-License-Identifier: GPL-2.0-or-later
"""Statistics mode: a Stats section and no Sync."""

import os
import re
import signal
import socket
import time

import pytest
from node import SOCKET, conf, tcp, udp
from space import wait_until

STATS_LOG = "/var/log/stats.log"
DATE = r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}"
# Three packets of a hundred bytes, on loopback.
PACKETS = """
import socket
to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
to.bind(('127.0.0.1', 7777))
for _ in range(3): to.sendto(b'x' * 72, ('127.0.0.1', 7777))
"""


def stats(in_stats="LogFile " + STATS_LOG, **more):
    return conf(sync="Stats { %s }" % in_stats, **more)


@pytest.fixture
def collector(node):
    node.configure(stats())
    node.start_daemon(check=True)
    return node


def lines(node):
    return node.space.read(STATS_LOG).splitlines()


def test_it_collects_and_shows(collector):
    collector.create(tcp(1), udp(2))
    shown = collector.cached(2)
    assert any(re.fullmatch(r"tcp      6 ESTABLISHED src=192\.168\.1\.10 dst=192\.168\.0\.10 "
                            r"sport=4001 dport=80 src=192\.168\.0\.10 dst=192\.168\.1\.10 sport=80 "
                            r"dport=4001 \[ASSURED\] mark=0 \[active since \d+s\]", line)
               for line in shown), shown
    xml = collector.ct("-i", "-x", check=True).stdout.splitlines()
    assert len(xml) == 2 and all(line.startswith("<flow>") for line in xml)


def test_flows_from_before_the_start_are_there(node):
    node.create(tcp(1))
    node.configure(stats())
    node.start_daemon(check=True)
    node.cached(1)


def test_its_statistics_are_two_blocks(collector):
    collector.create(tcp(1))
    collector.cached(1)
    for what in ((), ("ct",)):
        said = collector.ct("-s", *what, check=True).stdout
        assert said == (
            "cache stats:\n"
            "current active connections:\t           1\n"
            "connections created:\t\t           1\tfailed:\t           0\n"
            "connections updated:\t\t           0\tfailed:\t           0\n"
            "connections destroyed:\t\t           0\tfailed:\t           0\n\n"
            "traffic processed:\n"
            "                   0 Bytes                         0 Pckts\n\n")
    assert collector.ct("-s", "cache").stdout.startswith(
        "cache:stats\tactive objects:\t\t           1\n")
    assert "external" not in collector.ct("-s", "cache").stdout
    assert collector.ct("-s", "runtime").stdout.startswith("daemon uptime: 0 min\n")
    for what in ("network", "link", "rsqueue", "queue", "process", "expect"):
        done = collector.ct("-s", what)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), what


def test_what_concerns_peers_is_silent(collector):
    collector.create(tcp(1))
    collector.cached(1)
    before = collector.log()
    for command in (("-e",), ("-e", "-x"), ("-c",), ("-c", "ct"), ("-n",), ("-B",),
                    ("-f", "external"), ("-i", "expect")):
        done = collector.ct(*command)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), command
    assert collector.log() == before
    assert len(collector.cached(1)) == 1


@pytest.mark.parametrize("command", [("-f",), ("-f", "internal")], ids=lambda c: " ".join(c))
def test_flush_really_flushes_and_resync_refills(collector, command):
    collector.create(tcp(1))
    collector.cached(1)
    assert collector.ct(*command).returncode == 0
    assert collector.ct("-i").stdout == ""
    assert len(collector.flows()) == 1
    assert collector.ct("-R").returncode == 0
    collector.cached(1)


def test_a_line_for_each_flow_that_ended(collector):
    collector.create(tcp(1), udp(2))
    collector.cached(2)
    collector.delete(tcp(1), udp(2))
    wait_until(lambda: len(lines(collector)) == 2, 5, "two lines")
    said = sorted(lines(collector))
    assert re.fullmatch(DATE + r"\ttcp      6 ESTABLISHED src=192\.168\.1\.10 dst=192\.168\.0\.10 "
                        r"sport=4001 dport=80 src=192\.168\.0\.10 dst=192\.168\.1\.10 sport=80 "
                        r"dport=4001 \[ASSURED\] mark=0", said[0]), said
    assert re.search(r"\tudp      17 src=", said[1]), said
    assert os.stat(collector.space.path(STATS_LOG)).st_mode & 0o777 == 0o600
    # The log proper has none of them.
    assert "sport=4001" not in collector.log()


def test_with_accounting_and_timestamps_a_line_says_how_much_and_how_long(collector):
    collector.space.sysctl(netfilter__nf_conntrack_acct=1, netfilter__nf_conntrack_timestamp=1)
    collector.space.run("python3", "-c", PACKETS)
    time.sleep(1.1)
    collector.space.run("conntrack", "-D", "-p", "udp", "--dport", "7777")
    wait_until(lambda: lines(collector), 5, "a line")
    line, = lines(collector)
    assert re.search(r"sport=7777 dport=7777 packets=1 bytes=100 src=127\.0\.0\.1 dst=127\.0\.0\.1 "
                     r"sport=7777 dport=7777 packets=2 bytes=200 .*delta-time=[12]$", line), line
    assert re.search(r"traffic processed:\n +300 Bytes +3 Pckts", collector.ct("-s").stdout)


def test_what_the_filter_leaves_out_has_no_line(node):
    node.configure(stats(in_filter="Protocol Ignore { UDP }"))
    node.start_daemon(check=True)
    node.create(tcp(1), udp(2))
    node.cached(1)
    node.delete(udp(2), tcp(1))
    wait_until(lambda: lines(node), 5, "a line")
    time.sleep(0.2)
    line, = lines(node)
    assert "tcp" in line


def test_a_flush_of_the_kernel_table_has_lines_too(collector):
    collector.create(tcp(1), tcp(2))
    collector.cached(2)
    assert collector.ct("-F").returncode == 0
    wait_until(lambda: len(lines(collector)) == 2, 5, "two lines")
    assert collector.ct("-i").stdout == ""


def test_the_purge_timer_runs(node):
    node.configure(stats())
    node.start_daemon(check=True)
    assert node.ct("-t").returncode == 0
    node.says("flushing conntrack table in 60 secs")


def test_polling_finds_what_began_and_what_ended(node):
    node.configure(stats(in_general="PollSecs 1"))
    node.start_daemon(check=True)
    node.says("running in polling mode")
    node.create(tcp(1), udp(2))
    node.cached(2)
    node.delete(tcp(1))
    node.cached(1)
    line, = lines(node)
    assert "sport=4001" in line


def test_hup_reopens_its_log(collector):
    collector.space.run("mv", STATS_LOG, STATS_LOG + ".1")
    for pid in collector.daemon_pids():
        os.kill(pid, signal.SIGHUP)
    wait_until(lambda: os.path.exists(collector.space.path(STATS_LOG)), 5, "a new file")
    collector.create(tcp(1))
    collector.cached(1)
    collector.delete(tcp(1))
    wait_until(lambda: len(lines(collector)) == 1, 5, "a line in it")


def test_reload_changes_its_log(collector):
    collector.configure(stats("LogFile /var/log/other.log"))
    for pid in collector.daemon_pids():
        os.kill(pid, signal.SIGHUP)
    collector.says("configuration reloaded: changed are Stats LogFile")
    collector.create(tcp(1))
    collector.cached(1)
    collector.delete(tcp(1))
    wait_until(lambda: "sport=4001" in collector.space.read("/var/log/other.log"), 5, "a line")
    assert lines(collector) == []


def test_a_log_that_cannot_be_opened_is_a_reason_not_to_start(node):
    node.configure(stats("LogFile /nonexist/x.log"))
    done = node.start_daemon()
    assert done.returncode == 1
    assert "/nonexist/x.log" in done.stderr
    assert not os.path.exists(node.space.path(SOCKET))


# Syslog -------------------------------------------------------------------------------------------

# A /dev of its own for the daemon, with a log socket that the test reads.
IN_DEV = """
set -e
mkdir -p /run/dev
for d in null urandom; do touch /run/dev/$d; mount --bind /dev/$d /run/dev/$d; done
mount --rbind /run/dev /dev
exec /usr/sbin/conntrackd
"""


def records(node, sock, flow):
    """What syslog gets while a flow comes and goes: [(facility, level, text)]."""
    node.create(flow)
    wait_until(lambda: node.ct("-i").stdout, 5, "cached")
    node.delete(flow)
    wait_until(lambda: not node.ct("-i").stdout, 5, "gone")
    found = []
    sock.settimeout(0.3)
    try:
        while True:
            said = re.fullmatch(r"<(\d+)>[^:]*:\d\d:\d\d (.*)", sock.recv(8192).decode().rstrip("\0"))
            found.append((int(said[1]) >> 3, int(said[1]) & 7, said[2]))
    except socket.timeout:
        return [record for record in found if "sport=" in record[2]]


@pytest.mark.parametrize("general, in_stats, facility", [
    ("", "Syslog on", 3), ("", "Syslog local1", 17), ("", "Syslog local1 LogFile on", 17),
    ("Syslog local0", "Syslog local1 LogFile on", 16), ("Syslog local0", "Syslog on", 16),
    ("Syslog on", "Syslog off", None), ("Syslog on", "LogFile on", None)])
def test_syslog_gets_one_record_of_level_info_for_each_flow(node, general, in_stats, facility):
    node.space.run("mkdir", "-p", "/run/dev")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(node.space.path("/run/dev/log"))
        node.configure(stats(in_stats, in_general=general, log=False))
        node.space.start("unshare", "-m", "sh", "-c", IN_DEV)
        wait_until(lambda: node.ct("-s").returncode == 0, 5, "an answer")
        found = records(node, sock, tcp(1))
        node.kill_daemon(signal.SIGTERM)
    if facility is None:
        assert found == []
        return
    (said_facility, level, text), = found
    assert (said_facility, level) == (facility, 6)
    assert re.match(r"conntrack-tools\[\d+\]: tcp      6 ESTABLISHED src=192\.168\.1\.10", text)
