# SPDX-License-Identifier: GPL-2.0-or-later
"""A two-firewall lab in namespaces.

              192.168.1.0/24           192.168.0.0/24
                         .--- fw1 ---.
    client --- [switch] -+           +- [switch] --- server
     .1.10               '--- fw2 ---'               .0.10
                           eth2 | 192.168.100.0/24 (sync)

Each firewall has eth0 (client side, .1), eth1 (server side, .0) and eth2 (sync).  The virtual
addresses 192.168.1.100 and 192.168.0.100 are moved by keepalived.  All links end in bridges of a
fifth namespace, so that they can be cut where a cable would be.  A firewall has its own mount
namespace: /etc/conntrackd, /run, /tmp and /var/log are its own and /usr/sbin/conntrackd is the
binary it was given, so that unmodified scripts work.
"""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time

import ctnl
from space import LabError, Space, children, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PYTHON = "/usr/bin/python3"
CONF = "/etc/conntrackd/conntrackd.conf"
VIP_CLIENT, VIP_SERVER = "192.168.1.100", "192.168.0.100"
CLIENT, SERVER = "192.168.1.10", "192.168.0.10"
ADDRESSES = {
    "client": {"eth0": CLIENT},
    "server": {"eth0": SERVER},
    "fw1": {"eth0": "192.168.1.1", "eth1": "192.168.0.1", "eth2": "192.168.100.100"},
    "fw2": {"eth0": "192.168.1.2", "eth1": "192.168.0.2", "eth2": "192.168.100.200"},
}
BRIDGES = {("client", "eth0"): "br-c", ("fw1", "eth0"): "br-c", ("fw2", "eth0"): "br-c",
           ("server", "eth0"): "br-s", ("fw1", "eth1"): "br-s", ("fw2", "eth1"): "br-s",
           ("fw1", "eth2"): "br-y", ("fw2", "eth2"): "br-y"}


def seed_dir():
    """The example files of 2007: tests/data/seed, or wherever SEED_DIR says."""
    return os.environ.get("SEED_DIR") or os.path.join(ROOT, "tests", "data", "seed")


# ------------------------------------------------------------------------------------------------
# Configuration texts

FIREWALL_NFT = """
table inet filter {
%(helper_object)s
	chain forward {
		type filter hook forward priority 0; policy drop
%(features)s
		ct state invalid drop
		ct state established,related accept
		iifname "eth0" oifname "eth1" tcp flags & (fin|syn|rst|ack) == syn ct state new accept
		iifname "eth0" oifname "eth1" meta l4proto { udp, icmp } ct state new accept
	}
	chain loss {
		type filter hook input priority -150; policy accept
	}
	chain input {
		type filter hook input priority 0; policy drop
		iifname { "lo", "eth2" } accept
		ip protocol { 2, 112 } accept
		ct state invalid drop
		ct state established,related accept
		icmp type echo-request accept
	}
}
table ip nat {
	chain prerouting {
		type nat hook prerouting priority -100
%(dnat)s
	}
	chain postrouting {
		type nat hook postrouting priority 100
		oifname "eth1" ip saddr 192.168.1.0/24 snat to 192.168.0.100
	}
}
%(zone_table)s
"""


def firewall_nft(features=()):
    """The ruleset; features from mark, label, zone, helper, dnat."""
    rules = []
    if "mark" in features:
        rules.append("\t\tct mark set tcp dport map { 5001 : 5001 }")
    if "label" in features:
        rules.append("\t\tct label set 3")
    if "helper" in features:
        rules.append('\t\ttcp dport 21 ct helper set "ftp-lab"')
    zone = 'table inet zone {\n\tchain pre {\n\t\ttype filter hook prerouting priority -300\n' \
           '\t\tiifname { "eth0", "eth1" } ct zone set 7\n\t}\n}'
    return FIREWALL_NFT % {
        "helper_object": '\tct helper ftp-lab { type "ftp" protocol tcp\n\t}'
                         if "helper" in features else "",
        "features": "\n".join(rules),
        "dnat": "\t\ttcp dport 8080 ip daddr 192.168.1.100 dnat to 192.168.0.10:5001"
                if "dnat" in features else "",
        "zone_table": zone if "zone" in features else ""}


