# SPDX-License-Identifier: GPL-2.0-or-later
"""The story that tools/demo tells: a firewall dies, once without replication and once with it."""

import argparse
import os
import shutil
import sys
import time

import lab as lab_module
from demo_record import Record
from lab import Lab, LabError
from space import wait_until

UTF8 = """
                      ╭──────── fw1 ────────╮
                      │ .1.1           .0.1 │
   client ────────────┤          │          ├──────────── server
   192.168.1.10       │          │ sync     │       192.168.0.10
   via 192.168.1.100  │          │          │  via 192.168.0.100
                      │ .1.2           .0.2 │
                      ╰──────── fw2 ────────╯
"""
PLAIN = """
                      +-------- fw1 --------+
                      | .1.1           .0.1 |
   client ------------+          |          +------------ server
   192.168.1.10       |          | sync     |       192.168.0.10
   via 192.168.1.100  |          |          |  via 192.168.0.100
                      | .1.2           .0.2 |
                      +-------- fw2 --------+
"""


STEPS = 10      # in which connections are opened, so that their way to the backup can be seen
AROUND_S = 1.0  # that the picture shows before and after


class Screen:
    """Terminal output: colour and a moving line on a terminal, plain lines elsewhere."""

    def __init__(self, plain):
        self.live = sys.stdout.isatty() and not plain and os.environ.get("TERM") != "dumb"
        encoding = (sys.stdout.encoding or "").lower().replace("-", "")
        self.utf8 = self.live and encoding == "utf8"
        self.moving = False
        self.last = 0.0
        self.seen = None

    def paint(self, code, text):
        return "\x1b[%sm%s\x1b[0m" % (code, text) if self.live else text

    def clear(self):
        if self.moving:
            sys.stdout.write("\r\x1b[K")
            self.moving = False

    def line(self, text=""):
        self.clear()
        print(text, flush=True)

    def title(self, text):
        rule = "──" if self.utf8 else "--"
        self.line()
        self.line(self.paint("1", "%s %s" % (rule, text)))

    def step(self, text):
        self.line("   " + text)

    def event(self, at, text, code=""):
        stamp = "%+8.3f s" % at
        self.line("%s  %s" % (self.paint("2", stamp), self.paint(code, text) if code else text))

    def progress(self, done, total, text):
        """How far, with a bar; a line a second, and only if it says something new, when plain."""
        now = time.monotonic()
        if not self.live:
            if now - self.last >= 1 and (done, text) != self.seen:
                self.last, self.seen = now, (done, text)
                print("             ... %d/%d %s" % (done, total, text), flush=True)
            return
        if now - self.last < 0.05:
            return
        self.last = now
        width = max(10, min(30, shutil.get_terminal_size().columns - 50))
        filled = width * done // max(total, 1)
        full, empty = ("█", "░") if self.utf8 else ("#", ".")
        bar = self.paint("32" if done == total else "33", full * filled) + empty * (width - filled)
        sys.stdout.write("\r\x1b[K            %s %d/%d %s" % (bar, done, total, text))
        sys.stdout.flush()
        self.moving = True


