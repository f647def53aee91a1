#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the inputs that fuzzing began with: make_seeds.py DIRECTORY.

One directory per target.  The datagrams of tests/data/wire/vectors.txt, the configurations of
tests/data/seed, and short scripts in the byte codes of the targets.  What the kernel says of
connection tracking is listened to in a network namespace of its own, if root and conntrack(8) are
there; without them those seeds are left out.
"""
import pathlib
import random
import re
import socket
import struct
import subprocess
import sys
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


def main():
    out = pathlib.Path(sys.argv[1])
    sets = {"wire": vectors, "config": configs, "node": node_scripts, "ctl": control_scripts,
            "nlmsg": netlink_scripts}
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
