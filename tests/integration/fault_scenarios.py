# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults of daemons and of the dedicated link, put to either binary: each function makes two nodes, does
harm, and returns what was measured.  Tests demand something of it; tools/faults puts it into the table of
doc/RELIABILITY.md.  Those of resources are in fault_resources.py, of two whole firewalls in fault_labs.py.
"""

import contextlib
import os
import random
import signal
import struct
import time

import lab
from fault_lab import FaultPair, begin, cache, conf, kernel, settled, stopped, storm, wrong
from space import LabError, wait_until

COMMIT, BULK = 18, 22       # requests of the control socket


def order(node, request):
    """An order whose moment is known better than a client's would be; keep what is returned."""
    sock = lab.Lab.control_socket(None, node)
    sock.sendall(struct.pack("=I", request))
    return sock


def start_again(node):
    """-d as a service manager would; whether that was enough.  If not, somebody removes what is in its
    way."""
    if node.start_daemon().returncode == 0:
        return True
    for path in node.left_behind():
        os.unlink(node.space.path(path))
    node.start_daemon(check=True)
    return False


# kill -9 ------------------------------------------------------------------------------------------

def kill_start(pair, mill, rng):
    """At a random moment from exec to ready."""
    pair.fw1.stop_daemon()
    proc, pid = pair.fw1.start_in_foreground()
    time.sleep(rng.uniform(0, 0.02))
    os.kill(pid, signal.SIGKILL)
    proc.wait(5)
    return pair.fw1


def kill_read(pair, mill, rng):
    """While it reads the kernel's table for the first time."""
    pair.fw1.stop_daemon()
    proc, pid = pair.fw1.start_in_foreground()
    with contextlib.suppress(LabError):
        wait_until(lambda: pair.fw1.left_behind(), 5, "it has begun", 0.0005)
    time.sleep(rng.uniform(0, 0.04))
    os.kill(pid, signal.SIGKILL)
    proc.wait(5)
    return pair.fw1


def kill_events(pair, mill, rng):
    """While events come."""
    with storm(mill, range(100000, 101000)):
        time.sleep(rng.uniform(0.1, 0.5))
        kill(pair.fw1)
    return pair.fw1


def kill_bulk_sender(pair, mill, rng):
    with contextlib.closing(order(pair.fw1, BULK)):
        time.sleep(rng.uniform(0, 0.08))
        kill(pair.fw1)
    return pair.fw1


def kill_bulk_receiver(pair, mill, rng):
    with contextlib.closing(order(pair.fw1, BULK)):
        time.sleep(rng.uniform(0, 0.08))
        kill(pair.fw2)
    return pair.fw2


def kill_commit(pair, mill, rng):
    with contextlib.closing(order(pair.fw2, COMMIT)):
        time.sleep(rng.uniform(0, 0.05))
        kill(pair.fw2)
    return pair.fw2


def kill_reload(pair, mill, rng):
    pair.fw1.signal(signal.SIGHUP)
    time.sleep(rng.uniform(0, 0.003))
    kill(pair.fw1)
    return pair.fw1


def kill_stop(pair, mill, rng):
    """It has been told to end, orderly."""
    pair.fw1.signal(signal.SIGTERM)
    time.sleep(rng.uniform(0, 0.003))
    kill(pair.fw1)
    return pair.fw1


def kill(node):
    node.kill_daemon(signal.SIGKILL)


# Commit is last: what it leaves in fw2's kernel counts as fw2's own once the daemon is a new one.
PHASES = {"start": kill_start, "read": kill_read, "events": kill_events, "bulk sender": kill_bulk_sender,
          "bulk receiver": kill_bulk_receiver, "reload": kill_reload, "stop": kill_stop,
          "commit": kill_commit}


def killed(binary, phases=tuple(PHASES), rounds=1, flows=6000, patience_s=20, seed=1):
    """`kill -9' in each phase, flows that change while nobody looks, a start; in the end a failover."""
    rng = random.Random(seed)
    with FaultPair((binary, binary)) as pair:
        mill = pair.mill(pair.fw1)
        mill.create(range(flows))
        pair.start()
        begin(pair.fw1, pair.fw2)
        result, first, last = [], 0, flows
        for phase in phases:
            for _ in range(rounds):
                node = PHASES[phase](pair, mill, rng)
                wait_until(lambda node=node: not node.daemon_pids(), 10, "it is dead")
                mill.delete(range(first, first + 50))
                mill.create(range(last, last + 50))
                first, last = first + 50, last + 50
                started = start_again(node)
                found, seconds = settled(pair.fw1, pair.fw2, patience_s)
                result.append({"phase": phase, "started": started, "wrong": found, "seconds": seconds})
        took_over = pair.fw2.ct("-c", timeout_s=60).returncode
        lacking = kernel(pair.fw1) - kernel(pair.fw2)
        return {"kills": len(result), "started": sum(r["started"] for r in result),
                "right": sum(r["wrong"] == (0, 0) for r in result),
                "worst_s": max(r["seconds"] for r in result), "cases": result,
                "commit": took_over, "lacking": len(lacking), "flows": flows}


