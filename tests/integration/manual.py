# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the commands of a manual in a lab, in the order in which a reader would.

What follows the ticks of a code block says what is to be done with it:

    ```sh fw1           run it there, line after line; it ends with 0 (`sh fw1 2': with 2)
    ```sh fw1 later     the same, again and again until what comes next is what it prints, for a while
    ```text             what the commands just before have printed: lines in this order, others may be
                        between them; `...' stands for anything, runs of spaces for any space
    ```conf fw1 PATH    the whole contents of a file
    ```sh not here: WHY is not run

`fw1, fw2' runs it on both.  Each chapter (## ...) begins with machines just switched on, and ends them; a chapter
may begin with what another one has left: `<!-- after: Title -->'.
"""

import os
import re
import shutil
import textwrap
import time

from conftest import OURS, REF
from space import LabError

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LATER_S = 30

# What belongs to the system and has no place in a namespace.  A service is the command that its unit names.
SYSTEMCTL = r"""#!/bin/bash
# systemctl VERB UNIT...: enough of it for a manual.
verb= units=()
for arg; do
	case $arg in
	--*) ;;
	*) if [ -z "$verb" ]; then verb=$arg; else units+=("${arg%.service}"); fi ;;
	esac
done
pid_of() { cat "/run/bin/$1.pid" 2>/dev/null; }
start()
{
	case $1 in
	conntrackd) mkdir -p /run/conntrackd && /usr/sbin/conntrackd -d && pgrep -x -n conntrackd >/run/bin/conntrackd.pid ;;
	keepalived)
		setsid keepalived -n -l -D -f /etc/keepalived/keepalived.conf >>/var/log/keepalived.log 2>&1 </dev/null &
		echo $! >/run/bin/keepalived.pid
		sleep 1
		kill -0 "$(pid_of keepalived)" || { tail -n 5 /var/log/keepalived.log; return 1; }
		;;
	*) echo "no such unit: $1" >&2; return 5 ;;
	esac
}
stop()
{
	local pid i
	pid=$(pid_of "$1") || return 0
	kill "$pid" 2>/dev/null
	for i in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
	rm -f "/run/bin/$1.pid"
}
[ "$verb" = daemon-reload ] && exit 0
for unit in "${units[@]}"; do
	case $verb in
	start | enable) kill -0 "$(pid_of "$unit")" 2>/dev/null || start "$unit" || exit ;;
	restart) stop "$unit"; start "$unit" || exit ;;
	stop | disable) stop "$unit" ;;
	reload) kill -HUP "$(pid_of "$unit")" || exit ;;
	*) echo "systemctl $verb?" >&2; exit 1 ;;
	esac
done
"""
# apt install: of conntrackd, the one of conntrack-tools by its version, ours as a file.
APT = """#!/bin/sh
for arg; do
	case $arg in
	conntrackd=*) which=theirs ;;
	*.deb) which=ours ;;
	*) continue ;;
	esac
	mount --bind /run/bin/$which /usr/sbin/conntrackd || exit
done
exit 0
"""


class Block:
    def __init__(self, words, text, line):
        self.words, self.text, self.line = words, text, line


def chapters(path):
    """{title: (what it comes after or None, [Block])}"""
    found, title, block = {}, None, None
    with open(path) as f:
        for number, line in enumerate(f, 1):
            if block is not None:
                if line.strip() == "```":
                    block.text = textwrap.dedent("".join(block.text))
                    found[title][1].append(block)
                    block = None
                else:
                    block.text.append(line)
            elif line.startswith("## "):
                title = line[3:].strip()
                found[title] = (None, [])
            elif line.startswith("<!-- after: "):
                found[title] = (line[len("<!-- after: "):].split("-->")[0].strip(), found[title][1])
            elif line.strip().startswith("```"):
                block = Block(line.strip()[3:].split(), [], number)
                assert title is not None, "a block before the first chapter"
    assert block is None, "a block without an end"
    return found


def pattern(text):
    """The lines of a ```text block as regular expressions."""
    lines = []
    for line in text.splitlines():
        if line.strip() in ("", "..."):
            continue
        parts = re.sub(r"\s+", " ", line.strip()).split("...")
        lines.append(".*".join(re.escape(part.strip()) for part in parts))
    return lines


def missing(text, output):
    """The first line that the output lacks, or None."""
    rest = output.splitlines()
    for wanted in pattern(text):
        for n, line in enumerate(rest):
            if re.search(wanted, re.sub(r"\s+", " ", line.strip())):
                rest = rest[n + 1:]
                break
        else:
            return wanted
    return None


class Reader:
    """Follows the manual in a lab."""

    def __init__(self, lab):
        self.lab = lab
        self.output = ""
        for fw in lab.fws:
            self.equip(fw.space)

    @staticmethod
    def equip(space):
        """A machine on which the package is installed and nothing is configured."""
        space.run("sh", "-ec", "mkdir -p /run/bin /etc/keepalived; mount -t tmpfs lab /etc/keepalived;"
                  "mount -t tmpfs lab /usr/share/doc")
        top = os.path.join(ROOT, "doc", "examples")
        for folder, _, names in os.walk(top):
            inside = os.path.join("/usr/share/doc/conntrackd/examples", os.path.relpath(folder, top))
            space.run("mkdir", "-p", inside)
            for name in names:
                with open(os.path.join(folder, name)) as f:
                    space.write(os.path.join(inside, name), f.read())
        space.write("/run/bin/systemctl", SYSTEMCTL, 0o755)
        space.write("/run/bin/apt", APT, 0o755)
        for name, binary in (("ours", OURS), ("theirs", REF)):
            shutil.copy(binary, space.path("/run/bin/" + name))

    def machines(self, words):
        names = " ".join(words).split(":")[0].replace(",", " ").split()
        every = {**{fw.name: fw.space for fw in self.lab.fws}, "client": self.lab.client,
                 "server": self.lab.server}
        return [every[name] for name in names if name in every]

    def follow(self, blocks):
        for n, block in enumerate(blocks):
            kind = block.words[0] if block.words else ""
            after = blocks[n + 1] if n + 1 < len(blocks) else None
            shown = after.text if after is not None and after.words[:1] == ["text"] else None
            if kind == "conf":
                for space in self.machines(block.words[1:2]):
                    space.write(block.words[2], block.text)
            elif kind == "sh" and block.words[1:2] != ["not"]:
                self.execute(block, shown)
            elif kind not in ("sh", "text"):
                raise LabError("line %d: what is to be done with ```%s?" % (block.line, " ".join(block.words)))

    def execute(self, block, shown):
        if not self.machines(block.words[1:]):
            raise LabError("line %d: where?" % block.line)
        deadline = time.monotonic() + (LATER_S if "later" in block.words else 0)
        while True:
            wrong = self.attempt(block, shown)
            if wrong is None:
                return
            if time.monotonic() >= deadline:
                raise LabError("line %d: `%s' %s:\n%s" % (block.line, block.text.strip(), wrong, self.output))
            time.sleep(0.5)

    def attempt(self, block, shown):
        """What is wrong, or None."""
        code = next((int(word) for word in block.words if word.isdigit()), 0)
        self.output = ""
        for space in self.machines(block.words[1:]):
            done = space.run("env", "PATH=/run/bin:/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-ec", block.text,
                             check=False, timeout_s=60)
            self.output += done.stdout + done.stderr
            if done.returncode != code:
                return "on %s ends with %d, not %d" % (space.name, done.returncode, code)
        lacks = missing(shown or "", self.output)
        return None if lacks is None else "prints no line `%s'" % lacks