def conntrackd_conf(node, mode="FTFW", mode_options="", sync_options="", general_options="",
                    protocols="TCP UDP", hash_size=32768):
    """A configuration that conntrackd 1.4.7 accepts as well.  node is fw1 or fw2."""
    own = ADDRESSES[node]
    if mode == "ALARM" and not mode_options:
        mode_options = "RefreshTime 2\n\t\tCacheTimeout 8"
    ignored = ["127.0.0.1", *ADDRESSES["fw1"].values(), *ADDRESSES["fw2"].values(),
               VIP_CLIENT, VIP_SERVER, "225.0.0.50"]
    protocol = "Protocol Accept { %s }" % protocols if protocols else ""
    return """Sync {
	Mode %s {
		%s
	}
	Multicast {
		IPv4_address 225.0.0.50
		Group 3780
		IPv4_interface %s
		Interface eth2
		SndSocketBuffer 2097152
		RcvSocketBuffer 2097152
		Checksum on
	}
	%s
}
General {
	HashSize %d
	HashLimit 131072
	LogFile /var/log/conntrackd.log
	Syslog off
	LockFile /var/lock/conntrack.lock
	UNIX {
		Path /run/conntrackd.ctl
	}
	NetlinkBufferSize 2097152
	NetlinkBufferSizeMaxGrowth 8388608
	%s
	Filter From Userspace {
		%s
		Address Ignore {
			%s
		}
	}
}
""" % (mode, mode_options, own["eth2"], sync_options, hash_size, general_options, protocol,
       "\n\t\t\t".join("IPv4_address " + a for a in ignored))


KEEPALIVED_CONF = """global_defs {
	vrrp_version 3
	script_user root
	enable_script_security
	vrrp_garp_master_refresh 0
}
vrrp_sync_group G1 {
	group {
		VI_1
		VI_2
	}
	notify_master "/etc/conntrackd/notify.sh master"
	notify_backup "/etc/conntrackd/notify.sh backup"
	notify_fault "/etc/conntrackd/notify.sh fault"
}
vrrp_instance VI_1 {
	interface eth1
	state BACKUP
	nopreempt
	virtual_router_id 61
	priority %(priority)d
	advert_int %(advert)s
	virtual_ipaddress {
		192.168.0.100
	}
}
vrrp_instance VI_2 {
	interface eth0
	state BACKUP
	nopreempt
	virtual_router_id 62
	priority %(priority)d
	advert_int %(advert)s
	virtual_ipaddress {
		192.168.1.100
	}
}
"""

# Every command leaves a line `start-seconds command exit-status seconds' in /run/notify.log.
NOTIFY_SH = """#!/bin/sh
run() {
	t0=$(date +%s.%N)
	/usr/sbin/conntrackd "$@" >>/run/notify.out 2>&1
	echo "$t0 $* rc=$? $(date +%s.%N)" >>/run/notify.log
}
echo "$(date +%s.%N) STATE $1" >>/run/notify.log
[ -e /etc/conntrackd/no-daemon ] && exit 0
case "$1" in
master) run -c; run -f; run -R; run -B ;;
backup) run -t; run -n ;;
fault) run -t ;;
esac
echo "$(date +%s.%N) DONE $1" >>/run/notify.log
exit 0
"""

# Private directories; the host keeps its own.  Where the host has no conntrackd installed there is
# nothing to bind over, so the directory is replaced by one of links, or by a copy, that lives in a
# tmpfs over /mnt.
MOUNTS = r"""
set -e
bin=$1
m=/mnt
case $bin in /mnt/*) m=/srv ;; esac
mount -t tmpfs -o mode=755 lab $m
if [ ! -e /usr/sbin/conntrackd ]; then
	mkdir $m/real $m/sbin
	mount --bind /usr/sbin $m/real
	for f in /usr/sbin/*; do ln -s "$m/real/${f##*/}" "$m/sbin/${f##*/}"; done
	: >$m/sbin/conntrackd
	mount --bind $m/sbin /usr/sbin
fi
mount --bind "$bin" /usr/sbin/conntrackd
if [ ! -d /etc/conntrackd ]; then
	mkdir $m/etc
	cp -a /etc/. $m/etc
	mount --bind $m/etc /etc
	mkdir -p /etc/conntrackd
else
	mount -t tmpfs -o mode=755 lab /etc/conntrackd
fi
mount -t tmpfs -o mode=755 lab /run
mkdir -m 1777 /run/lock
if [ ! -L /var/lock ]; then mount --bind /run/lock /var/lock; fi
if [ ! -L /var/run ]; then mount --bind /run /var/run; fi
mount -t tmpfs -o mode=755 lab /var/log
"""


