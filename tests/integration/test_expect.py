# SPDX-License-Identifier: GPL-2.0-or-later
"""What a helper expects is expected by the new master, too: FTP in both modes and SIP, through NAT, with
a failover between the announcement and the connection that was announced."""

import os
import json
import re

import lab as lab_module
import pytest
from space import wait_until

SYNC = "Options {\n\t\tExpectationSync { ftp sip }\n\t}"
RULES = """
table inet filter {
	ct helper ftp-lab { type "ftp" protocol tcp; }
	ct helper sip-lab { type "sip" protocol udp; }
}
flush chain inet filter forward
add rule inet filter forward tcp dport 21 ct helper set "ftp-lab"
add rule inet filter forward udp dport 5060 ct helper set "sip-lab"
add rule inet filter forward ct state established,related accept
add rule inet filter forward iifname eth0 oifname eth1 tcp dport 21 ct state new accept
add rule inet filter forward iifname eth0 oifname eth1 udp dport 5060 ct state new accept
"""


class Ends(lab_module.Traffic):
    def __init__(self, space, role):
        self.proc = space.start(lab_module.PYTHON, os.path.join(lab_module.HERE, "helped.py"), role,
                                lab_module.SERVER, stdin=-1, stdout=-1, stderr=None)
        self.buffer = b""
        self.answer(15)


@pytest.fixture
def start(make_lab):
    """A pair that lets nothing through but what it must, and the ends behind it."""
    def begin(pair=("ours", "ours"), mode="FTFW", sync=SYNC, options=""):
        lab = make_lab(pair)
        lab.start_pair(mode=mode, sync_options=sync, mode_options=options)
        for fw in lab.fws:
            fw.space.run("nft", "-f", "-", stdin=RULES)
        return lab, Ends(lab.server, "server"), Ends(lab.client, "client")
    return begin


def expected(fw, which="-e"):
    return fw.ct(which, "expect", check=True).stdout.splitlines()


def take_over(lab):
    lab.fw1.crash()
    lab.wait_master(lab.fw2)


def known_to(fw, n=1):
    wait_until(lambda: len(expected(fw)) == n, 8, "%d expectations (%s)" % (n, expected(fw)), 0.1)


def only_ours_commits(pair, expected_of_incumbent):
    expected_of_incumbent(pair[1], "commits expectations without class, NAT and function (W13)",
                          strict=False)


def test_ftp_active_survives_a_failover_after_port(start, pair, mode, expected_of_incumbent):
    expected_of_incumbent(pair[0], "does not tell what PORT did to the sequence numbers (W14)")
    only_ours_commits(pair, expected_of_incumbent)
    lab, _, client = start(pair, mode)
    assert client.ask("open")["reply"].startswith("230")
    assert client.ask("port")["reply"].startswith("200")
    known_to(lab.fw2)
    take_over(lab)
    got = client.ask("take", timeout_s=40)
    assert got["whole"] and got["reply"].startswith("226"), got


def test_without_caches_expectations_are_told_and_written_at_once(start):
    """The incumbent drops just those whose master there is (W12)."""
    lab, _, client = start(mode="NOTRACK", options="DisableInternalCache on\n\t\t"
                           "DisableExternalCache on")
    client.ask("open")
    client.ask("port")

    def written():
        return lab.fw2.space.run("conntrack", "-L", "expect").stdout.splitlines()
    wait_until(lambda: len(written()) == 1, 8, "fw2's kernel expects it", 0.1)
    take_over(lab)
    assert client.ask("take", timeout_s=40)["whole"]


def test_ftp_passive_survives_a_failover_after_pasv(start, pair, mode, expected_of_incumbent):
    only_ours_commits(pair, expected_of_incumbent)
    lab, _, client = start(pair, mode)
    client.ask("open")
    reply = client.ask("say", line="PASV")["reply"]
    assert reply.startswith("227"), reply
    known_to(lab.fw2)
    take_over(lab)
    got = client.ask("fetch", timeout_s=40, reply=reply)
    assert got["whole"] and got["reply"].startswith("226"), got


