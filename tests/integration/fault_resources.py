# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults of what a daemon lives on: disk, descriptors, memory, its tables, the clock, its clients.  Put to
either binary, as fault_scenarios.py does."""

import contextlib
import os
import re
import select
import signal
import socket
import struct
import subprocess
import time

import crowd
import node as node_module
from fault_lab import LOCK, SOCKET, FaultPair, begin, cache, kernel, limit_descriptors, settled, wrong
from space import LabError, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
DUMP_INTERNAL, COMMIT, RUNTIME = 16, 18, 30      # requests of the control socket
FULL_DISK = "/run/small"


# Disk ---------------------------------------------------------------------------------------------

def fill(node, folder):
    """Until nothing fits any more."""
    node.space.run("sh", "-c", "dd if=/dev/zero of=%s/filler bs=4096 2>/dev/null; "
                   "dd if=/dev/zero of=%s/filler2 bs=1 count=8192 2>/dev/null; true" % (folder, folder))


def full_disk(binary, patience_s=15):
    """The file system of the log is full for a while."""
    with FaultPair((binary, binary)) as pair:
        node = pair.fw1
        node.space.run("sh", "-ec", "mkdir %s\nmount -t tmpfs -o size=64k small %s" % (FULL_DISK, FULL_DISK))
        pair.configure(pair.fw2)
        pair.configure(node, log=FULL_DISK + "/log")
        for each in pair.nodes:
            each.start_daemon(check=True)
        mill = pair.mill(node)
        mill.create(range(200))
        begin(pair.fw1, pair.fw2)
        # What the daemon has not to fill is what its last page has room for: orders fill that.
        fill(node, FULL_DISK)
        for _ in range(60):
            node.ct("-f", "external")
        before = node.space.read(FULL_DISK + "/log")
        for _ in range(5):
            node.ct("-f", "external")
        while_full = node.space.read(FULL_DISK + "/log")
        mill.create(range(1000, 1200))
        mill.delete(range(100))
        served = node.ct("-s").returncode
        found, took = settled(pair.fw1, pair.fw2, patience_s)
        node.space.run("sh", "-ec", "rm -f %s/filler %s/filler2" % (FULL_DISK, FULL_DISK))
        node.ct("-f", "external")
        after = node.space.read(FULL_DISK + "/log")
        return {"alive": len(node.daemon_pids()), "served": served, "found": found, "seconds": took,
                "was_full": before == while_full, "resumed": len(after) > len(while_full),
                "log": after, "text": after[len(while_full):]}


# Clients ------------------------------------------------------------------------------------------

def connect(node, path=SOCKET):
    """A control socket; waits for a place in the queue, as a client does, for ten seconds."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 10, 0))
    sock.connect(node.space.path(path))
    sock.settimeout(10)
    return sock


def ask(node, request):
    sock = connect(node)
    sock.sendall(struct.pack("=I", request))
    return sock


def answers(socks, timeout_s):
    """How many of them are answered to the end within the time; they are closed."""
    left, done, deadline = set(socks), 0, time.monotonic() + timeout_s
    for sock in socks:
        sock.setblocking(False)
    got = dict.fromkeys(socks, 0)
    while left and time.monotonic() < deadline:
        for sock in select.select(list(left), [], [], 0.2)[0]:
            try:
                data = sock.recv(65536)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            got[sock] += len(data)
            if not data:
                left.discard(sock)
                done += got[sock] > 0
    for sock in socks:
        sock.close()
    return done


def clients(binary, crowd_size=200, vanish=50, patience_s=15):
    """Some say nothing, some do not read, many leave in the middle of a dump, and two hundred ask at once."""
    with FaultPair((binary, binary)) as pair:
        node = pair.fw1
        mill = pair.mill(node)
        mill.create(range(10000))
        pair.start()
        begin(pair.fw1, pair.fw2)
        idle_fds = node.descriptors()
        bad = [connect(node) for _ in range(5)]
        bad += [ask(node, DUMP_INTERNAL) for _ in range(5)]
        gone = 0
        try:
            with contextlib.suppress(OSError):      # 1.4.7 stands still, and there is no sense in going on
                for _ in range(vanish):
                    with contextlib.closing(ask(node, DUMP_INTERNAL)) as sock:
                        sock.recv(1000)
                        gone += 1
            start = time.monotonic()
            socks = []
            with contextlib.suppress(OSError):
                while len(socks) < crowd_size:
                    socks.append(ask(node, RUNTIME))
            answered = answers(socks, patience_s)
            took = time.monotonic() - start
            mill.create(range(20000, 20100))
            mill.delete(range(100))
            time.sleep(1)
            found = wrong(pair.fw1, pair.fw2)
        finally:
            for sock in bad:
                sock.close()
        # The places of those who left are free again.
        try:
            wait_until(lambda: node.descriptors() <= idle_fds, 10, "descriptors are closed")
            leaked = 0
        except LabError:
            leaked = node.descriptors() - idle_fds
        return {"answered": answered, "of": crowd_size, "seconds": took, "found": found, "leaked": leaked, "gone": gone}


