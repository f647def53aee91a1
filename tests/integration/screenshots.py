# SPDX-License-Identifier: GPL-2.0-or-later
"""What tools/screenshots takes: the screens of `conntrackd status' and `conntrackd top', as SVG."""

import argparse
import json
import os
import shutil
import sys
import threading
from html import escape

import lab as lab_module
from lab import Lab, LabError, conntrackd_conf
from space import wait_until
from terminal import Terminal

TCP, TCP_IDLE, UDP, HASH_LIMIT = 250, 1500, 60, 8192
CELL, LINE, PAD, BAR, SIZE = 8.4, 18, 12, 30, 14
PAPER, INK, FRAME = "#1b1f24", "#d0d7de", "#30363d"
COLOURS = {"default": INK, "black": "#484f58", "red": "#ff7b72", "green": "#56d364", "brown": "#e3b341",
           "yellow": "#e3b341", "blue": "#79c0ff", "magenta": "#d2a8ff", "cyan": "#76e3ea", "white": "#f0f6fc"}


class Busy:
    """Connections that come and go, so that there is something to be seen."""

    def __init__(self, traffic):
        self.traffic, self.ended = traffic, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended.wait(0.05):
            self.traffic.ask("open", n=2, idle=True)
            self.traffic.ask("close", n=2)

    def end(self):
        self.ended.set()
        self.thread.join(30)


# ------------------------------------------------------------------------------------------------
# A screen as a picture: every run of cells has its place and its width, whatever font there is.

def look(cell):
    """(ink, paper, bold) of a cell."""
    ink, paper = COLOURS.get(cell.fg, INK), COLOURS.get(cell.bg, INK) if cell.bg != "default" else None
    if cell.reverse:
        ink, paper = paper or PAPER, ink if cell.fg != "default" else "#8b949e"
    return ink, paper, cell.bold


def runs(cells):
    """[(first column, text, look)] of a row, where there is something to be seen."""
    found = []
    for col, cell in enumerate(cells):
        if cell.data == " " and not look(cell)[1]:
            continue
        last = found[-1] if found else None
        if last and last[2] == look(cell) and last[0] + len(last[1]) == col:
            last[1] += cell.data
        else:
            found.append([col, cell.data, look(cell)])
    return found


def words(col, text):
    """[(column, word)] of a text that begins in that column."""
    found, at = [], 0
    for word in text.split(" "):
        if word:
            found.append((col + at, word))
        at += len(word) + 1
    return found


def svg(screen, rows, title):
    width, height = screen.columns * CELL + 2 * PAD, rows * LINE + 2 * PAD + BAR
    out = ["<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %g %g' width='%g' height='%g' font-size='%d' "
           "font-family='ui-monospace, SFMono-Regular, Menlo, Consolas, monospace'>" % (width, height, width, height,
                                                                                       SIZE),
           "<rect width='%g' height='%g' rx='8' fill='%s'/>" % (width, height, PAPER),
           "<path d='M0 %d h%g' stroke='%s'/>" % (BAR, width, FRAME),
           "<text x='%g' y='20' text-anchor='middle' fill='#8b949e'>%s</text>" % (width / 2, escape(title))]
    for row in range(rows):
        top = BAR + PAD + row * LINE
        for col, text, (ink, paper, bold) in runs([screen.buffer[row][col] for col in range(screen.columns)]):
            if paper:
                out.append("<rect x='%.1f' y='%d' width='%.1f' height='%d' fill='%s'/>" % (
                    PAD + col * CELL, top, len(text) * CELL, LINE, paper))
            for at, word in words(col, text):
                out.append("<text x='%.1f' y='%d' textLength='%.1f' lengthAdjust='spacingAndGlyphs' fill='%s'%s>%s</text>" % (
                    PAD + at * CELL, top + 13, len(word) * CELL, ink, " font-weight='bold'" if bold else "", escape(word)))
    return "\n".join(out) + "\n</svg>\n"


# ------------------------------------------------------------------------------------------------

def install(fw, binary):
    """Both programs beside each other, where the firewall finds them."""
    for name in ("conntrackd", "conntrackd-top"):
        shutil.copy(os.path.join(os.path.dirname(binary), name), fw.space.path("/mnt/" + name))


def on(fw, *command):
    """A command line on a firewall, which knows its name and speaks of UTC."""
    return fw.space.argv(["unshare", "--uts", "sh", "-c", "hostname %s; TZ=UTC exec /mnt/\"$@\"" % fw.name, "sh",
                          *command])


def settled(fw):
    doc = json.loads(fw.ct("status", "--json").stdout)
    return doc["ready"]["ready"] and doc["peers"] and all(peer["in_sync"] for peer in doc["peers"])


def take_top(fw):
    with Terminal(on(fw, "conntrackd", "top"), 24, 80) as term:
        term.wait(lambda t: "per second" in t and "history" in t, 15, "the screen of top")
        term.pump(4)
        picture = svg(term.screen, 24, "%s # conntrackd top" % fw.name)
        term.press("q")
        term.end()
    return picture


def take_status(fw):
    with Terminal(on(fw, "conntrackd", "status"), 60, 80) as term:
        if term.end() not in (0, 2):
            raise LabError("conntrackd status: exit %d\n%s" % (term.proc.returncode, term.text()))
        rows = len(term.text().rstrip("\n").splitlines())
        return svg(term.screen, rows, "%s # conntrackd status" % fw.name)


def scene(binary, out):
    with Lab((binary, binary)) as lab:
        for fw in lab.fws:
            install(fw, binary)
            fw.configure(conntrackd_conf(fw.name).replace("HashLimit 131072", "HashLimit %d" % HASH_LIMIT))
        lab.vrrp()
        lab.start_daemons()
        lab.start_vrrp()
        traffic = lab.start_traffic()
        for n, proto, idle in ((TCP, "tcp", False), (TCP_IDLE, "tcp", True), (UDP, "udp", False)):
            if traffic.ask("open", n=n, proto=proto, idle=idle)["opened"] != n:
                raise LabError("could not open %d %s flows" % (n, proto))
        wait_until(lambda: lab.fw2.count("-e") >= TCP + TCP_IDLE + UDP, 30, "fw2 knows the flows", 0.2)
        # What was asked for at the start has to be over.
        wait_until(lambda: all(settled(fw) for fw in lab.fws), 90, "both nodes have compared their flows", 0.5)
        busy = Busy(traffic)
        try:
            pictures = {"top.svg": take_top(lab.fw1), "status.svg": take_status(lab.fw2)}
        finally:
            busy.end()
    for name, text in pictures.items():
        with open(os.path.join(out, name), "w") as f:
            f.write(text)
        print(os.path.join(out, name))


def main():
    parser = argparse.ArgumentParser(prog="tools/screenshots", description=__doc__)
    parser.add_argument("--binary", required=True, help="conntrackd, with conntrackd-top beside it")
    parser.add_argument("--out", default=os.path.join(lab_module.ROOT, "doc", "figures"), help="directory")
    options = parser.parse_args()
    lab_module.terminate_cleanly()
    try:
        scene(os.path.realpath(options.binary), options.out)
    except (LabError, OSError) as error:
        print("failed: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