def test_sip_media_survives_a_failover_after_invite(start):
    lab, server, client = start()
    assert client.ask("invite")["reply"] == "SIP/2.0 200 OK"
    wait_until(lambda: expected(lab.fw2), 8, "media is expected on fw2", 0.1)
    wait_until(lambda: sorted(strip(x) for x in expected(lab.fw1, "-i")) ==
               sorted(strip(x) for x in expected(lab.fw2)), 8, "the same on both", 0.1)
    take_over(lab)
    server.ask("media")
    assert client.ask("hear", timeout_s=40)["whole"]


def test_without_expectations_the_data_connection_is_lost(start):
    """The control."""
    lab, _, client = start(sync="")
    client.ask("open")
    client.ask("port")
    take_over(lab)
    with pytest.raises(lab_module.LabError):
        client.ask("take", timeout_s=40)


def strip(line):
    return re.sub(r" \[(active since|expires in).*", "", line)


def test_an_expectation_is_shown_and_ends_at_the_peer(start):
    lab, _, client = start()
    client.ask("open")
    client.ask("port")
    known_to(lab.fw2)
    line = expected(lab.fw2)[0]
    assert re.match(r"proto=6 src=192\.168\.0\.10 dst=192\.168\.0\.100 sport=0 dport=\d+ "
                    r"mask-src=255\.255\.255\.255 mask-dst=255\.255\.255\.255 sport=0 dport=65535 "
                    r"master-src=192\.168\.1\.10 master-dst=192\.168\.0\.10 sport=\d+ dport=21 "
                    r"class=0 helper=ftp \[active since \d+s\]$", line), line
    assert [strip(x) for x in expected(lab.fw1, "-i")] == [strip(line)]
    assert expected(lab.fw2, "-i") == []
    xml = lab.fw2.ct("-e", "expect", "-x", check=True).stdout
    assert xml.startswith('<flow><layer3 protonum="2" protoname="ipv4"><expected><src>192.168.0.10')
    assert "<helper-name>ftp</helper-name><class>0</class></meta></flow>\n" in xml
    [seen] = json.loads(lab.fw2.ct("expectations", "external", "--json", check=True).stdout)
    assert seen["expected"]["source"] == "192.168.0.10" and seen["expected"]["source_port"] == 0
    assert seen["mask"] == {"source": "255.255.255.255", "destination": "255.255.255.255", "source_port": 0,
                            "destination_port": 65535}
    assert seen["master"]["protocol"] == "tcp" and seen["master"]["destination_port"] == 21
    assert seen["helper"] == "ftp" and seen["peer"]["address"] == "192.168.100.100"
    assert lab.fw2.ct("expectations", "external", check=True).stdout.startswith(line.split(" [")[0])
    assert "cache external:\ncurrent active connections:\t           1\n" in \
        lab.fw2.ct("-s", "expect", check=True).stdout
    assert client.ask("take")["whole"]
    known_to(lab.fw2, 0)


def test_orders_about_expectations(start):
    lab, _, client = start()
    client.ask("open")
    client.ask("port")
    known_to(lab.fw2)
    # Without its master it cannot be: the error is told.
    assert lab.fw2.ct("-c", "expect").returncode == 1
    assert lab.fw2.ct("-c", check=True).returncode == 0
    assert len(lab.fw2.space.run("conntrack", "-L", "expect").stdout.splitlines()) == 1
    log = lab.fw2.log()
    assert "committing expectation cache" in log and "Committed 1 new expectations" in log
    lab.fw1.ct("-F", "expect", check=True)
    assert not lab.fw1.space.run("conntrack", "-L", "expect").stdout
    assert expected(lab.fw1, "-i") == []
    lab.fw1.ct("-R", "expect", check=True)
    lab.fw2.ct("-f", "external", check=True)
    assert expected(lab.fw2) == []


def test_what_there_was_before_the_daemon_is_known_after_a_bulk_send(start):
    lab, _, client = start()
    client.ask("open")
    client.ask("port")
    known_to(lab.fw2)
    lab.fw1.stop_daemon()
    lab.fw2.ct("-f", "external", check=True)
    lab.fw1.start_daemon(check=True)
    known_to(lab.fw2)
    assert len(expected(lab.fw1, "-i")) == 1
