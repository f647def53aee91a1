# SPDX-License-Identifier: GPL-2.0-or-later
"""The contract with scripts, init systems and administrators: one node, no traffic."""

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import time

import crowd
import lab as lab_module
import pytest
from conftest import OURS, incumbent
from space import wait_until

LOCK, SOCKET = "/run/lock/conntrack.lock", "/run/conntrackd.ctl"
DUMP_INTERNAL = struct.pack("=i", 16)
COMMANDS = ("-s", "-i", "-e", "-c", "-f", "-F", "-R", "-B", "-n", "-t", "-k")


@pytest.fixture
def lab(make_lab):
    made = make_lab()
    made.configure("FTFW")
    return made


@pytest.fixture
def fw(lab):
    return lab.fw1


@pytest.fixture
def running(fw):
    done = fw.start_daemon()
    assert done.returncode == 0, done
    return fw


def exists(fw, path):
    return os.path.exists(fw.space.path(path))


# Exit codes ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("args", [("-Z",), ("stray",), ("--help",), ("-s", "bogus"),
                                  ("-d", "-s"), ("-x", "-i"), ("-x",), ("-C",)],
                         ids=lambda args: " ".join(args))
def test_wrong_usage_exits_1_and_says_so_on_stderr(running, args, expected_of_incumbent):
    if args in (("-Z",), ("stray",), ("--help",)):
        expected_of_incumbent("ours", "exit status 0")
    done = running.ct(*args)
    assert done.returncode == 1, done
    assert done.stderr.strip()


def test_help_and_version_exit_0_on_stdout(fw):
    for option in ("-h", "-v"):
        done = fw.ct(option)
        assert done.returncode == 0
        assert done.stdout.strip()


@pytest.mark.parametrize("command", COMMANDS)
def test_client_without_a_daemon_exits_1(fw, command):
    done = fw.ct(command)
    assert done.returncode == 1
    assert "connect" in done.stderr


def test_client_without_a_daemon_names_the_socket(fw, expected_of_incumbent):
    expected_of_incumbent("ours", "does not say which socket")
    assert SOCKET in fw.ct("-s").stderr


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "-k"])
def test_client_command_exits_0_and_writes_nothing_to_stderr(running, command):
    done = running.ct(command)
    assert (done.returncode, done.stderr) == (0, ""), done


def test_config_that_is_not_there_exits_1_with_its_name(fw):
    for args in (("-d",), ("-s",), ()):
        done = fw.ct("-C", "/etc/conntrackd/absent.conf", *args)
        assert done.returncode == 1
        assert "/etc/conntrackd/absent.conf" in done.stdout + done.stderr


@pytest.mark.parametrize("line, text", [
    ("HashSizes 12", "HashSizes"), ("HashSize twelve", "twelve"), ("UNIX {", None),
    ("HashSize 99999999999", "HashSize")])
def test_config_error_exits_1_with_file_line_and_column(fw, line, text, expected_of_incumbent):
    expected_of_incumbent("ours", "no file name and no column")
    conf = lab_module.conntrackd_conf("fw1").splitlines()
    at = conf.index("General {") + 1
    conf.insert(at, "\t" + line)
    fw.configure("\n".join(conf) + "\n")
    for args in (("-d",), ("-s",)):
        done = fw.ct(*args)
        assert done.returncode == 1, done
        place = re.search(r"%s:(\d+):(\d+): " % re.escape(lab_module.CONF), done.stderr)
        assert place, done.stderr
        if text:
            assert int(place.group(1)) == at + 1
            assert text in done.stderr


def test_config_error_starts_nothing(fw):
    fw.configure("Nonsense {\n}\n")
    assert fw.start_daemon().returncode == 1
    assert not fw.daemon_pids()
    assert not exists(fw, LOCK)
    assert not exists(fw, SOCKET)


# Life cycle ---------------------------------------------------------------------------------------

def test_d_returns_when_commands_are_served_and_k_when_over(fw):
    """Five rounds without a pause: -d is answered at once, -k leaves no lock and no socket."""
    for _ in range(5):
        assert fw.start_daemon().returncode == 0
        assert fw.ct("-s").returncode == 0
        assert fw.ct("-k").returncode == 0
        wait_until(lambda: not exists(fw, LOCK) and not exists(fw, SOCKET), 3, "files gone")
    wait_until(lambda: not fw.daemon_pids(), 3, "daemon gone")


