# SPDX-License-Identifier: GPL-2.0-or-later
"""A hostile neighbour on the dedicated link.

A third machine says what it likes there, under its own name or in that of one of the firewalls.  What may
come of it is a counter and a line in the log, now and then; the two go on telling each other what they
have, meanwhile and afterwards.
"""

import os
import re
import struct
import time

import pytest
from hostile import (ACK, ALIVE, CTL, DEL, HELLO, NACK, NEW, RESYNC, UPD, Ear, Eve, Flood, attr,
                     control, flow, message)
from lab import parse_dump_line
from node import tcp, udp
from space import Space, wait_until

from test_links import configure, link_block

FW1, FW2 = "192.168.100.100", "192.168.100.200"
GROUP = "225.0.0.50"
LINES = 25  # in the log, whatever is said how often: a dozen of each kind that is caused here


@pytest.fixture
def attacked(make_lab):
    """(lab, eve, ear): a pair that has met, a third machine that speaks to fw2, and what fw1 says."""
    opened = []

    def make(kind):
        lab = make_lab()
        configure(lab, lambda name: link_block(name, kind))
        lab.start_daemons()
        for fw in lab.fws:
            for line in ("resync requested by other node", "[notice] resync requested\n"):
                wait_until(lambda fw=fw, line=line: line in fw.log(), 10, "they have met")
        eve = Eve(lab, Space("eve"), GROUP if kind == "Multicast" else FW2)
        ear = Ear(lab.fw2, FW1)
        opened.extend((eve.raw, ear))
        churn(lab, 0)
        agree(lab)
        # What was sent in bulk is acknowledged, and all are known for who they are.
        time.sleep(2)
        return lab, eve, ear
    yield make
    for thing in opened:
        thing.close()


def counters(fw):
    return {name: int(value) for name, value in re.findall(
        r"^\t(\w+) +(\d+)$", fw.ct("-s", "runtime", check=True).stdout, re.M)}


def shown(fw, which):
    """The flows of a cache: what they are, and their marks."""
    lines = [line for line in fw.dump(which) if line.split()[0] in ("tcp", "udp")]
    return {(parse_dump_line(line), max([0, *map(int, re.findall(r" mark=(\d+)", line))]))
            for line in lines}


def churn(lab, step, count=20):
    """Both make flows, change some and end some; there remain some of each step."""
    for number, fw in enumerate(lab.fws):
        first = 1000 * number + 40 * step
        made = [tcp(first + i) for i in range(count)] + [udp(first + i) for i in range(count)]
        with fw.table() as table:
            for one in made:
                table.create(one)
            for one in made[::2]:
                table.set_mark(one, step + 1)
            for one in made[::3]:
                table.delete(one)


def agree(lab, timeout_s=10):
    """Each has what the other has, and nothing else."""
    def same():
        return all(shown(a, "-i") == shown(b, "-e") for a, b in (lab.fws, lab.fws[::-1]))
    wait_until(same, timeout_s, "both have what the other one has", 0.1)
    assert len(shown(lab.fw2, "-e")) > 10


def resources(fw):
    pid = fw.daemon_pids()[0]
    with open("/proc/%d/status" % pid) as f:
        rss = int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])
    return rss, len(os.listdir("/proc/%d/fd" % pid))


def alive(fw, before):
    """It is the same process as before, and has hardly grown: by what its buffers touch at most."""
    rss, fds = resources(fw)
    assert rss < before[0] + 8 * 1024 and fds <= before[1] + 1


def number_of(lab, ear):
    """The number of the last message of fw1, which is made to say something."""
    def poke():
        number_of.port += 1
        with lab.fw1.table() as table:
            table.create(tcp(number_of.port))
    return ear.number(poke)


number_of.port = 20000


def after(fw, said):
    return fw.log()[said:]