# Descriptors --------------------------------------------------------------------------------------

def no_descriptors(binary, patience_s=20):
    """None is left to open anything with: clients come, flows change, and the interface of the link is
    made anew; then the limit is raised."""
    with FaultPair((binary, binary)) as pair:
        node = pair.fw1
        pair.start()
        mill = pair.mill(node)
        back = pair.mill(pair.fw2)
        mill.create(range(500))
        begin(pair.fw1, pair.fw2)
        pid = node.pid()
        taken = {int(fd) for fd in os.listdir("/proc/%d/fd" % pid)}
        limit_descriptors(pid, min(set(range(len(taken) + 1)) - taken))
        socks = [ask(node, RUNTIME) for _ in range(10)]
        time.sleep(2.5)
        mill.create(range(1000, 1300))
        mill.delete(range(200))
        back.create(range(5000, 5100))
        poor, took = settled(pair.fw1, pair.fw2, 8)
        node.space.run("ip", "link", "delete", "eth2")
        mill.create(range(2000, 2300))
        time.sleep(1.5)
        pair.plug(node)
        time.sleep(2)
        alive = len(node.daemon_pids())
        limit_descriptors(pid, 1024)
        answered = answers(socks, patience_s)
        found, seconds = settled(pair.fw1, pair.fw2, patience_s)
        # Whom it cannot serve it hears all the same.
        found_back, _ = settled(pair.fw2, pair.fw1, patience_s)
        return {"poor": poor, "poor_s": took, "alive": alive, "answered": answered,
                "of": 10, "found": found, "found_back": found_back, "seconds": seconds}


# Memory -------------------------------------------------------------------------------------------

def build_shim(folder):
    """The library of fault_shim.c."""
    path = os.path.join(str(folder), "fault_shim.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-o", path,
                    os.path.join(HERE, "fault_shim.c")], check=True, timeout=60)
    return path


class Allocations:
    """Starts of a daemon in which allocations fail.  folder: where both the host and the node see the
    library."""

    def __init__(self, binary, folder, text=None):
        shim = build_shim(folder)
        self.node = node_module.Node(binary)
        with open(shim, "rb") as source, open(self.node.space.path("/run/shim.so"), "wb") as target:
            target.write(source.read())
        os.chmod(self.node.space.path("/run/shim.so"), 0o755)
        self.node.configure(text or node_module.conf(in_filter="Protocol Accept { TCP }"))

    def close(self):
        self.node.close()

    def start(self, **environment):
        """-d; (exit status, what it said on the terminal and in its log)."""
        words = ["%s=%s" % pair for pair in environment.items()]
        done = self.node.space.run("env", "LD_PRELOAD=/run/shim.so", *words, "/usr/sbin/conntrackd", "-d",
                                   check=False, timeout_s=20)
        return done.returncode, done.stdout + done.stderr + self.node.log()

    def count(self):
        """How many allocations a start needs that goes well."""
        code, said = self.start(FAULT_COUNT="/run/count")
        if code != 0:
            raise LabError("it does not start with the shim: " + said)
        # A client that asks makes it allocate, too: up to here it was the start.
        number = int(self.node.space.read("/run/count"))
        self.end()
        return number

    def end(self):
        self.node.space.kill("conntrackd")
        wait_until(lambda: not self.node.daemon_pids(), 5, "it is dead")
        self.node.space.run("rm", "-f", LOCK, SOCKET, "/var/log/conntrackd.log", "/run/count")

    def serves(self):
        try:
            return self.node.ct("-s", timeout_s=10).returncode == 0
        except LabError:
            return False

    def judge(self, **environment):
        """What is wrong with a start in which these allocations fail; and whether it came up."""
        bad = []
        try:
            code, said = self.start(**environment)
        except LabError as late:
            self.end()
            return ["hangs: %s" % late], False
        if code == 0:
            # Where nothing can be allocated ever again no client can be taken, but signals are heard.
            if "FAULT_NTH" in environment and not self.serves():
                bad.append("started, and does not serve")
            self.node.space.kill("conntrackd", signal.SIGTERM)
            with contextlib.suppress(LabError):
                wait_until(lambda: not self.node.daemon_pids(), 5, "it has ended")
        else:
            if code not in (1, 2):
                bad.append("exit status %d" % code)
            if not said.strip():
                bad.append("says nothing")
        if self.node.daemon_pids():
            bad.append("a process is left")
        bad += ["leaves %s" % path for path in (LOCK, SOCKET)
                if os.path.exists(self.node.space.path(path))]
        self.end()
        return bad, code == 0


