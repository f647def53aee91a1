# SPDX-License-Identifier: GPL-2.0-or-later
"""`conntrackd metrics': what it writes is judged by the readers that exist, a strict parser of OpenMetrics and
promtool for Prometheus' own format, and compared with the status document; and the exporter, over HTTP."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import hostile
import node as node_module
import pytest
from conftest import OURS
from lab import ROOT
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from space import wait_until

EXPORTER = os.path.join(os.path.dirname(OURS), "conntrackd-exporter")
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@pytest.fixture
def fw(node):
    node.configure(node_module.conf())
    assert node.start_daemon().returncode == 0
    return node


@pytest.fixture
def two(make_lab):
    """Two nodes that have heard each other."""
    made = make_lab()
    made.configure("FTFW")
    made.start_daemons()
    wait_until(lambda: all(len(json.loads(each.ct("status", "--json").stdout)["peers"]) == 1
                           for each in made.fws), 10, "both know each other", 0.1)
    return made


def families(text):
    """{name: family} of OpenMetrics text, as the strict parser has it."""
    return {family.name: family for family in text_string_to_metric_families(text)}


def samples(text):
    """{(name, labels as a frozenset of pairs): value} of either format; OpenMetrics strictly."""
    if not text.endswith("# EOF\n"):
        # What the two formats differ in are names and types of families.
        text = re.sub(r"^# .*\n", "", text, flags=re.M) + "# EOF\n"
    return {(sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples}


def value(found, name, **labels):
    return found[name, frozenset(labels.items())]


def promtool(text):
    """What promtool says to Prometheus' own format; nothing if all is well."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, timeout=30,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout if done.returncode or done.stdout else ""


def test_both_formats_are_valid_and_say_the_same(two):
    opened = two.fw1.ct("metrics", check=True).stdout
    own = two.fw1.ct("metrics", "--format", "prometheus", check=True).stdout
    assert families(opened)["conntrackd_losses"].type == "counter"
    assert families(opened)["conntrackd_build"].type == "info"
    assert families(opened)["conntrackd_mode"].type == "stateset"
    assert all(family.documentation for family in families(opened).values())
    assert promtool(own) == ""
    assert set(samples(opened)) == set(samples(own))


def test_the_judges_bite(fw):
    """A strict parser and a linter that take everything would not show anything."""
    text = fw.ct("metrics", check=True).stdout
    with pytest.raises(ValueError):
        families(text.replace("# EOF\n", ""))
    with pytest.raises(ValueError):
        families(text.replace("conntrackd_losses_total{", "conntrackd_losses{"))
    assert "unknown metric type" in promtool(text)
    assert "no help" in promtool("conntrackd_up 1\n")


def test_numbers_are_those_of_the_status(two):
    for fw in two.fws:
        before = json.loads(fw.ct("status", "--json").stdout)
        found = samples(fw.ct("metrics", check=True).stdout)
        after = json.loads(fw.ct("status", "--json").stdout)
        assert value(found, "conntrackd_up") == 1
        assert value(found, "conntrackd_build_info", version=before["version"]) == 1
        assert value(found, "conntrackd_mode", conntrackd_mode="FT-FW") == 1
        assert value(found, "conntrackd_mode", conntrackd_mode="ALARM") == 0
        assert value(found, "conntrackd_flows_limit", table="internal") == 131072
        for name, low in before["counters"].items():
            assert low <= value(found, "conntrackd_%s_total" % name) <= after["counters"][name]
        for name, low in before["links"][0]["counters"].items():
            assert low <= value(found, "conntrackd_link_%s_total" % name, link="eth2") \
                <= after["links"][0]["counters"][name]
        peer = {"peer": before["peers"][0]["address"], "link": "eth2"}
        assert peer["peer"].startswith("192.168.100.")
        assert value(found, "conntrackd_peer_heard", **peer) == 1
        assert 0 <= value(found, "conntrackd_peer_heard_age_seconds", **peer) < 2
        assert before["uptime_s"] <= value(found, "conntrackd_uptime_seconds") <= after["uptime_s"]


