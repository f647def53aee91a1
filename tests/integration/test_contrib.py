# SPDX-License-Identifier: GPL-2.0-or-later
"""contrib/: alert rules, judged by promtool and fired by a real Prometheus that scrapes real daemons; the dashboard's
expressions, made of metrics that exist; the dissector, by tshark on captures."""

import json
import os
import re
import socket
import struct
import subprocess
import urllib.parse
from random import Random

import hostile
from lab import ROOT
from space import wait_until
from test_metrics import Exporter, families, samples, two  # noqa: F401

RULES = os.path.join(ROOT, "contrib", "prometheus", "conntrackd.rules.yml")
DASHBOARD = os.path.join(ROOT, "contrib", "grafana", "conntrackd.json")


def run(*argv):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, check=False)


def rule_texts():
    """{alert: its text in the file}."""
    with open(RULES) as f:
        parts = re.split(r"^      - alert: (\w+)\n", f.read(), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def expressions():
    """Of the dashboard: what panels and annotations ask for."""
    with open(DASHBOARD) as f:
        dashboard = json.load(f)
    found = [annotation["expr"] for annotation in dashboard["annotations"]["list"]]
    for panel in dashboard["panels"]:
        found += [target["expr"] for target in panel.get("targets", ())]
    return found


def metrics_of(expr):
    """The names of metrics in an expression, without what stands in braces or after by and on."""
    expr = re.sub(r"\{[^}]*\}", "", expr)
    expr = re.sub(r"\b(by|on) \([^)]*\)", "", expr)
    return set(re.findall(r"\bconntrackd_\w+", expr))


# ------------------------------------------------------------------------------------------------
# Alert rules

def test_rules_are_valid_and_say_what_to_do():
    done = run("promtool", "check", "rules", RULES)
    assert done.returncode == 0, done.stdout
    texts = rule_texts()
    assert len(texts) >= 15
    for alert, text in texts.items():
        for word in ("severity", "summary", "description", "action"):
            assert re.search(r"^ +%s: ." % word, text, re.M), (alert, word)


def test_the_part_of_a_configuration_is_valid():
    done = run("promtool", "check", "config", os.path.join(os.path.dirname(RULES), "prometheus.yml"))
    assert done.returncode == 0 and "SUCCESS: %d rules found" % len(rule_texts()) in done.stdout, done.stdout


def test_the_units_for_the_textfile_collector_are_valid(tmp_path):
    """As far as systemd tells without the program being where it will be."""
    for name in ("service", "timer"):
        with open(os.path.join(ROOT, "contrib", "textfile", "conntrackd-metrics." + name)) as f:
            text = f.read()
        with open(tmp_path / ("conntrackd-metrics." + name), "w") as f:
            f.write(text.replace("/usr/sbin/conntrackd metrics", "/bin/true metrics"))
    done = run("systemd-analyze", "verify", "--man=no", str(tmp_path / "conntrackd-metrics.service"),
               str(tmp_path / "conntrackd-metrics.timer"))
    assert done.returncode == 0 and "conntrackd-metrics" not in done.stdout, done.stdout


def series(**labels):
    return "{%s}" % ",".join('%s="%s"' % pair for pair in labels.items())


def healthy():
    """{series: values, one each half minute} of two nodes that are well."""
    found = {}
    for instance, role, peer in (("fw1", "master", "10.0.0.2"), ("fw2", "backup", "10.0.0.1")):
        def add(name, values, instance=instance, **labels):
            found[name + series(job="conntrackd", instance=instance, **labels)] = values
        add("up", "1+0x150")
        add("conntrackd_up", "1+0x150")
        add("conntrackd_ready", "1+0x150")
        add("conntrackd_uptime_seconds", "100+30x150")
        add("conntrackd_build_info", "1+0x150", version="2.0.0")
        add("conntrackd_ready_reason", "0+0x150", reason="no-peer")
        add("conntrackd_ready_reason", "0+0x150", reason="resync-under-way")
        for each in ("unknown", "backup", "promoting", "master", "fault"):
            add("conntrackd_role", "%d+0x150" % (each == role), conntrackd_role=each)
        add("conntrackd_peer_heard", "1+0x150", peer=peer, link="eth2")
        add("conntrackd_peer_acknowledges", "1+0x150", peer=peer, link="eth2")
        add("conntrackd_peer_lag_seconds", "0+0x150", peer=peer, link="eth2")
        add("conntrackd_link_up", "1+0x150", link="eth2")
        flows = {"internal": 50000, "external": 10} if role == "master" else {"internal": 10, "external": 50000}
        for table, count in flows.items():
            add("conntrackd_flows", "%d+0x150" % count, table=table)
            add("conntrackd_flows_limit", "131072+0x150", table=table)
        add("conntrackd_kernel_flows", "50000+0x150")
        add("conntrackd_kernel_flows_limit", "262144+0x150")
        add("conntrackd_kernel_overruns_total", "3+0x150")
        add("conntrackd_gate_timeouts_total", "1+0x150")
        for reason in ("internal_full", "external_full", "sequence_gap"):
            add("conntrackd_losses_total", "7+0x150", reason=reason)
        add("conntrackd_last_commit_flows", "0+0x150", result="failed")
        add("conntrackd_last_commit_age_seconds", "100+30x150")
    return found


def on(instance, name, **labels):
    return name + series(job="conntrackd", instance=instance, **labels)


# What is not well, and what else is bound to be said of it.
CASES = {
    "ConntrackdDown": ({on("fw1", "up"): "0+0x150"}, ()),
    "ConntrackdNotReady": ({on("fw2", "conntrackd_ready"): "0+0x150",
                            on("fw2", "conntrackd_ready_reason", reason="resync-under-way"): "1+0x150"}, ()),
    "ConntrackdPeerSilent": ({on("fw1", "conntrackd_peer_heard", peer="10.0.0.2", link="eth2"): "0+0x150"}, ()),
    "ConntrackdNoPeer": ({on("fw1", "conntrackd_ready_reason", reason="no-peer"): "1+0x150"}, ()),
    "ConntrackdPeerDoesNotAcknowledge": (
        {on("fw1", "conntrackd_peer_acknowledges", peer="10.0.0.2", link="eth2"): "0+0x150"}, ()),
    "ConntrackdPeerLags": ({on("fw1", "conntrackd_peer_lag_seconds", peer="10.0.0.2", link="eth2"): "6+1x150"}, ()),
    "ConntrackdOverrun": ({on("fw1", "conntrackd_kernel_overruns_total"): "3+1x150"}, ()),
    "ConntrackdTableNearlyFull": ({on("fw1", "conntrackd_flows_limit", table="internal"): "60000+0x150"}, ()),
    "ConntrackdTableFull": ({on("fw2", "conntrackd_losses_total", reason="external_full"): "7+2x150"}, ()),
    "ConntrackdKernelTableNearlyFull": ({on("fw1", "conntrackd_kernel_flows_limit"): "60000+0x150"}, ()),
    "ConntrackdCommitFailures": ({on("fw1", "conntrackd_last_commit_flows", result="failed"): "5+0x150"}, ()),
    "ConntrackdTwoMasters": ({on("fw2", "conntrackd_role", conntrackd_role="master"): "1+0x150",
                              on("fw2", "conntrackd_role", conntrackd_role="backup"): "0+0x150"}, ()),
    "ConntrackdNoMaster": ({on("fw1", "conntrackd_role", conntrackd_role="master"): "0+0x150",
                            on("fw1", "conntrackd_role", conntrackd_role="backup"): "1+0x150"}, ()),
    "ConntrackdDivergence": ({on("fw2", "conntrackd_flows", table="external"): "30000+0x150"}, ()),
    "ConntrackdLinkDown": ({on("fw1", "conntrackd_link_up", link="eth2"): "0+0x150"}, ()),
    "ConntrackdMessagesLost": ({on("fw2", "conntrackd_losses_total", reason="sequence_gap"): "7+60x150"}, ()),
    "ConntrackdGateTimedOut": ({on("fw1", "conntrackd_gate_timeouts_total"): "1+1x150"}, ()),
    "ConntrackdRestarts": ({on("fw1", "conntrackd_uptime_seconds"): "%s" % " ".join(50 * ["1 31 61"])}, ()),
    "ConntrackdVersionSkew": ({on("fw1", "conntrackd_build_info", version="2.0.0"): "_x150",
                               on("fw1", "conntrackd_build_info", version="2.1.0"): "1+0x150"}, ()),
}


def rule_test(changes, alerts, at):
    """A file for `promtool test rules': these alerts, and no others, fire at this time."""
    interval = "10m" if at == "25h" else "30s"
    values = {**healthy(), **changes}
    return {"rule_files": [RULES], "evaluation_interval": interval, "tests": [{
        "interval": interval,
        "input_series": [{"series": name, "values": each} for name, each in values.items()],
        "promql_expr_test": [{
            "expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": at,
            "exp_samples": [{"labels": '{alertname="%s"}' % alert, "value": 1} for alert in sorted(alerts)]}]}]}


def test_every_alert_fires_when_it_should_and_only_then(tmp_path):
    assert set(CASES) == set(rule_texts())
    cases = {"healthy": ({}, ())}
    cases.update((alert, (changes, (alert, *others))) for alert, (changes, others) in CASES.items())
    paths = []
    for name, (changes, alerts) in cases.items():
        paths.append(str(tmp_path / (name + ".yml")))
        with open(paths[-1], "w") as f:
            json.dump(rule_test(changes, alerts, "25h" if name == "ConntrackdVersionSkew" else "30m"), f)
    done = run("promtool", "test", "rules", *paths)
    assert done.returncode == 0, done.stdout
    # The judge bites.
    with open(paths[0], "w") as f:
        json.dump(rule_test({}, ("ConntrackdDown",), "30m"), f)
    assert run("promtool", "test", "rules", paths[0]).returncode != 0


def known_names(two):  # noqa: F811
    """All that a query can name: samples of both nodes, and families that have none yet."""
    text = two.fw1.ct("metrics", check=True).stdout
    names = {name for name, _ in samples(text)}
    return names | {name + {"counter": "_total"}.get(family.type, "") for name, family in families(text).items()}


def test_rules_and_dashboard_use_metrics_that_exist(two, tmp_path):  # noqa: F811
    known = known_names(two)
    used = set()
    for alert, text in rule_texts().items():
        expr = re.search(r"^        expr:(.*?)^        \w+:", text, re.M | re.S).group(1)
        assert metrics_of(expr), alert
        used |= metrics_of(expr)
    exprs = expressions()
    assert len(exprs) > 25
    for expr in exprs:
        assert metrics_of(expr), expr
        used |= metrics_of(expr)
    assert used - known == set()
    # They are expressions, too.
    with open(tmp_path / "dashboard.yml", "w") as f:
        json.dump({"groups": [{"name": "dashboard", "rules": [
            {"record": "panel:%d" % i, "expr": expr.replace("$__rate_interval", "1m")}
            for i, expr in enumerate(exprs)]}]}, f)
    done = run("promtool", "check", "rules", str(tmp_path / "dashboard.yml"))
    assert done.returncode == 0, done.stdout


def test_the_dashboard_is_one():
    with open(DASHBOARD) as f:
        dashboard = json.load(f)
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids)) > 15
    assert {each["name"] for each in dashboard["templating"]["list"]} == {"datasource", "job", "instance"}
    taken = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"} and panel["targets"]


