# SPDX-License-Identifier: GPL-2.0-or-later
"""What the daemon is able to do: capabilities, system calls, who may command it; and that nothing that it
has to do in its life is missing."""

import os
import re
import shutil
import signal
import subprocess

import lab as lab_module
import pytest
from node import SOCKET, conf, tcp
from space import wait_until
from test_interop import FLOWS
from test_kernel_feed import deaf, many, runtime
from test_links import configure, external, inject, link_block, roles
from test_reload import hup

LOG = "/var/log/conntrackd.log"
CAPS = {"cap_net_bind_service": 10, "cap_net_admin": 12, "cap_sys_nice": 23}
NOBODY = 65534


def status(fw):
    """Fields of /proc/PID/status of the daemon."""
    pid, = fw.daemon_pids()
    with open("/proc/%d/status" % pid) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def mask(*names):
    return "%016x" % sum(1 << CAPS[name] for name in names)


def has_filter():
    """Whether the binary under test restricts system calls (a build with sanitizers does not)."""
    binary = os.path.realpath(os.environ.get("CONNTRACKD") or
                              os.path.join(lab_module.ROOT, "build", "conntrackd"))
    with open(binary, "rb") as f:
        return b"seccomp_rule_add" in f.read()


@pytest.fixture(scope="module")
def strace():
    if not has_filter():
        pytest.skip("this binary restricts no system calls")
    assert shutil.which("strace"), "strace is needed"


# Capabilities -------------------------------------------------------------------------------------

@pytest.mark.parametrize("text, kept", [
    (conf(), ["cap_net_admin"]),
    (conf(in_general="Scheduler { Type RR Priority 5 }"), ["cap_net_admin", "cap_sys_nice"]),
    (conf().replace("Group 3780", "Group 780"), ["cap_net_bind_service", "cap_net_admin"]),
], ids=["plain", "scheduler", "low-port"])
def test_one_capability_is_kept_and_what_the_configuration_needs(node, text, kept):
    node.configure(text)
    node.start_daemon(check=True)
    now = status(node)
    for name in ("CapPrm", "CapEff", "CapBnd"):
        assert now[name] == mask(*kept), name
    assert int(now["CapInh"], 16) == int(now["CapAmb"], 16) == 0
    assert now["NoNewPrivs"] == "1"
    assert now["Seccomp"] == ("2" if has_filter() else "0")
    said = re.findall(r"\[notice\] confined to capabilities ([^ ;]+)( and \d+ system calls|; system "
                      "calls are not restricted)$",
                      node.log(), re.M)
    assert [names for names, _ in said] == [",".join(kept)]
    assert ("and" in said[0][1]) == has_filter()
    assert "[warning]" not in node.log()
    # With what is left it makes flows, also where the interface went and came back meanwhile.
    node.create(tcp(1))
    node.cached(1)
    node.space.run("sh", "-ec", "ip link del eth2; ip link add eth2 type veth peer name cable;"
                   "ip link set cable up; ip link set eth2 up;"
                   "ip addr add 192.168.100.100/24 dev eth2")
    wait_until(lambda: "RUNNING" in node.ct("-s", "link").stdout, 10, "the link is back", 0.1)
    before = node.number("link_recv_own") + int(re.search(
        r"(\d+) Pckts sent", node.ct("-s", "link").stdout)[1])
    node.ct("-B", check=True)
    wait_until(lambda: int(re.search(r"(\d+) Pckts sent", node.ct("-s", "link").stdout)[1]) > before,
               10, "it sends", 0.1)


def test_files_that_only_capabilities_open_are_named_at_once(node):
    """And not at the next rotation; what is open stays in use."""
    node.configure(conf())
    node.space.run("sh", "-ec", "umask 077; >%s; chown nobody %s" % (LOG, LOG))
    done = node.start_daemon(check=True)
    assert "logfile `%s' is open, but could not be opened again: Permission denied" % LOG in \
        done.stderr
    said = hup(node)
    assert "can't reopen logfile `%s': Permission denied; the old one stays in use" % LOG in said
    # Such as logrotate makes them where a group reads the logs, and a configuration that is secret.
    node.space.run("sh", "-ec", "mv %s %s.1; >%s; chown root:adm %s; chmod 640 %s;"
                   "chmod 600 /etc/conntrackd/conntrackd.conf" % (LOG, LOG, LOG, LOG, LOG))
    hup(node)
    assert "configuration reloaded" in node.log()
    assert "[ERROR]" not in node.log()
    node.stop_daemon()
    assert not os.path.exists(node.space.path(SOCKET))
    assert not os.path.exists(node.space.path("/run/lock/conntrack.lock"))