def rows(text):
    """The rows of doc/METRICS.md about these families: {name: row}."""
    made = {}
    for name, family in families(text).items():
        labels = sorted({label for sample in family.samples for label in sample.labels} - {name})
        if family.type == "stateset":
            labels.append(name)
        shown = name + {"counter": "_total", "info": "_info"}.get(family.type, "")
        made[shown] = "| `%s` | %s | %s | %s |" % (
            shown, family.type, ", ".join("`%s`" % label for label in labels), family.documentation)
    return made


def test_the_document_lists_every_family(make_lab, request):
    lab = make_lab()
    lab.configure("FTFW", sync_options="Options { ExpectationSync On }")
    lab.start_daemons()
    wait_until(lambda: all(len(json.loads(each.ct("status", "--json").stdout)["peers"]) == 1
                           for each in lab.fws), 10, "both know each other", 0.1)
    lab.fw1.ct("-c", check=True)
    there = rows(lab.fw1.ct("metrics", check=True).stdout)
    path = os.path.join(ROOT, "doc", "METRICS.md")
    with open(path) as f:
        text = f.read()
    # The second table is that of tests/manpages.py.
    core = text[text.index("| :-- |"):]
    if request.config.getoption("--write-metrics"):
        begin = text.index("\n| --- |") + 1
        begin = text.index("\n", begin) + 1
        end = text.index("\n\n", begin) + 1
        with open(path, "w") as f:
            f.write(text[:begin] + "".join(row + "\n" for row in there.values() if row not in core) + text[end:])
        return
    listed = {re.match(r"\| `(\w+)`", line)[1]: line for line in text.splitlines()
              if line.startswith("| `conntrackd_")}
    assert listed == there, "see tests/manpages.py --fix, and --write-metrics of this test"


def test_readiness_and_role(two):
    """Each reason that the daemon may give is a series, whether it is open or not."""
    with open(os.path.join(ROOT, "src", "app", "readiness.c")) as f:
        reasons = re.findall(r'\[READY_\w+\] = \{"([^"]+)"', f.read())
    with open(os.path.join(ROOT, "src", "app", "role.c")) as f:
        roles = re.findall(r'\[ROLE_\w+\] = "([^"]+)"', f.read())

    def numbers():
        return samples(two.fw2.ct("metrics", check=True).stdout)

    def series(found, name, label):
        return {dict(labels)[label]: value for (each, labels), value in found.items() if each == name}

    found = numbers()
    assert len(reasons) > 10 and set(series(found, "conntrackd_ready_reason", "reason")) == set(reasons)
    assert len(roles) > 3 and set(series(found, "conntrackd_role", "conntrackd_role")) == set(roles)
    two.fw2.ct("-c", check=True)
    found = numbers()
    open_now = {each["code"] for each in
                json.loads(two.fw2.ct("status", "--json").stdout)["ready"]["reasons"]}
    assert {reason for reason, on in series(found, "conntrackd_ready_reason", "reason").items() if on} == open_now
    assert value(found, "conntrackd_role", conntrackd_role="master") == 1
    assert sum(series(found, "conntrackd_role", "conntrackd_role").values()) == 1
    assert 0 <= value(found, "conntrackd_last_commit_duration_seconds") < 10
    assert series(found, "conntrackd_last_commit_flows", "result")["failed"] == 0
    peer = {"peer": "192.168.100.100", "link": "eth2"}
    assert value(found, "conntrackd_peer_lag_seconds", **peer) >= 0
    # Who cannot be reached is behind, and has not been heard.
    two.link("fw2", "eth2", False)
    with two.fw2.table() as table:
        table.create(node_module.tcp(1))
    wait_until(lambda: value(numbers(), "conntrackd_peer_lag_seconds", **peer) >= 1, 10, "the peer is behind", 0.2)
    found = numbers()
    assert value(found, "conntrackd_link_up", link="eth2") == 0
    assert value(found, "conntrackd_ready_reason", reason="no-link") == 1


