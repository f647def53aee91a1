# SPDX-License-Identifier: GPL-2.0-or-later
"""`conntrackd top': on a terminal of 80x24, as text, as JSON."""

import json
import os
import re
import shutil
import signal
import time

import pytest
from conftest import OURS
from lab import ROOT, LabError
from node import conf, tcp
from space import wait_until
from terminal import Terminal

pytestmark = pytest.mark.skipif(not OURS, reason="verbs are ours")

FLOWS = 1500


@pytest.fixture
def fw(node):
    """A node with flows in its kernel, and both programs beside each other."""
    node.configure(conf(in_filter="Protocol Accept { TCP }"))
    with node.table() as table:
        for i in range(FLOWS):
            table.create(tcp(i))
    assert node.start_daemon().returncode == 0
    for name in ("conntrackd", "conntrackd-top"):
        shutil.copy(os.path.join(os.path.dirname(OURS), name), node.space.path("/mnt/" + name))
    return node


def top(fw, *args, **more):
    return Terminal(fw.space.argv(["/mnt/conntrackd", "top", *args]), **more)


def status(fw):
    done = fw.ct("status", "--json")
    # 2: without a peer it would not be safe to take over.
    assert done.returncode in (0, 2), done
    return json.loads(done.stdout)


def row(text, name):
    """The words of the line that begins with this one."""
    return next((line.split() for line in text.splitlines() if line.split()[:1] == [name]), [])


def event_rate(text):
    words = row(text, "from")
    return words[2] if len(words) > 2 else ""


def shows(text, flows):
    words = row(text, "internal")
    return len(words) > 2 and words[1] == "{:,}".format(flows) and words[2] == "2,048"


def test_the_numbers_are_those_of_the_status(fw):
    with top(fw, "--interval", "0.2") as term:
        text = term.wait(lambda t: shows(t, FLOWS) and t, 10, "the flows are shown")
        doc = status(fw)
        assert doc["internal"]["flows"] == FLOWS and doc["internal"]["limit"] == 2048
        assert "%.1f %%" % (FLOWS * 100 / 2048) in text
        assert "FT-FW" in text and "none has been heard" in text and row(text, "losses") == ["losses", "none"]
        assert row(text, "kernel")[2] == "{:,}".format(doc["kernel"]["flows_max"])
        term.wait(lambda t: row(t, "kernel")[1] == "{:,}".format(status(fw)["kernel"]["flows"]), 10,
                  "the kernel's own number")
        assert ("ready to take over " + ("yes" if doc["ready"]["ready"] else "NO")) in text
        assert row(text, "eth2")[1] == doc["links"][0]["state"] == "up"
        # One more flow.
        with fw.table() as table:
            table.create(tcp(FLOWS))
        term.wait(lambda t: shows(t, FLOWS + 1), 10, "one more")
        assert status(fw)["internal"]["flows"] == FLOWS + 1
        # What the history says is there, too.
        said = json.loads(fw.ct("history", "--json").stdout)["entries"]
        text = term.wait(lambda t: said[-1]["event"] in t and t, 10, "the history is shown")
        assert any(said[-1]["text"][:40] in line for line in text.splitlines())
        term.press("q")
        assert term.end() == 0


def test_rates_are_those_of_the_counters(fw):
    def count(name):
        return status(fw)["counters"][name]

    before, t0 = count("kernel_events"), time.monotonic()
    with fw.table() as table, top(fw, "--interval", "0.5") as term:
        seen = []
        while time.monotonic() - t0 < 3:
            # One and the same, so that the table does not fill.
            table.create(tcp(FLOWS))
            table.delete(tcp(FLOWS))
            term.pump(0.01)
            rate = event_rate(term.text())
            if rate not in ("", "-", *seen[-1:]):
                seen.append(rate)
        mean = (count("kernel_events") - before) / (time.monotonic() - t0)
    shown = [float(word.replace(",", "")) for word in seen]
    assert len(shown) >= 3 and min(shown[1:]) <= mean * 1.5 and max(shown) >= mean / 1.5, (shown, mean)