def allocations(binary, folder, modes=("FAULT_NTH", "FAULT_FROM")):
    """Each allocation of a start fails, alone and with all that follow."""
    with contextlib.closing(Allocations(binary, folder)) as starts:
        count = starts.count()
        bad, up = [], 0
        for mode in modes:
            for n in range(1, count + 1):
                wrong, came_up = starts.judge(**{mode: n})
                up += came_up
                bad += ["%s=%d: %s" % (mode, n, text) for text in wrong]
        return {"points": count, "starts": count * len(modes), "up": up, "bad": bad}


# A full table -------------------------------------------------------------------------------------

def table_full(binary, limit=2000, more=500, waits=False, patience_s=20):
    """More flows than HashLimit; then most of them end.  waits: until what had found no room is in."""
    with FaultPair((binary, binary)) as pair:
        pair.configure(pair.fw1, limit=limit)
        pair.configure(pair.fw2)
        for each in pair.nodes:
            each.start_daemon(check=True)
        node, mill = pair.fw1, pair.mill(pair.fw1)
        mill.create(range(limit + more))
        # One at a time, again and again: what is refused once is said once.
        for i in range(limit + more, limit + more + 5):
            mill.create([i])
        # The size of an internal cache is bounded in 1.4.7 only in steps of its hash, and it says nothing.
        with contextlib.suppress(LabError):
            wait_until(lambda: len(cache(node, "-i")) >= limit, 5, "full")
        time.sleep(0.5)
        held = cache(node, "-i")
        mill.update(range(limit // 2), 5)
        with contextlib.suppress(LabError):
            wait_until(lambda: {f for f in cache(pair.fw2, "-e")} == cache(node, "-i") and
                       any(f[2] == "LAST_ACK" or f[2] == "CLOSE_WAIT" for f in cache(node, "-i")),
                       patience_s, "updates of those that have a place pass")
        others = cache(node, "-i") ^ cache(pair.fw2, "-e")
        refused = re.search(r"no space left in cache:\s+(\d+)", node.ct("-s", "cache").stdout)
        said = [line for line in node.log().splitlines() if re.search(r"full|limit", line, re.I)]
        mill.delete(range(limit // 2 + more))
        mill.create(range(50000, 50000 + limit // 4))
        fresh = set()
        with contextlib.suppress(LabError):
            wait_until(lambda: len([f for f in cache(pair.fw2, "-e") if f[0].startswith("10.0.195") or
                                    f[0].startswith("10.0.196") or f[0].startswith("10.0.197")]) ==
                       limit // 4, patience_s, "new ones have a place")
        fresh = len([f for f in cache(pair.fw2, "-e")
                     if f[0].split(".")[2] in ("195", "196", "197")])
        found, took = settled(pair.fw1, pair.fw2, 90 if waits else 0)
        return {"held": len(held), "limit": limit, "refused": int(refused[1]) if refused else None,
                "said": len(said), "others": len(others), "fresh": fresh, "of_fresh": limit // 4,
                "found": found, "seconds": took}


# The clock ----------------------------------------------------------------------------------------

def clock_steps(binary, folder, mode="ALARM", patience_s=15):
    """The wall clock of both nodes jumps an hour ahead, and two hours back."""
    shim = build_shim(folder)
    with FaultPair((binary, binary)) as pair:
        pair.configure(mode=mode)
        for each in pair.nodes:
            with open(shim, "rb") as source, open(each.space.path("/run/shim.so"), "wb") as target:
                target.write(source.read())
            os.chmod(each.space.path("/run/shim.so"), 0o755)
            each.space.write("/run/step", "0")
            each.space.run("env", "LD_PRELOAD=/run/shim.so", "FAULT_CLOCK=/run/step",
                           "/usr/sbin/conntrackd", "-d")
        mill, result, base = pair.mill(pair.fw1), {"hours": []}, 0
        mill.create(range(500))
        begin(pair.fw1, pair.fw2)
        for step in (3600, -3600):
            for each in pair.nodes:
                each.space.write("/run/step", str(step))
            # Nothing runs out because of it, meanwhile neither.
            lost = 0
            for _ in range(8):
                lost = max(lost, len(kernel(pair.fw1) - cache(pair.fw2, "-e")))
                time.sleep(0.25)
            base += 1000
            mill.create(range(base, base + 300))
            mill.delete(range(base - 1000, base - 1000 + 100))
            found, took = settled(pair.fw1, pair.fw2, patience_s)
            before = len(pair.fw1.log())
            pair.fw1.ct("-B")
            with contextlib.suppress(LabError):
                wait_until(lambda before=before: len(pair.fw1.log()) > before, 5, "a line")
            stamp = re.findall(r"^\[(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4})\]", pair.fw1.log(), re.M)[-1]
            ahead = time.mktime(time.strptime(stamp)) - time.time()
            result["hours"].append({"lost": lost, "found": found, "seconds": took,
                                    "stamp_h": round(ahead / 3600)})
        return result


# Many flows ---------------------------------------------------------------------------------------

NF_MAX = "/proc/sys/net/netfilter/nf_conntrack_max"


@contextlib.contextmanager
def kernel_room(flows):
    """The one limit of all network namespaces, which only the first of them can change."""
    with open(NF_MAX) as f:
        before = int(f.read())
    try:
        if before < flows:
            with open(NF_MAX, "w") as f:
                f.write(str(flows))
        yield
    finally:
        with open(NF_MAX, "w") as f:
            f.write(str(before))


def million(binary, flows=1000000, patience_s=240):
    """So many flows: told in bulk, shown, and committed."""
    with kernel_room(flows * 5 // 4), FaultPair((binary, binary)) as pair:
        mill = pair.mill(pair.fw1)
        mill.create(range(flows))
        # It refuses a few where too many fall into one chain of its hash.
        asked, flows = flows, pair.fw1.in_kernel()
        if flows < asked * 0.999:
            raise LabError("the kernel takes only %d flows: net.netfilter.nf_conntrack_max" % flows)
        pair.configure(limit=flows * 5 // 4, hash_size=flows // 4)
        start = time.monotonic()
        for each in reversed(pair.nodes):
            each.ct("-d", timeout_s=60, check=True)
        with contextlib.suppress(LabError):
            wait_until(lambda: crowd.cached(pair.fw1, "internal") >= flows, patience_s, "read", 1)
        pair.fw1.ct("-B", timeout_s=120)
        count, still, last = 0, 0, -1
        while time.monotonic() - start < patience_s and count < flows and still < 15:
            time.sleep(1)
            count = crowd.cached(pair.fw2, "external")
            still, last = (still + 1, last) if count == last else (0, count)
        told_s = time.monotonic() - start
        shown = pair.fw2.ct("-e", timeout_s=120)
        done = pair.fw2.ct("-c", timeout_s=patience_s)
        return {"flows": flows, "told": count, "told_s": told_s, "dump_s": shown.seconds,
                "shown": shown.stdout.count("\n"), "commit": done.returncode, "commit_s": done.seconds,
                "in_kernel": pair.fw2.in_kernel(), "kb": pair.fw1.memory_kb()}


def events_during_commit(binary, flows=100000, events=20000, rate=20000, patience_s=30):
    """fw2 commits, while its own kernel has flows that come.  Ours are in its own cache and at its peer."""
    with FaultPair((binary, binary)) as pair:
        mill, own = pair.mill(pair.fw1), pair.mill(pair.fw2)
        mill.create(range(flows))
        pair.configure(limit=524288, hash_size=65536)
        for each in pair.nodes:
            each.ct("-d", timeout_s=60, check=True)
        wait_until(lambda: crowd.cached(pair.fw1, "internal") >= flows, patience_s, "read", 0.2)
        pair.fw1.ct("-B", timeout_s=60)
        with contextlib.suppress(LabError):
            wait_until(lambda: crowd.cached(pair.fw2, "external") >= flows, patience_s, "told", 0.2)
        before = crowd.cached(pair.fw2, "external")
        batches = own.batches("create", range(0x800000, 0x800000 + events))
        order = ask(pair.fw2, COMMIT)
        start = time.monotonic()
        for n, batch in enumerate(batches):
            own.send(batch)
            time.sleep(max(0, start + (n + 1) * own.BATCH / rate - time.monotonic()))
        order.settimeout(patience_s)
        with contextlib.suppress(OSError):
            while order.recv(4096):
                pass
        order.close()

        def known():
            return sum(1 for f in cache(pair.fw1, "-e") if f[0].startswith("10.128"))
        with contextlib.suppress(LabError):
            wait_until(lambda: known() == events, 10, "all of them at the peer", 0.5)
        return {"flows": before, "events": events, "lost": events - known()}
