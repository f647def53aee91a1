#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the inputs that fuzzing began with: make_seeds.py DIRECTORY.

One directory per target.  The datagrams of tests/data/wire/vectors.txt, the configurations of
tests/data/seed, and short scripts in the byte codes of the targets.  What the kernel says of
connection tracking is listened to in a network namespace of its own, if root and conntrack(8) are
there; without them those seeds are left out.  So are a daemon's answers, unless CONNTRACKD names one.
"""
import os
import pathlib
import random
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
NETLINK_NETFILTER, CLONE_NEWNET = 12, 0x40000000


def vectors():
    """Name and payload of each golden vector."""
    name, payload, inside = None, b"", False
    for line in (ROOT / "tests/data/wire/vectors.txt").read_text().splitlines():
        if re.match(r"V\d\d ", line):
            if name:
                yield name, payload
            name, payload, inside = line[:3], b"", False
        elif line.startswith("    payload:"):
            inside = True
        elif line.startswith("    @"):
            inside = False
        elif inside and line.startswith("      "):
            payload += bytes.fromhex(line.strip())
    yield name, payload


def configs():
    for path in sorted((ROOT / "tests/data/seed").glob("*/*/conntrackd.conf")):
        text = path.read_text()
        # Comments teach a fuzzer nothing.
        lines = (line.split("#")[0].strip() for line in text.splitlines())
        yield f"{path.parts[-3]}-{path.parts[-2]}", "\n".join(filter(None, lines)).encode()
    yield "alarm-ipv6", b"""Sync { Mode ALARM { RefreshTime 15 CacheTimeout 180 CommitTimeout 60 }
Multicast Default { IPv6_address ff02::32 Interface eth1 Group 3781 SndSocketBuffer 1249280
 RcvSocketBuffer 1249280 Checksum off }
Options { TCPWindowTracking On ExpectationSync Off } CacheWriteThrough On }
General { Nice -20 Scheduler { Type FIFO Priority 99 } HashSize 8192 HashLimit 65535
 LogFile /var/log/conntrackd.log Syslog local3 LockFile /tmp/l UNIX { Path /tmp/c Backlog 20 }
 NetlinkBufferSize 262142 NetlinkBufferSizeMaxGrowth 655355 NetlinkOverrunResync off
 NetlinkEventsReliable Yes EventIterationLimit 100 Systemd Off
 Filter From Userspace { Protocol Accept { TCP SCTP 77 } Address Ignore { IPv4_address 127.0.0.1/8
 IPv6_address ::1 IPv6_address 2001:db8:0:1::/64 IPv6_address 1:2:3:4:5:6:7:8 }
 State Accept { ESTABLISHED CLOSE TIME_WAIT CLOSE_WAIT for TCP } } }
"""
    yield "ftfw", b"""Sync { Mode FTFW { ResendQueueSize 1024 ACKWindowSize 300 StartupResync On
 DisableExternalCache Off } Multicast { IPv4_address 225.0.0.50 IPv4_interface 192.168.1.1
 Interface eth2 Group 3780 } Options { ExpectationSync { ftp sip } } PurgeTimeout 5 }
General { HashLimit 10 LogFile on Syslog daemon Filter From Kernelspace { Protocol Ignore { UDP }
 Address Accept { IPv4_address 10.0.0.0/8 } State Ignore { SYN_SENT LISTEN for TCP } } }
"""
    yield "links", b"""Sync { Mode NOTRACK { }
TCP { IPv4_address 10.0.0.1 IPv4_Destination_Address 10.0.0.2 Port 3780 Interface eth2
 ErrorQueueLength 9 } TCP Default { IPv6_address fe80::1 IPv6_Destination_Address fe80::2 Port 1
 Interface eth3 } TCP { IPv4_Destination_Address 10.0.1.2 Port 3780 Interface eth4 } }