def test_without_a_command_it_stays_in_the_foreground(fw):
    with open(os.devnull, "wb") as null:
        proc = fw.space.start("/usr/sbin/conntrackd", stdout=null)
        wait_until(lambda: exists(fw, SOCKET), 5, "the socket")
        wait_until(lambda: fw.ct("-s").returncode == 0, 5, "an answer")
        assert proc.poll() is None
        assert fw.ct("-k").returncode == 0
        assert proc.wait(5) == 0


def test_a_service_manager_hears_of_start_life_and_end(fw):
    """NOTIFY_SOCKET and WATCHDOG_USEC, as systemd sets them for Type=notify."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(fw.space.path("/run/notify"))
        manager.settimeout(5)
        proc = fw.space.start("env", "NOTIFY_SOCKET=/run/notify", "WATCHDOG_USEC=400000",
                              "/usr/sbin/conntrackd")
        said = manager.recv(4096).decode()
        assert "READY=1" in said.split("\n")
        assert fw.ct("-s").returncode == 0
        begun = time.monotonic()
        for _ in range(4):
            while manager.recv(4096) != b"WATCHDOG=1":
                pass
        assert time.monotonic() - begun < 3
        assert fw.ct("-k").returncode == 0
        while "STOPPING=1" not in manager.recv(4096).decode():
            pass
        assert proc.wait(5) == 0


def test_lock_and_socket_and_log_are_private(running):
    for path in (LOCK, SOCKET, "/var/log/conntrackd.log"):
        assert os.stat(running.space.path(path)).st_mode & 0o777 == 0o600, path


def test_second_daemon_is_refused_and_the_first_lives(running):
    first = running.daemon_pids()
    assert running.start_daemon().returncode == 1
    assert running.daemon_pids() == first
    assert running.ct("-s").returncode == 0
    assert exists(running, LOCK)


def ours_beside(fw):
    """Our binary as /run/ours on a machine that runs another; its own place may be hidden there."""
    shutil.copy(OURS, fw.space.path("/run/ours"))


def test_a_running_older_daemon_keeps_its_lock_and_its_socket(make_lab):
    """Its lock file is just a file, with no lock on it: only the socket tells that it lives."""
    if not incumbent("ref"):
        pytest.skip("CONNTRACKD_REF is not conntrack-tools")
    lab = make_lab(("ref", "ref"))
    lab.configure("FTFW")
    fw = lab.fw1
    ours_beside(fw)
    assert fw.start_daemon().returncode == 0
    done = fw.space.run("/run/ours", "-d", check=False)
    assert done.returncode == 1
    assert LOCK in done.stderr.replace("/var/lock/", "/run/lock/") and SOCKET in done.stderr
    assert exists(fw, LOCK)
    assert fw.ct("-s").returncode == 0


def test_our_client_serves_an_older_daemon_too(make_lab):
    """The binary has been replaced, the daemon not yet: keepalived's commands go on working."""
    if not incumbent("ref"):
        pytest.skip("CONNTRACKD_REF is not conntrack-tools")
    lab = make_lab(("ref", "ref"))
    lab.configure("FTFW")
    fw = lab.fw1
    ours_beside(fw)
    assert fw.start_daemon().returncode == 0
    for command in ("-c", "-f", "-R", "-B", "-n"):
        done = fw.space.run("/run/ours", command, check=False)
        assert done.returncode == 0, (command, done)
        assert "older daemon" in done.stderr
    assert "cache internal:" in fw.space.run("/run/ours", "-s").stdout
    assert "flushing caches" in fw.log()
    assert fw.space.run("/run/ours", "-k").returncode == 0
    wait_until(lambda: not fw.daemon_pids(), 5, "the older daemon gone")


def test_d_is_silent_where_all_is_well(fw, expected_of_incumbent):
    done = fw.start_daemon()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "initialization completed" in fw.log()


def test_the_loss_of_the_dedicated_link_is_logged_and_its_return(lab, running):
    lab.link("fw1", "eth2", False)
    wait_until(lambda: "no dedicated links available!" in running.log(), 5, "said so")
    assert "device `eth2' becomes dedicated link" not in running.log()
    lab.link("fw1", "eth2", True)
    wait_until(lambda: "device `eth2' becomes dedicated link" in running.log(), 5, "said so")
    assert running.log().count("no dedicated links available!") == 1


def test_an_interface_that_does_not_carry_the_address_is_remarked_on(fw, expected_of_incumbent):
    expected_of_incumbent("ours", "says nothing")
    fw.configure(fw.space.read(lab_module.CONF).replace("Interface eth2", "Interface eth1"))
    done = fw.start_daemon()
    assert done.returncode == 0
    assert "`eth2'" in done.stderr and "`eth1'" in done.stderr


