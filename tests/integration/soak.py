#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Two firewalls for hours: connections that come and go, and one fault after the other.

    soak.py [--hours H] [--rounds N] [--mode MODE] [--seed N] [--binary PATH] [--report FILE]

Each round does one thing to a running pair and then waits until all connections get their echoes
again and the backup knows what the master's kernel holds, TCP in the same state.  In the first half
nothing ends a daemon: its memory, its descriptors and the counters of what must not happen are to be
flat.  In the second half daemons are killed and machines crash as well.  A line tells of each round,
the last one is `N passed, N failed'; --report keeps figures as Markdown.
"""

import argparse
import os
import random
import signal
import sys
import time

import crowd
from lab import (ROOT, Lab, LabError, back_as_backup, crash, end_what_is_closed, graceful,
                 terminate_cleanly)
from space import wait_until

TCP, UDP = 200, 20
ECHO_S = 25            # TCP's retransmission timer has backed off by then
AGREE_S = 40
CROWD = 20000
CLIENTS = 100
# What a pair of ours has no reason to count, whatever happens to its link, its processes and its buffers.
NEVER = ("commit_failed", "local_create_failed", "local_update_failed", "remote_create_failed",
         "remote_update_failed", "recv_bad_size", "recv_bad_version", "recv_bad_header",
         "recv_bad_type", "recv_bad_payload", "recv_incomplete", "recv_no_peer_slot", "send_too_big",
         "notices_lost", "expect_failed")
MEMORY_SLACK_KB = 1024


class Daemon:
    """What can be seen of one process from outside."""

    def __init__(self, fw):
        self.fw, self.pid = fw, min(fw.daemon_pids())
        self.born = time.monotonic()

    def private_kb(self):
        with open("/proc/%d/smaps_rollup" % self.pid) as f:
            return sum(int(line.split()[1]) for line in f if line.startswith("Private_"))

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def counters(self):
        text = self.fw.ct("-s", "runtime", check=True).stdout
        words = [line.split() for line in text.splitlines()]
        return {w[0]: int(w[1]) for w in words if len(w) >= 2 and w[1].isdigit()}


class Soak:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.lab = Lab([options.binary] * 2)
        self.traffic = None
        self.master = None
        self.passed = self.failed = 0
        self.done = {}       # fault: [rounds, failures, longest until all was well again, s]
        self.watched = {}    # name of a firewall: [(s since the start, kB, descriptors)]
        self.first_half = {}
        self.daemons = {}
        self.sums = {}       # counters of processes, added up
        self.start = time.monotonic()

    # the pair

    def begin(self):
        self.lab.start_pair(mode=self.options.mode)
        self.master = self.lab.fw1
        self.traffic = self.lab.start_traffic()
        self.fill()
        for fw in self.lab.fws:
            self.daemons[fw.name] = Daemon(fw)
        # A table that has once been full keeps its memory: that is no growth.  Each node has two.
        for warm_up in (self.crowd_comes_and_goes, self.graceful_failover, self.crowd_comes_and_goes):
            warm_up()
            self.judge()

    @property
    def backup(self):
        return self.lab.other(self.master)

    def fill(self):
        """As many connections as there should be: those that failed were judged already."""
        stats = self.traffic.ask("stats", since=0)
        for proto, want in (("tcp", TCP), ("udp", UDP)):
            lacking = want - stats[proto]["total"]
            if lacking > 0:
                self.traffic.ask("open", n=lacking, proto=proto)

    def churn(self):
        """A part of the connections ends, others begin."""
        n = self.random.randrange(5, TCP // 4)
        self.traffic.ask("close", n=n)
        self.traffic.ask("open", n=n)

    # faults that no daemon dies of

    def quiet(self):
        self.churn()

    def graceful_failover(self):
        old = self.master
        self.master = graceful(self.lab, old)
        back_as_backup(self.lab, old)

    def link_down(self):
        fw = self.random.choice(self.lab.fws)
        self.lab.link(fw.name, "eth2", False)
        self.churn()
        time.sleep(self.random.uniform(1, 8))
        self.lab.link(fw.name, "eth2", True)

    def link_silent(self):
        self.lab.silence("eth2", True)
        self.churn()
        time.sleep(self.random.uniform(1, 8))
        self.lab.silence("eth2", False)

    def link_loses(self):
        for fw in self.lab.fws:
            fw.sync_loss(self.random.choice((2, 10, 50)))
        for _ in range(3):
            self.churn()
            time.sleep(1)
        for fw in self.lab.fws:
            fw.sync_loss(0)

    def stopped_for_a_while(self):
        """As by a debugger, a hypervisor or a swapping machine."""
        fw = self.random.choice(self.lab.fws)
        pid = self.daemons[fw.name].pid
        os.kill(pid, signal.SIGSTOP)
        try:
            self.churn()
            time.sleep(self.random.uniform(1, 10))
        finally:
            os.kill(pid, signal.SIGCONT)

    def crowd_comes_and_goes(self):
        flows = list(crowd.flows(CROWD))
        with self.master.table() as table:
            for flow in flows:
                table.create(flow)
        wait_until(lambda: len(self.backup.dump("-e", "src=" + crowd.SOURCES)) == CROWD, AGREE_S,
                   "the backup knows the crowd", 0.5)
        with self.master.table() as table:
            for flow in flows:
                table.delete(flow)

    def reloads(self):
        for _ in range(5):
            for fw in self.lab.fws:
                os.kill(self.daemons[fw.name].pid, signal.SIGHUP)
            time.sleep(0.1)

    def clients(self):
        """Some say nothing, some vanish, some read."""
        socks = [self.lab.control_socket(self.random.choice(self.lab.fws)) for _ in range(CLIENTS)]
        for fw in self.lab.fws:
            fw.ct("-i", check=True)
            fw.ct("-s", check=True)
        for sock in socks:
            sock.close()

    def orders(self):
        """What operators do without need."""
        for order in ("-n", "-B", "-R"):
            self.random.choice(self.lab.fws).ct(order, check=True)

    # faults that a daemon or its machine dies of

    def revive(self, fw):
        if fw.start_daemon().returncode != 0:
            raise LabError("%s: the daemon does not start again" % fw.name)
        self.daemons[fw.name] = Daemon(fw)

    def killed(self):
        fw = self.random.choice(self.lab.fws)
        self.harvest(fw.name)
        fw.kill_daemon()
        self.churn()
        time.sleep(self.random.uniform(0, 3))
        self.revive(fw)

    def restarted(self):
        fw = self.random.choice(self.lab.fws)
        self.harvest(fw.name)
        fw.stop_daemon()
        self.revive(fw)

    def machine_crashes(self):
        old = self.master
        self.harvest(old.name)
        self.master = crash(self.lab, old)
        self.echoes()
        old.reboot()
        self.revive(old)
        back_as_backup(self.lab, old)

    GENTLE = (quiet, graceful_failover, graceful_failover, graceful_failover, link_down, link_silent,
              link_loses, stopped_for_a_while, crowd_comes_and_goes, reloads, clients, orders)
    ROUGH = GENTLE + (killed, killed, restarted, machine_crashes, machine_crashes)

    # judging

    def harvest(self, name):
        """Adds up the counters of a process that is about to end."""
        for counter, value in self.daemons[name].counters().items():
            self.sums[counter] = self.sums.get(counter, 0) + value

    def echoes(self):
        since = time.monotonic()
        stats = self.traffic.ask("wait", timeout_s=ECHO_S + 10, since=since, wait_s=ECHO_S)
        if stats["alive"] < stats["total"]:
            raise LabError("%d of %d connections alive; %s" % (stats["alive"], stats["total"],
                                                               stats["failed"]))

    def judge(self):
        """All connections live, and both nodes know the same."""
        self.echoes()
        for fw in self.lab.fws:
            end_what_is_closed(fw)
        self.lab.replicated(self.master, self.backup, AGREE_S)

    def watch(self):
        for name, daemon in self.daemons.items():
            self.watched.setdefault(name, []).append(
                (time.monotonic() - self.start, daemon.private_kb(), daemon.descriptors()))

    def round(self, faults):
        fault = self.random.choice(faults)
        name = fault.__name__.replace("_", " ")
        entry = self.done.setdefault(name, [0, 0, 0.0])
        entry[0] += 1
        why, began = "", time.monotonic()
        try:
            fault(self)
            over = time.monotonic()
            self.judge()
            entry[2] = max(entry[2], time.monotonic() - over)
            self.passed += 1
        except (LabError, OSError, AssertionError) as error:
            entry[1] += 1
            self.failed += 1
            why = "FAILED: %s" % error
        print("%s  %-22s %5.1f s  %s" % (time.strftime("%H:%M:%S"), name, time.monotonic() - began,
                                         why), flush=True)
        if why:
            self.mend()
        self.watch()

    def mend(self):
        """After a failure: a pair that the next round can begin with."""
        for fw in self.lab.fws:
            print("    log of %s: %s" % (fw.name, fw.log()[-600:].replace("\n", "\n    ")))
            if not fw.daemon_pids():
                self.revive(fw)
            fw.sync_loss(0)
        self.lab.silence("eth2", False)
        for fw in self.lab.fws:
            self.lab.link(fw.name, "eth2", True)
        holders = [fw for fw in self.lab.fws if fw.has_vips()]
        if len(holders) != 1:
            raise LabError("%d machines hold the addresses" % len(holders))
        self.master = holders[0]
        self.traffic.ask("close", n=TCP + UDP)
        self.fill()

    def expect(self, what, good, detail):
        self.passed += good
        self.failed += not good
        print("%-48s %s  %s" % (what, "ok" if good else "FAILED", detail), flush=True)

    def flat(self):
        """What the first half leaves of memory and descriptors, against what a tenth of it did."""
        for name, seen in sorted(self.watched.items()):
            early = seen[max(0, len(seen) // 10)]
            late = seen[-1]
            most = max(kb for _, kb, _ in seen[:max(1, len(seen) // 3)])
            self.expect("%s: memory is flat" % name, late[1] <= most * 1.05 + MEMORY_SLACK_KB,
                        "%d kB after %.0f s, %d kB after %.0f s" % (early[1], early[0], late[1],
                                                                    late[0]))
            self.expect("%s: descriptors are flat" % name, late[2] <= early[2],
                        "%d, %d" % (early[2], late[2]))

    def never(self):
        for name in list(self.daemons):
            self.harvest(name)
        found = {name: self.sums[name] for name in NEVER if self.sums.get(name)}
        unknown = [name for name in NEVER if name not in self.sums]
        self.expect("what must not happen was not counted", not found and not unknown,
                    str(found or unknown or ""))

    def run(self):
        options = self.options
        end = self.start + options.hours * 3600
        half = self.start + options.hours * 1800
        count = 0

        def more(until, most):
            return count < most if options.rounds else time.monotonic() < until
        self.begin()
        self.watch()
        while more(half, (options.rounds + 1) // 2):
            self.round(self.GENTLE)
            count += 1
        self.first_half = {name: list(seen) for name, seen in self.watched.items()}
        self.flat()
        while more(end, options.rounds):
            self.round(self.ROUGH)
            count += 1
        self.never()

    def report(self):
        lines = ["| what was done | times | failed | longest until all was well again |", "| --- | --- | --- | --- |"]
        for name, (times, failed, longest) in sorted(self.done.items()):
            lines.append("| %s | %d | %d | %.1f s |" % (name, times, failed, longest))
        lines += ["", "| | memory, kB: at the start, most, at the end of the first half | descriptors |",
                  "| --- | --- | --- |"]
        for name, seen in sorted(self.first_half.items()):
            lines.append("| %s | %d, %d, %d | %d, %d |" % (
                name, seen[0][1], max(kb for _, kb, _ in seen), seen[-1][1], seen[0][2], seen[-1][2]))
        told = ("kernel_events", "kernel_overruns", "send_messages", "recv_messages", "seq_lost",
                "commits", "commit_created", "commit_failed")
        lines += ["", ", ".join("%s %d" % (name, self.sums.get(name, 0)) for name in told)]
        return "\n".join(lines) + "\n"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=0, help="so many in place of hours")
    parser.add_argument("--mode", choices=("FTFW", "ALARM"), default="FTFW")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--binary", default=os.path.join(ROOT, "build", "conntrackd"))
    parser.add_argument("--report", metavar="FILE")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.randrange(1 << 32)
    return options


def main():
    options = arguments()
    terminate_cleanly()
    print("seed %d, %s" % (options.seed, options.mode), flush=True)
    soak = None
    try:
        soak = Soak(options)
        soak.run()
    except (LabError, OSError) as error:
        print("FAILED: %s" % error)
        if soak:
            soak.failed += 1
    except KeyboardInterrupt:
        pass
    finally:
        if soak:
            soak.lab.close()
    if not soak:
        print("0 passed, 1 failed")
        return 1
    if options.report:
        with open(options.report, "w") as f:
            f.write(soak.report())
    print("%d passed, %d failed" % (soak.passed, soak.failed))
    return 1 if soak.failed or not soak.passed else 0


if __name__ == "__main__":
    sys.exit(main())