# ------------------------------------------------------------------------------------------------
# The machines

class Firewall:
    """One firewall: its namespaces, daemon, keepalived and kernel table."""

    def __init__(self, lab, name, binary, features=()):
        self.lab, self.name, self.binary, self.features = lab, name, binary, tuple(features)
        self.space = None
        self.boot()

    def boot(self):
        """A machine just switched on: no processes, an empty kernel table, links up."""
        self.space = Space(self.name)
        try:
            self.space.run("sh", "-c", MOUNTS, "sh", self.binary)
            # Last, since the binary may itself live below /tmp.
            self.space.run("mount", "-t", "tmpfs", "-o", "mode=1777", "lab", "/tmp")
            self.lab.plug(self.name, self.space)
            self.space.sysctl(ipv4__ip_forward=1, netfilter__nf_conntrack_events=1,
                              netfilter__nf_conntrack_tcp_loose=0, ipv4__ip_nonlocal_bind=1,
                              ipv4__conf__all__send_redirects=0,
                              ipv4__conf__eth0__send_redirects=0,
                              ipv4__conf__eth1__send_redirects=0)
            self.space.run("nft", "-f", "-", stdin=firewall_nft(self.features))
        except BaseException:
            self.space.close()
            raise

    def close(self):
        if self.space:
            self.space.close()
            self.space = None

    def configure(self, text):
        self.space.write(CONF, text)

    def table(self):
        """The kernel's conntrack table; close it, or use `with'."""
        return ctnl.Table(self.space)

    def flows(self, keep=None):
        """The flows through the firewall, as ctnl.Table.flows does."""
        with self.table() as table:
            return table.flows(keep or forwarded)

    # conntrackd

    def ct(self, *args, timeout_s=30, check=False):
        """Run the binary with these arguments; CompletedProcess with .seconds."""
        t0 = time.monotonic()
        done = self.space.run("/usr/sbin/conntrackd", *args, timeout_s=timeout_s, check=check)
        done.seconds = time.monotonic() - t0
        return done

    def start_daemon(self, check=False):
        """-d; CompletedProcess."""
        return self.ct("-d", check=check)

    def stop_daemon(self):
        """-k, and wait until the process has gone."""
        self.ct("-k", check=True)
        wait_until(lambda: not self.daemon_pids(), 5, self.name + ": daemon gone after -k")

    def daemon_pids(self):
        return [pid for pid, comm in self.space.pids().items() if comm == "conntrackd"]

    def kill_daemon(self, sig=signal.SIGKILL):
        hit = self.space.kill("conntrackd", sig)
        wait_until(lambda: not set(hit) & set(self.daemon_pids()), 5, "daemon gone")
        return hit

    def log(self):
        return self.space.read("/var/log/conntrackd.log")

    def dump(self, which, match="src=%s " % CLIENT):
        """The lines of `conntrackd -i' or `-e' that contain match."""
        return [line for line in self.ct(which, check=True).stdout.splitlines() if match in line]

    def count(self, which):
        """How many of the client's flows `conntrackd -i' or `-e' shows."""
        return len(self.dump(which))

    def notify_log(self):
        """[(start, text)] of the notify script."""
        lines = self.space.read("/run/notify.log").splitlines()
        return [(float(line.split(" ", 1)[0]), line.split(" ", 1)[1]) for line in lines]

    # keepalived

    def start_keepalived(self):
        with open(self.space.path("/var/log/keepalived.log"), "ab") as log:
            return self.space.start("keepalived", "-n", "-l", "-D", "-f",
                                    "/etc/conntrackd/keepalived.conf", stdout=log)

    def stop_keepalived(self):
        """Orderly: it gives the addresses away on its last breath."""
        # Only the parent may be asked: it starts a child that ends before it anew.
        pids = {pid for pid, comm in self.space.pids().items() if comm == "keepalived"}
        for pid in pids - {child for parent in pids for child in children(parent)}:
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: "keepalived" not in self.space.pids().values(), 10,
                   self.name + ": keepalived gone")

    def has_vips(self):
        """Both virtual addresses are on this machine.  Reads a file: cheap enough to poll."""
        if not self.space:
            return False
        try:
            with open("/proc/%d/net/fib_trie" % self.space.init) as f:
                trie = f.read()
        except OSError:
            return False
        return VIP_CLIENT in trie and VIP_SERVER in trie

    # accidents

    def links(self, up):
        for dev in ("eth0", "eth1", "eth2"):
            self.lab.link(self.name, dev, up)

    def crash(self):
        """Links down, everything killed.  The kernel table can still be read afterwards."""
        self.links(False)
        for _ in range(5):
            if not self.space.kill():
                break
            time.sleep(0.01)
        wait_until(lambda: not self.space.pids(), 5, self.name + ": processes gone")

    def reboot(self):
        """After a crash: a new machine with an empty table and the same configuration files."""
        files = {}
        folder = self.space.path("/etc/conntrackd")
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            with open(path) as f:
                files[name] = (f.read(), os.stat(path).st_mode & 0o777)
        self.close()
        self.lab.unplug(self.name)
        self.boot()
        for name, (text, mode) in files.items():
            self.space.write("/etc/conntrackd/" + name, text, mode)

    def sync_loss(self, percent):
        """Lose this share of what arrives on the sync link."""
        self.space.run("nft", "flush", "chain", "inet", "filter", "loss")
        if percent:
            self.space.run("nft", "add rule inet filter loss iifname eth2 "
                           "numgen random mod 100 < %d drop" % percent)