"""
    yield "links-udp", b"""Sync { Mode ALARM { }
UDP { IPv4_Destination_Address 10.0.0.2 Port 3780 Interface eth2 Checksum Off }
UDP Default { IPv6_address fe80::1 IPv6_Destination_Address fe80::2 Port 1 Interface eth3 } }
"""
    yield "refused", b"""Sync { Mode NOTRACK { DisableInternalCache On DisableExternalCache On }
UDP { IPv4_address 10.0.0.1 IPv4_Destination_Address 10.0.0.2 Port 3780 Interface eth2 }
TCP { IPv6_address fe80::1%eth0 IPv6_Destination_Address ::2 Port 3780 Interface eth2 } }
General { PollSecs 1 HashLimit 0 NetlinkBufferSize 9999 NetlinkBufferSizeMaxGrowth 1 }
Helper { Type ftp inet tcp { QueueNum 0 QueueLen 10 Policy ftp { ExpectMax 1 ExpectTimeout 300 } } }
Stats { LogFile on NetlinkReliable on Syslog mail }
"""


def listen_to_the_kernel():
    """Events and a dump, as datagrams of netlink."""
    import ctypes
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return [], []
    events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    events.bind((0, 7))  # groups NEW, UPDATE, DESTROY
    subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
    flow = "-s 10.9.0.1 -d 10.9.0.2 --sport 1234 --dport 80"
    for command in (
            f"-I -p tcp {flow} -t 77 --state ESTABLISHED -u SEEN_REPLY,ASSURED -m 5",
            f"-I -p udp {flow} -t 77 -u SEEN_REPLY --src-nat 10.9.0.100 -w 7",
            "-I -p tcp -s 2001:db8::1 -d 2001:db8::2 --sport 1 --dport 2 -t 9 --state SYN_SENT",
            "-I -p icmp -s 10.9.0.1 -d 10.9.0.2 --icmp-type 8 --icmp-code 0 --icmp-id 1 -t 9",
            f"-I -p sctp {flow} -t 77 --state ESTABLISHED --orig-vtag 1 --reply-vtag 2",
            f"-I -p gre -s 10.9.0.1 -d 10.9.0.2 --srckey 1 --dstkey 2 -t 9",
            f"-U -p tcp {flow} -t 200 -m 6"):
        subprocess.run(["conntrack", *command.split()], check=False, capture_output=True)
    dump = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    dump.bind((0, 0))
    # IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, number 1 as the first dump has it.
    dump.send(struct.pack("=IHHIIBBH", 20, 0x101, 0x301, 1, 0, 0, 0, 0))
    dumped = [dump.recv(65536), dump.recv(65536)]
    subprocess.run(["conntrack", "-D", "-p", "tcp"], check=False, capture_output=True)
    time.sleep(0.2)
    events.setblocking(False)
    heard = []
    try:
        while True:
            heard.append(events.recv(65536))
    except BlockingIOError:
        pass
    return heard, dumped


def netlink_scripts():
    """Byte codes of fuzz_nlmsg.c: what a datagram is for, its length, its bytes."""
    try:
        heard, dumped = listen_to_the_kernel()
    except OSError as error:
        print(f"nothing heard of the kernel: {error}", file=sys.stderr)
        return

    def piece(code, data):
        return bytes([code]) + struct.pack(">H", len(data)) + data

    for i, data in enumerate(heard):
        yield f"event-{i}", piece(0, data)
        # The same as the answer to a GET, and then an acknowledgement.
        ack = struct.pack("=IHHIIi", 20, 2, 0, 1, 0, 0)
        yield f"answer-{i}", (piece(0, data) + bytes([2, 4, 4, 2]) + piece(2 | 8 | 16, data) +
                              piece(2 | 8, ack))
    for i, data in enumerate(dumped):
        first = struct.unpack_from("=I", data)[0]
        yield f"dump-{i}", bytes([1, 0]) + struct.pack(">H", first) + data[:first]
        if len(data) < 2048:
            yield f"dump-whole-{i}", bytes([1, 0]) + struct.pack(">H", len(data)) + data


def control_scripts():
    """Byte codes of fuzz_ctl.c."""
    def request(number):
        return bytes([7, 3]) + struct.pack("=I", number)

    for number in (0, 16, 18, 21, 99, 0x40000000 | 16, 0x40000000 | 99, 0xffffffff):
        # Connect, ask, finish with output; read twice.
        yield f"request-{number:x}", bytes([0, 0]) + request(number) + bytes([0x15, 2, 2])
    for i, words in enumerate((b"status", b"history\0last=3", b"nothing", b"trace\0x", b"")):
        # In pieces of eight bytes at most.
        whole = struct.pack("=II", 0x40000100, len(words) + 1) + words + b"\0"
        pieces = [whole[at:at + 8] for at in range(0, len(whole), 8)]
        yield f"verb-{i}", (bytes([0, 0]) + b"".join(bytes([7, len(p) - 1]) + p for p in pieces) +
                           bytes([0x15, 2, 2]))
    yield "verb-long", bytes([0, 0, 7, 7]) + struct.pack("=II", 0x40000100, 1025) + bytes([2, 2])
    yield "more", bytes([0, 0]) + request(0x40000010) + bytes([8]) + bytes([2, 7, 0, 0, 16, 2] * 20)
    yield "silent", bytes([0, 0, 0x64, 0x64, 0x64])
    yield "gone", bytes([0, 0, 7, 0, 1, 3, 7])
    frames = b"\1\0\0\3abc\2\0\0\1d\3\0\0\1\1"
    for piece in range(3):
        yield f"answer-{piece}", bytes([1, piece]) + frames


def node_scripts():
    """Byte codes of fuzz_node.c: a head of two bytes, then steps; the lowest bit is the side."""
    def code(step, side=0, high=0):
        return step << 1 | side | high << 6

    new = bytes([code(0), 0, 1, 0x25, 0x33])
    end = bytes([code(0), 2, 1, 0x25, 0x33])
    say = bytes([code(15, 1)])
    back = bytes([code(15, 0)])
    second = bytes([code(20), 0x7f])
    read = bytes([code(3), code(4), 1, 0x25, 0x33, code(6, 0, 1), code(28)])
    commit = bytes([code(18, 1), 0, code(7, 1, 3), code(8, 1), 0xc0, 0, 0, 0, 0, code(28, 1)])
    # How many bytes follow a step, about.
    arguments = {0: 4, 1: 4, 4: 3, 5: 3, 8: 5, 9: 5, 10: 6, 12: 1, 13: 1, 14: 8, 16: 1, 18: 1,
                 19: 1, 20: 1, 21: 1, 24: 7, 25: 7, 26: 7, 27: 3, 28: 3}
    for mode in range(4):
        head = bytes([mode | 0x20, 7])
        yield f"replicate-{mode}", head + new + say + back + second * 3 + say + end + say
        yield f"commit-{mode}", head + read + new + say + back + commit
        yield f"bulk-{mode}", head + read + bytes([code(18), 5]) + say * 4 + second + back
        yield f"forged-{mode}", head + new + say + bytes([code(24), 1, 8, 0, 1, 1, 1]) * 3
        yield f"flood-{mode}", head + new + say + back + bytes([code(27), 255, 0x10, 1] * 2)
        yield f"many-{mode}", head + b"".join(
            bytes([code(0), 0, i * 16 + i, 5, i]) for i in range(16)) + say * 3 + commit
    # Longer lives, so that there is something to cut and to cross.
    for number in range(24):
        dice = random.Random(number)
        script = bytes([dice.randrange(256), dice.randrange(256)])
        for _ in range(120):
            side = dice.randrange(2)
            step = dice.choices(range(29), [8, 8, 1, 1, 4, 4, 1, 6, 6, 3, 1, 0, 4, 2, 2, 8, 2, 2,
                                            2, 2, 6, 4, 2, 1, 3, 2, 2, 1, 6])[0]
            script += bytes([code(step, side, dice.randrange(4))])
            script += bytes(dice.randrange(256) for _ in range(arguments.get(step, 0)))
        yield f"life-{number}", script
    for name, payload in vectors():
        if len(payload) < 256:
            yield f"raw-{name}", bytes([0, 7, code(11), 9, len(payload)]) + payload


def ask(path, *words):
    """What a daemon answers to a verb, out of its frames."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))
        asked = b"".join(word.encode() + b"\0" for word in words)
        s.sendall(struct.pack("=II", 0x40000000 | 256, len(asked)) + asked)
        frames = b"".join(iter(lambda: s.recv(65536), b""))
    answer, at = b"", 0
    while at < len(frames):
        kind, size = frames[at], int.from_bytes(frames[at + 1:at + 4], "big")
        answer += frames[at + 4:at + 4 + size] if kind == 1 else b""
        at += 4 + size
    return answer