def test_a_log_that_cannot_be_reopened_is_said_in_the_old_one(running, expected_of_incumbent):
    expected_of_incumbent("ours", "SIGHUP ends it")
    running.space.run("sh", "-c", "mv /var/log/conntrackd.log /var/log/old; "
                      "mkdir /var/log/conntrackd.log")
    for pid in running.daemon_pids():
        os.kill(pid, signal.SIGHUP)
    wait_until(lambda: "can't reopen logfile" in running.space.read("/var/log/old"), 5, "said so")


def test_traffic_of_flows_that_ended_is_counted(running):
    running.space.sysctl(netfilter__nf_conntrack_acct=1)
    # Its own packets on loopback; the configuration ignores what goes to this machine.
    running.configure(re.sub(r"Filter From Userspace \{.*\n\t\}\n\}", "}",
                             running.space.read(lab_module.CONF), flags=re.S))
    running.stop_daemon()
    running.start_daemon(check=True)
    running.space.run("python3", "-c", "import socket\n"
                      "to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                      "to.bind(('127.0.0.1', 7777))\n"
                      "for _ in range(3): to.sendto(b'x' * 72, ('127.0.0.1', 7777))")
    running.space.run("conntrack", "-D", "-p", "udp", "--dport", "7777")

    def counted():
        found = re.search(r"traffic processed:\s+(\d+) Bytes\s+(\d+) Pckts",
                          running.ct("-s", check=True).stdout)
        return (int(found[1]), int(found[2])) == (300, 3)
    wait_until(counted, 5, "three packets of a hundred bytes")


def test_second_daemon_is_told_why_on_stderr(running, expected_of_incumbent):
    expected_of_incumbent("ours", "the reason goes to the log only")
    assert "lock" in running.start_daemon().stderr.lower()


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_started_without_standard_descriptors_it_rests_and_hears_signals(fw, closed,
                                                                         expected_of_incumbent):
    """Whoever starts it may have closed them; what is opened next must not be taken for them."""
    expected_of_incumbent("ours", "spins", strict=False)
    # Without a log file, whose descriptor would come first.
    fw.configure(re.sub("LogFile .*", "LogFile off", fw.space.read(lab_module.CONF)))
    fw.space.run("sh", "-c", "/usr/sbin/conntrackd -d " + closed, timeout_s=10)
    pid, = fw.daemon_pids()

    def cpu_ticks():
        with open("/proc/%d/stat" % pid) as f:
            return sum(int(word) for word in f.read().rsplit(")", 1)[1].split()[11:13])
    before = cpu_ticks()
    time.sleep(1)
    # A loop that never waits uses a hundred or so, on a busy machine less.
    assert cpu_ticks() - before < 10
    assert fw.ct("-s").returncode == 0
    assert fw.ct("-d").returncode == 1, "the lock is not held"
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not fw.daemon_pids(), 5, "daemon gone after SIGTERM")


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_orderly_end_by_signal(running, sig):
    running.kill_daemon(sig)
    assert not exists(running, LOCK)
    assert not exists(running, SOCKET)
    assert "shutdown received" in running.log()
    assert running.start_daemon().returncode == 0