def test_a_scheduler_that_was_not_asked_for_waits_for_the_next_start(node):
    node.configure(conf())
    node.start_daemon(check=True)
    node.configure(conf(in_general="Scheduler { Type FIFO Priority 7 }"))
    assert "Scheduler can't be changed now: Operation not permitted; it takes effect with the " \
        "next start" in hup(node)


# Other users --------------------------------------------------------------------------------------

def own_places(fw, user):
    """Directories of a user's own, and a configuration that names them."""
    fw.space.run("sh", "-ec", "mkdir -p /run/own /var/log/own; chown %d /run/own /var/log/own" % user)
    return conf(log=False, in_general="LogFile /var/log/own/conntrackd.log").replace(
        SOCKET, "/run/own/ctl").replace("/var/lock/conntrack.lock", "/run/own/lock")


def test_a_user_with_one_ambient_capability_runs_it(node):
    """As systemd does with User= and AmbientCapabilities=."""
    node.configure(own_places(node, NOBODY))
    node.space.sysctl(netfilter__nf_conntrack_events=2)
    node.space.run(
        "setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups",
        "--inh-caps=-all,+net_admin", "--ambient-caps=-all,+net_admin", "--bounding-set=-all,+net_admin",
        "/usr/sbin/conntrackd", "-d")
    now = status(node)
    assert now["Uid"].split() == [str(NOBODY)] * 4
    assert now["CapPrm"] == now["CapEff"] == mask("cap_net_admin")
    assert int(now["CapInh"], 16) == int(now["CapAmb"], 16) == 0
    log = "/var/log/own/conntrackd.log"
    # The sysctl is the kernel's own to give to who administers the network.
    assert node.space.run("cat", "/proc/sys/net/netfilter/nf_conntrack_events").stdout == "1\n"
    assert "nf_conntrack_events set to 1" in node.space.read(log)
    node.create(tcp(1))
    node.cached(1)
    # Root commands it, as keepalived does.
    for order in ("-c", "-f", "-R", "-B", "-n"):
        assert node.ct(order).returncode == 0, order
    node.space.run("mv", log, log + ".1")
    for pid in node.daemon_pids():
        os.kill(pid, signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in node.space.read(log), 5, "reloaded")
    assert "[ERROR]" not in node.space.read(log) + node.space.read(log + ".1")
    node.stop_daemon()
    assert os.listdir(node.space.path("/run/own")) == []


def test_in_a_user_namespace_it_runs_with_what_it_gets(node):
    """A container without privileges: its root is nobody outside."""
    node.configure(conf(log=False, in_general="LogFile /run/in/log").replace(
        SOCKET, "/run/in/ctl").replace("/var/lock/conntrack.lock", "/run/in/lock"))
    node.space.run("sh", "-ec", "mkdir /run/in; chown nobody /run/in; ip link add away type veth")
    inside = "ip link set lo up; ip link add eth2 type veth peer name cable; ip link set cable up;" \
        "ip link set eth2 up; ip addr add 192.168.100.100/24 dev eth2;" \
        "conntrackd -d && conntrackd -R && conntrackd -s >/dev/null && cat /proc/$(cat /run/in/lock)" \
        "/status && conntrackd -k"
    done = node.space.run("setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups",
                          "unshare", "--user", "--map-root-user", "--net", "sh", "-ec", inside,
                          check=False)
    log = node.space.read("/run/in/log")
    assert done.returncode == 0, done.stdout + done.stderr + log
    assert "CapEff:\t" + mask("cap_net_admin") in done.stdout
    assert "confined to capabilities cap_net_admin" in log
    assert "can't give up" not in log


def as_reader(fw, group, *args):
    """The client, by somebody who is in that group and nobody otherwise."""
    return fw.space.run("setpriv", "--reuid=%d" % NOBODY, "--regid=%s" % group, "--clear-groups",
                        "/usr/sbin/conntrackd", *args, check=False)


def test_members_of_the_group_read_and_do_not_command(node):
    node.configure(conf().replace("UNIX {", "UNIX { Group mail"))
    node.start_daemon(check=True)
    at = node.space.run("stat", "-c", "%a %U %G", SOCKET).stdout
    assert at == "660 root mail\n"
    node.create(tcp(1))
    node.cached(1)
    for args in (["-s"], ["-s", "runtime"], ["-i"], ["-e"], ["-i", "-x"], ["-i", "expect"]):
        done = as_reader(node, "mail", *args)
        assert done.returncode == 0 and done.stderr == "", args
        assert done.stdout == node.ct(*args).stdout or args[0] == "-s", args
    orders = ["-c", "-f", "-F", "-R", "-B", "-n", "-t", "-k"]
    for order in orders:
        done = as_reader(node, "mail", order)
        assert done.returncode == 1, order
        assert done.stderr == "not permitted: only root and the user that the daemon runs as may " \
            "command\n", order
    assert node.number("client_not_permitted") == len(orders)
    assert len(node.dump("-i")) == 1
    done = as_reader(node, NOBODY, "-s")
    assert done.returncode == 1 and "Permission denied" in done.stderr
    for order in orders:
        assert node.ct(order).returncode == 0, order