def forwarded(flow):
    """Flows of the client through the firewall."""
    return flow["orig"][0] == CLIENT and not flow["orig"][1] == VIP_CLIENT


def parse_dump_line(line):
    """(src, dst, proto, sport, dport, TCP state) of the original direction of a TCP or UDP line of
    `conntrackd -i' or `-e'."""
    words = line.split()
    values = {}
    for word in words:
        key, _, value = word.partition("=")
        values.setdefault(key, value)
    return (values["src"], values["dst"], int(words[1]), int(values.get("sport", 0)),
            int(values.get("dport", 0)), words[2] if words[0] == "tcp" else "")


class Traffic:
    """The generator (traffic.py) in a space, driven by JSON lines."""

    def __init__(self, space, *args):
        self.proc = space.start(PYTHON, os.path.join(HERE, "traffic.py"), *args,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None)
        self.buffer = b""
        self.answer(15)

    def answer(self, timeout_s):
        deadline = time.monotonic() + timeout_s
        fd = self.proc.stdout.fileno()
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                raise LabError("traffic generator did not answer in %g s" % timeout_s)
            got = os.read(fd, 1 << 16)
            if not got:
                raise LabError("traffic generator ended")
            self.buffer += got
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def send(self, command, **args):
        self.proc.stdin.write(json.dumps({"do": command, **args}).encode() + b"\n")
        self.proc.stdin.flush()

    def ask(self, command, timeout_s=30, **args):
        self.send(command, **args)
        result = self.answer(timeout_s)
        if "error" in result:
            raise LabError("traffic generator: %s: %s" % (command, result["error"]))
        return result

    def stop(self):
        self.proc.stdin.close()
        Space.reap(self.proc)