@pytest.mark.parametrize("sig", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
def test_other_signals_are_survived(running, sig, expected_of_incumbent):
    expected_of_incumbent("ours", "dies and leaves lock and socket")
    pids = running.daemon_pids()
    for pid in pids:
        os.kill(pid, sig)
    time.sleep(0.2)
    assert running.daemon_pids() == pids
    assert running.ct("-s").returncode == 0


def test_starts_again_after_kill_9(running, expected_of_incumbent):
    expected_of_incumbent("ours", "a stale lock file keeps it from starting")
    running.kill_daemon(signal.SIGKILL)
    assert running.start_daemon().returncode == 0
    assert running.ct("-s").returncode == 0
    assert running.start_daemon().returncode == 1


# Clients that misbehave ---------------------------------------------------------------------------

def test_idle_control_clients_block_nobody(lab, running, expected_of_incumbent):
    """Connected and silent: others are served, replication goes on."""
    expected_of_incumbent("ours", "an idle client stops the whole daemon")
    assert lab.fw2.start_daemon().returncode == 0
    idle = [lab.control_socket(running) for _ in range(20)]
    try:
        assert running.ct("-s", timeout_s=3).returncode == 0
        with running.table() as table:
            table.create({"orig": ("192.168.1.10", "192.168.0.10", 6, 4000, 80, 0),
                          "tcp": (3, 0, 0, 0, 0), "status": 6})
        wait_until(lambda: lab.fw2.count("-e") == 1, 3, "the flow on the peer")
    finally:
        for sock in idle:
            sock.close()
    assert running.ct("-s", timeout_s=3).returncode == 0


def test_client_that_does_not_read_its_dump_blocks_nobody(running):
    with running.table() as table:
        for i in range(5000):
            table.create({"orig": ("10.0.%d.%d" % (i >> 8, i & 255), "192.168.0.10", 6, 4000, 80,
                                   0), "tcp": (3, 0, 0, 0, 0), "status": 6})
    wait_until(lambda: len(running.dump("-i", "src=10.0.")) == 5000, 5, "5000 cached")
    lazy = []
    try:
        for _ in range(3):
            sock = lab_module.Lab.control_socket(None, running)
            sock.sendall(DUMP_INTERNAL)
            lazy.append(sock)
        time.sleep(0.2)
        assert running.ct("-s", timeout_s=3).returncode == 0
        assert len(running.dump("-i", "src=10.0.")) == 5000
        # What the lazy one finally reads is whole.
        data = b""
        while True:
            got = lazy[0].recv(65536)
            if not got:
                break
            data += got
        assert data.count(b"src=10.0.") == 5000
    finally:
        for sock in lazy:
            sock.close()


def test_a_slow_reader_of_a_dump_gets_all_of_it(running, expected_of_incumbent):
    """Somebody with a pager: the daemon need not live any more when the rest is read."""
    expected_of_incumbent("ours", "its client writes as slowly as its reader reads")
    with running.table() as table:
        for flow in crowd.flows(10000):
            table.create(flow)
    wait_until(lambda: crowd.cached(running, "internal") == 10000, 10, "10000 flows")
    dump = running.space.start("/usr/sbin/conntrackd", "-i", stdout=subprocess.PIPE)
    first = dump.stdout.readline()
    time.sleep(0.5)
    running.ct("-k", check=True)
    # Only the client is left.
    wait_until(lambda: len(running.daemon_pids()) == 1, 5, "daemon gone")
    assert 1 + sum(1 for _ in dump.stdout) == 10000 and first
    assert dump.wait(5) == 0


def test_a_reader_that_has_seen_enough_ends_the_dump(running):
    with running.table() as table:
        for flow in crowd.flows(10000):
            table.create(flow)
    wait_until(lambda: crowd.cached(running, "internal") == 10000, 10, "10000 flows")
    done = running.space.run("sh", "-c", "/usr/sbin/conntrackd -i | head -n 1", timeout_s=10)
    assert done.stdout.count("\n") == 1
    assert running.ct("-s").returncode == 0


@pytest.mark.parametrize("request_bytes", [
    struct.pack("=i", 12345), struct.pack("=i", -1), b"\0", b"GET / HTTP/1.0\r\n\r\n" * 100],
    ids=["unknown", "negative", "short", "http"])
def test_nonsense_on_the_control_socket_is_harmless(running, request_bytes):
    sock = lab_module.Lab.control_socket(None, running)
    try:
        sock.sendall(request_bytes)
    finally:
        sock.close()
    assert running.ct("-s", timeout_s=3).returncode == 0


@pytest.mark.parametrize("verb", ["check", "demote", "doctor", "expectations", "flows", "history", "log",
                                  "promote", "status", "trace"])
def test_words_that_nobody_says_are_harmless(running, verb):
    dice = random.Random(verb)
    said = [b"flows", b"external", b"follow", b"seconds=", b"wait=", b"last=", b"level=", b"for=", b"dry-run",
            b"tcp", b"src=10.0.0.1", b"10.0.0.1:1->10.0.0.2:2", b"-p", b"=", b"", b"9" * 40, b"-1", b"\xff\x1b[2J",
            b"%s%n", b"x" * 300, b"[", b"::1"]
    for _ in range(100):
        words = [verb.encode()] + [b"".join(dice.choices(said, k=dice.randint(1, 3)))
                                   for _ in range(dice.randint(0, 6))]
        asked = b"".join(word + b"\0" for word in words)[:1100]
        size = dice.choice([len(asked)] * 9 + [0, 1024, 1025, 0xffffffff])
        with contextlib.closing(lab_module.Lab.control_socket(None, running)) as sock:
            sock.sendall(struct.pack("=II", 0x40000100, size) + asked)
            sock.settimeout(0.02)
            # What follows a flow, or waits, is not waited for.
            with contextlib.suppress(OSError):
                while sock.recv(65536):
                    pass
    assert running.ct("-s", timeout_s=3).returncode == 0
    assert len(running.daemon_pids()) == 1


# Commands -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("hash_size", [1024, 8192, 8193])
def test_commit_then_flush_works_with_any_hash_size(make_lab, hash_size, expected_of_incumbent):
    """script_master.sh: -c -f, again and again; the external cache is empty after each -f."""
    if hash_size <= 8192:
        expected_of_incumbent("ours", "-f is refused after -c with HashSize <= 8192")
    lab = make_lab()
    lab.configure("FTFW", hash_size=hash_size)
    lab.start_daemons()
    flow = {"orig": ("192.168.1.10", "192.168.0.10", 6, 4000, 80, 0), "tcp": (3, 0, 0, 0, 0),
            "status": 6}
    with lab.fw1.table() as table:
        table.create(flow)
    for _ in range(2):
        wait_until(lambda: lab.fw2.count("-e") == 1, 3, "replicated")
        assert lab.fw2.ct("-c").returncode == 0
        assert len(lab.fw2.flows()) == 1
        assert lab.fw2.ct("-f").returncode == 0
        assert lab.fw2.count("-e") == 0
        assert len(lab.fw2.flows()) == 1
        assert lab.fw2.ct("-n").returncode == 0


def test_flush_and_reread_touch_only_the_cache(running):
    """-f empties it, -R fills it from the kernel; the kernel table stays."""
    with running.table() as table:
        table.create({"orig": ("192.168.1.10", "192.168.0.10", 6, 4000, 80, 0),
                      "tcp": (3, 0, 0, 0, 0), "status": 6})
    wait_until(lambda: running.count("-i") == 1, 3, "cached")
    assert running.ct("-f", "internal").returncode == 0
    assert running.count("-i") == 0
    assert len(running.flows()) == 1
    assert running.ct("-R").returncode == 0
    assert running.count("-i") == 1


def test_flush_of_the_kernel_table_spares_what_the_filter_ignores(running):
    flow = {"tcp": (3, 0, 0, 0, 0), "status": 6}
    with running.table() as table:
        table.create({"orig": ("192.168.1.10", "192.168.0.10", 6, 4000, 80, 0), **flow})
        table.create({"orig": ("192.168.1.1", "192.168.1.10", 6, 4001, 80, 0), **flow})
    assert running.ct("-F").returncode == 0
    wait_until(lambda: len(running.flows(lambda f: f["orig"][2] == 6)) == 1, 3, "flushed")
    left = list(running.flows(lambda f: f["orig"][2] == 6).values())
    assert left[0]["orig"][0] == "192.168.1.1"


def test_plain_and_xml_dumps(running):
    with running.table() as table:
        table.create({"orig": ("192.168.1.10", "192.168.0.10", 6, 4000, 80, 0),
                      "tcp": (3, 0, 0, 0, 0), "status": 6, "mark": 7})
    wait_until(lambda: running.count("-i") == 1, 3, "cached")
    line = running.ct("-i").stdout.rstrip("\n")
    assert re.fullmatch(
        r"tcp      6 ESTABLISHED src=192\.168\.1\.10 dst=192\.168\.0\.10 sport=4000 dport=80 "
        r"src=192\.168\.0\.10 dst=192\.168\.1\.10 sport=80 dport=4000 \[ASSURED\] mark=7 "
        r"\[active since \d+s\]", line), line
    xml = running.ct("-i", "-x").stdout
    assert xml.startswith('<flow><meta direction="original"><layer3 protonum="2" '
                          'protoname="ipv4"><src>192.168.1.10</src>')
    assert "<mark>7</mark>" in xml


@pytest.mark.parametrize("word, heading", [
    (None, "cache internal:\ncurrent active connections:\t"), ("network", "network statistics:\n"),
    ("cache", "cache:internal\tactive objects:\t\t"), ("runtime", "daemon uptime: 0 min\n"),
    ("link", "multicast traffic device=eth2 status=RUNNING role=ACTIVE:\n"),
    ("queue", "allocated queue nodes:\t\t"), ("rsqueue", "resent queue (len="), ("process", "")])
def test_statistics_keep_their_headings(running, word, heading):
    done = running.ct(*(("-s", word) if word else ("-s",)))
    assert done.returncode == 0
    assert heading in done.stdout
