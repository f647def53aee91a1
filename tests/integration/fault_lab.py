# SPDX-License-Identifier: GPL-2.0-or-later
"""Two nodes and the cable between them, which can be made bad; for faults of daemons, links and kernels.

    fw1  eth2 192.168.100.100 --- [wire] --- 192.168.100.200 eth2  fw2

The wire is a namespace of its own: a bridge, or a Relay that loses, doubles and delays frames.  Nothing
is forwarded and no rule asks for tracking, so a kernel's table holds what a test puts there with a Mill,
and nothing else.  Much cheaper than a lab, and the binary may be any conntrackd.
"""

import concurrent.futures
import contextlib
import ctypes
import heapq
import os
import random
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time

import ctnl
import lab
from space import LabError, Space, children, wait_until

ETH_P_ALL = 3
SOL_PACKET, PACKET_VNET_HDR, PACKET_OUTGOING = 263, 15, 4
VNET_HDR, PORT = 10, 3780
SERVER = "192.168.0.10"
LOCK, SOCKET = "/run/lock/conntrack.lock", "/run/conntrackd.ctl"
LINE = re.compile(r"^tcp +6 (\w+) src=(\S+) dst=\S+ sport=(\d+)", re.M)

LINKS = {
    "Multicast": """Multicast {
		IPv4_address 225.0.0.50
		Group 3780
		IPv4_interface %(own)s
		Interface eth2
		%(more)s
	}""",
    "UDP": """UDP {
		IPv4_address %(own)s
		IPv4_Destination_Address %(peer)s
		Port 3780
		Interface eth2
		%(more)s
	}"""}


def conf(name, mode="FTFW", kind="Multicast", in_mode="", rcvbuf=1249280, netlink=2097152,
         growth=8388608, limit=131072, hash_size=8192, log="/var/log/conntrackd.log", in_general="",
         own=None, peer=None):
    """A configuration that conntrackd 1.4.7 accepts as well; name is fw1 or fw2."""
    if mode == "ALARM" and not in_mode:
        in_mode = "RefreshTime 2\n\t\tCacheTimeout 10"
    other = "fw1" if name == "fw2" else "fw2"
    link = LINKS[kind] % {
        "own": own or lab.ADDRESSES[name]["eth2"], "peer": peer or lab.ADDRESSES[other]["eth2"],
        "more": "SndSocketBuffer 1249280\n\t\tRcvSocketBuffer %d\n\t\tChecksum on" % rcvbuf}
    return """Sync {
	Mode %s {
		%s
	}
	%s
}
General {
	HashSize %d
	HashLimit %d
	LogFile %s
	Syslog off
	LockFile /var/lock/conntrack.lock
	UNIX {
		Path %s
	}
	NetlinkBufferSize %d
	NetlinkBufferSizeMaxGrowth %d
	%s
}
""" % (mode, in_mode, link, hash_size, limit, log, SOCKET, netlink, growth, in_general)


# ------------------------------------------------------------------------------------------------
# The wire