# ------------------------------------------------------------------------------------------------
# A real Prometheus

class Prometheus:
    """In the namespaces of a node, with the rules as they are but for the time that they wait."""

    CONFIG = """
global:
  scrape_interval: 500ms
  evaluation_interval: 500ms
rule_files: [/run/prometheus/rules.yml]
scrape_configs:
  - job_name: conntrackd
    static_configs:
      - targets: [%s]
"""

    def __init__(self, fw, targets):
        self.space = fw.space
        with open(RULES) as f:
            rules = re.sub(r"^( +for:).*", r"\1 1s", f.read(), flags=re.M)
        self.space.run("mkdir", "/run/prometheus")
        self.space.write("/run/prometheus/rules.yml", rules)
        self.space.write("/run/prometheus/prometheus.yml", self.CONFIG % ", ".join("'%s'" % each for each in targets))
        with open(self.space.path("/run/prometheus/log"), "wb") as log:
            self.space.start("prometheus", "--config.file=/run/prometheus/prometheus.yml",
                             "--storage.tsdb.path=/run/prometheus/data", "--web.listen-address=127.0.0.1:9090",
                             stdout=log)
        wait_until(self.ready, 20, "Prometheus is up", 0.2)

    def ask(self, path):
        sock = self.space.socket(socket.AF_INET, socket.SOCK_STREAM)
        with sock:
            sock.settimeout(10)
            sock.connect(("127.0.0.1", 9090))
            sock.sendall(("GET %s HTTP/1.0\r\n\r\n" % path).encode())
            answer = b"".join(iter(lambda: sock.recv(65536), b"")).decode()
        head, _, body = answer.partition("\r\n\r\n")
        return head.split()[1], body

    def ready(self):
        try:
            return self.ask("/-/ready")[0] == "200"
        except OSError:
            return False

    def query(self, expr):
        """[(labels, value)]."""
        status, body = self.ask("/api/v1/query?" + urllib.parse.urlencode({"query": expr}))
        assert status == "200", body
        return [(each["metric"], float(each["value"][1])) for each in json.loads(body)["data"]["result"]]

    def firing(self):
        """{alert: [its labels]}."""
        found = {}
        for alert in json.loads(self.ask("/api/v1/alerts")[1])["data"]["alerts"]:
            if alert["state"] == "firing":
                found.setdefault(alert["labels"]["alertname"], []).append(alert)
        return found