# SIGSTOP ------------------------------------------------------------------------------------------

def change(mill, flows):
    """A third is new, a third changes, a third ends, of numbers 0 to `flows'."""
    third = flows // 3
    mill.create(range(flows, flows + third))
    mill.update(range(third), 5)
    mill.delete(range(third, 2 * third))


def stops(binary, seconds=10.5, flows=3000, patience_s=30):
    """Three pairs side by side: the daemon that tells stands still, the one that hears, and one that
    commits; and goes on."""
    with contextlib.ExitStack() as stack:
        pairs = [stack.enter_context(FaultPair((binary, binary))) for _ in range(3)]
        mills = [pair.mill(pair.fw1) for pair in pairs]
        for pair, mill in zip(pairs, mills):
            mill.create(range(flows))
            pair.start()
        for pair in pairs:
            begin(pair.fw1, pair.fw2)
        tells, hears, commits = pairs
        waits = stack.enter_context(contextlib.closing(order(commits.fw2, COMMIT)))
        time.sleep(0.004)
        with stopped(tells.fw1, hears.fw2, commits.fw2):
            for mill in mills:
                change(mill, flows)
            time.sleep(seconds)
        found = {name: settled(pair.fw1, pair.fw2, patience_s) for name, pair in
                 (("sender", tells), ("receiver", hears), ("commit", commits))}
        # The answer to the order has come, or will.
        waits.settimeout(30)
        while waits.recv(4096):
            pass
        status = commits.fw2.ct("-c", timeout_s=60).returncode
        return {"found": {name: value for name, (value, _) in found.items()},
                "seconds": {name: value for name, (_, value) in found.items()},
                "commit": status, "lacking": len(kernel(commits.fw1) - kernel(commits.fw2))}


# Lost events --------------------------------------------------------------------------------------

def overrun(binary, seconds=3.0, buffer=8192, again_s=30, patience_s=20):
    """The event socket overflows again and again.  again_s: so long a read for lost events is not repeated,
    30 by default."""
    with FaultPair((binary, binary)) as pair:
        pair.configure(pair.fw2)
        pair.configure(pair.fw1, netlink=buffer, growth=buffer,
                       in_general="NetlinkOverrunResync %d" % again_s)
        for node in pair.nodes:
            node.start_daemon(check=True)
        mill, keeps = pair.mill(pair.fw1), pair.mill(pair.fw1)
        with storm(mill, range(200000, 205000)) as done:
            time.sleep(seconds / 2)
            keeps.create(range(1000))
            keeps.update(range(500), 5)
            keeps.delete(range(250))
            time.sleep(seconds / 2)
            served = pair.fw1.ct("-s", timeout_s=10).seconds
        found, took = settled(pair.fw1, pair.fw2, patience_s)
        own = kernel(pair.fw1) ^ cache(pair.fw1, "-i")
        return {"rate": done[0] / done[1], "events": done[0], "found": found, "seconds": took,
                "own": len(own), "overruns": pair.fw1.number("netlink overrun:"), "served_s": served}


# The dedicated link -------------------------------------------------------------------------------

def down_and_up(binary, mode="FTFW", kind="Multicast", seconds=4.0, patience_s=20):
    """`ip link set eth2 down' on both nodes, and up, first one and then the other."""
    with FaultPair((binary, binary)) as pair:
        mill = pair.mill(pair.fw1)
        mill.create(range(1500))
        pair.start(mode=mode, kind=kind)
        begin(pair.fw1, pair.fw2)
        for node in pair.nodes:
            node.space.run("ip", "link", "set", "eth2", "down")
        change(mill, 1500)
        time.sleep(seconds)
        for node in pair.nodes:
            node.space.run("ip", "link", "set", "eth2", "up")
            time.sleep(0.5)
        found, took = settled(pair.fw1, pair.fw2, patience_s)
        return {"found": found, "seconds": took, "alive": [len(n.daemon_pids()) for n in pair.nodes]}