# Of no use to anybody, and by which counter that shows where a sender is nobody in particular.
NONSENSE = [
    ("truncated", b"\x10\0\0", "recv_truncated"),
    ("empty length", message(NEW, 0, 1, length=0), "recv_bad_size"),
    ("longer than it is", message(NEW, 0, 1, flow(1), length=4000), "recv_bad_size"),
    ("version 0", message(NEW, 0, 1, flow(1), version=0), "recv_bad_version"),
    ("type 7", message(7, 0, 1, flow(1)), "recv_bad_header"),
    ("impossible flags", message(NEW, 0x80, 1, flow(1)), "recv_bad_header"),
    ("control without a purpose", message(CTL, 0, 1), "recv_bad_header"),
    ("range that ends before it begins", control(ACK, 1, 10, 5), "recv_bad_header"),
]
# Well-formed, so that it makes the sender somebody; numbers follow each other.
WRONG = [
    ("no tuple", attr(5, struct.pack(">I", 14)), "recv_incomplete"),
    ("tuple with a hole", attr(0, bytes(8)) + attr(2, b"\6"), "recv_incomplete"),
    ("attribute that runs over", flow(1) + struct.pack(">HHI", 400, 7, 0), "recv_bad_payload"),
    ("attribute of a wrong size", flow(1)[:12] + attr(5, b"12345678"), "recv_bad_payload"),
    ("helper without an end", flow(1) + attr(27, b"ftp"), "recv_bad_payload"),
    ("unknown attributes", attr(200, bytes(100)) * 12, "recv_unknown_attr"),
]


def grows(fw, name, act, timeout_s=5):
    before = counters(fw)[name]
    act()
    wait_until(lambda: counters(fw)[name] > before, timeout_s, name + " grows", 0.05)


def test_a_stranger_is_refused_whatever_it_says(attacked):
    """UDP: everything is known by its source, before it is looked at."""
    lab, eve, ear = attacked("UDP")
    said, before = len(lab.fw2.log()), resources(lab.fw2)
    number = number_of(lab, ear)
    wrong = [message(NEW, 0, number + 1 + i, body) for i, (_, body, _) in enumerate(WRONG)]
    things = [payload for _, payload, _ in NONSENSE] + wrong + [
        control(ALIVE | HELLO, number + 1), control(ALIVE, number + 1), control(ALIVE, number + (1 << 30)),
        control(RESYNC, number + 1, 0, 0), control(NACK, number + 1, 0, 1 << 30),
        control(ACK, number + 1, number - 1000, number + 1000), message(DEL, 0, number + 1, flow(4001)),
        message(UPD, 0, number + 1, flow(9)) * 18]
    start = counters(lab.fw2)
    for thing in things:
        eve.say(thing)
    eve.say_long(b"\x10\0\xff\xd7" + bytes(65000))
    wait_until(lambda: counters(lab.fw2)["link_recv_strangers"] ==
               start["link_recv_strangers"] + len(things) + 1, 5, "all are counted")
    churn(lab, 1)
    agree(lab)
    end = counters(lab.fw2)
    quiet = ("seq_hello", "seq_before", "seq_lost", "seq_jump_held", "recv_truncated", "recv_bad_size",
             "recv_bad_header", "recv_incomplete", "resync_received", "recv_no_peer_slot")
    assert [end[name] - start[name] for name in quiet] == [0] * len(quiet)
    wait_until(lambda: "from " + eve.address in lab.fw2.log(), 5, "the log names it")
    assert after(lab.fw2, said).count("\n") == 1
    # So many that they would fill the buffer: as soon as that is seen the kernel drops them, and nobody else's.
    with Flood(eve, things) as flood:
        wait_until(lambda: eve.sent > 5000, 20, "a flood")
        wait_until(lambda: counters(lab.fw2)["link_recv_shut_out"] > 0, 20, "they are shut out")
        start = counters(lab.fw2)
        for step in range(2, 5):
            churn(lab, step)
            agree(lab, 20)
        assert not flood.over.is_set()
    churn(lab, 5)
    agree(lab)
    end = counters(lab.fw2)
    assert end["link_recv_dropped"] == start["link_recv_dropped"]
    assert end["seq_lost"] == start["seq_lost"]
    assert after(lab.fw2, said).count("\n") <= LINES
    alive(lab.fw2, before)


def test_nonsense_to_the_group_is_counted_by_its_kind(attacked):
    lab, eve, ear = attacked("Multicast")
    said, before = len(lab.fw2.log()), resources(lab.fw2)
    for _, payload, counter in NONSENSE:
        grows(lab.fw2, counter, lambda payload=payload: eve.say(payload))
    # Whoever says a message in order is one of the group, and is told everything.
    for number, (_, body, counter) in enumerate(WRONG):
        grows(lab.fw2, counter, lambda n=number, b=body: eve.say(message(NEW, 0, 100 + n, b)))
    churn(lab, 1)
    agree(lab)
    start = counters(lab.fw2)
    with Flood(eve, [payload for _, payload, _ in NONSENSE[:4]]):
        wait_until(lambda: eve.sent > 5000, 20, "a flood")
        for step in range(2, 4):
            churn(lab, step)
            agree(lab, 20)
    agree(lab)
    wait_until(lambda: counters(lab.fw2)["link_recv_shut_out"] > 3000, 3, "they were shut out")
    end = counters(lab.fw2)
    assert sum(end[name] - start[name] for name in (
        "recv_truncated", "recv_bad_size", "recv_bad_version")) > 900
    assert end["seq_lost"] == start["seq_lost"]
    assert after(lab.fw2, said).count("\n") <= LINES
    alive(lab.fw2, before)


