# SPDX-License-Identifier: GPL-2.0-or-later
"""keepalived without scripts: its notify FIFO, and the file that it tracks; and the example files for it."""

import json
import os
import signal
import time

import lab as lab_module
import pytest
from node import conf
from space import children, wait_until

FIFO, TRACK = "/run/conntrackd/vrrp.fifo", "/run/conntrackd/vrrp.track"
EXAMPLES = os.path.join(lab_module.ROOT, "doc", "examples", "sync")


def section(fifo=True, track=True, more=""):
    return "VRRP { %s %s %s }" % ("NotifyFifo %s Group G1" % FIFO if fifo else "",
                                  "TrackFile %s" % TRACK if track else "", more)


def start(node, text=None, check=True):
    node.space.run("mkdir", "-p", "/run/conntrackd")
    node.configure(conf(in_sync=section() if text is None else text))
    return node.start_daemon(check=check)


def status(fw):
    return json.loads(fw.ct("status", "--json").stdout)


def role(fw):
    return status(fw)["role"]["is"]


def becomes(fw, what, timeout_s=5):
    wait_until(lambda: role(fw) == what, timeout_s, "%s becomes %s" % (fw.name, what), 0.05)


def track(fw):
    return fw.space.read(TRACK)


def tracks(fw, value, timeout_s=5):
    wait_until(lambda: track(fw).strip() == value, timeout_s, "the track file says " + value, 0.02)


