# SPDX-License-Identifier: GPL-2.0-or-later
"""Two machines joined by a cable, the daemons on them, and how much processor time these take.

    a  10.99.0.1 --- veth --- 10.99.0.2  b

Processor time is a process's clock (nanoseconds) and what its dead children took (clock ticks): the
incumbent has children that write its answers.  There are two processors: the daemon that is told by its
kernel has one of them, the load and the daemon that is told by its peer share the other.
"""

import json
import os
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))

from space import LabError, Space, children, wait_until  # noqa: E402

CPU_LOAD, CPU_SENDER = 0, 1
CPU_RECEIVER = CPU_LOAD
PORT = 3780
GREETING_S = 3
# Requests of the control socket, as they were in 2007.
CTL = {"internal": 16, "external": 17, "commit": 18, "kill": 20, "stats": 21, "bulk": 22, "resync": 23,
       "network": 28, "cache": 29, "runtime": 30, "flush-internal": 33, "flush-external": 34,
       "kernel": 1, "flush-kernel": 0}

CONF = """Sync {
	Mode %(mode)s {
		%(in_mode)s
	}
	UDP {
		IPv4_address %(own)s
		IPv4_Destination_Address %(peer)s
		Port %(port)d
		Interface eth2
		SndSocketBuffer 1249280
		RcvSocketBuffer %(rcvbuf)d
		Checksum on
	}
}
General {
	HashSize %(hash_size)d
	HashLimit %(hash_limit)d
	Syslog off
	LogFile %(dir)s/log
	LockFile %(dir)s/lock
	UNIX {
		Path %(dir)s/ctl
	}
	NetlinkBufferSize 2097152
	NetlinkBufferSizeMaxGrowth 8388608
}
"""


def cpu_us(pid):
    """Processor time of a process and of its children that have ended, in microseconds."""
    own = time.clock_gettime_ns((~pid << 3) | 2) / 1e3
    with open("/proc/%d/stat" % pid) as f:
        words = f.read().rsplit(")", 1)[1].split()
    return own + (int(words[13]) + int(words[14])) * 1e6 / os.sysconf("SC_CLK_TCK")


def private_kb(pid):
    """Memory that is the process's alone, and its proportional share of all, in KiB."""
    found = {"Private": 0, "Pss": 0}
    with open("/proc/%d/smaps_rollup" % pid) as f:
        for line in f:
            word = re.match(r"(Private_Clean|Private_Dirty|Pss): +(\d+) kB", line)
            if word:
                found[word[1].split("_")[0]] += int(word[2])
    return found["Private"], found["Pss"]


def pinned(cpu, *command):
    return ["taskset", "-c", str(cpu % (os.cpu_count() or 1)), *command]


def favoured(pid, cpu):
    """Nobody else is to have the sender's processor, within the ordinary scheduling class."""
    if cpu == CPU_SENDER:
        os.setpriority(os.PRIO_PROCESS, pid, -20)


def only_child(proc, timeout_s=5):
    """The host's pid of what a process that entered a space has started there."""
    wait_until(lambda: children(proc.pid) or proc.poll() is not None, timeout_s, "a process starts", 0.002)
    found = children(proc.pid)
    if not found:
        raise LabError("a process ended at once, status %s" % proc.poll())
    return found[0]


class Tool:
    """A run of bench-tool in a space; see bench/tool.c."""

    path = None  # set by the driver

    def __init__(self, space, cpu, command, ready=False, watch=None, **options):
        """ready: it says when it is, and is stopped later.  watch: another space whose kernel it sees."""
        words = [self.path, command]
        if watch:
            words += ["--netns", str(watch.init)]
        for name, value in options.items():
            words += ["--" + name, str(value)]
        self.name = " ".join(words[1:])
        self.text = b""
        if watch:
            # The number of a process in another space means nothing in this one, but for its network.
            self.proc = subprocess.Popen(["nsenter", "--net=/proc/%d/ns/net" % space.init, "--",
                                          *pinned(cpu, *words)], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE)
            space.procs.append(self.proc)
        else:
            self.proc = space.start(*pinned(cpu, *words), stdout=subprocess.PIPE, stderr=None)
        if ready:
            self.pid = self.proc.pid if watch else only_child(self.proc)
            favoured(self.pid, cpu)
            self.read(lambda: b"ready\n" in self.text, 10)

    def read(self, enough, timeout_s):
        deadline = time.monotonic() + timeout_s
        fd = self.proc.stdout.fileno()
        while not enough():
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                raise LabError("not done within %g s: %s" % (timeout_s, self.name))
            got = os.read(fd, 1 << 16)
            if not got:
                return
            self.text += got

    def result(self, timeout_s=120):
        """What it says at its end, which it comes to by itself."""
        self.read(lambda: False, timeout_s)
        try:
            return json.loads(self.text.decode().splitlines()[-1])
        except (IndexError, ValueError) as error:
            raise LabError("%s said %r" % (self.name, self.text[-200:])) from error

    def cpu_us(self):
        return cpu_us(self.pid)

    def stop(self):
        os.kill(self.pid, signal.SIGTERM)
        return self.result(10)


