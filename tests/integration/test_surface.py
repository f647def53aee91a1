# SPDX-License-Identifier: GPL-2.0-or-later
"""The rest of what doc/COMPATIBILITY.md lists: settings and commands on real nodes."""

import os
import re
import socket
import time

import lab as lab_module
import pytest
from node import LINK, conf, tcp, udp
from space import wait_until

PLACE = re.escape(lab_module.CONF) + r":\d+:\d+: "


# Configuration ------------------------------------------------------------------------------------

@pytest.mark.parametrize("text", [
    conf(sync="Stats { NetlinkEventsReliable no }"), conf(sync="Stats { LogFile /run/s.log}"),
    conf() + "# no end of line", conf().replace("\n", "\r\n"), conf(in_general="Systemd YES"),
    conf(in_mode="ACKWindowSize 20"), conf(mode="ALARM", in_mode="RefreshTime 15 CacheTimeout 180"),
    conf(mode="NOTRACK"), conf(in_mode="PurgeTimeout 15"), conf(in_sync="Checksum on"),
    conf(in_sync="CacheWriteThrough On"), conf(in_sync="Options { TCPWindowTracking On }"),
    conf(in_general="EventIterationLimit 100"), conf(in_general="Syslog local3"),
    conf(in_general="NetlinkOverrunResync 5"), conf(in_link="SndSocketBuffer 1249280")],
    ids=range(16))
def test_it_starts_without_a_remark(node, text):
    code, said = node.try_conf(text)
    assert code == 0, said
    assert "[warning]" not in said and "[ERROR]" not in said


@pytest.mark.parametrize("clause, word", [
    ({"mode": "NACK"}, "FTFW"), ({"mode": "PERSISTENT"}, "ALARM"),
    ({"in_mode": "ResendBufferSize 262144"}, "ResendQueueSize"),
    ({"in_sync": "Replicate ESTABLISHED TIME_WAIT for TCP"}, "State Accept"),
    ({"in_sync": "RelaxTransitions"}, "RelaxTransitions"),
    ({"in_general": "Family IPv4"}, "Family"), ({"top": "StripNAT"}, "StripNAT"),
    ({"in_general": "Nice -20"}, "nice"), ({"in_link": "McastSndSocketBuffer 9999"}, "SndSocketB"),
    ({"top": "IgnoreTrafficFor { IPv4_address 127.0.0.1 }"}, "Address Ignore"),
    ({"top": "IgnoreProtocol { UDP ICMP IGMP VRRP }"}, "Protocol Ignore"),
    ({"top": "IgnoreProtocol { 17 112 }"}, "Protocol Ignore"),
    ({"in_mode": "DisableExternalCache on CommitTimeout 9"}, "CommitTimeout"),
    ({"sync": "Sync { %s }" % (LINK % "")}, "Defaulting to FT-FW")],
    ids=lambda value: value if isinstance(value, str) else "")
def test_it_starts_with_a_warning_that_says_what_to_do(node, clause, word):
    node.configure(conf(**clause))
    done = node.start_daemon()
    assert done.returncode == 0, done
    warning, = [line for line in done.stderr.splitlines() if "[warning]" in line]
    assert re.search(PLACE, warning) and word in warning, warning


@pytest.mark.parametrize("clause, words", [
    ({"in_general": "hashsize 1"}, ["'hashsize'", "HashSize"]),
    ({"in_general": "HashSize 99999999999"}, ["'99999999999'", "from 0 to"]),
    ({"in_general": "Foo 1"}, ["'Foo'", "General"]),
    ({"top": "Stats { }"}, ["Stats", "Sync of line"]),
    ({"in_sync": "Mode ALARM { }"}, ["second Mode"]),
    ({"in_general": "PollSecs 0"}, ["PollSecs"]),
    ({"in_general": "Scheduler { Type OTHER }"}, ["'OTHER'", "RR or FIFO"]),
    ({"in_general": "Scheduler { Priority 100 }"}, ["'100'", "0 to 99"]),
    ({"in_general": "UNIX { Path /%s }" % ("a" * 107)}, ["107 characters"]),
    ({"in_filter": "Protocol Accept { TCP } Protocol Ignore { UDP }"},
     ["Protocol Ignore", "Accept as in line", "column"]),
    ({"in_filter": "Address Accept { IPv4_address 10.0.0.1 }",
      "top": "IgnoreTrafficFor { IPv4_address 127.0.0.1 }"}, ["Accept as in line", "column"]),
    ({"in_filter": "Address Ignore { IPv4_address 10.0.0.0/33 }"}, ["'10.0.0.0/33'", "0 to 32"]),
    ({"top": "Helper { Type foo inet tcp { } }"}, ["Unknown helper", "'foo'"]),
    ({"sync": ""}, [])], ids=lambda value: "")