def test_other_modes_have_what_they_have(node):
    """Nobody acknowledges in ALARM; in Stats mode there is nobody at all."""
    stats = "Stats { LogFile off }\n"
    for text, mode in ((node_module.conf(mode="ALARM"), "ALARM"), (node_module.conf(sync="", top=stats), "Stats")):
        node.configure(text)
        assert node.start_daemon().returncode == 0
        opened = node.ct("metrics", check=True).stdout
        assert value(samples(opened), "conntrackd_mode", conntrackd_mode=mode) == 1
        assert families(opened)["conntrackd_peer_lag_seconds"].samples == []
        assert promtool(node.ct("metrics", "--format", "prometheus", check=True).stdout) == ""
        node.stop_daemon()


def test_losses_by_reason(two):
    """Messages of another version, of a type that there is not, and the half of one."""
    sender = two.fw2.space.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.168.100.200"))
    for datagram in (hostile.message(hostile.CTL, hostile.ALIVE, 1, version=2), hostile.message(7, 0, 1), b"\x1a"):
        sender.sendto(datagram, ("225.0.0.50", hostile.PORT))
    sender.close()
    wait_until(lambda: value(samples(two.fw1.ct("metrics", check=True).stdout), "conntrackd_losses_total",
                             reason="malformed") == 3, 5, "three malformed messages", 0.1)


def test_a_daemon_that_does_not_answer_is_a_metric_too(fw):
    fw.ct("-k", check=True)
    done = fw.ct("metrics")
    assert done.returncode == 1 and "is conntrackd running?" in done.stderr
    assert samples(done.stdout) == {("conntrackd_up", frozenset()): 0}
    done = fw.ct("metrics", "--output", "/run/conntrackd.prom")
    assert done.returncode == 1
    assert samples(fw.space.read("/run/conntrackd.prom"))["conntrackd_up", frozenset()] == 0


def test_a_file_is_always_whole(fw):
    path = "/run/conntrackd.prom"
    fw.ct("metrics", "--output", path, check=True)
    assert os.stat(fw.space.path(path)).st_mode & 0o777 == 0o644
    assert promtool(fw.space.read(path)) == ""
    with open(fw.space.path(path)) as old:
        fw.ct("metrics", "--output", path, check=True)
        # Who had it open reads the old one to its end: it was not written over.
        assert os.fstat(old.fileno()).st_ino != os.stat(fw.space.path(path)).st_ino
        assert samples(old.read())
    fw.ct("metrics", "--output", "/run/conntrackd.om", check=True)
    assert families(fw.space.read("/run/conntrackd.om"))
    # What cannot be written leaves what was there, and nothing else.
    fw.space.run("sh", "-c", "mkdir /run/full; mount -t tmpfs -o size=8k lab /run/full; echo kept >/run/full/a.prom")
    done = fw.ct("metrics", "--output", "/run/full/a.prom")
    assert done.returncode == 1 and "No space left" in done.stderr
    assert fw.space.run("ls", "/run/full").stdout.split() == ["a.prom"]
    assert fw.space.read("/run/full/a.prom") == "kept\n"
    done = fw.ct("metrics", "--output", "/run/no/such/a.prom")
    assert done.returncode == 1 and "No such file" in done.stderr


def test_wrong_use_is_said(fw):
    for args in (("--format", "xml"), ("--any-address",), ("--listen", "127.0.0.1:1", "--json"),
                 ("--json", "--output", "/run/x"), ("--output",), ("x",)):
        done = fw.ct("metrics", *args)
        assert done.returncode == 1 and done.stdout == "" and done.stderr, args
    assert json.loads(fw.ct("metrics", "--json", check=True).stdout)["mode"] == "FT-FW"


# ------------------------------------------------------------------------------------------------
# Over HTTP