def test_a_real_prometheus_scrapes_and_alerts(two):  # noqa: F811
    """Both formats of the wire are its choice; a peer that is not there any more is an alert within seconds."""
    Exporter(two.fw1, "127.0.0.1:9730")
    Exporter(two.fw2, "192.168.100.200:9730", "--any-address")
    prometheus = Prometheus(two.fw1, ("127.0.0.1:9730", "192.168.100.200:9730"))
    wait_until(lambda: len(prometheus.query("conntrackd_up == 1")) == 2, 10, "both are scraped", 0.2)
    assert len(prometheus.query("conntrackd_losses_total")) > 20
    assert not {"ConntrackdDown", "ConntrackdPeerSilent"} & set(prometheus.firing())
    # None of the rules fails when it is evaluated.
    groups = json.loads(prometheus.ask("/api/v1/rules")[1])["data"]["groups"]
    assert [rule["name"] for rule in groups[0]["rules"] if rule["health"] == "err"] == []
    two.fw2.kill_daemon()
    wait_until(lambda: "ConntrackdDown" in prometheus.firing(), 15, "the daemon is missed", 0.2)
    [down] = prometheus.firing()["ConntrackdDown"]
    assert down["labels"]["instance"] == "192.168.100.200:9730" and down["labels"]["severity"] == "critical"
    wait_until(lambda: "ConntrackdPeerSilent" in prometheus.firing(), 25, "the peer is missed", 0.2)
    [silent] = prometheus.firing()["ConntrackdPeerSilent"]
    assert silent["labels"]["instance"] == "127.0.0.1:9730" and silent["labels"]["peer"] == "192.168.100.200"
    assert "does not hear 192.168.100.200 on eth2" in silent["annotations"]["summary"]
    assert "conntrackd doctor" in silent["annotations"]["action"]
    assert two.fw2.start_daemon().returncode == 0
    wait_until(lambda: not {"ConntrackdDown", "ConntrackdPeerSilent"} & set(prometheus.firing()), 15,
               "all is well again", 0.2)