def bad_wire(binary, mode="FTFW", loss=0.0, twice=0.0, late=0.0, flows=2000, patience_s=30, heals=True,
             seed=1):
    """Flows come, change and go over a wire that loses, doubles and delays what the daemons say; what is
    wrong at the peer two seconds after the last of them, while the wire is as bad as before; and at last."""
    with FaultPair((binary, binary), relay=True, seed=seed) as pair:
        pair.start(mode=mode)
        mill = pair.mill(pair.fw1)
        mill.create(range(flows))
        begin(pair.fw1, pair.fw2)
        pair.relay.bad(loss, twice, late)
        step = flows // 20
        for n in range(20):
            base = n * step
            mill.create(range(flows + base, flows + base + step))
            mill.update(range(base, base + step), 5)
            mill.delete(range(base, base + step // 2))
            time.sleep(0.1)
        time.sleep(2)
        soon = wrong(pair.fw1, pair.fw2)
        if heals:
            pair.relay.bad()
        found, took = settled(pair.fw1, pair.fw2, patience_s)
        # Nothing that is late may bring anything back.
        time.sleep(1)
        after = wrong(pair.fw1, pair.fw2) if heals or mode == "FTFW" else found
        if pair.relay.failed:
            raise LabError("relay: %s" % pair.relay.failed)
        return {"soon": soon, "found": found, "after": after, "seconds": took, "lost": pair.relay.lost,
                "doubled": pair.relay.doubled, "delayed": pair.relay.delayed,
                "frames": pair.relay.passed + pair.relay.lost}


def small_receive_buffer(binary, flows=20000, rcvbuf=2048, patience_s=60):
    """All flows at once to a peer whose socket holds next to nothing."""
    with FaultPair((binary, binary)) as pair:
        mill = pair.mill(pair.fw1)
        mill.create(range(flows))
        pair.configure(pair.fw1, limit=flows * 2)
        pair.configure(pair.fw2, limit=flows * 2, rcvbuf=rcvbuf)
        for node in pair.nodes:
            node.start_daemon(check=True)
        time.sleep(1)
        pair.fw1.ct("-B", check=True)
        found, took = settled(pair.fw1, pair.fw2, patience_s)
        with open("/proc/%d/net/snmp" % pair.fw2.space.init) as f:
            names, values = [line.split()[1:] for line in f if line.startswith("Udp:")]
        return {"found": found, "seconds": took, "flows": flows,
                "refused": int(values[names.index("RcvbufErrors")])}


def interface_made_anew(binary, kind="Multicast", patience_s=20):
    """eth2 of one node is removed and made again, then that of the other; flows change meanwhile."""
    with FaultPair((binary, binary)) as pair:
        mill = pair.mill(pair.fw1)
        mill.create(range(1500))
        pair.start(kind=kind)
        begin(pair.fw1, pair.fw2)
        result = {"alive": []}
        for n, node in enumerate(pair.nodes):
            node.space.run("ip", "link", "delete", "eth2")
            change_at = 10000 * (n + 1)
            mill.create(range(change_at, change_at + 500))
            mill.delete(range(500 * n, 500 * n + 250))
            time.sleep(1.5)
            result["alive"].append(len(node.daemon_pids()))
            pair.plug(node)
            result[node.name], result[node.name + "_s"] = settled(pair.fw1, pair.fw2, patience_s)
        return result


def address_goes_and_returns(binary, kind="UDP", seconds=2.0, patience_s=20):
    """The address of the link is taken from the interface of either node, and given back."""
    with FaultPair((binary, binary)) as pair:
        mill = pair.mill(pair.fw1)
        mill.create(range(1000))
        pair.start(kind=kind)
        begin(pair.fw1, pair.fw2)
        result = {}
        for n, node in enumerate(pair.nodes):
            address = lab.ADDRESSES[node.name]["eth2"] + "/24"
            node.space.run("ip", "address", "del", address, "dev", "eth2")
            mill.create(range(10000 * (n + 1), 10000 * (n + 1) + 300))
            mill.delete(range(300 * n, 300 * n + 150))
            time.sleep(seconds)
            node.space.run("ip", "address", "add", address, "dev", "eth2")
            result[node.name], result[node.name + "_s"] = settled(pair.fw1, pair.fw2, patience_s)
        return result


def address_is_another(binary, kind="Multicast", patience_s=8):
    """The node gets another address for its link and is started anew; its peer keeps running."""
    with FaultPair((binary, binary)) as pair:
        mill = pair.mill(pair.fw1)
        mill.create(range(1000))
        pair.start(kind=kind)
        begin(pair.fw1, pair.fw2)
        pair.fw1.stop_daemon()
        pair.fw1.space.run("sh", "-ec", "ip address flush dev eth2\n"
                           "ip address add 192.168.100.101/24 dev eth2")
        mill.create(range(10000, 10300))
        mill.delete(range(300))
        pair.fw1.configure(conf("fw1", kind=kind, own="192.168.100.101"))
        pair.fw1.start_daemon(check=True)
        found, took = settled(pair.fw1, pair.fw2, patience_s)
        mill.delete(range(300, 600))
        mill.create(range(11000, 11300))
        time.sleep(1)
        later = wrong(pair.fw1, pair.fw2)
        pair.fw2.ct("-f", "external")
        pair.fw2.ct("-n")
        forgotten, _ = settled(pair.fw1, pair.fw2, patience_s)
        return {"found": found, "seconds": took, "later": later, "ended": 300, "forgotten": forgotten}