class Exporter:
    """The exporter in a node's namespaces; started as `conntrackd metrics --listen', so that it is the one which
    stands beside the binary."""

    def __init__(self, fw, where, *more, prefix=()):
        self.fw, self.where = fw, where
        fw.space.run("mkdir", "-p", "/run/bin")
        for source in (OURS, EXPORTER):
            target = fw.space.path("/run/bin/" + os.path.basename(source))
            if not os.path.exists(target):
                shutil.copy(source, target)
        with open(fw.space.path("/run/exporter.log"), "ab") as log:
            self.proc = fw.space.start(*prefix, "/run/bin/conntrackd", "metrics", "--listen", where, *more,
                                       stdout=log)
        wait_until(self.answers, 5, "the exporter answers: " + self.log(), 0.05)

    def log(self):
        return self.fw.space.read("/run/exporter.log")

    def socket(self):
        if self.where.startswith("unix:"):
            made = socket.socket(socket.AF_UNIX)
            made.settimeout(10)
            made.connect(self.fw.space.path(self.where[5:]))
            return made
        host, _, port = self.where.rpartition(":")
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        made = self.fw.space.socket(family, socket.SOCK_STREAM)
        made.settimeout(10)
        made.connect((host.strip("[]"), int(port)))
        return made

    def answers(self):
        try:
            self.socket().close()
            return True
        except OSError:
            return False

    def ask(self, path="/metrics", method="GET", accept=None):
        """(status, headers, text)."""
        connection = http.client.HTTPConnection("localhost")
        connection.sock = self.socket()
        try:
            connection.request(method, path, headers={"Accept": accept} if accept else {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def pids(self):
        return [pid for pid, comm in self.fw.space.pids().items() if comm.startswith("conntrackd-exp")]

    def stop(self):
        for pid in self.pids():
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not self.pids(), 5, "the exporter has gone")
        return self.proc.wait(5)


def test_http(fw):
    exporter = Exporter(fw, "127.0.0.1:9730")
    status, headers, text = exporter.ask(accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert status == 200 and headers["Content-Type"] == OPENMETRICS
    assert samples(text)["conntrackd_up", frozenset()] == 1 and families(text)
    status, headers, text = exporter.ask()
    assert status == 200 and headers["Content-Type"] == PROMETHEUS and promtool(text) == ""
    status, headers, text = exporter.ask(method="HEAD")
    assert status == 200 and int(headers["Content-Length"]) > 1000 and text == ""
    assert exporter.ask("/")[0] == 200 and exporter.ask("/metric")[0] == 404
    status, headers, _ = exporter.ask(method="POST")
    assert status == 405 and headers["Allow"] == "GET, HEAD"
    assert exporter.stop() == 0


def test_http_on_a_unix_socket_and_on_ipv6(fw):
    exporter = Exporter(fw, "unix:/run/metrics.sock")
    assert os.stat(fw.space.path("/run/metrics.sock")).st_mode & 0o777 == 0o660
    assert samples(exporter.ask()[2])["conntrackd_up", frozenset()] == 1
    # Nobody takes the place of one that answers; one that was left behind is in nobody's way.
    done = fw.space.run("/run/bin/conntrackd", "metrics", "--listen", "unix:/run/metrics.sock", check=False)
    assert done.returncode == 1 and "in use" in done.stderr
    for pid in exporter.pids():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not exporter.pids(), 5, "the exporter has gone")
    assert os.path.exists(fw.space.path("/run/metrics.sock"))
    exporter = Exporter(fw, "unix:/run/metrics.sock")
    assert exporter.stop() == 0
    assert not os.path.exists(fw.space.path("/run/metrics.sock"))
    exporter = Exporter(fw, "[::1]:9730")
    assert exporter.ask()[0] == 200
    assert exporter.stop() == 0


def test_http_is_for_this_host_only_unless_told_otherwise(fw):
    exporter = Exporter(fw, "192.168.100.100:9730", "--any-address")
    assert exporter.ask()[0] == 200
    assert exporter.stop() == 0
    for where, why in (("0.0.0.0:9731", "--any-address"), ("[::]:9731", "--any-address"),
                       ("192.168.100.100:9731", "--any-address"), ("127.0.0.1", "ADDRESS:PORT"),
                       ("127.0.0.1:0", "ADDRESS:PORT"), ("127.0.0.1:65536", "ADDRESS:PORT"),
                       ("localhost:9731", "numeric"), ("::1:9731", "ADDRESS:PORT"), ("unix:x", "absolute path"),
                       ("unix:/run/" + 120 * "x", "absolute path"), ("unix:/run/bin", "File exists")):
        done = fw.space.run("/run/bin/conntrackd", "metrics", "--listen", where, check=False)
        assert done.returncode == 1 and why in done.stderr, (where, done)


def test_the_exporter_needs_to_be_no_more_than_a_reader(fw):
    fw.ct("-k", check=True)
    fw.configure(node_module.conf().replace("UNIX {", "UNIX { Group nogroup "))
    assert fw.start_daemon(check=True).returncode == 0
    exporter = Exporter(fw, "127.0.0.1:9730", prefix=(
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--no-new-privs"))
    assert samples(exporter.ask()[2])["conntrackd_up", frozenset()] == 1
    exporter.stop()


def test_a_daemon_that_hangs_or_has_gone_is_a_metric_within_seconds(fw):
    exporter = Exporter(fw, "127.0.0.1:9730")
    assert samples(exporter.ask()[2])["conntrackd_up", frozenset()] == 1
    [daemon] = [pid for pid in fw.daemon_pids()]
    os.kill(daemon, signal.SIGSTOP)
    time.sleep(0.6)
    assert samples(exporter.ask()[2]) == {("conntrackd_up", frozenset()): 0}
    os.kill(daemon, signal.SIGCONT)
    time.sleep(0.6)
    assert samples(exporter.ask()[2])["conntrackd_up", frozenset()] == 1
    fw.stop_daemon()
    time.sleep(0.6)
    assert samples(exporter.ask()[2]) == {("conntrackd_up", frozenset()): 0}
    log = exporter.log()
    assert log.count("not answered in time") == 1 and log.count("answers again") == 1
    assert log.count("is conntrackd running?") == 1
    exporter.stop()


def test_many_scrapes_are_few_requests(fw):
    exporter = Exporter(fw, "127.0.0.1:9730")
    before = fw.number("client_accepted")
    began = time.monotonic()
    for _ in range(100):
        assert exporter.ask()[0] == 200
    took = time.monotonic() - began
    # One in half a second, and the one that asks here.
    assert fw.number("client_accepted") - before <= took / 0.5 + 2
    exporter.stop()


def test_connections_that_say_nothing_end(fw):
    """All places taken: who comes then waits until they are given up, and is served."""
    exporter = Exporter(fw, "127.0.0.1:9730")
    silent = [exporter.socket() for _ in range(20)]
    began = time.monotonic()
    assert exporter.ask()[0] == 200
    assert 3 < time.monotonic() - began < 10
    for each in silent:
        each.close()
    exporter.stop()


@pytest.mark.slow
def test_connections_that_say_little_end_too(fw):
    exporter = Exporter(fw, "127.0.0.1:9730")
    slow = exporter.socket()
    began = time.monotonic()
    with pytest.raises(OSError):
        for byte in b"GET /metrics HTTP/1.1\r\nX: " + 60 * b"x":
            slow.sendall(bytes([byte]))
            time.sleep(0.5)
    assert 8 < time.monotonic() - began < 15
    slow.close()
    exporter.stop()


def test_an_exporter_that_is_not_there_is_said(fw):
    done = fw.ct("metrics", "--listen", "127.0.0.1:9730")
    assert done.returncode == 1 and "conntrackd-exporter is neither beside conntrackd nor in" in done.stderr


def test_the_daemon_has_nothing_of_an_http_server():
    done = subprocess.run(["ldd", OURS], stdout=subprocess.PIPE, text=True, check=True)
    assert "microhttpd" not in done.stdout and "gnutls" not in done.stdout
    done = subprocess.run(["ldd", EXPORTER], stdout=subprocess.PIPE, text=True, check=True)
    assert "microhttpd" in done.stdout
