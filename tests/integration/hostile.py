# SPDX-License-Identifier: GPL-2.0-or-later
"""What somebody may say who has access to the dedicated link: messages, and packets with any source.

Facts: doc/WIRE.md, section 2 and 3.
"""

import socket
import struct
import threading
import time

PORT = 3780
NEW, UPD, DEL, CTL = 0, 1, 2, 10
RESYNC, NACK, ACK, ALIVE, HELLO, HELLO_BACK = 0x02, 0x04, 0x08, 0x10, 0x20, 0x40
ETH_P_IP, SO_BINDTODEVICE = 0x0800, 25


def message(kind, flags, seq, body=b"", length=None, version=1):
    return struct.pack(">BBHI", version << 4 | kind, flags, 8 + len(body) if length is None else length,
                       seq & 0xffffffff) + body


def control(flags, seq, first=None, last=None):
    body = b"" if first is None else struct.pack(">II", first & 0xffffffff, last & 0xffffffff)
    return message(CTL, flags, seq, body)


def attr(number, value):
    return struct.pack(">HH", 4 + len(value), number) + value + b"\0" * (-len(value) % 4)


def flow(port, src="192.168.1.10", proto=6):
    """The attributes of an established connection."""
    out = attr(0, socket.inet_aton(src) + socket.inet_aton("192.168.0.10"))
    out += attr(5, struct.pack(">I", 0xe)) + attr(2, bytes([proto])) + attr(3, struct.pack(">HH", port, 80))
    return out + attr(4, b"\3") + attr(6, struct.pack(">I", 3000))


def datagram(src, dst, payload, port=PORT):
    """An IPv4 packet from whomever it likes; without a checksum over UDP nobody asks for one."""
    udp = struct.pack(">HHHH", 40000, port, 8 + len(payload), 0) + payload
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 1, 17, 0, socket.inet_aton(src),
                       socket.inet_aton(dst)) + udp


class Eve:
    """A third machine on the dedicated link."""

    address = "192.168.100.66"

    def __init__(self, lab, space, dst):
        self.space, self.dst = space, dst
        lab.spaces[space.name] = space
        port = space.name + "-eth2"
        lab.switch_ip(["link add %s type veth peer name eth2 netns %d" % (port, space.init),
                       "link set %s master br-y" % port, "link set %s up" % port])
        space.run("sh", "-ec", "ip link set lo up\nip link set eth2 up\n"
                  "ip addr add %s/24 dev eth2\nip route add 224.0.0.0/4 dev eth2" % self.address)
        self.raw = space.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.raw.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, b"eth2\0")
        self.sent = 0

    def say(self, payload, src=None, times=1):
        packet = datagram(src or self.address, self.dst, payload)
        for _ in range(times):
            try:
                self.raw.sendto(packet, (self.dst, 0))
                self.sent += 1
            except OSError:
                time.sleep(0.001)

    def say_long(self, payload):
        """More than a packet holds: in fragments, as the kernel makes them."""
        with self.space.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(payload, (self.dst, PORT))


class Flood:
    """While this is entered somebody sends one payload after the other, as fast as it goes but so
    many at most."""

    def __init__(self, eve, payloads, src=None, most=200000):
        self.eve, self.payloads, self.src, self.most = eve, payloads, src, most
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        for i in range(self.most):
            if self.over.is_set():
                return
            self.eve.say(self.payloads[i % len(self.payloads)], self.src)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.over.set()
        self.thread.join()


class Ear:
    """Hears what a firewall says on the dedicated link."""

    def __init__(self, fw, src):
        self.src = socket.inet_aton(src)
        self.sock = fw.space.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        self.sock.settimeout(3)
        self.sock.bind(("eth2", ETH_P_IP))

    def datagram(self):
        """The payload of the next one."""
        while True:
            packet, where = self.sock.recvfrom(65536)
            if packet[12:16] == self.src and packet[9] == 17 and where[2] != 4 and \
                    struct.unpack_from(">H", packet, 22)[0] == PORT:
                return packet[28:]

    def number(self, poke):
        """That of the last message that has been said; poke() makes it say something."""
        self.sock.setblocking(False)
        try:
            while True:
                self.sock.recv(65536)
        except BlockingIOError:
            pass
        self.sock.settimeout(3)
        poke()
        data, at, last = self.datagram(), 0, 0
        while at + 8 <= len(data):
            length, last = struct.unpack_from(">HI", data, at + 2)
            at += max(length, 8)
        return last

    def close(self):
        self.sock.close()