def test_it_refuses_to_start_and_says_where_and_why(node, clause, words):
    node.configure(conf(**clause))
    done = node.start_daemon()
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if "[ERROR]" in line]
    assert errors and (not words or re.search(PLACE, errors[0])), done.stderr
    for word in words:
        assert any(word in line for line in errors), done.stderr


def test_bytes_that_are_no_text_are_named(node):
    with open(node.space.path(lab_module.CONF), "wb") as f:
        f.write(b"\xc3\xa9 Foo")
    done = node.start_daemon()
    assert done.returncode == 1
    assert lab_module.CONF + ":1:1: found byte 0xc3" in done.stderr


def test_an_interface_may_be_called_anything(node):
    code, said = node.try_conf(conf().replace("Interface eth2", "Interface fe0"))
    assert code == 1
    assert "interface fe0: No such device" in said
    node.space.run("ip", "link", "set", "eth2", "down")
    node.space.run("ip", "link", "set", "eth2", "name", "on")
    node.space.run("ip", "link", "set", "on", "up")
    code, said = node.try_conf(conf().replace("Interface eth2", "Interface on"))
    assert code == 0, said


def test_clients_are_not_told_of_old_words(node):
    node.configure(conf(in_general="UNIX { Backlog 20 }", top="StripNAT"))
    assert "StripNAT" in node.start_daemon().stderr
    for command in ("-s", "-i", "-f", "-R", "-k"):
        done = node.ct(command)
        assert (done.returncode, done.stderr) == (0, ""), command


def test_helpers_that_are_not_provided_are_named_at_start_and_in_statistics(node):
    node.configure(conf(top="Helper { Setup yes Type ftp inet tcp { QueueNum 0 QueueLen 10240 "
                        "Policy ftp { ExpectMax 1 ExpectTimeout 300 } } Type rpc inet6 udp { } }"))
    done = node.start_daemon(check=True)
    for said in (done.stderr, node.log()):
        assert said.count("Helper: ") == 2
        assert "[warning] Helper: user-space helper `ftp' (inet, tcp) is not provided: kernel " \
            "module nf_conntrack_ftp does its work" in said
        assert "`rpc' (inet6, udp) is not provided: no kernel module does its work" in said
    assert node.ct("-s", "runtime").stdout.endswith(
        "\nuser-space helpers not provided:\n\tftp inet tcp:\tnf_conntrack_ftp\n"
        "\trpc inet6 udp:\tno kernel module\n\n")


def test_without_the_capability_it_says_which_one(node):
    node.configure(conf())
    done = node.space.run("setpriv", "--bounding-set", "-all", "--inh-caps", "-all",
                          "/usr/sbin/conntrackd", "-d", check=False)
    assert done.returncode == 1
    assert "CAP_NET_ADMIN" in done.stderr