class Relay(threading.Thread):
    """Passes frames on between two ports of the wire; of those of the daemons it loses, doubles and
    delays some.  What else passes, ARP above all, is spared.  Seeded: the same frames, the same fate."""

    def __init__(self, space, ports, seed=1):
        super().__init__(daemon=True)
        self.loss = self.twice = self.late = 0.0   # shares of the frames, 0 to 1
        self.late_ms = 40.0                        # at most
        self.passed = self.lost = self.doubled = self.delayed = 0
        self.failed = None
        self.rng = random.Random(seed)
        self.over = threading.Event()
        self.socks = []
        for port in ports:
            sock = space.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.socks.append(sock)
            # With its header a frame whose checksum is still to be made passes as it came.
            sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
            sock.bind((port, ETH_P_ALL))
            sock.setblocking(False)
        self.start()

    def bad(self, loss=0.0, twice=0.0, late=0.0):
        self.loss, self.twice, self.late = loss, twice, late

    @staticmethod
    def is_ours(frame):
        """A datagram to the daemons' port, over IPv4."""
        at = VNET_HDR + 14
        if frame[at - 2:at] != b"\x08\x00" or frame[at + 9] != socket.IPPROTO_UDP:
            return False
        at += (frame[at] & 15) * 4
        return frame[at + 2:at + 4] == struct.pack(">H", PORT)

    def send(self, sock, frame):
        try:
            sock.send(frame)
        except OSError:     # the other machine is being started anew
            self.lost += 1

    def run(self):
        try:
            self.loop()
        except Exception as error:  # whoever waits for the relay is to hear of it
            self.failed = error

    def loop(self):
        waiting, number = [], 0
        to = dict(zip(self.socks, reversed(self.socks)))
        while not self.over.is_set():
            now = time.monotonic()
            while waiting and waiting[0][0] <= now:
                _, _, sock, frame = heapq.heappop(waiting)
                self.send(sock, frame)
            left = min(0.1, waiting[0][0] - now) if waiting else 0.1
            for sock in select.select(self.socks, [], [], max(left, 0))[0]:
                for _ in range(64):
                    try:
                        frame, address = sock.recvfrom(1 << 16)
                    except OSError:
                        break
                    if address[2] == PACKET_OUTGOING:
                        continue
                    if not self.is_ours(frame):
                        self.send(to[sock], frame)
                        continue
                    if self.rng.random() < self.loss:
                        self.lost += 1
                        continue
                    copies = 2 if self.rng.random() < self.twice else 1
                    self.doubled += copies - 1
                    for copy in range(copies):
                        if copy or self.rng.random() < self.late:
                            number += 1
                            self.delayed += 1
                            at = now + self.rng.random() * self.late_ms / 1000
                            heapq.heappush(waiting, (at, number, to[sock], frame))
                        else:
                            self.passed += 1
                            self.send(to[sock], frame)

    def close(self):
        self.over.set()
        self.join(5)
        for sock in self.socks:
            sock.close()


class Peer(lab.Firewall):
    """A node of a FaultPair."""

    def __init__(self, pair, name, binary):
        self.pair = pair
        super().__init__(None, name, binary)

    def boot(self):
        self.space = Space(self.name)
        try:
            self.space.run("sh", "-c", lab.MOUNTS, "sh", self.binary)
            self.space.run("mount", "-t", "tmpfs", "-o", "mode=1777", "lab", "/tmp")
            self.pair.plug(self)
            self.space.sysctl(netfilter__nf_conntrack_events=1)
        except BaseException:
            self.space.close()
            raise

    def pid(self):
        """Of the one daemon."""
        pids = self.daemon_pids()
        if len(pids) != 1:
            raise LabError("%s: expected one daemon, there are %s" % (self.name, pids))
        return pids[0]

    def signal(self, sig):
        os.kill(self.pid(), sig)

    def start_in_foreground(self):
        """(Popen, pid) of a daemon that may still be far from ready."""
        proc = self.space.start("/usr/sbin/conntrackd")
        found = wait_until(lambda: children(proc.pid), 5, "a process is started", 0.0002)
        return proc, found[0]

    def left_behind(self):
        """Files that keep an older conntrackd from starting."""
        return [path for path in (LOCK, SOCKET) if os.path.exists(self.space.path(path))]

    def number(self, name, what="runtime"):
        found = re.search(r"^\s*%s\s+(\d+)" % re.escape(name), self.ct("-s", what, check=True).stdout, re.M)
        return int(found[1]) if found else 0

    def says(self, text, timeout_s=5):
        wait_until(lambda: text in self.log(), timeout_s, self.name + "'s log says: " + text)

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.pid()))

    def memory_kb(self):
        with open("/proc/%d/smaps_rollup" % self.pid()) as f:
            return int(re.search(r"^Pss: +(\d+)", f.read(), re.M)[1])

    def in_kernel(self):
        """How many flows the kernel has."""
        with open("/proc/%d/net/stat/nf_conntrack" % self.space.init) as f:
            return int(f.readlines()[1].split()[0], 16)


