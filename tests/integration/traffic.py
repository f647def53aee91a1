#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Traffic for the lab: an echo server, and a client that checks every byte and times every echo.

    traffic.py server ADDRESS PORT          TCP and UDP echo, until stdin ends
    traffic.py client ADDRESS PORT          commands as JSON lines on stdin, one answer per line

Client commands ({"do": NAME, ...}); times are seconds on CLOCK_MONOTONIC, gaps milliseconds:

    open n proto interval_ms idle   open n connections; idle ones send only on poke
    pause / resume                  stop and go on sending on the active ones; pause waits for
                                    the last echoes, up to wait_s
    poke wait_s                     one message on every connection, then count the echoes
    close n                         close n connections (idle ones first), orderly
    stats since                     counts: total, alive (an echo to something sent after since),
                                    failures by reason, largest and median gap
    answers since                   [[time, echoes in the 50 ms from then on]]
    wait since wait_s               stats, as soon as all are alive or wait_s has passed
    reset                           forget the gaps
"""

import collections
import errno
import json
import os
import resource
import select
import socket
import struct
import sys
import time

MESSAGE = struct.Struct("!IIQd")  # magic, connection, sequence number, time of sending
MAGIC = 0x65636830
PAD = bytes(range(40))
SIZE = MESSAGE.size + len(PAD)
PEER = struct.Struct("!4sH")      # what the UDP server appends: the source it saw
IN_FLIGHT_MAX = 8
BIN_S = 0.05
SPOKES = 10                       # an interval is cut in as many ticks

now = time.monotonic


def server(address, port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(65535)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, port))
    for sock in (listener, udp):
        sock.setblocking(False)
    poll = select.epoll()
    for fd in (0, listener.fileno(), udp.fileno()):
        poll.register(fd, select.EPOLLIN)
    peers = {}

    def drop(fd):
        poll.unregister(fd)
        peers.pop(fd).close()

    print("{}", flush=True)
    while True:
        for fd, _ in poll.poll():
            if fd == 0:
                return
            if fd == listener.fileno():
                for _ in range(1000):
                    try:
                        peer, _ = listener.accept()
                    except OSError:
                        break
                    peer.setblocking(False)
                    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    peers[peer.fileno()] = peer
                    poll.register(peer.fileno(), select.EPOLLIN)
            elif fd == udp.fileno():
                for _ in range(1000):
                    try:
                        data, (host, source) = udp.recvfrom(2048)
                        udp.sendto(data + PEER.pack(socket.inet_aton(host), source),
                                   (host, source))
                    except OSError:
                        break
            else:
                try:
                    data = peers[fd].recv(65536)
                    # The client has at most IN_FLIGHT_MAX messages out: this fits the buffer.
                    if not data or peers[fd].send(data) != len(data):
                        drop(fd)
                except OSError as error:
                    if error.errno not in (errno.EAGAIN, errno.EINTR):
                        drop(fd)


class Conn:
    __slots__ = ("number", "proto", "sock", "fd", "idle", "seq", "out", "inbuf", "echoed", "gap",
                 "gap_at", "failed", "open", "peer", "last_echo", "waiting")

    def __init__(self, number, proto, idle):
        self.number, self.proto, self.idle = number, proto, idle
        self.seq = 0
        self.out = collections.deque()   # (bytes, time) sent and not echoed
        self.inbuf = b""
        self.echoed = 0.0                # when the newest echoed message was sent
        self.gap = self.gap_at = 0.0
        self.failed = None
        self.open = False
        self.peer = None
        self.last_echo = 0.0
        self.waiting = 0.0               # UDP: when the first message without an echo was sent

    def message(self):
        self.seq += 1
        return MESSAGE.pack(MAGIC, self.number, self.seq, now()) + PAD


class Client:
    def __init__(self, address, port):
        self.target = (address, port)
        self.conns = {}
        self.closed = 0
        self.answers = collections.Counter()  # echoes by when they came, in BIN_S
        self.next_number = 0
        self.interval = 0.1
        self.running = True
        self.spoke = 0
        self.poll = select.epoll()
        self.poll.register(0, select.EPOLLIN)
        self.byfd = {}
        self.ended = False
        self.inline = b""

    # connections

    def connect(self, proto, idle):
        conn = Conn(self.next_number, proto, idle)
        self.next_number += 1
        kind = socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM
        conn.sock = socket.socket(socket.AF_INET, kind)
        conn.sock.setblocking(False)
        if proto == "tcp":
            conn.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        conn.fd = conn.sock.fileno()
        self.conns[conn.number] = self.byfd[conn.fd] = conn
        error = conn.sock.connect_ex(self.target)
        if error not in (0, errno.EINPROGRESS):
            self.fail(conn, errno.errorcode.get(error, str(error)))
            return
        conn.open = proto == "udp"
        self.poll.register(conn.fd, select.EPOLLIN if conn.open else select.EPOLLOUT)

    def forget(self, conn):
        if conn.sock:
            try:
                self.poll.unregister(conn.fd)
            except OSError:
                pass
            self.byfd.pop(conn.fd, None)
            conn.sock.close()
            conn.sock = None

    def fail(self, conn, reason):
        conn.failed = conn.failed or reason
        self.forget(conn)

    def send(self, conn):
        t = now()
        if conn.proto == "udp":
            # A lost datagram is not sent again: keep what is out bounded by dropping the oldest.
            while len(conn.out) >= IN_FLIGHT_MAX:
                conn.out.popleft()
        elif len(conn.out) >= IN_FLIGHT_MAX:
            return
        data = conn.message()
        conn.out.append((data, t))
        conn.waiting = conn.waiting or t
        try:
            if conn.sock.send(data) != SIZE:
                self.fail(conn, "short write")
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNREFUSED, errno.EHOSTUNREACH,
                                   errno.ENETUNREACH) or conn.proto == "tcp":
                self.fail(conn, errno.errorcode.get(error.errno, str(error)))

    def note_echo(self, conn, sent, began):
        """began: when this echo's wait began."""
        self.answers[int(now() / BIN_S)] += 1
        gap = now() - began
        if gap > conn.gap:
            conn.gap, conn.gap_at = gap, began
        conn.echoed = max(conn.echoed, sent)
        conn.last_echo = now()

    def receive_tcp(self, conn):
        data = conn.sock.recv(65536)
        if not data:
            return self.fail(conn, "closed by peer")
        conn.inbuf += data
        while len(conn.inbuf) >= SIZE:
            if not conn.out or conn.inbuf[:SIZE] != conn.out[0][0]:
                return self.fail(conn, "wrong bytes")
            _, sent = conn.out.popleft()
            conn.inbuf = conn.inbuf[SIZE:]
            self.note_echo(conn, sent, sent)
        return None

    def receive_udp(self, conn):
        data = conn.sock.recv(4096)
        body, peer = data[:-PEER.size], data[-PEER.size:]
        if conn.peer is None:
            conn.peer = peer
        if conn.peer != peer:
            return self.fail(conn, "source changed")
        for i, (message, sent) in enumerate(conn.out):
            if message == body:
                # The silence began with the oldest message that got no answer, which may have
                # left the queue since.
                self.note_echo(conn, sent, conn.waiting)
                for _ in range(i + 1):
                    conn.out.popleft()
                conn.waiting = conn.out[0][1] if conn.out else 0.0
                return None
        if len(body) != SIZE or MESSAGE.unpack_from(body)[:2] != (MAGIC, conn.number):
            return self.fail(conn, "wrong bytes")
        return None

    def event(self, fd, bits):
        conn = self.byfd.get(fd)
        if conn is None:
            return
        try:
            if not conn.open:
                error = conn.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error:
                    return self.fail(conn, errno.errorcode.get(error, str(error)))
                conn.open = True
                self.poll.modify(fd, select.EPOLLIN)
                return None
            if conn.proto == "tcp":
                return self.receive_tcp(conn)
            return self.receive_udp(conn)
        except OSError as error:
            if error.errno == errno.EAGAIN or conn.proto == "udp":
                return None
            return self.fail(conn, errno.errorcode.get(error.errno, str(error)))

    # loop

    def turn(self, timeout):
        """Handle what is ready; True if a command line is."""
        command = False
        for fd, bits in self.poll.poll(timeout, 256):
            if fd == 0:
                command = True
            else:
                self.event(fd, bits)
        return command

    def spin(self, until, done):
        """Run the loop until done() or the deadline; True if done."""
        tick = now()
        while not done():
            if now() >= until:
                return False
            self.turn(0.005)
            tick = self.maybe_tick(tick)
        return True

    def maybe_tick(self, tick):
        if now() < tick:
            return tick
        if self.running:
            self.spoke = (self.spoke + 1) % SPOKES
            for conn in list(self.conns.values()):
                if conn.number % SPOKES == self.spoke and conn.open and conn.sock and \
                   not conn.idle:
                    self.send(conn)
        return max(tick + self.interval / SPOKES, now() - self.interval)

    def main(self):
        tick = now()
        print("{}", flush=True)
        while not self.ended:
            if self.turn(max(0.001, min(tick - now(), 0.05))):
                self.commands()
            tick = self.maybe_tick(tick)

    def commands(self):
        data = os.read(0, 65536)
        if not data:
            self.ended = True
            return
        self.inline += data
        while b"\n" in self.inline:
            line, self.inline = self.inline.split(b"\n", 1)
            command = json.loads(line)
            try:
                answer = getattr(self, "do_" + command.pop("do"))(**command)
            except (AttributeError, TypeError, OSError) as error:
                answer = {"error": repr(error)}
            print(json.dumps(answer), flush=True)

    # commands

    def do_open(self, n, proto="tcp", interval_ms=None, idle=False, wait_s=20):
        if interval_ms:
            self.interval = interval_ms / 1000
        until = now() + wait_s
        first = self.next_number
        while self.next_number < first + n and now() < until:
            for _ in range(min(256, first + n - self.next_number)):
                self.connect(proto, idle)
            self.spin(until, lambda: all(self.conns[i].open or self.conns[i].failed for i in
                                         range(max(first, self.next_number - 256),
                                               self.next_number)))
        fresh = [self.conns[i] for i in range(first, self.next_number)]
        # Everyone says something once, so that each flow is assured on the firewall.
        for conn in fresh:
            if conn.open and conn.sock:
                self.send(conn)
        self.spin(until, lambda: all(c.echoed or c.failed for c in fresh))
        return {"opened": sum(1 for c in fresh if c.echoed and not c.failed)}

    def do_pause(self, wait_s=5):
        self.running = False
        self.spin(now() + wait_s, lambda: not any(
            c.out for c in self.conns.values() if c.sock and c.proto == "tcp"))
        return self.do_stats(0)

    def do_resume(self):
        self.running = True
        return {}

    def do_poke(self, wait_s=30):
        t = now()
        for i, conn in enumerate(list(self.conns.values())):
            if conn.sock and conn.open:
                self.send(conn)
            if i % 64 == 63:
                self.turn(0)
        self.spin(now() + wait_s, lambda: all(c.echoed >= t or c.failed
                                              for c in self.conns.values()))
        return self.do_stats(t)

    def do_close(self, n):
        order = sorted((c for c in self.conns.values()), key=lambda c: (not c.idle, c.number))
        for conn in order[:n]:
            self.forget(conn)
            del self.conns[conn.number]
            self.closed += 1
        return {"closed": min(n, len(order))}

    def do_reset(self):
        for conn in self.conns.values():
            conn.gap = conn.gap_at = 0.0
        return {}

    def do_stats(self, since=0.0):
        conns = list(self.conns.values())
        failed = collections.Counter(c.failed for c in conns if c.failed)
        answer = {"total": len(conns), "failed": dict(failed), "now": now(), "closed": self.closed}
        for proto in ("tcp", "udp"):
            own = [c for c in conns if c.proto == proto]
            gaps = sorted(c.gap for c in own if c.sock)
            worst = max((c for c in own if c.sock), key=lambda c: c.gap, default=None)
            answer[proto] = {
                "total": len(own),
                "alive": sum(1 for c in own if not c.failed and c.echoed >= since and c.echoed),
                "echoes": sum(c.seq - len(c.out) for c in own),
                "gap_max_ms": round(gaps[-1] * 1000, 1) if gaps else 0,
                "gap_median_ms": round(gaps[len(gaps) // 2] * 1000, 1) if gaps else 0,
                "gap_at": worst.gap_at if worst else 0,
                "last_echo": max((c.last_echo for c in own), default=0)}
        answer["alive"] = answer["tcp"]["alive"] + answer["udp"]["alive"]
        return answer

    def do_answers(self, since):
        first, last = int(since / BIN_S), int(now() / BIN_S)
        return {"answers": [[n * BIN_S, self.answers[n]] for n in range(first, last)], "bin_s": BIN_S}

    def do_wait(self, since, wait_s):
        self.spin(now() + wait_s, lambda: all(c.echoed >= since or c.failed
                                              for c in self.conns.values() if not c.idle))
        return self.do_stats(since)


def main():
    role, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if role == "server":
        server(address, port)
    else:
        Client(address, port).main()


if __name__ == "__main__":
    main()