class Story:
    def __init__(self, options, screen):
        self.options, self.screen = options, screen
        self.kind = options.seed or options.mode

    def start_pair(self, lab, replicate):
        if self.options.seed:
            lab.seed(self.options.seed)
        else:
            lab.configure(self.options.mode.upper())
            lab.vrrp(daemon=replicate)
        if replicate:
            lab.start_daemons()
        for fw in lab.fws:
            fw.start_keepalived()
            if not self.options.seed:
                # The first one wins the election here; the seed lets chance decide.
                wait_until(lab.fw1.has_vips, 20, "fw1 becomes master")
        wait_until(lambda: any(fw.has_vips() for fw in lab.fws), 30, "a master is elected")
        time.sleep(0.5)
        return next(fw for fw in lab.fws if fw.has_vips())

    @staticmethod
    def open(traffic, tcp, udp):
        for proto, n in (("tcp", tcp), ("udp", udp)):
            while n > 0:
                some = min(n, max(1, tcp // STEPS))
                if traffic.ask("open", n=some, proto=proto)["opened"] != some:
                    raise LabError("could not open %d %s flows through the firewall" % (some, proto))
                n -= some

    def watch(self, traffic, backup, killed, limit_s, on_tick=lambda t: None):
        """Follow the recovery until every flow has answered something sent after the new master
        took over, or limit_s.  Returns the last stats and the time of the take-over."""
        taken = None
        while True:
            now = time.monotonic()
            on_tick(now)
            if taken is None and backup.has_vips():
                taken = time.monotonic()
                self.screen.event(taken - killed, "%s holds the virtual addresses" % backup.name)
            stats = traffic.ask("stats", since=taken if taken else killed)
            alive, total = stats["alive"], stats["total"]
            self.screen.progress(alive if taken else 0, total, "answer through " + backup.name
                                 if taken else "wait for " + backup.name)
            if (taken and alive == total) or now - killed > limit_s:
                self.screen.clear()
                return stats, taken
            time.sleep(0.02)

    def control(self):
        """Without replication: True if the TCP connections died, as they must."""
        n = min(50, self.options.connections)
        self.screen.title("Without replication")
        with Lab((self.options.binary,) * 2) as lab:
            master = self.start_pair(lab, replicate=False)
            backup = lab.other(master)
            traffic = lab.start_traffic()
            self.open(traffic, n, 0)
            self.screen.step("%d TCP connections through %s, data flowing" % (n, master.name))
            time.sleep(0.5)
            killed = time.monotonic()
            master.crash()
            self.screen.event(0, "%s: links down, every process killed (SIGKILL)" % master.name,
                              "31")
            takeover_s = 13 if self.options.seed else 2
            stats, taken = self.watch(traffic, backup, killed, takeover_s + 4)
            alive = stats["tcp"]["alive"] if taken else 0
            fresh = traffic.ask("open", n=1)["opened"] if taken else 0
        self.screen.step("survived: %s   (a new connection through %s: %s)" % (
            self.screen.paint("31", "%d of %d" % (alive, n)), backup.name,
            "works" if fresh else "fails"))
        return alive == 0 and fresh == 1

    def replicated(self):
        """With replication: True if everything survived."""
        options, screen = self.options, self.screen
        tcp, udp = options.connections, max(1, options.connections // 10)
        screen.title("With conntrackd, %s" % (
            "the 2007 example files, %s" % options.seed if options.seed
            else {"ftfw": "FT-FW", "alarm": "ALARM"}[options.mode]))
        with Lab((options.binary,) * 2) as lab:
            master = self.start_pair(lab, replicate=True)
            backup = lab.other(master)
            traffic = lab.start_traffic()
            with backup.table() as table, Record(backup, traffic) as record:
                time.sleep(AROUND_S / 2)
                self.open(traffic, tcp, udp)
                screen.step("%d TCP and %d UDP flows through %s, data flowing" % (tcp, udp, master.name))
                want = tcp + (0 if options.seed else udp)  # the seed ignores UDP
                wait_until(lambda: self.cached(backup, want), 20, "the backup knows the flows")
                screen.step("%s knows %d of them" % (backup.name, want))
                time.sleep(AROUND_S)
                traffic.ask("reset")
                marks, seen = [], [0]

                def committed(now):
                    # The backup's kernel knows TCP flows only after the commit.
                    if seen[0] is None:
                        return
                    n = table.count(lambda f: lab_module.forwarded(f) and f["orig"][2] == 6)
                    seen[0], before = (n, seen[0])
                    if n and (n == tcp or n == before):
                        seen[0] = None
                        marks.append((time.monotonic(), "commit", True))
                        screen.event(time.monotonic() - killed,
                                     "%s commits: %d TCP flows in its kernel" % (backup.name, n))
                killed = time.monotonic()
                master.crash()
                marks.append((killed, "%s dies" % master.name, False))
                screen.event(0, "%s: links down, every process killed (SIGKILL)" % master.name,
                             "31")
                stats, taken = self.watch(traffic, backup, killed, 45, committed)
                whole = bool(taken) and stats["alive"] == stats["total"]
                if taken:
                    marks.append((taken, "%s takes over" % backup.name, True))
                if whole:
                    marks.append((stats["now"], "all answer", True))
                    screen.event(stats["now"] - killed, "the last flow answers again", "32")
                time.sleep(AROUND_S)
            self.draw(record, killed, marks, stats)
        return self.verdict(stats, whole)

    def draw(self, record, killed, marks, stats):
        """The picture, if it is wanted."""
        path = self.options.picture
        if not path:
            return
        title = "%d of %d connections survive the end of their firewall" % (stats["alive"], stats["total"])
        try:
            with open(path, "w") as f:
                f.write(record.picture(title, killed, sorted(marks)))
        except OSError as error:
            raise LabError("picture: %s" % error) from error

    @staticmethod
    def cached(backup, want):
        done = backup.ct("-e")
        return done.stdout.count("src=%s " % lab_module.CLIENT) >= want

    def verdict(self, stats, whole):
        screen = self.screen
        for proto, why in (("tcp", "the outage and TCP's own retransmission timer"),
                           ("udp", "the outage itself")):
            part = stats[proto]
            screen.step("%s  longest gap %s  median %5.0f ms   %s" % (
                proto.upper(), screen.paint("1", "%5.0f ms" % part["gap_max_ms"]),
                part["gap_median_ms"], screen.paint("2", why)))
        if stats["failed"]:
            screen.step("broken: " + ", ".join("%d %s" % (n, why)
                                               for why, n in stats["failed"].items()))
        screen.step("survived: " + screen.paint("1;32" if whole else "1;31", "%d of %d" % (
            stats["alive"], stats["total"])) + "   (every echo checked byte for byte)")
        return whole


def main():
    parser = argparse.ArgumentParser(prog="tools/demo", description="A firewall dies; its "
                                     "connections live on.  Everything happens in namespaces.")
    parser.add_argument("--seed", choices=("ftfw", "alarm"),
                        help="use the example files of 2007 as they are")
    parser.add_argument("--mode", choices=("ftfw", "alarm"), default="ftfw")
    parser.add_argument("--binary", required=True, help="conntrackd to run on both firewalls")
    parser.add_argument("--connections", type=int, default=200, metavar="N",
                        help="TCP connections (default 200); a tenth as many UDP flows are added")
    parser.add_argument("--picture", metavar="FILE", help="what was measured, as SVG")
    parser.add_argument("--plain", action="store_true", help="no colour, no moving line")
    options = parser.parse_args()
    if not 1 <= options.connections <= 5000:
        parser.error("--connections: 1 to 5000")
    screen = Screen(options.plain)
    lab_module.terminate_cleanly()
    try:
        screen.line((UTF8 if screen.utf8 else PLAIN).rstrip("\n"))
        story = Story(options, screen)
        died, survived = story.control(), story.replicated()
    except KeyboardInterrupt:
        screen.line("interrupted; everything is cleaned up")
        return 130
    except LabError as error:
        screen.line("failed: %s" % error)
        return 1
    if options.picture:
        screen.step("picture: " + options.picture)
    screen.line()
    if not died:
        screen.line("The control run did not show dying connections: nothing is proven.")
    return 0 if died and survived else 1


if __name__ == "__main__":
    sys.exit(main())