class FaultPair:
    """Use as a context manager.  binaries: of fw1 and fw2.  relay: the wire can lose, double and delay."""

    def __init__(self, binaries, relay=False, seed=1):
        self.nodes, self.relay, self.mills = [], None, []
        self.wire = Space("wire")
        self.with_relay = relay
        try:
            if not relay:
                self.wire_ip("link add br0 type bridge mcast_snooping 0 forward_delay 0",
                             "link set br0 up")
            for name, binary in zip(("fw1", "fw2"), binaries):
                self.nodes.append(Peer(self, name, os.path.realpath(binary)))
            self.fw1, self.fw2 = self.nodes
            if relay:
                self.relay = Relay(self.wire, ("fw1", "fw2"), seed)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        if self.relay:
            self.relay.close()
        for mill in self.mills:
            mill.close()
        for node in self.nodes:
            node.close()
        self.wire.close()
        self.nodes, self.mills = [], []

    def wire_ip(self, *lines):
        done = subprocess.run(["nsenter", "--net=/proc/%d/ns/net" % self.wire.init, "ip", "-batch", "-"],
                              input="\n".join(lines) + "\n", text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=20)
        if done.returncode:
            raise LabError("wire: " + done.stdout)

    def plug(self, node):
        """A cable from the wire to the node's eth2, which gets its address; also after it was removed."""
        self.wire_ip("link add %s type veth peer name eth2 netns %d" % (node.name, node.space.init),
                     *([] if self.with_relay else ["link set %s master br0" % node.name]),
                     "link set %s up" % node.name)
        node.space.run("sh", "-ec", "ip link set lo up\nip link set eth2 up\n"
                       "ip address add %s/24 dev eth2" % lab.ADDRESSES[node.name]["eth2"])

    def configure(self, *only, **options):
        for node in only or self.nodes:
            node.configure(conf(node.name, **options))

    def start(self, **options):
        self.configure(**options)
        for node in self.nodes:
            node.start_daemon(check=True)

    def mill(self, node):
        made = Mill(node.space)
        self.mills.append(made)
        return made


# ------------------------------------------------------------------------------------------------
# Flows

class Mill:
    """Makes, changes and deletes numbered TCP flows in a kernel, hundreds in one system call: number i is
    10.x.y.z, whose last three bytes are i."""

    SRC, SPORT = b"\x0a\xfb\xfc\xfd", b"\xd1\xd2"
    BATCH = 200

    def __init__(self, space):
        self.table = ctnl.Table(space)
        self.sock = self.table.sock
        self.sock.settimeout(None)      # with one, MSG_DONTWAIT waits for it
        self.lock = threading.Lock()
        self.templates = {}
        self.done = 0

    def close(self):
        self.sock.close()

    def template(self, op, state):
        """A request about a flow with an address and a port of their own, and where those stand in it."""
        if (op, state) not in self.templates:
            flow = {"orig": (socket.inet_ntoa(self.SRC), SERVER, 6, 0xd1d2, 80, 0),
                    "tcp": (state, 0, 0, 0, 0), "status": 6, "timeout": 3000}
            if op == "delete":
                text = self.table.message(ctnl.CT_DELETE, 0, socket.AF_INET,
                                          ctnl.build_tuple(ctnl.TUPLE_ORIG, flow["orig"]))
            else:
                flags = ctnl.NLM_F_CREATE | ctnl.NLM_F_EXCL if op == "create" else 0
                text = self.table.message(ctnl.CT_NEW, flags, socket.AF_INET, ctnl.build_flow(flow))
            self.templates[op, state] = (text, [m.start() for m in re.finditer(re.escape(self.SRC), text)],
                                         [m.start() for m in re.finditer(re.escape(self.SPORT), text)])
        return self.templates[op, state]

    def messages(self, op, numbers, state=3):
        text, addresses, ports = self.template(op, state)
        size = len(text)
        out = bytearray(text * len(numbers))
        for n, i in enumerate(numbers):
            base = n * size
            for at in addresses:
                struct.pack_into(">I", out, base + at, 0x0a000000 | i)
            for at in ports:
                struct.pack_into(">H", out, base + at, 1024 + i % 60000)
        return out

    def batches(self, op, numbers, state=3):
        """[bytes], to be sent later, more than once if need be."""
        numbers = list(numbers)
        return [self.messages(op, numbers[at:at + self.BATCH], state)
                for at in range(0, len(numbers), self.BATCH)]

    def send(self, batch):
        """The kernel has done what is in it when this returns; what it refused is not looked at."""
        with self.lock:
            self.sock.sendall(batch)
            with contextlib.suppress(OSError):
                while self.sock.recv(1 << 16, socket.MSG_DONTWAIT):
                    pass

    def do(self, op, numbers, state=3):
        for batch in self.batches(op, numbers, state):
            self.send(batch)

    def create(self, numbers, state=3):
        self.do("create", numbers, state)

    def update(self, numbers, state):
        self.do("update", numbers, state)

    def delete(self, numbers):
        self.do("delete", numbers)