# ------------------------------------------------------------------------------------------------
# The dissector

DISSECTOR = os.path.join(ROOT, "contrib", "wireshark", "conntrackd.lua")
WIRE = os.path.join(ROOT, "tests", "data", "wire")
# Captures in which somebody says things that no node says.
STRANGE = ("peer-seqtests", "stranger", "stranger-resync")
ETHERNET = b"\2\0\0\0\0\2" + b"\2\0\0\0\0\1" + b"\x08\0"


def checksum(data):
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packet(protocol, payload):
    """An Ethernet frame with an IPv4 packet."""
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0,
                       socket.inet_aton("10.0.0.1"), socket.inet_aton("10.0.0.2"))
    return ETHERNET + head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def udp(payload):
    return packet(17, struct.pack(">HHHH", 40000, 3780, 8 + len(payload), 0) + payload)


def tcp(stream, cuts):
    """Frames of a connection that carries the stream in pieces that end there."""
    frames, at = [packet(6, struct.pack(">HHIIBBHHH", 40000, 3780, 999, 0, 0x50, 2, 1000, 0, 0))], 0
    for cut in (*cuts, len(stream)):
        frames.append(packet(6, struct.pack(">HHIIBBHHH", 40000, 3780, 1000 + at, 1, 0x50, 0x18, 1000, 0, 0)
                             + stream[at:cut]))
        at = cut
    return frames