class Node:
    """A machine with an address on the cable, and at most one daemon."""

    def __init__(self, name, own, peer, cpu, folder):
        self.name, self.own, self.peer, self.cpu = name, own, peer, cpu
        self.dir = os.path.join(folder, name)
        os.mkdir(self.dir)
        self.space = Space(name)
        self.proc = None

    def close(self):
        self.space.close()
        self.proc = None

    # the daemon

    def configure(self, mode="FTFW", in_mode="", hash_size=65536, hash_limit=262144, rcvbuf=1249280):
        with open(os.path.join(self.dir, "conf"), "w") as f:
            f.write(CONF % {"mode": mode, "in_mode": in_mode, "own": self.own, "peer": self.peer,
                            "port": PORT, "hash_size": hash_size, "hash_limit": hash_limit,
                            "rcvbuf": rcvbuf, "dir": self.dir})

    def start(self, binary, timeout_s=60, ordinary=True):
        """Returns when the daemon answers.  Not ordinary: in the scheduling class that it takes itself."""
        for name in ("lock", "ctl", "log"):
            if os.path.exists(os.path.join(self.dir, name)):
                os.unlink(os.path.join(self.dir, name))
        self.binary = binary
        self.proc = self.space.start(*pinned(self.cpu, binary, "-C", os.path.join(self.dir, "conf")))
        self.pid = only_child(self.proc)

        def answers():
            if self.proc.poll() is not None:
                raise LabError("%s: %s ended: %s" % (self.name, binary, self.log()[-400:]))
            try:
                return self.ctl("runtime", timeout_s)
            except OSError:
                return None
        wait_until(answers, timeout_s, "%s answers on %s" % (binary, self.name), 0.005)
        # Both run in a real-time class if they are not told otherwise.  To such a task Linux charges a
        # part of the time that the processor was idle before it woke (see doc/PERFORMANCE.md).
        if ordinary:
            os.sched_setscheduler(self.pid, os.SCHED_OTHER, os.sched_param(0))
            favoured(self.pid, self.cpu)

    def stop(self):
        if self.proc is None:
            return
        try:
            os.kill(self.pid, signal.SIGTERM)
            wait_until(lambda: self.proc.poll() is not None, 15, "the daemon ends", 0.02)
        except (ProcessLookupError, LabError):
            self.space.kill()
            wait_until(lambda: self.proc.poll() is not None, 10, "the daemon dies", 0.02)
        self.space.procs.remove(self.proc)
        Space.reap(self.proc)
        self.proc = None

    def log(self):
        try:
            with open(os.path.join(self.dir, "log"), errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def ctl(self, what, timeout_s=60):
        """Asks the daemon, without a client in between; the text that it answers."""
        deadline = time.monotonic() + timeout_s
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(timeout_s)
            sock.connect(os.path.join(self.dir, "ctl"))
            sock.sendall(struct.pack("=I", CTL[what]))
            parts = []
            while True:
                part = sock.recv(1 << 18)
                if not part:
                    return b"".join(parts).decode(errors="replace")
                parts.append(part)
                if time.monotonic() > deadline:
                    raise LabError("%s: `%s' not answered in %g s" % (self.name, what, timeout_s))

    def client(self, *command, timeout_s=120):
        """Runs the binary as a client; (seconds, its processor time in us, exit status)."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.monotonic()
        try:
            done = subprocess.run(pinned(CPU_LOAD, self.binary, "-C", os.path.join(self.dir, "conf"),
                                         *command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  timeout=timeout_s)
        except subprocess.TimeoutExpired as late:
            raise LabError("%s: %s not done in %g s" % (self.name, command, timeout_s)) from late
        seconds = time.monotonic() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return seconds, spent * 1e6, done.returncode

    def cpu_us(self):
        return cpu_us(self.pid)

    def cached(self, which):
        """How many flows a cache has: internal or external."""
        text = self.ctl("stats")
        block = text.split("cache %s:" % which)
        found = re.search(r"current active connections:\s*(\d+)", block[1]) if len(block) > 1 else None
        return int(found[1]) if found else 0

    def overruns(self):
        found = re.search(r"netlink overrun:?\s+(\d+)", self.ctl("runtime"))
        return int(found[1]) if found else 0

    # the kernel

    def sent(self):
        """(packets, bytes) that have left by the cable, with their Ethernet headers."""
        with open("/proc/%d/net/dev" % self.space.init) as f:
            words = next(line for line in f if line.strip().startswith("eth2:")).split(":")[1].split()
        return int(words[9]), int(words[8])

    def load(self, op, count, timeout_s=120, **options):
        return Tool(self.space, CPU_LOAD, "load", op=op, count=count, **options).result(timeout_s)

    def flows(self):
        """How many the kernel has."""
        with open("/proc/%d/net/stat/nf_conntrack" % self.space.init) as f:
            return int(f.readlines()[1].split()[0], 16)

    def flush(self):
        if self.flows():
            self.space.run("conntrack", "-F", timeout_s=60)


class Pair:
    """Both machines.  Use as a context manager."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="conntrackd-bench.")
        self.nodes = []
        try:
            self.a = self.node("a", "10.99.0.1", "10.99.0.2", CPU_SENDER)
            self.b = self.node("b", "10.99.0.2", "10.99.0.1", CPU_RECEIVER)
            self.cable()
        except BaseException:
            self.close()
            raise

    def node(self, *args):
        node = Node(*args, self.dir)
        self.nodes.append(node)
        return node

    def cable(self):
        done = subprocess.run(["ip", "link", "add", "eth2", "netns", str(self.a.space.init), "type", "veth",
                               "peer", "name", "eth2", "netns", str(self.b.space.init)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=10)
        if done.returncode:
            raise LabError("ip link add: " + done.stdout)
        for node in self.nodes:
            node.space.run("sh", "-ec", "ip link set lo up; ip link set eth2 up\n"
                           "ip addr add %s/24 dev eth2" % node.own)
        self.a.space.run("ping", "-c", "1", "-W", "5", self.a.peer)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        for node in self.nodes:
            node.close()
        self.nodes = []
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self, binary, **conf):
        """Returns when they have greeted each other: they may tell all they have, in more than one go."""
        for node in (self.a, self.b):
            node.configure(**conf)
            node.start(binary)
        time.sleep(GREETING_S)

    def stop(self):
        for node in (self.a, self.b):
            node.stop()

    def clean(self):
        """No daemons and no flows."""
        self.stop()
        for node in (self.a, self.b):
            node.flush()

    def settle(self, *things, timeout_s=30):
        """Waits until none of them (whatever has cpu_us()) has anything to do any more."""
        deadline = time.monotonic() + timeout_s
        quiet, before = 0, [thing.cpu_us() for thing in things]
        while quiet < 3:
            if time.monotonic() > deadline:
                raise LabError("still busy after %g s" % timeout_s)
            time.sleep(0.06)
            now = [thing.cpu_us() for thing in things]
            quiet = quiet + 1 if all(b - a < 1500 for a, b in zip(before, now)) else 0
            before = now


class Meter:
    """Processor time of some things since it was made."""

    def __init__(self, *things):
        self.things = things
        self.before = [thing.cpu_us() for thing in things]

    def read(self):
        return [thing.cpu_us() - before for thing, before in zip(self.things, self.before)]


class Cable:
    """What a node has sent since this was made."""

    def __init__(self, node):
        self.node, self.before = node, node.sent()

    def read(self, events, found, key):
        packets, octets = (now - before for now, before in zip(self.node.sent(), self.before))
        found[key + "bytes"] = octets / events
        found[key + "dgram"] = events / packets if packets else 0