def test_a_group_that_does_not_exist_is_named(node):
    code, said = node.try_conf(conf().replace("UNIX {", "UNIX { Group nonesuch"))
    assert code == 1
    assert "there is no group `nonesuch'" in said


# System calls -------------------------------------------------------------------------------------

# Those that are allowed though no run of this test makes them.
UNUSED = {
    "restart_syscall": "poll() goes on by it when the process was stopped meanwhile",
    "futex": "locks of the C library, when there is somebody to wait for",
    "clock_gettime": "where the clock cannot be read in user space",
    "gettimeofday": "the same",
    "time": "the same",
    "madvise": "free() returns memory by it, in some C libraries",
    "poll": "a kernel that has not answered by the time it was asked",
    "mremap": "realloc() of large blocks",
    "brk": "malloc(), when what it has does not do",
    "geteuid": "log files and clients, where it matters whose they are",
    "rt_sigprocmask": "abort() of an ASSERT",
    "rt_sigaction": "the same",
    "gettid": "the same",
    "tgkill": "the same",
    "rt_sigreturn": "what a handler of signals returns by, if a library has one",
    "lstat": "other processors and C libraries make these calls in place of newfstatat, openat, ",
    "fstat": "dup2, unlink",
    "open": "the same",
    "dup3": "the same",
    "unlinkat": "the same",
    "statx": "the same",
    "mprotect": "malloc() of a second thread; other C libraries",
    "sendmsg": "syslog, service manager and netlink in other C libraries and in later libmnl",
}


def allowed():
    """Names of the system calls that src/io/confine.c allows and this processor has."""
    with open(os.path.join(lab_module.ROOT, "src", "io", "confine.c")) as f:
        text = f.read()
    table = re.search(r"static const int allowed\[\] = \{(.*?)\n\};", text, re.S).group(1)
    names = set(re.findall(r"SCMP_SYS\((\w+)\)", table))
    names |= set(re.findall(r"SCMP_ACT_ALLOW,\s+SCMP_SYS\((\w+)\)", text))
    numbers = subprocess.run(["cc", "-dM", "-E", "-include", "sys/syscall.h", "-x", "c", "/dev/null"],
                             stdout=subprocess.PIPE, text=True, check=True).stdout
    names &= set(re.findall(r"#define __NR_(\w+) ", numbers))
    assert len(names) > 30
    return names


def calls_after_the_filter(trace):
    """(names of the system calls, lines of those that were refused) of the process that installs a
    filter, from then on."""
    lines = [line.split(None, 1) for line in trace.splitlines()]
    confined = [i for i, (_, call) in enumerate(lines)
                if call.startswith("seccomp(SECCOMP_SET_MODE_FILTER,") and call.endswith(" = 0")]
    assert len(confined) == 1, "one filter"
    pid = lines[confined[0]][0]
    later = [call for who, call in lines[confined[0] + 1:] if who == pid]
    names = {found.group(1) for found in (re.match(r"(\w+)\(", call) for call in later) if found}
    return names, [call for call in later if "EPERM" in call or "SIGSYS" in call]


def start_traced(lab, kind, general=""):
    """Both daemons with a link of that kind, fw1's under strace: that one's process and its configuration."""
    configure(lab, lambda name: link_block(name, kind))
    text = re.sub(r"NetlinkBufferSize\w* \d+", "", lab.fw1.space.read(lab_module.CONF))
    text = text.replace("General {", "General {\n" + general, 1)
    text = text.replace("Sync {", "Sync {\nTakeoverGate { }", 1)
    lab.fw1.configure(text)
    traced = lab.fw1.space.start("strace", "-f", "-qq", "-o", "/run/trace", "/usr/sbin/conntrackd",
                                 "-d")
    wait_until(lambda: lab.fw1.ct("-s").returncode == 0, 20, "the traced daemon answers", 0.1)
    assert lab.fw2.start_daemon().returncode == 0
    return traced, text


def end_traced(lab, traced):
    """Stops both; the names of the calls that fw1's has made, of which none was refused."""
    for fw in lab.fws:
        fw.stop_daemon()
    traced.wait(20)
    names, refused = calls_after_the_filter(lab.fw1.space.read("/run/trace"))
    assert not refused
    return names