def write_pcap(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i, frame in enumerate(frames):
            f.write(struct.pack("<IIII", i, 0, len(frame), len(frame)) + frame)


def read_pcap(path):
    with open(path, "rb") as f:
        data = f.read()
    assert struct.unpack_from("<I", data)[0] in (0xa1b2c3d4, 0xa1b23c4d)
    frames, at = [], 24
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return frames


def dissect(path, *fields):
    """Of each frame: {field: [values]}."""
    fields = ("frame.protocols", "_ws.lua.error", "conntrackd.malformed", *fields)
    argv = ["tshark", "-r", str(path), "-X", "lua_script:" + DISSECTOR, "-T", "fields", "-E", "separator=/t"]
    for field in fields:
        argv += ["-e", field]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    rows = [dict(zip(fields, (each.split(",") if each else [] for each in line.split("\t"))))
            for line in done.stdout.splitlines()]
    assert [row for row in rows if row["_ws.lua.error"]] == []
    return rows


def vectors():
    """[(payload, [numbers of attributes of all its messages])] of the golden ones."""
    with open(os.path.join(WIRE, "vectors.txt")) as f:
        parts = re.split(r"^=+\n(?=V\d)", f.read(), flags=re.M)[1:]
    found = []
    for part in parts:
        payload = re.search(r"^    payload:\n((?:      [0-9a-f ]+\n)+)", part, re.M).group(1)
        numbers = [int(number) for number in
                   re.findall(r"^      [0-9a-f ]+\| *(\d+) [A-Z]", part, re.M)]
        found.append((bytes.fromhex(payload.replace("\n", " ")), numbers))
    return found


def test_captures_are_dissected_and_nothing_is_malformed(tmp_path):
    frames, strange = [], []
    for name in sorted(os.listdir(os.path.join(WIRE, "pcap"))):
        read = read_pcap(os.path.join(WIRE, "pcap", name))
        frames += read
        strange += [name.rsplit(".")[0] in STRANGE] * len(read)
    write_pcap(tmp_path / "all.pcap", frames)
    rows = dissect(tmp_path / "all.pcap", "udp.dstport", "conntrackd.type", "conntrackd.attr.unknown",
                   "conntrackd.other_version")
    assert len(rows) == len(frames) > 500
    of_ours = [(row, odd) for row, odd in zip(rows, strange) if row["udp.dstport"] == ["3780"]]
    assert len(of_ours) > 500
    assert all("conntrackd" in row["frame.protocols"][0] for row, _ in of_ours)
    assert {kind for row, _ in of_ours for kind in row["conntrackd.type"]} >= set("0 1 2 3 5 10".split())
    for row, odd in of_ours:
        assert odd or not (row["conntrackd.malformed"] or row["conntrackd.attr.unknown"] or
                           row["conntrackd.other_version"]), row
    assert any(row["conntrackd.malformed"] for row, odd in of_ours if odd)


def test_golden_vectors_have_their_attributes_in_order(tmp_path):
    golden = vectors()
    assert len(golden) > 30
    write_pcap(tmp_path / "vectors.pcap", [udp(payload) for payload, _ in golden])
    rows = dissect(tmp_path / "vectors.pcap", "conntrackd.attr.number", "conntrackd.seq", "conntrackd.flags")
    for (payload, numbers), row in zip(golden, rows):
        assert [int(number) for number in row["conntrackd.attr.number"]] == numbers, payload.hex()
        assert int(row["conntrackd.seq"][0]) == struct.unpack_from(">I", payload, 4)[0]
        assert int(row["conntrackd.flags"][0], 16) == payload[1]
    assert sum(len(numbers) for _, numbers in golden) > 100


def test_fields_of_each_type_of_message(tmp_path):
    """The example of doc/WIRE.md 3.10, and one of each kind."""
    with open(os.path.join(ROOT, "doc", "WIRE.md")) as f:
        example = re.search(r"### 3.10.*?```\n(.*?)```", f.read(), re.S).group(1)
    example = bytes.fromhex("".join(re.match(r"(?:[0-9a-f]{8} ?)+", line)[0] for line in example.splitlines()))
    assert len(example) == 76
    attrs = (hostile.attr(0, socket.inet_aton("10.0.0.1") + socket.inet_aton("10.0.0.2")) +
             hostile.attr(2, b"\x01") + hostile.attr(22, b"\x08") + hostile.attr(23, b"\0") +
             hostile.attr(24, b"\x39\x30") + hostile.attr(28, struct.pack(">II", 8, 1 << 31)) +
             hostile.attr(27, b"ftp\0") + hostile.attr(32, struct.pack(">H", 7)))
    six = (hostile.attr(1, socket.inet_pton(socket.AF_INET6, "fd00::1") +
                        socket.inet_pton(socket.AF_INET6, "fd00::2")) + hostile.attr(2, b"\x84") +
           hostile.attr(17, b"\4") + hostile.attr(18, struct.pack(">I", 0xdeadbeef)))
    expectation = (hostile.attr(4, socket.inet_aton("10.0.0.3") + socket.inet_aton("10.0.0.4")) +
                   hostile.attr(6, b"\x06") + hostile.attr(7, struct.pack(">HH", 0, 2000)) +
                   hostile.attr(19, b"ftp\0") + hostile.attr(20, b"nat-follow-master\0"))
    messages = [
        example, hostile.message(hostile.NEW, 0, 1, attrs), hostile.message(hostile.DEL, hostile.HELLO, 2, six),
        hostile.message(3, 0, 3, expectation), hostile.control(hostile.ACK, 4, 10, 20),
        hostile.control(hostile.NACK | hostile.HELLO_BACK, 5, 0xfffffff0, 3), hostile.control(hostile.RESYNC, 6, 0, 0),
        hostile.control(hostile.ALIVE, 7)]
    write_pcap(tmp_path / "each.pcap", [*map(udp, messages), udp(b"".join(messages))])
    names = ("type seq flags.hello flags.hello_back flags.nack from to ip.src ip.dst ip6.src proto orig.sport "
             "orig.dport tcp.state status status.bit timeout snat.ip spat icmp.type icmp.id label helper zone "
             "sctp.state sctp.vtag.orig expect.ip.dst expect.dport expect.fn").split()
    rows = [{key.replace("conntrackd.", ""): value for key, value in row.items()} for row in
            dissect(tmp_path / "each.pcap", *("conntrackd." + name for name in names))]
    assert not any(row["malformed"] for row in rows)
    update, new, delete, expect, ack, nack, resync, alive, together = rows

    def has(row, **values):
        for name, wanted in values.items():
            assert row[name.replace("__", ".")] == wanted, (name, row)

    has(update, type=["1"], seq=["1795401904"], ip__src=["10.1.0.2"], ip__dst=["10.2.0.2"], proto=["6"],
        orig__sport=["33003"], orig__dport=["8081"], tcp__state=["3"], timeout=["432000"], snat__ip=["10.2.0.100"],
        spat=["40002"], status=["0x0000019e"],
        status__bit=["SEEN_REPLY", "ASSURED", "CONFIRMED", "SRC_NAT", "SRC_NAT_DONE", "DST_NAT_DONE"])
    has(new, type=["0"], icmp__type=["8"], icmp__id=["12345"], label=["3", "63"], helper=["ftp"], zone=["7"])
    has(delete, type=["2"], ip6__src=["fd00::1"], sctp__state=["4"], sctp__vtag__orig=["0xdeadbeef"],
        flags__hello=["1"], flags__hello_back=["0"])
    has(expect, type=["3"], expect__ip__dst=["10.0.0.4"], expect__dport=["2000"], helper=["ftp"],
        expect__fn=["nat-follow-master"])
    has(ack, type=["10"], seq=["4"], **{"from": ["10"]}, to=["20"])
    has(nack, flags__nack=["1"], flags__hello_back=["1"], to=["3"], **{"from": ["4294967280"]})
    has(resync, **{"from": ["0"]})
    has(alive, seq=["7"], to=[])
    assert together["seq"] == [row["seq"][0] for row in rows[:-1]]


def test_what_is_malformed_is_said_and_breaks_nothing(tmp_path):
    """Every beginning of the golden vectors, what has wrong sizes, and noise: seeds, so that it is the same each time."""
    random = Random(7)
    whole = [payload for payload, _ in vectors()]
    cut = [payload[:length] for payload in whole for length in range(1, len(payload))]
    bent = [bytes(byte if random.random() < 0.97 else random.randrange(256) for byte in payload)
            for payload in whole for _ in range(20)]
    noise = [bytes([0x10 | random.choice((0, 1, 2, 3, 10)), random.randrange(256)]) +
             struct.pack(">H", length) + random.randbytes(length - 4) for length in range(8, 200)]
    wrong = [hostile.message(hostile.NEW, hostile.ACK, 1), hostile.control(hostile.ACK, 1, 5, 4),
             hostile.message(7, 0, 1), hostile.message(hostile.NEW, 0, 1, hostile.attr(2, b"\1\1")),
             hostile.message(hostile.NEW, 0, 1, hostile.attr(27, b"no end")),
             hostile.message(hostile.NEW, 0, 1, struct.pack(">HHI", 9, 0, 0)),
             hostile.message(hostile.NEW, 0, 1, length=7), hostile.message(hostile.NEW, 0, 1, length=0),
             hostile.message(hostile.CTL, hostile.ACK, 1)]
    write_pcap(tmp_path / "bad.pcap", [udp(payload) for payload in (*cut, *wrong, *bent, *noise)])
    rows = dissect(tmp_path / "bad.pcap")
    assert len(rows) == len(cut) + len(wrong) + len(bent) + len(noise)
    # Of several messages in one datagram the first may be whole.
    for payload, row in zip(cut, rows):
        ends, at = [], 0
        while at + 4 <= len(payload):
            at += struct.unpack_from(">H", payload, at + 2)[0]
            ends.append(at)
        assert len(payload) in ends or row["conntrackd.malformed"], payload.hex()
    assert all(row["conntrackd.malformed"] for row in rows[len(cut):len(cut) + len(wrong)])


def test_a_stream_is_put_together(tmp_path):
    """TCP cuts where it likes."""
    messages = [payload for payload, numbers in vectors() if len(payload) == struct.unpack_from(">H", payload, 2)[0]]
    stream = b"".join(messages)
    frames = tcp(stream, range(37, len(stream), 37))
    write_pcap(tmp_path / "stream.pcap", frames)
    rows = dissect(tmp_path / "stream.pcap", "conntrackd.seq")
    assert not any(row["conntrackd.malformed"] for row in rows)
    assert [int(seq) for row in rows for seq in row["conntrackd.seq"]] == \
        [struct.unpack_from(">I", payload, 4)[0] for payload in messages]