class Keepalived:
    """Writes to the FIFO as keepalived does, which has it open all the time."""

    def __init__(self, node):
        self.fd = os.open(node.space.path(FIFO), os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def says(self, *lines):
        os.write(self.fd, b"".join(line if isinstance(line, bytes) else line.encode() + b"\n"
                                   for line in lines))

    def close(self):
        os.close(self.fd)


@pytest.fixture
def keepalived(node):
    """Made when it is called."""
    made = []

    def make():
        made.append(Keepalived(node))
        return made[-1]
    yield make
    for one in made:
        one.close()


# The FIFO -----------------------------------------------------------------------------------------

def test_the_role_follows_the_group_that_is_named(node, keepalived):
    start(node)
    st = os.stat(node.space.path(FIFO))
    assert st.st_mode & 0o7777 == 0o600 and st.st_uid == 0
    assert role(node) == "unknown"
    k = keepalived()
    k.says('GROUP "G1" MASTER 0')
    becomes(node, "master")
    assert status(node)["role"]["by"] == "fifo"
    k.says('INSTANCE "G1" BACKUP 100', 'GROUP "G2" BACKUP 0', 'VS [192.0.2.1]:tcp:80 DOWN')
    k.says('GROUP "G1" BACKUP 0')
    becomes(node, "backup")
    k.says('GROUP "G1" FAULT 0')
    becomes(node, "fault")
    k.says('GROUP "G1" MASTER 0')
    becomes(node, "master")
    k.says('GROUP "G1" STOP 0')
    becomes(node, "fault")
    doc = status(node)["vrrp"]
    assert doc["fifo"] == FIFO and (doc["of"], doc["name"]) == ("group", "G1")
    assert doc["state"] == "STOP" and doc["lines"] == 5 and doc["lines_of_others"] == 3
    assert doc["lines_malformed"] == doc["lines_too_long"] == 0
    history = json.loads(node.ct("history", "--json").stdout)["entries"]
    assert [e["event"] for e in history].count("fifo") == 5


def test_what_is_over_already_is_not_followed(node, keepalived):
    """A batch counts for its end alone, unless the role came back in it."""
    start(node)
    k = keepalived()
    k.says('GROUP "G1" BACKUP 0')
    becomes(node, "backup")
    k.says('GROUP "G1" MASTER 0\nGROUP "G1" BACKUP 0')
    wait_until(lambda: status(node)["vrrp"]["lines"] == 3, 5, "both were read", 0.05)
    assert role(node) == "backup" and "role: promoting" not in node.log()
    # For a while it was something else: that is begun anew.
    asked = node.log().count("resync requested")
    assert asked == 2
    # A reload says again what is so.
    k.says('GROUP "G1" BACKUP 0')
    wait_until(lambda: status(node)["vrrp"]["lines"] == 4, 5, "it was read", 0.05)
    assert node.log().count("resync requested") == asked


def test_another_master_is_committed_once_in_ten_seconds(node, keepalived):
    """keepalived says so with each advertisement of the other one."""
    start(node)
    k = keepalived()
    k.says('GROUP "G1" MASTER 0')
    becomes(node, "master")
    for _ in range(5):
        k.says('GROUP "G1" MASTER_RX_LOWER_PRI 0')
        time.sleep(0.1)
    wait_until(lambda: status(node)["vrrp"]["lines"] == 6, 5, "all were read", 0.05)
    assert role(node) == "master" and node.log().count("committing all external caches") == 2


def test_bytes_of_all_kinds_change_nothing(node, keepalived):
    start(node)
    k = keepalived()
    k.says('GROUP "G1" BACKUP 0')
    becomes(node, "backup")
    k.says(b"\0\xff\n", b'GROUP "G1" MASTER\n', b'GROUP "G1" MASTER 0 0\n', b"\n",
           b'GROUP "' + b"x" * 5000 + b'" MASTER 0\n', b'group "G1" MASTER 0\n',
           b'GROUP "G1" MASTER -1\n', b'GROUP "G1\0" MASTER 0\n')
    wait_until(lambda: status(node)["vrrp"]["lines_malformed"] == 7, 5, "all were read", 0.05)
    doc = status(node)["vrrp"]
    assert doc["lines"] == 1 and doc["lines_too_long"] == 1 and doc["state"] == "BACKUP"
    assert role(node) == "backup"
    assert node.log().count("a line that is none of keepalived's") == 1
    # A line in pieces is one.
    k.says(b'GROUP "G1" ')
    time.sleep(0.2)
    k.says(b"MASTER 0\n")
    becomes(node, "master")


def test_a_flood_of_states_is_followed_and_does_not_fill_the_log(node, keepalived):
    start(node)
    k = keepalived()
    began = time.monotonic()
    for _ in range(100):
        k.says(*['GROUP "G1" FAULT 0', 'GROUP "G1" BACKUP 0'] * 20)
        time.sleep(0.01)
    k.says('GROUP "G1" MASTER 0')
    becomes(node, "master")
    seconds = 1 + int(time.monotonic() - began)
    assert status(node)["vrrp"]["lines"] == 4001
    # As many are shown in a second, and no line is shown twice.
    told = node.log().count('keepalived: GROUP "G1"')
    assert 20 <= told <= 20 * (seconds + 1)
    assert 1 <= node.log().count("more than 20 things in a second") <= seconds + 1
    kept = json.loads(node.ct("history", "--json").stdout)["entries"]
    assert sum(entry["event"] == "fifo" for entry in kept) == told
    # Later all is shown again.
    time.sleep(1.1)
    k.says('GROUP "G1" BACKUP 7')
    becomes(node, "backup")
    assert 'keepalived: GROUP "G1" BACKUP 7' in node.log()


@pytest.mark.parametrize("how, said", [
    ("ln -s /run/elsewhere %s", "Too many levels of symbolic links"),
    ("mkfifo /run/real; ln -s /run/real %s", "Too many levels of symbolic links"),
    (": >%s", "it is no FIFO"),
    ("mkfifo -m 666 %s", "everybody may write to it"),
    ("mkfifo -m 600 %s; chown nobody %s", "it belongs to somebody else"),
], ids=["dangling", "link", "file", "open", "owner"])
def test_a_fifo_of_somebody_elses_is_refused(node, how, said):
    node.space.run("sh", "-ec", "mkdir -p /run/conntrackd; " + how.replace("%s", FIFO))
    done = start(node, check=False)
    assert done.returncode == 1 and said in done.stderr, done
    assert not os.path.lexists(node.space.path("/run/elsewhere"))


def test_a_fifo_that_keepalived_has_made_anew_is_opened_anew(node, keepalived):
    """As it does with one of its own, when it reads its configuration again."""
    start(node)
    old = keepalived()
    old.says('GROUP "G1" BACKUP 0')
    becomes(node, "backup")
    os.unlink(node.space.path(FIFO))
    old.says('GROUP "G1" FAULT 0')
    becomes(node, "fault")
    os.mkfifo(node.space.path(FIFO), 0o600)
    keepalived().says('GROUP "G1" MASTER 0')
    becomes(node, "master")
    assert "opened anew" in node.log()


def test_a_daemon_that_starts_anew_knows_what_keepalived_had_said(node, keepalived):
    start(node)
    k = keepalived()
    k.says('GROUP "G1" MASTER 0')
    becomes(node, "master")
    node.kill_daemon()
    node.start_daemon(check=True)
    assert role(node) == "master" and track(node).strip() == "0"
    # And what it says while there is none.
    node.stop_daemon()
    k.says('GROUP "G1" FAULT 0', 'GROUP "G1" BACKUP 0')
    node.start_daemon(check=True)
    becomes(node, "backup")
    # If keepalived is gone, what it had said is void.
    k.says('GROUP "G1" MASTER 0')
    becomes(node, "master")
    node.stop_daemon()
    k.close()
    k.fd = os.open("/dev/null", os.O_RDONLY)
    node.start_daemon(check=True)
    assert role(node) == "unknown"


def test_keepalived_that_runs_and_never_said_anything(node, keepalived):
    node.space.run("sh", "-ec", "mkdir -p /run/conntrackd; mkfifo -m 600 " + FIFO)
    keepalived()
    start(node)
    assert role(node) == "unknown" and "nobody knows in which state" in node.log()
    # It may be the master.
    time.sleep(1.5)
    assert track(node).strip() == "0"


def test_a_note_of_somebody_elses_makes_no_master(node, keepalived):
    """Who can make files beside the FIFO is not thereby asked who is master."""
    node.space.run("sh", "-ec", "mkdir -p /run/conntrackd; mkfifo -m 600 %s; echo MASTER >%s.state; "
                   "chown nobody %s.state" % (FIFO, FIFO, FIFO))
    keepalived()
    start(node)
    assert role(node) == "unknown"
    assert "what stands in `%s.state' is not believed" % FIFO in node.log()


# The track file -----------------------------------------------------------------------------------

def test_a_node_that_is_not_ready_is_held_back_and_never_for_longer_than_said(node, keepalived):
    start(node, section(more="HoldMax 3 Weight -41"))
    t0 = time.monotonic()
    # It is there before the daemon is.
    assert track(node) == "%-14s\n" % "-41"
    doc = status(node)["vrrp"]
    assert doc["held"] and doc["value"] == -41 and 0 < doc["until_s"] <= 3
    assert doc["why"] == "no-peer" or doc["why"] == "first-read"
    keepalived().says('GROUP "G1" BACKUP 0')
    becomes(node, "backup")
    assert track(node).strip() == "-41"
    tracks(node, "0", 6)
    assert time.monotonic() - t0 > 1.5
    doc = status(node)["vrrp"]
    assert not doc["held"] and doc["value"] == 0 and doc["ended"] == "time"
    assert doc["why"] == "no-peer" and doc["until_s"] is None
    assert "held back in the election of a master, for 3 s at most: track file says -41" in node.log()
    assert "HoldMax is over after 3 s, and this node is not ready: no peer was heard" in node.log()
    # It is not held anew, as it was not ready in between.
    time.sleep(2)
    assert track(node).strip() == "0" and status(node)["vrrp"]["holds"] == 1


def test_a_master_is_never_held_back(node, keepalived):
    start(node)
    assert track(node).strip() == "-60"
    k = keepalived()
    k.says('GROUP "G1" MASTER 0')
    tracks(node, "0", 2)
    assert status(node)["vrrp"]["ended"] == "role"
    # Not by an order of somebody else's, and not when it ends.
    node.ct("demote")
    assert role(node) == "backup"
    time.sleep(1.5)
    assert track(node).strip() == "0"
    node.stop_daemon()
    assert track(node).strip() == "0"
    # Nor while it starts anew.
    node.start_daemon(check=True)
    assert role(node) == "master" and track(node).strip() == "0"
    k.says('GROUP "G1" BACKUP 0')
    tracks(node, "-60")
    # A backup without a daemon is not ready.
    node.stop_daemon()
    assert track(node).strip() == "-60"


def test_what_somebody_else_writes_there_is_put_right(node):
    start(node)
    assert track(node).strip() == "-60"
    node.space.write(TRACK, "7\n")
    tracks(node, "-60")
    os.unlink(node.space.path(TRACK))
    tracks(node, "-60")


@pytest.mark.parametrize("how, said", [
    ("ln -s /run/elsewhere %s", "Too many levels of symbolic links"),
    ("mkfifo %s", "No such device or address"),
    ("mkdir %s", "Is a directory"),
], ids=["link", "fifo", "directory"])
def test_a_track_file_that_is_none_is_refused(node, how, said):
    node.space.run("sh", "-ec", "mkdir -p /run/conntrackd; " + how.replace("%s", TRACK))
    done = start(node, check=False)
    assert done.returncode == 1 and said in done.stderr, done
    assert not os.path.lexists(node.space.path("/run/elsewhere"))


def test_the_track_file_with_commands_in_place_of_the_fifo(node):
    """Whether keepalived runs is not known then: nobody is held who has not been told to be backup."""
    start(node, section(fifo=False))
    assert track(node).strip() == "0"
    node.ct("-t", check=True)
    tracks(node, "-60")
    node.ct("-c", check=True)
    tracks(node, "0")


# keepalived itself --------------------------------------------------------------------------------

def example(name):
    with open(os.path.join(EXAMPLES, name)) as f:
        return f.read()


def configure(lab, name, in_vrrp=None):
    """The example as it is, but for the priority of the second firewall."""
    for fw in lab.fws:
        fw.space.run("mkdir", "-p", "/run/conntrackd")
        text = example(name)
        assert text.count("priority 150") == 2
        fw.space.write("/etc/conntrackd/keepalived.conf",
                       text if fw is lab.fw1 else text.replace("priority 150", "priority 100"))
    options = {} if in_vrrp is None else {"sync_options": section(more=in_vrrp)}
    lab.configure("FTFW", **options)


def test_the_section_that_the_examples_show_is_right(node):
    """Once the comment is taken away, it is that of keepalived-fifo.conf."""
    text = example("ftfw/conntrackd.conf")
    begin = text.index("# VRRP {")
    end = text.index("# }", begin) + 3
    shown = text[begin:end].replace("# ", "", 1).replace("\t#\t", "\t\t").replace("\t# }", "\t}")
    assert shown.split() == section().split()
    assert FIFO in example("keepalived-fifo.conf") and TRACK in example("keepalived-fifo.conf")
    start(node, shown)
    assert status(node)["vrrp"]["name"] == "G1"


def moved(lab, traffic, old, count):
    """Every connection goes on through the other firewall."""
    new = lab.other(old)
    wait_until(lambda: role(new) == "master", 15, "%s is master" % new.name, 0.1)
    stats = traffic.ask("wait", timeout_s=30, since=time.monotonic(), wait_s=20)
    assert stats["alive"] == count, stats


def test_the_fifo_moves_all_connections(make_lab):
    lab = make_lab()
    configure(lab, "keepalived-fifo.conf", "HoldMax 60")
    lab.fw1.start_daemon(check=True)
    lab.fw1.start_keepalived()
    wait_until(lab.fw1.has_vips, 15, "fw1 is master")
    traffic = lab.start_traffic()
    assert traffic.ask("open", n=50)["opened"] == 50
    lab.fw2.start_daemon(check=True)
    assert track(lab.fw2).strip() == "-60"
    lab.fw2.start_keepalived()
    becomes(lab.fw2, "backup", 10)
    becomes(lab.fw1, "master")
    lab.replicated(lab.fw1, lab.fw2)
    lab.fw1.crash()
    wait_until(lab.fw2.has_vips, 15, "fw2 takes over")
    moved(lab, traffic, lab.fw1, 50)
    assert traffic.ask("open", n=50)["opened"] == 50
    # Back: the first one preempts, but not before it knows all of them.
    lab.fw1.reboot()
    lab.fw1.space.run("mkdir", "-p", "/run/conntrackd")
    lab.fw1.start_daemon(check=True)
    assert track(lab.fw1).strip() == "-60"
    lab.fw1.start_keepalived()
    wait_until(lab.fw1.has_vips, 30, "fw1 takes over again")
    moved(lab, traffic, lab.fw2, 100)
    # Which of the flows that it knows are still there is known some seconds after it has asked.
    assert status(lab.fw1)["vrrp"]["ended"] == "ready"
    log = lab.fw1.log()
    assert log.index("no longer held back") < log.index('GROUP "G1" MASTER')
    becomes(lab.fw2, "backup")


def test_a_standby_that_is_not_ready_waits_and_then_does_not(make_lab):
    """The first firewall hears nothing of the second one, whose connections it would take over."""
    lab = make_lab()
    configure(lab, "keepalived-fifo.conf", "HoldMax 8")
    lab.silence("eth2", True)
    lab.fw2.start_daemon(check=True)
    lab.fw2.start_keepalived()
    wait_until(lab.fw2.has_vips, 15, "fw2 is master")
    lab.fw1.start_daemon(check=True)
    t0 = time.monotonic()
    lab.fw1.start_keepalived()
    # Without being held it would be master after less than four seconds.
    while time.monotonic() < t0 + 6.5:
        assert lab.fw2.has_vips() and not lab.fw1.has_vips()
        time.sleep(0.05)
    doc = status(lab.fw1)["vrrp"]
    assert doc["held"] and doc["value"] == -60 and doc["why"] == "no-peer"
    assert "Changing effective priority from 150 to 90" in \
        lab.fw1.space.read("/var/log/keepalived.log")
    wait_until(lab.fw1.has_vips, 15, "fw1 is master in the end")
    becomes(lab.fw1, "master")
    becomes(lab.fw2, "backup")
    assert status(lab.fw1)["vrrp"]["ended"] == "time"
    # Now that one is not ready either: it does not play the ball back.
    tracks(lab.fw2, "-60")
    tracks(lab.fw2, "0", 20)
    for _ in range(60):
        assert lab.fw1.has_vips() and not lab.fw2.has_vips()
        assert track(lab.fw1).strip() == "0"
        time.sleep(0.05)


def test_two_that_are_not_ready_still_agree_on_a_master(make_lab):
    lab = make_lab()
    configure(lab, "keepalived-fifo.conf", "HoldMax 60")
    lab.silence("eth2", True)
    for fw in lab.fws:
        fw.start_daemon(check=True)
        assert track(fw).strip() == "-60"
        fw.start_keepalived()
    wait_until(lab.fw1.has_vips, 15, "the one of higher priority is master")
    becomes(lab.fw1, "master")
    tracks(lab.fw1, "0")
    time.sleep(3)
    assert lab.fw1.has_vips() and not lab.fw2.has_vips()
    assert track(lab.fw2).strip() == "-60"
    # Its daemon ends and comes back, while keepalived goes on.
    lab.fw1.kill_daemon()
    lab.fw1.start_daemon(check=True)
    assert role(lab.fw1) == "master"
    for _ in range(60):
        assert lab.fw1.has_vips() and track(lab.fw1).strip() == "0"
        time.sleep(0.05)


def test_keepalived_stops_reads_its_file_again_and_starts(make_lab):
    """What keepalived really does with the FIFO, and when it repeats itself."""
    lab = make_lab()
    configure(lab, "keepalived-fifo.conf", "HoldMax 1")
    fw = lab.fw1
    fw.start_daemon(check=True)
    inode = os.stat(fw.space.path(FIFO)).st_ino
    fw.start_keepalived()
    becomes(fw, "master", 15)
    fw.stop_keepalived()
    becomes(fw, "fault")
    assert os.stat(fw.space.path(FIFO)).st_ino == inode
    fw.start_keepalived()
    becomes(fw, "backup", 10)
    becomes(fw, "master", 10)
    lines = status(fw)["vrrp"]["lines"]
    parents = {pid for pid, comm in fw.space.pids().items() if comm == "keepalived"}
    for pid in parents - {child for parent in parents for child in children(parent)}:
        os.kill(pid, signal.SIGHUP)
    wait_until(lambda: status(fw)["vrrp"]["lines"] > lines, 10, "a reload repeats the states", 0.1)
    assert role(fw) == "master" and os.stat(fw.space.path(FIFO)).st_ino == inode


def test_one_command_moves_all_connections(make_lab):
    """The example with promote and demote as scripts."""
    lab = make_lab()
    configure(lab, "keepalived-scripts.conf")
    for fw in lab.fws:
        fw.start_daemon(check=True)
        fw.start_keepalived()
        if fw is lab.fw1:
            wait_until(fw.has_vips, 15, "fw1 is master")
    becomes(lab.fw1, "master", 10)
    becomes(lab.fw2, "backup", 10)
    traffic = lab.start_traffic()
    assert traffic.ask("open", n=50)["opened"] == 50
    lab.replicated(lab.fw1, lab.fw2)
    lab.fw1.stop_keepalived()
    wait_until(lab.fw2.has_vips, 15, "fw2 takes over")
    moved(lab, traffic, lab.fw1, 50)
    lab.fw1.start_keepalived()
    becomes(lab.fw1, "backup", 10)
    assert lab.fw2.has_vips()