class Lab:
    """Use as a context manager.  binaries: of fw1 and fw2."""

    def __init__(self, binaries, features=()):
        for binary in binaries:
            if not os.access(binary, os.X_OK):
                raise LabError("no executable " + binary)
        self.spaces = {}
        self.fws = []
        self.traffic = []
        self.idle_traffic = []
        try:
            self.switch = self.spaces["switch"] = Space("switch")
            self.make_switch()
            for name in ("client", "server"):
                self.spaces[name] = Space(name)
                self.plug(name, self.spaces[name])
            self.make_ends()
            for name, binary in zip(("fw1", "fw2"), binaries):
                self.fws.append(Firewall(self, name, os.path.realpath(binary), features))
        except BaseException:
            self.close()
            raise
        self.fw1, self.fw2 = self.fws
        self.client, self.server = self.spaces["client"], self.spaces["server"]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        for fw in self.fws:
            fw.close()
        for space in self.spaces.values():
            space.close()
        self.fws, self.spaces = [], {}

    # wiring

    def switch_ip(self, lines):
        """`ip -batch' in the switch, which sees host pids so that it can push devices away."""
        done = subprocess.run(
            ["nsenter", "--net=/proc/%d/ns/net" % self.switch.init, "ip", "-batch", "-"],
            input="\n".join(lines) + "\n", text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=20)
        if done.returncode:
            raise LabError("switch: " + done.stdout)

    def make_switch(self):
        lines = []
        for bridge in sorted(set(BRIDGES.values())):
            lines += ["link add %s type bridge mcast_snooping 0 forward_delay 0" % bridge,
                      "link set %s up" % bridge]
        self.switch_ip(lines)

    def plug(self, name, space):
        """Cables from the switch to a machine, and its addresses."""
        switch, inside = [], ["link set lo up"]
        for dev, address in ADDRESSES[name].items():
            port = "%s-%s" % (name, dev)
            switch += ["link add %s type veth peer name %s netns %d" % (port, dev, space.init),
                       "link set %s master %s" % (port, BRIDGES[name, dev]),
                       "link set %s up" % port]
            inside += ["address add %s/24 dev %s" % (address, dev), "link set %s up" % dev]
        self.switch_ip(switch)
        space.run("ip", "-batch", "-", stdin="\n".join(inside) + "\n")

    def unplug(self, name):
        """Wait until the devices of a closed machine have left the switch."""
        want = ["%s-%s" % (name, dev) for dev in ADDRESSES[name]]

        def gone():
            with open("/proc/%d/net/dev" % self.switch.init) as f:
                text = f.read()
            return not any(port + ":" in text for port in want)

        wait_until(gone, 10, name + ": devices gone from the switch")

    def make_ends(self):
        for name, vip in (("client", VIP_CLIENT), ("server", VIP_SERVER)):
            space = self.spaces[name]
            space.run("ip", "route", "add", "default", "via", vip)
            space.sysctl(ipv4__ip_local_port_range="1024 65000", ipv4__tcp_syn_retries=8,
                         core__somaxconn=65535, ipv4__tcp_max_syn_backlog=65535,
                         ipv4__conf__eth0__accept_redirects=0)

    def link(self, name, dev, up):
        """Pull or push a cable at the switch: the machine loses carrier."""
        self.switch_ip(["link set %s-%s %s" % (name, dev, "up" if up else "down")])

    def silence(self, dev, on):
        """Nothing passes between the two nodes on their `dev', and nobody's carrier tells."""
        self.switch_ip(["link set %s-%s type bridge_slave isolated %s" % (
            fw.name, dev, "on" if on else "off") for fw in self.fws])

    # a running pair

    def other(self, fw):
        return self.fw2 if fw is self.fw1 else self.fw1

    def configure(self, mode="FTFW", **options):
        for fw in self.fws:
            fw.configure(conntrackd_conf(fw.name, mode, **options))

    def vrrp(self, advert="0.25", daemon=True):
        """Generated keepalived configurations and the notify script."""
        for fw, priority in zip(self.fws, (150, 100)):
            fw.space.write("/etc/conntrackd/keepalived.conf",
                           KEEPALIVED_CONF % {"priority": priority, "advert": advert})
            fw.space.write("/etc/conntrackd/notify.sh", NOTIFY_SH, 0o755)
            if not daemon:
                fw.space.write("/etc/conntrackd/no-daemon", "")

    def seed(self, kind):
        """The seed's files as they are, the scripts executable.  kind is ftfw or alarm."""
        base = os.path.join(seed_dir(), kind)
        for fw, node in zip(self.fws, ("node1", "node2")):
            for source, target, mode in (
                    (node + "/conntrackd.conf", "conntrackd.conf", 0o644),
                    (node + "/keepalived.conf", "keepalived.conf", 0o644),
                    ("script_master.sh", "script_master.sh", 0o755),
                    ("script_backup.sh", "script_backup.sh", 0o755)):
                try:
                    with open(os.path.join(base, source)) as f:
                        text = f.read()
                except OSError as error:
                    raise LabError("seed files: %s" % error) from error
                fw.space.write("/etc/conntrackd/" + target, text, mode)

    def start_daemons(self):
        for fw in self.fws:
            done = fw.start_daemon(check=False)
            if done.returncode:
                raise LabError("%s: conntrackd -d: exit %d: %s%s" % (
                    fw.name, done.returncode, done.stdout, done.stderr))

    def start_vrrp(self, timeout_s=15):
        """fw1 first, so that it becomes the master."""
        self.fw1.start_keepalived()
        self.wait_master(self.fw1, timeout_s)
        self.fw2.start_keepalived()
        wait_until(lambda: "Entering BACKUP STATE" in
                   self.fw2.space.read("/var/log/keepalived.log"), 10, "fw2 is backup")

    def wait_master(self, fw, timeout_s=15):
        """fw holds the addresses and its notify script, if it is ours, has ended."""
        wait_until(fw.has_vips, timeout_s, fw.name + " becomes master", 0.01)
        if os.path.exists(fw.space.path("/etc/conntrackd/notify.sh")) and \
           not os.path.exists(fw.space.path("/etc/conntrackd/no-daemon")):
            def finished():
                log = [text for _, text in fw.notify_log()]
                last = [t for t in log if t.startswith(("STATE", "DONE"))]
                return last and last[-1] == "DONE master"
            wait_until(finished, timeout_s, fw.name + ": notify script ends")

    def start_pair(self, mode="FTFW", advert="0.25", daemon=True, **options):
        """Configure and start everything; fw1 is master when this returns."""
        self.configure(mode, **options)
        self.vrrp(advert, daemon)
        if daemon:
            self.start_daemons()
        self.start_vrrp()

    def start_traffic(self, generators=1):
        """Echo servers and as many clients, each pair on a port of its own."""
        for i in range(generators):
            Traffic(self.server, "server", SERVER, str(5001 + i))
            self.traffic.append(Traffic(self.client, "client", SERVER, str(5001 + i)))
        return self.traffic[0] if generators == 1 else self.traffic

    def replicated(self, source, target, timeout_s=20):
        """Wait until the external cache of target shows what the kernel of source holds: the same
        TCP and UDP flows of the client, TCP in the same state."""
        seen = [set(), set()]

        def agree():
            seen[0] = {(*flow["orig"][:5], ctnl.TCP_STATES[flow["tcp"][0]] if "tcp" in flow else "")
                       for flow in source.flows().values() if flow["orig"][2] in (6, 17)}
            seen[1] = set(map(parse_dump_line, target.dump("-e")))
            return seen[0] == seen[1]
        try:
            wait_until(agree, timeout_s, "%s has what %s holds" % (target.name, source.name), 0.1)
        except LabError as late:
            missing, stale = sorted(seen[0] - seen[1]), sorted(seen[1] - seen[0])
            raise LabError("%s: %d missing %s, %d stale %s" % (
                late, len(missing), missing[:3], len(stale), stale[:3])) from None

    def control_socket(self, fw, path="/run/conntrackd.ctl"):
        """A connected control socket, nothing sent yet."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(10)
        sock.connect(fw.space.path(path))
        return sock


def graceful(lab, old):
    """keepalived stops on the master; the other node takes over."""
    new = lab.other(old)
    old.stop_keepalived()
    lab.wait_master(new)
    return new


def crash(lab, old):
    new = lab.other(old)
    old.crash()
    lab.wait_master(new)
    return new


def back_as_backup(lab, fw):
    """keepalived again on a node that lost; its notify script has asked for the flows."""
    before = len(fw.notify_log())
    fw.start_keepalived()
    wait_until(lambda: any(text == "DONE backup" for _, text in fw.notify_log()[before:]), 15,
               fw.name + " is backup")


def end_what_is_closed(fw):
    """Remove what is left of closed connections in the kernel (TIME_WAIT, CLOSE), as time would."""
    with fw.table() as table:
        for flow in table.dump():
            if flow.get("tcp", (0,))[0] > 3:
                table.delete(flow)


def terminate_cleanly():
    """SIGTERM becomes an exception, so that `with Lab' cleans up as for Ctrl-C."""
    def stop(signum, frame):
        sys.exit(128 + signum)
    # A shell that starts us in the background has SIGINT ignored; then Python sets no handler.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)


def is_incumbent(binary):
    """Whether the binary is conntrack-tools' conntrackd."""
    done = subprocess.run([binary, "-v"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=10)
    return re.search(r"Connection tracking userspace daemon v1\.", done.stdout) is not None