def test_a_member_of_the_group_does_not_get_the_table_as_often_as_it_asks(attacked):
    """RESYNC: 16 bytes in, everything out."""
    lab, eve, ear = attacked("Multicast")
    said, before = len(lab.fw2.log()), resources(lab.fw2)
    start = counters(lab.fw2)
    seconds = time.monotonic()
    with Flood(eve, [control(RESYNC, i, 0, 0) for i in range(1, 60000)], most=59999):
        wait_until(lambda: counters(lab.fw2)["resync_received"] > start["resync_received"] + 3000, 20,
                   "thousands of requests")
        churn(lab, 1)
        agree(lab, 20)
    seconds = time.monotonic() - seconds
    end = counters(lab.fw2)
    assert end["bulk_sends"] - start["bulk_sends"] <= 6 + seconds / 2
    assert end["bulk_put_off"] > 0
    assert after(lab.fw2, said).count("\n") <= 3 * LINES
    churn(lab, 2)
    agree(lab)
    alive(lab.fw2, before)


def test_one_word_in_the_name_of_the_peer_changes_nothing(attacked):
    lab, eve, ear = attacked("UDP")
    said = len(lab.fw2.log())
    start = counters(lab.fw2)
    recorded = ear.datagram()
    for act, counter in (
            (lambda n: control(ALIVE, n + (1 << 30)), "seq_jump_held"),
            (lambda n: control(ALIVE, n - (1 << 30)), "seq_jump_held"),
            (lambda n: control(ALIVE | HELLO, n + (1 << 30)), "seq_hello_held"),
            (lambda n: control(ALIVE | HELLO, n + 50), "seq_hello_held"),
            (lambda n: message(DEL, HELLO, n + 5000, flow(4001)), "seq_hello_held"),
            (lambda n: message(NEW, 0, n - 20, flow(9)), "seq_before"),
            (lambda n: recorded, "seq_before"),
            (lambda n: message(NEW, 0, n + 1, b"", length=3), "recv_bad_size"),
            (lambda n: b"\x1a", "recv_truncated")):
        number = number_of(lab, ear)
        grows(lab.fw2, counter, lambda act=act, n=number: eve.say(act(n), src=FW1))
    churn(lab, 1)
    agree(lab)
    end = counters(lab.fw2)
    # Nobody was taken for new, nothing is missing, and nothing was asked for.
    assert "has started anew" not in after(lab.fw2, said)
    for name in ("seq_lost", "nack_sent", "resync_received", "remote_swept"):
        assert end[name] == start[name]
    assert after(lab.fw2, said).count("\n") <= LINES


def test_what_passes_for_the_peer_is_made_good_when_it_is_over(attacked):
    """Lies with numbers that are right, gaps, restarts, requests: what comes of them goes away by
    itself."""
    lab, eve, ear = attacked("UDP")
    said, before = len(lab.fw2.log()), resources(lab.fw2)

    def next_number():
        return number_of(lab, ear) + 1

    # A flow that is not there, and the end of one that is.
    number = next_number()
    eve.say(message(NEW, 0, number, flow(9)) + message(DEL, 0, number + 1, flow(4001)), src=FW1)
    wait_until(lambda: "sport=9 " in lab.fw2.ct("-e", check=True).stdout, 5, "the lie is believed")
    wait_until(lambda: counters(lab.fw2)["seq_forged"] > 0, 10, "and noticed")
    # A gap of thousands; a restart, of two words; requests by the hundred, as the peer's.
    eve.say(control(ALIVE, next_number() + 5000), src=FW1)
    number = next_number() + (1 << 29)
    eve.say(control(ALIVE | HELLO, number) + control(ALIVE | HELLO, number + 1), src=FW1)
    for i in range(500):
        eve.say(control(RESYNC, number + 2 + i, 0, 0), src=FW1)
    churn(lab, 1)
    # From now on nobody lies.
    agree(lab, 60)
    assert "sport=9 " not in lab.fw2.ct("-e", check=True).stdout
    assert "somebody else speaks in its name" in after(lab.fw2, said)
    assert after(lab.fw2, said).count("\n") <= 3 * LINES
    churn(lab, 2)
    agree(lab)
    alive(lab.fw2, before)