def test_it_follows_the_size_of_the_terminal(fw):
    with top(fw, "--interval", "0.2") as term:
        term.wait(lambda t: shows(t, FLOWS) and "q quit" in t.splitlines()[23], 10, "80x24")
        for rows, cols in ((40, 120), (10, 60), (3, 20), (24, 80)):
            term.resize(rows, cols)
            term.wait(lambda t: len(t.splitlines()) == rows and "q quit" in t.splitlines()[rows - 1], 10,
                      "%dx%d" % (cols, rows))
        term.wait(lambda t: shows(t, FLOWS), 10, "80x24 again")
        assert term.proc.poll() is None


def test_keys(fw):
    with top(fw, "--interval", "0.2") as term:
        term.wait(lambda t: shows(t, FLOWS), 10, "the first screen")
        term.press("h")
        term.wait(lambda t: "other peers" in t and "tables" not in t, 5, "help")
        term.press("q")
        term.wait(lambda t: "tables" in t, 5, "back")
        term.press("p")
        term.wait(lambda t: "paused" in t.splitlines()[0], 5, "a pause")
        with fw.table() as table:
            table.create(tcp(FLOWS))
        term.pump(1)
        assert shows(term.text(), FLOWS) and "no answer" not in term.text()
        term.press("p")
        term.wait(lambda t: shows(t, FLOWS + 1) and "paused" not in t, 5, "it goes on")
        term.press("\x1b[A\x1b[Bxyz")
        term.pump(0.5)
        assert term.proc.poll() is None and shows(term.text(), FLOWS + 1)
        assert b"\x1b[?25h" not in term.raw


@pytest.mark.parametrize("how", ("interrupt", "terminate"))
def test_signals_leave_the_terminal_as_it_was(fw, how):
    with top(fw, "--interval", "0.2") as term:
        term.wait(lambda t: shows(t, FLOWS), 10, "the first screen")
        if how == "terminate":
            assert fw.space.kill("conntrackd-top", signal.SIGTERM)
            assert term.end() == 0
        else:
            # It ends nsenter, too.
            term.press("\x03")
            term.end()
        wait_until(lambda: "conntrackd-top" not in fw.space.pids().values(), 5, "it has gone")
        term.pump(0.2)
        # The cursor is there again.
        assert b"\x1b[?25h" in term.raw[-60:]


def test_the_daemon_goes_and_comes_back(fw):
    with top(fw, "--interval", "0.2") as term:
        term.wait(lambda t: shows(t, FLOWS), 10, "the first screen")
        fw.stop_daemon()
        text = term.wait(lambda t: "no answer since" in t and t, 10, "silence")
        assert re.search(r"no answer since \d\d:\d\d:\d\d \(.*\): (Connection refused|No such file)", text), text
        assert shows(text, FLOWS)
        assert fw.start_daemon().returncode == 0
        term.wait(lambda t: "no answer" not in t and "restarted" in t.splitlines()[0], 10, "another daemon")
        term.wait(lambda t: event_rate(t) not in ("", "-"), 10, "rates again")
        term.press("q")
        assert term.end() == 0


def test_a_daemon_that_hangs_does_not_hang_the_screen(fw):
    with top(fw, "--interval", "0.2") as term:
        term.wait(lambda t: shows(t, FLOWS), 10, "the first screen")
        pid, = [pid for pid, comm in fw.space.pids().items() if comm == "conntrackd"]
        os.kill(pid, signal.SIGSTOP)
        try:
            term.wait(lambda t: "no answer since" in t, 15, "silence")
            term.press("h")
            term.wait(lambda t: "other peers" in t, 5, "help")
            term.press("h")
        finally:
            os.kill(pid, signal.SIGCONT)
        term.wait(lambda t: shows(t, FLOWS) and "no answer" not in t, 10, "answers again")
        assert "restarted" not in term.text()