def test_systemd_off_tells_the_service_manager_nothing(node):
    node.configure(conf(in_general="Systemd off"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(node.space.path("/run/notify"))
        manager.settimeout(0.5)
        node.space.start("env", "NOTIFY_SOCKET=/run/notify", "WATCHDOG_USEC=200000",
                         "/usr/sbin/conntrackd")
        wait_until(lambda: node.ct("-s").returncode == 0, 5, "an answer")
        with pytest.raises(socket.timeout):
            manager.recv(4096)


# What a node does ---------------------------------------------------------------------------------

def test_startup_resync_asks_at_once(node):
    for setting in ("no", "yes"):
        node.configure(conf(in_mode="StartupResync " + setting))
        node.start_daemon(check=True)
        if setting == "yes":
            node.says("resync requested")
        else:
            node.for_a_while(0.3, lambda: "resync requested" not in node.log())
        node.stop_daemon()


def packets_sent(node):
    return int(re.search(r"(\d+) Pckts sent", node.ct("-s", "link").stdout)[1])


def test_an_idle_flow_is_said_again_within_refresh_time(node):
    node.configure(conf(mode="ALARM", in_mode="RefreshTime 1 CacheTimeout 9",
                        in_filter="Protocol Accept { TCP }"))
    node.start_daemon(check=True)
    node.create(tcp(1))
    node.cached(1)
    time.sleep(0.5)
    before = packets_sent(node)
    wait_until(lambda: packets_sent(node) >= before + 2, 6, "said twice more")


def test_a_peers_flow_shows_how_long_it_lives(make_lab):
    lab = make_lab()
    lab.configure("ALARM", mode_options="RefreshTime 2\n\t\tCacheTimeout 180")
    lab.start_daemons()
    with lab.fw1.table() as table:
        table.create(tcp(1))
    wait_until(lambda: lab.fw2.count("-e") == 1, 5, "replicated")
    line, = lab.fw2.dump("-e")
    assert 170 < int(re.search(r"\[expires in (\d+)s\]", line)[1]) <= 180


def test_without_a_timeout_from_the_peer_a_flow_gets_that_of_its_state(make_lab):
    """CommitTimeout here keeps the timeout off the wire; there nothing is set."""
    lab = make_lab()
    lab.configure("FTFW")
    lab.fw1.configure(lab_module.conntrackd_conf("fw1", mode_options="CommitTimeout 180"))
    lab.start_daemons()
    with lab.fw1.table() as table:
        table.create({**tcp(1), "timeout": 431999})
    wait_until(lambda: lab.fw2.count("-e") == 1, 5, "replicated")
    lab.fw2.ct("-c", check=True)
    flow, = lab.fw2.flows().values()
    assert flow["timeout"] > 400000


def test_a_full_cache_is_counted_and_logged(node):
    node.configure(conf(in_filter="Protocol Accept { TCP }").replace("HashLimit 2048",
                                                                     "HashLimit 2"))
    node.start_daemon(check=True)
    node.create(*(tcp(i) for i in range(5)))
    node.says("internal cache full: HashLimit is 2")
    node.cached(2)
    assert "no space left in cache:\t           3\n" in node.ct("-s", "cache").stdout


def test_words_after_i_and_e(node):
    node.configure(conf(in_filter="Protocol Accept { TCP }"))
    node.start_daemon(check=True)
    node.create(tcp(1))
    node.cached(1)
    assert len(node.ct("-i", "ct").stdout.splitlines()) == 1
    assert node.ct("-i", "c").stdout.split("[active")[0] == \
        node.ct("-i").stdout.split("[active")[0]
    for words in (("-e", "ct"), ("-i", "expect"), ("-e", "expect")):
        done = node.ct(*words)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_words_of_statistics_may_be_cut(node):
    node.configure(conf())
    node.start_daemon(check=True)
    for word, heading in (("net", "network statistics:"), ("n", "network statistics:"),
                          ("c", "cache:internal"), ("r", "daemon uptime:"),
                          ("l", "multicast traffic device="), ("rs", "resent queue"),
                          ("q", "allocated queue nodes"), ("m", "multicast traffic device="),
                          ("ct", "cache internal:")):
        done = node.ct("-s", word)
        assert done.returncode == 0 and heading in done.stdout, word
    for word in ("e", "p"):
        assert (node.ct("-s", word).returncode, node.ct("-s", word).stdout) == (0, "")


@pytest.mark.parametrize("command", [None, "-c", "-f"])
def test_the_purge_timer_flushes_unless_it_is_cancelled(node, command):
    node.configure(conf(in_mode="PurgeTimeout 1", in_filter="Protocol Accept { TCP }"))
    node.start_daemon(check=True)
    node.create(tcp(1), udp(2))
    node.cached(1)

    def left():
        return len(node.flows(lambda f: f["orig"][0] == "192.168.1.10"))
    assert node.ct("-t").returncode == 0
    assert node.ct("-t").returncode == 0
    assert node.log().count("flushing conntrack table in 1 secs") == 1
    if command:
        assert node.ct(command).returncode == 0
        node.for_a_while(2, lambda: left() == 2)
    else:
        node.says("flushing kernel conntrack table (scheduled)")
        wait_until(lambda: left() == 1, 5, "what passes the filter is gone")
        wait_until(lambda: node.ct("-i").stdout == "", 5, "from the cache, too")


def test_what_administrators_look_for_in_the_log(node):
    node.configure(conf(in_filter="Protocol Accept { TCP }", in_mode="PurgeTimeout 100"))
    node.start_daemon(check=True)
    node.create(tcp(1))
    node.cached(1)
    for command in (("-c",), ("-c", "ct"), ("-f",), ("-f", "internal"), ("-f", "external"),
                    ("-R",), ("-F",), ("-t",), ("-n",), ("-B",), ("-k",)):
        assert node.ct(*command).returncode == 0, command
    node.says("shutdown received")
    lines = node.log().splitlines()
    for line in lines:
        assert re.fullmatch(r"\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\] "
                            r"\(pid=\d+\) \[(info|notice|warning|ERROR)\] .*", line), line
    notices = [line.split("[notice] ", 1)[1] for line in lines if "[notice] " in line]
    for phrase in ("using user-space event filtering", "initialization completed",
                   "-- starting in daemon mode --", "committing all external caches",
                   "committing conntrack cache", "Committed 0 new entries", "flushing caches",
                   "flushing internal cache", "flushing external cache",
                   "resync with master conntrack table", "flushing kernel conntrack table",
                   "flushing conntrack table in 100 secs", "resync requested",
                   "sending bulk update", "---- shutdown received ----"):
        assert phrase in notices, phrase
    assert any(re.fullmatch(r"commit has taken \d+\.\d{6} seconds", n) for n in notices)
    assert any(re.fullmatch(r"netlink event socket buffer size has been set to \d+ bytes", n)
               for n in notices)


def test_a_second_start_at_once_after_the_end(node):
    node.configure(conf())
    node.start_daemon(check=True)
    assert node.ct("-k").returncode == 0
    assert not os.path.exists(node.space.path("/run/lock/conntrack.lock"))
    assert node.start_daemon().returncode == 0
    assert node.ct("-s").returncode == 0
