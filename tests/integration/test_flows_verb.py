# SPDX-License-Identifier: GPL-2.0-or-later
"""`conntrackd flows' and `conntrackd expectations': the lines of -i and -e, and the same as JSON."""

import json

import node as node_module
import pytest
from space import wait_until


@pytest.fixture
def fw(node):
    node.configure(node_module.conf())
    assert node.start_daemon().returncode == 0
    return node


def flows(fw, *args):
    """The array; each of its elements stands in a line of its own."""
    text = fw.ct("flows", *args, "--json", check=True).stdout
    found = json.loads(text)
    lines = text.splitlines()
    assert len(lines) == (len(found) + 2 if found else 1)
    assert all(json.loads(line.rstrip(",")) == each for line, each in zip(lines[1:], found))
    return found


def ours(found):
    return [flow for flow in found if flow["original"]["source"] == "192.168.1.10"]


def test_lines_are_those_of_the_old_commands(fw):
    fw.create(*(node_module.tcp(i) for i in range(20)), node_module.udp(1))
    fw.cached(21)

    def without_ages(text):
        return sorted(line.split("[active since")[0] for line in text.splitlines() if "192.168.1.10" in line)

    assert without_ages(fw.ct("flows", check=True).stdout) == without_ages(fw.ct("-i", check=True).stdout)
    assert len(without_ages(fw.ct("flows", "internal", check=True).stdout)) == 21
    assert fw.ct("flows", "external", check=True).stdout == fw.ct("-e", check=True).stdout == ""
    done = fw.ct("flows", "both")
    assert done.returncode == 1 and "no table of this name: both; those are [internal|" in done.stderr and done.stdout == ""


def test_json_has_all_that_the_kernel_says(fw):
    fw.create(node_module.tcp(1, mark=7, state=3, timeout=500),
              {"orig": ("192.168.1.10", "192.168.0.10", 1, 99, 8, 0), "status": 2},
              {"orig": ("fd00::1", "fd00::2", 17, 1000, 53, 0), "status": 2})
    wait_until(lambda: len(ours(flows(fw))) == 2, 5, "the flows are there")
    by_protocol = {flow["protocol"]: flow for flow in ours(flows(fw))}
    tcp = by_protocol["tcp"]
    with fw.table() as table:
        [kernel] = [flow for flow in table.dump() if flow["orig"][3] == 4001]
    assert tcp["table"] == "internal" and tcp["family"] == "ipv4" and tcp["protocol_number"] == 6
    assert tcp["original"] == {"source": "192.168.1.10", "destination": "192.168.0.10", "source_port": 4001,
                               "destination_port": 80}
    assert tcp["reply"] == {"source": "192.168.0.10", "destination": "192.168.1.10", "source_port": 80,
                            "destination_port": 4001}
    assert tcp["state"] == "ESTABLISHED" and tcp["mark"] == 7 and tcp["zone"] == 0
    assert tcp["status"] == kernel["status"] and tcp["id"] == kernel["id"]
    assert {"seen-reply", "assured", "confirmed"} <= set(tcp["flags"])
    assert 490 <= tcp["timeout_left_s"] <= tcp["timeout_s"] <= 500
    assert 0 <= tcp["age_s"] < 30 and "peer" not in tcp and "expires_s" not in tcp
    icmp = by_protocol["icmp"]
    assert (icmp["original"]["type"], icmp["original"]["code"], icmp["original"]["id"]) == (8, 0, 99)
    assert icmp["reply"]["type"] == 0
    [six] = [flow for flow in flows(fw) if flow["family"] == "ipv6" and flow["protocol"] == "udp"
             and flow["original"]["source"] == "fd00::1"]
    assert six["original"]["destination"] == "fd00::2"


def test_a_peers_flows_are_the_same_and_say_whose_they_are(make_lab):
    lab = make_lab(features=("mark", "label"))
    lab.configure("FTFW", mode_options="", sync_options="Options { TCPWindowTracking On }")
    lab.start_daemons()
    with lab.fw1.table() as table:
        for i in range(50):
            table.create(node_module.tcp(i, mark=i))
    wait_until(lambda: lab.fw2.count("-e") == 50, 10, "fw2 has them")
    mine = {flow["original"]["source_port"]: flow for flow in ours(flows(lab.fw1))}
    theirs = {flow["original"]["source_port"]: flow for flow in ours(flows(lab.fw2, "external"))}
    assert set(mine) == set(theirs) and len(mine) == 50
    for port, flow in theirs.items():
        assert flow["table"] == "external"
        assert flow["peer"] == {"address": "192.168.100.100", "link": 0}
        for key in ("original", "reply", "state", "status", "flags", "mark", "zone", "timeout_s"):
            assert flow.get(key) == mine[port].get(key), key
    assert flows(lab.fw2, "internal") is not None and ours(flows(lab.fw2)) == []


def test_what_is_not_acknowledged(make_lab):
    """The list of -s rsqueue, while the peer cannot be reached."""
    lab = make_lab()
    lab.configure("FTFW")
    lab.start_daemons()
    wait_until(lambda: len(json.loads(lab.fw1.ct("status", "--json").stdout)["peers"]) == 1, 10, "a peer", 0.1)
    wait_until(lambda: flows(lab.fw1, "unacknowledged") == [], 10, "all is acknowledged", 0.1)
    lab.link("fw2", "eth2", False)
    with lab.fw1.table() as table:
        for i in range(5):
            table.create(node_module.tcp(i))
    wait_until(lambda: sum(each["is"] == "flow" for each in flows(lab.fw1, "unacknowledged")) == 5, 10,
               "they are not acknowledged", 0.1)
    text = lab.fw1.ct("flows", "unacknowledged", check=True).stdout
    listed = flows(lab.fw1, "unacknowledged")
    for each in listed:
        if each["is"] == "flow":
            assert "object -> seq:%d\n" % each["number"] in text
    done = lab.fw1.ct("expectations", "unacknowledged")
    assert done.returncode == 1 and "no table" in done.stderr


def test_expectations_where_there_are_none(fw):
    """Where they are not replicated there are none, and it is an array all the same."""
    assert json.loads(fw.ct("expectations", "--json", check=True).stdout) == []
    assert json.loads(fw.ct("expectations", "external", "--json", check=True).stdout) == []
    assert fw.ct("expectations", check=True).stdout == ""


def test_without_a_cache_the_kernel_is_shown(node):
    node.configure(node_module.conf(mode="NOTRACK", in_mode="DisableInternalCache on\nDisableExternalCache on"))
    assert node.start_daemon().returncode == 0
    node.create(*(node_module.tcp(i) for i in range(3)))
    assert len(ours(flows(node))) == 3
    # It was read for the purpose.
    assert json.loads(node.ct("status", "--json").stdout)["kernel"]["last_read"]["why"] == ["show"]
    assert flows(node, "external") == []


def test_many(fw):
    """More than any buffer holds, and a reader that goes away in the middle."""
    with fw.table() as table:
        for i in range(1500):
            table.create(node_module.tcp(i))
    wait_until(lambda: fw.count("-i") == 1500, 10, "they are there", 0.2)
    assert len(ours(flows(fw))) == 1500
    done = fw.space.run("sh", "-c", "/usr/sbin/conntrackd flows --json | head -n 2; /usr/sbin/conntrackd -s >/dev/null")
    assert done.stdout.startswith("[\n{") and done.returncode == 0