def test_it_starts_without_a_daemon(fw):
    fw.stop_daemon()
    with top(fw) as term:
        term.wait(lambda t: "no answer yet: " in t, 10, "that nobody answers")
        term.press("q")
        assert term.end() == 0


def test_colours_only_where_they_are_wanted(fw):
    def colours(**more):
        with top(fw, "--interval", "0.2", **more) as term:
            term.wait(lambda t: shows(t, FLOWS), 10, "the first screen")
            return {cell.fg for line in term.screen.buffer.values() for cell in line.values()} - {"default"}

    assert colours() >= {"green"}
    assert colours(env={"NO_COLOR": "1"}) == set()
    assert colours(env={"NO_COLOR": ""}) >= {"green"}
    assert colours(env={"TERM": "vt100"}) == set()


def test_a_terminal_that_nobody_knows(fw):
    with top(fw, env={"TERM": "no-such-terminal"}) as term:
        assert term.end() == 1
        assert "no-such-terminal" in term.text() and "top --once" in term.text()


def test_one_screen_as_text(fw):
    t0 = time.monotonic()
    done = fw.ct("top", "--once", "--interval", "0.3")
    assert done.returncode == 0 and done.stderr == "" and time.monotonic() - t0 >= 0.3
    assert shows(done.stdout, FLOWS) and max(map(len, done.stdout.splitlines())) <= 80
    assert "\x1b" not in done.stdout and "q quit" not in done.stdout
    assert event_rate(done.stdout) == "0" and "history" in done.stdout
    # Where there is no terminal --once goes without saying.
    assert shows(fw.ct("top").stdout, FLOWS)


def test_one_document(fw):
    doc = json.loads(fw.ct("top", "--json", "--interval=0.3").stdout)
    assert 300 <= doc["interval_ms"] < 5000
    assert doc["per_second"]["events"] == 0 and doc["per_second"]["links"][0]["interface"] == "eth2"
    assert doc["status"]["internal"]["flows"] == FLOWS


# What top reads of the status, and is silent about if it is not there.
READ = """version mode uptime_s role.is role.since_s role.by ready.ready ready.until_s ready.reasons internal.flows
internal.limit external.flows external.limit kernel.flows kernel.flows_max kernel.read.running commit.running
commit.done commit.total commit.ms commit.eta_ms bulk.running bulk.sent bulk.total bulk.ms bulk.eta_ms peers
queues.to_send queues.unacknowledged links.0.interface links.0.state links.0.in_use""".split()


def test_all_that_it_reads_is_in_the_status(fw):
    doc = status(fw)
    with open(os.path.join(ROOT, "src/console/top_model.c")) as f:
        source = f.read()
    counters = re.findall(r'^    \{"(\w+)", "', source, re.M)
    paths = ["counters." + name for name in counters + re.findall(r'"counters\.((?:kernel|send|recv)_\w+)"', source)
             if not name.endswith(("_bytes", "_errors", "_dropped"))]
    paths += ["links.0.counters." + name for name in re.findall(r'from, "counters\.(\w+)"', source)]
    assert len(counters) > 10 and len(paths) > 20
    for path in paths + READ:
        at = doc
        for part in path.split("."):
            at = at[int(part) if part.isdigit() else part]


def test_what_is_wrong_is_said(fw):
    for interval in ("0", "no", "9999"):
        done = fw.ct("top", "--interval", interval)
        assert done.returncode == 1 and "0.1 to 3600" in done.stderr and done.stdout == ""
    fw.stop_daemon()
    for option in ("--once", "--json"):
        done = fw.ct("top", option)
        assert done.returncode == 1 and "is conntrackd running?" in done.stderr and done.stdout == ""


def test_a_live_screen_that_is_not_installed(fw):
    os.unlink(fw.space.path("/mnt/conntrackd-top"))
    with top(fw) as term:
        if term.end() == 0:
            raise LabError("a conntrackd-top is installed on this machine")
        said = "".join(line.ljust(80) for line in term.lines())
        assert "conntrackd-top is not installed" in said and "`conntrackd top --once' does without" in said