@contextlib.contextmanager
def storm(mill, numbers, rate=None):
    """Meanwhile flows of these numbers come, change and go, as fast as the kernel takes them, or so many
    events a second.  Yields a list of what was done: [events, seconds], complete at the end."""
    numbers = list(numbers)
    rounds = list(zip(mill.batches("create", numbers), mill.batches("update", numbers, 4),
                      mill.batches("delete", numbers)))
    over, done = threading.Event(), [0, 0.0]

    def blow():
        start, at = time.monotonic(), 0
        while not over.is_set():
            for batch in rounds[at % len(rounds)]:
                mill.send(batch)
                done[0] += min(mill.BATCH, len(numbers))
                done[1] = time.monotonic() - start
                if rate and over.wait(max(0, done[0] / rate - done[1])):
                    break
            at += 1

    blower = threading.Thread(target=blow, daemon=True)
    blower.start()
    try:
        yield done
        if not blower.is_alive():
            raise LabError("the storm ended by itself")
    finally:
        over.set()
        blower.join(10)


# ------------------------------------------------------------------------------------------------
# What is known where: sets of (address, port, TCP state)

def kernel(node):
    with node.table() as table:
        return {(f["orig"][0], f["orig"][3], ctnl.TCP_STATES[f["tcp"][0]])
                for f in table.dump() if f["orig"][0].startswith("10.") and "tcp" in f}


def cache(node, which):
    """which is -i or -e."""
    return {(src, int(port), state) for state, src, port in
            LINE.findall(node.ct(which, check=True).stdout) if src.startswith("10.")}


def wrong(source, target):
    """(missing, stale): what the peer lacks of a kernel's flows, and has too many, states included."""
    have, known = kernel(source), cache(target, "-e")
    return len(have - known), len(known - have)


def agree(source, target, timeout_s, what="both caches agree with the kernel"):
    """Waits until a node's own cache and its peer's hold what its kernel has; the seconds it took."""
    start, seen = time.monotonic(), [None]

    def same():
        have = kernel(source)
        own, peer = cache(source, "-i"), cache(target, "-e")
        seen[0] = "kernel %d, own cache: %d missing %d stale, peer: %d missing %d stale" % (
            len(have), len(have - own), len(own - have), len(have - peer), len(peer - have))
        return have == own == peer
    try:
        wait_until(same, timeout_s, what, 0.1)
    except LabError as late:
        raise LabError("%s: %s" % (late, seen[0])) from None
    return time.monotonic() - start


def settled(source, target, timeout_s):
    """The same for either binary: (missing, stale) at the peer when nothing changes any more, or when the
    time is up; and the seconds until then."""
    start = time.monotonic()
    while True:
        found = wrong(source, target)
        if found == (0, 0) or time.monotonic() - start >= timeout_s:
            return found, time.monotonic() - start
        time.sleep(0.2)


def begin(source, target, timeout_s=20):
    """Waits until the peer knows all flows that a kernel has; 1.4.7 has to be told to tell."""
    found, _ = settled(source, target, 3)
    if found != (0, 0):
        source.ct("-B", check=True)
        found, _ = settled(source, target, timeout_s)
    if found != (0, 0):
        raise LabError("%s: even before the fault %d missing, %d stale" % (target.name, *found))


@contextlib.contextmanager
def stopped(*nodes):
    """The daemons stand still meanwhile."""
    pids = [node.pid() for node in nodes]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def limit_descriptors(pid, soft):
    """RLIMIT_NOFILE of a process that runs."""
    with open("/proc/%d/limits" % pid) as f:
        hard = int(re.search(r"Max open files +\d+ +(\d+)", f.read())[1])
    libc = ctypes.CDLL(None, use_errno=True)
    new = (ctypes.c_uint64 * 2)(soft, hard)
    if libc.prlimit(pid, 7, new, None) != 0:
        raise OSError(ctypes.get_errno(), "prlimit")


def side_by_side(binary, *calls):
    """The results of scenarios that mostly wait.  calls: (function, options)."""
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        running = [pool.submit(function, binary, **options) for function, options in calls]
        return [r.result() for r in running]