def daemon_answers():
    """Name and answer of each verb, of a daemon in a network namespace of its own that has some flows."""
    import ctypes
    binary = os.environ.get("CONNTRACKD")
    if not binary or ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return
    with tempfile.TemporaryDirectory() as where:
        where = pathlib.Path(where)
        (where / "conf").write_text(f"""Sync {{ Mode FTFW {{ }}
UDP {{ IPv4_address 127.0.0.1 IPv4_Destination_Address 127.0.0.2 Port 3780 Interface lo }}
VRRP {{ Instance VI_1 NotifyFifo {where}/fifo TrackFile {where}/track }} }}
General {{ HashLimit 64 LockFile {where}/lock UNIX {{ Path {where}/socket }} }}
""")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
        for number in range(3):
            subprocess.run(f"conntrack -I -p tcp -s 10.0.0.1 -d 10.0.0.2 --sport {4000 + number} --dport 80 -t 77 "
                           "--state ESTABLISHED -u SEEN_REPLY,ASSURED".split(), check=False, capture_output=True)
        with subprocess.Popen([binary, "-C", where / "conf"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as daemon:
            time.sleep(1.5)
            flow = "tcp src=10.0.0.1 dst=10.0.0.2 sport=4000 dport=80"
            for words in (["status"], ["history"], ["trace", flow], ["trace", flow, "follow", "seconds=1"],
                          ["promote", "dry-run"], ["promote"], ["demote"], ["log"], ["flows"], ["doctor"], ["check"],
                          ["check", "flows"]):
                answer = ask(where / "socket", *words).replace(str(where).encode(), b"/run/c")
                yield "-".join(words[:1] + words[2:] if words[0] == "trace" else words), answer
            daemon.terminate()


def answers():
    """What fuzz_answers.c and fuzz_records.c read: None if no daemon is there to be asked."""
    if not hasattr(answers, "known"):
        answers.known = dict(daemon_answers())
    return answers.known


RULES = b"""{"nftables":[{"chain":{"family":"inet","table":"f","name":"in","hook":"input","policy":"drop"}},
{"rule":{"family":"inet","table":"f","chain":"in","expr":[{"match":{"op":"==","left":{"meta":{"key":"iifname"}},
"right":"eth2"}},{"match":{"op":"==","left":{"payload":{"protocol":"udp","field":"dport"}},
"right":{"set":[53,{"range":[3000,4000]}]}}},{"accept":null}]}},
{"rule":{"family":"inet","table":"f","chain":"in","expr":[{"match":{"op":"in","left":{"ct":{"key":"state"}},
"right":["established","new"]}},{"notrack":null},{"jump":{"target":"x"}}]}},{"flowtable":{}}]}"""


def extremes(script):
    """The same answer with numbers as large as they come, or none, and words that move the cursor."""
    for name, pattern, other in (("max", rb"-?\d+(\.\d+)?", b"9223372036854775807"),
                                 ("min", rb"-?\d+(\.\d+)?", b"-9223372036854775808"),
                                 ("null", rb"-?\d+(\.\d+)?", b"null"),
                                 ("words", rb'"[^"\\]*"', b'"\\u001b[2J\xc3\xbc"'),
                                 ("lists", rb'"[^"\\]*"', b"[null,{}]")):
        yield name, script[:2] + re.sub(rb"(?<=[:\[,])" + pattern + rb"(?=[,}\]])", lambda _, other=other: other,
                                        script[2:])


def answer_scripts():
    """Of fuzz_answers.c: answers, and what could be said in their place."""
    for name, script in plain_answers():
        yield name, script
        if len(script) > 20:
            for how, changed in extremes(script):
                yield f"{name}-{how}", changed


def plain_answers():
    """Who reads (the order of the target's table), how it comes, the answer."""
    readers = {"status": [0, 1, 2, 3, 14, 15, 16], "history": [4, 5], "trace": [6], "trace-follow-seconds=1": [7],
               "promote-dry-run": [9], "promote": [8], "demote": [10], "log": [11], "flows": [12, 13]}
    documents = 17
    known = answers()
    for name, answer in known.items():
        for who in readers.get(name, []):
            yield f"{name}-{who}", bytes([who, 0]) + answer
        if who_json := readers.get(name):
            yield f"{name}-json", bytes([who_json[0], 16 | 8]) + answer
    if known:
        yield "top", bytes([documents, 0]) + known["status"] + b"\0" + known["history"]
        yield "top-twice", bytes([documents, 0]) + known["status"] + b"\0" + known["status"].replace(b"0", b"9")
        yield "doctor", bytes([documents, 0]) + known["status"] + b"\0" + known["doctor"]
        yield "check", bytes([documents, 0]) + b"{}\0" + known["check"]
    yield "rules", bytes([documents, 0]) + b"{}\0" + RULES
    step = b'{"time_ms":1,"step":"acknowledged","seq":7,"peers":["10.0.0.2",null],"key":"a","flow":"b"}\n'
    yield "steps", bytes([7, 0]) + b'{"internal":[],"external":[],"kernel":[]}\n' + step * 2
    for who in range(18):
        yield f"older-{who}", bytes([who, 1])
        yield f"refused-{who}", bytes([who, 1]) + b"\2\0\0\3no\n\3\0\0\1\1"


def record_scripts():
    """Of fuzz_records.c: sizes of pieces, what differs, the stream."""
    stream = answers().get("check-flows")
    if stream:
        for how in (0, 1, 2, 4, 8, 16, 31):
            yield f"own-{how}", bytes([how, how]) + stream
    for name, payload in vectors():
        # What a flow has is written as on the link, behind its header: state messages of 8 bytes of it.
        for kind in (0, 1):
            body = bytes([kind, 2 + kind]) + bytes(20) + struct.pack(">IIHB", 0, 7, 0, 2) + payload[8:]
            if len(payload) > 16 and len(body) < 500:
                yield f"{name}-{kind}", bytes([3, 16 * kind]) + (struct.pack(">H", len(body) + 2) + body +
                                                               b"\0\4\2\x20")


def word_scripts():
    """Of fuzz_words.c: words, each with its NUL; lines of a FIFO."""
    for i, text in enumerate((
            "trace|tcp src=10.0.0.1 dst=10.0.0.2 sport=4000 dport=80 zone=3",
            "trace|follow|seconds=9|[fd00::1]:4000->[fd00::2]:80", "trace|10.0.0.1:4000->10.0.0.2:80|udp",
            "trace|icmp|src=10.0.0.1|dst=10.0.0.2|type=8 code=0 id=77", "trace|-p|tcp|-s|10.0.0.1|--dport=0x50",
            "trace|ipv4     2 tcp      6 431999 ESTABLISHED src=1.2.3.4 dst=1.2.3.5 sport=1 dport=2 "
            "src=1.2.3.5 dst=1.2.3.4 sport=2 dport=1 [ASSURED] mark=0 use=1",
            "trace|10.0.0.1.4000 > 10.0.0.2.80", "trace|47 src=::1 srckey=0x1 dstkey=0x2|-z|7", "flows|external")):
        yield f"tuple-{i}", b"\0" + text.replace("|", "\0").encode() + b"\0"
    lines = b'INSTANCE "VI_1" MASTER 100\nGROUP "G1" BACKUP 0\nVS [10.0.0.1]:tcp:80 UP\n'
    yield "fifo", b"\x09" + lines + b'INSTANCE "a"b" FAULT 255\nINSTANCE "VI_1" MASTER_RX_LOWER_PRI 1\n'
    yield "fifo-long", b"\x51" + b'INSTANCE "' + b"x" * 170 + b'" MASTER 100\n' + lines


def gate_scripts():
    """Of fuzz_gate.c: an order, how many answers, and each: what is mended, its length, its bytes."""
    def piece(how, data):
        return bytes([how]) + struct.pack(">H", len(data)) + data

    counter = struct.pack("=HHHHQHHQ", 32, 0x8004, 12, 1, 0, 12, 2, 0x0700000000000000)
    counter = (struct.pack("=IHHIIBBH", 20 + 28, 0x0a12, 0, 0, 0, 1, 0, 0) +
               struct.pack("=HH", 28, 0x8004) + counter[4:28])
    for error in (0, -1, -17, -2 ** 31):
        answer = struct.pack("=IHHIIi", 36, 2, 0, 0, 0, error) + bytes(16)
        for order in range(4):
            yield f"answer-{order}{error}", bytes([order, 1]) + piece(3, answer)
    yield "counter", bytes([3, 1]) + piece(3, counter)
    yield "counter-late", bytes([0, 0, 3, 2]) + piece(3, counter) + piece(7, counter)


def main():
    out = pathlib.Path(sys.argv[1])
    sets = {"wire": vectors, "config": configs, "node": node_scripts, "ctl": control_scripts,
            "nlmsg": netlink_scripts, "answers": answer_scripts, "records": record_scripts, "words": word_scripts,
            "gate": gate_scripts}
    for target, seeds in sets.items():
        (out / target).mkdir(parents=True, exist_ok=True)
        count = 0
        for name, data in seeds():
            (out / target / name).write_bytes(data)
            count += 1
        print(f"{target}: {count} seeds")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