def new_interface(lab):
    """fw1's eth2 goes, and another one comes in its place."""
    lab.switch_ip(["link del fw1-eth2"])
    wait_until(lambda: roles(lab.fw1)["eth2"][0] == "DOWN", 20, "eth2 is gone", 0.1)
    lab.switch_ip(["link add fw1-eth2 type veth peer name eth2 netns %d" % lab.fw1.space.init,
                   "link set fw1-eth2 master br-y", "link set fw1-eth2 up"])
    lab.fw1.space.run("ip", "-batch", "-",
                      stdin="address add 192.168.100.100/24 dev eth2\nlink set eth2 up\n")
    wait_until(lambda: roles(lab.fw1)["eth2"][0] == "RUNNING", 20, "eth2 is back", 0.1)


def life_with_multicast(lab):
    """Start, events, dumps, orders, lost events, an interface that goes and comes back, log rotation, reload,
    the end."""
    traced, text = start_traced(lab, "Multicast", "Scheduler { Type RR Priority 1 } "
                                "NetlinkBufferSize 20000 NetlinkBufferSizeMaxGrowth 400000")
    inject(lab.fw1, {"tcp": FLOWS["tcp"], "snat": FLOWS["snat"]})
    inject(lab.fw2, {"udp": FLOWS["udp"]})
    wait_until(lambda: len(external(lab.fw2)) == 2 and len(external(lab.fw1)) == 1, 20,
               "flows both ways", 0.1)
    for args in (["-i"], ["-e", "-x"], ["-s", "runtime"], ["-s", "rsqueue"], ["-c"], ["-R"], ["-B"],
                 ["-n"], ["-f"], ["-t"], ["-F"]):
        assert lab.fw1.ct(*args).returncode == 0, args

    def burst():
        with lab.fw1.table() as table:
            for flow in many(300):
                table.create(flow)
    deaf(lab.fw1, burst)
    wait_until(lambda: runtime(lab.fw1, "netlink overrun:") >= 1 and
               runtime(lab.fw1, "current buffer size (in bytes):") > 20000, 20, "lost events", 0.1)

    wait_until(lambda: len(lab.fw1.dump("-i", "dst=10.0.")) == 300, 20, "they are read", 0.1)
    lab.fw1.ct("-B", check=True)
    wait_until(lambda: len(lab.fw2.dump("-e", "dst=10.0.")) == 300, 20, "many at once", 0.1)

    new_interface(lab)
    inject(lab.fw1, {"mark": FLOWS["mark"]})
    wait_until(lambda: any("sport=4010 " in line for line in external(lab.fw2)), 20, "over it", 0.1)

    lab.fw1.space.run("sh", "-ec", "mv %s %s.1; ln -s /tmp/moved %s" % (LOG, LOG, LOG))
    lab.fw1.configure(text.replace("Priority 1", "Priority 2"))
    pid, = lab.fw1.daemon_pids()
    os.kill(pid, signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in lab.fw1.space.read("/tmp/moved"), 20, "reloaded",
               0.1)
    os.kill(pid, signal.SIGUSR1)
    wait_until(lambda: "send_messages" in lab.fw1.space.read("/tmp/moved"), 20, "counters", 0.1)
    return end_traced(lab, traced)


def life_with_tcp(lab):
    """Connections that come about, end, and are made again."""
    connected = "server=connected client=connected"
    traced, _ = start_traced(lab, "TCP")
    wait_until(lambda: connected in lab.fw1.ct("-s").stdout, 20, "connected", 0.1)
    inject(lab.fw1, {"tcp": FLOWS["tcp"]})
    wait_until(lambda: len(external(lab.fw2)) > 0, 20, "a flow", 0.1)
    lab.fw2.stop_daemon()
    wait_until(lambda: connected not in lab.fw1.ct("-s").stdout, 20, "disconnected", 0.1)
    new_interface(lab)
    assert lab.fw2.start_daemon().returncode == 0
    wait_until(lambda: connected in lab.fw1.ct("-s").stdout, 20, "connected again", 0.1)
    return end_traced(lab, traced)


def test_each_call_that_is_allowed_is_made_in_the_life_of_a_daemon(make_lab, strace):
    """And none that a daemon makes is refused."""
    lab = make_lab()
    names = life_with_multicast(lab) | life_with_tcp(lab)
    can = allowed()
    wrong = {"reasons for what is not allowed": set(UNUSED) - can,
             "allowed, but of no use": can - names - set(UNUSED),
             "neither allowed nor refused": names - can}
    assert not any(wrong.values()), wrong
    print("made: %s" % " ".join(sorted(names)))
