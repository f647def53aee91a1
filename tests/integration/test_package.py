# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian package: what is in it, and that it works on a machine that has nothing else.

The machines are booted with systemd, so that the unit runs as it will: with its sandbox, watchdog,
reload and restart.
"""

import os
import re
import shutil
import subprocess

import ctnl
import pytest
import root as root_module
from lab import ROOT, seed_dir
from root import Machine, Unavailable, archive
from space import wait_until

CONF = "/etc/conntrackd/conntrackd.conf"
OLD = ("conntrackd", "conntrack", "libmnl0", "libnfnetlink0", "libnetfilter-conntrack3",
       "libnetfilter-cthelper0", "libnetfilter-queue1")
# `systemd-analyze security' goes from 0 to 100.  What is left: root, who owns the places where configurations
# put things; the network and its administration; the /tmp of all.
EXPOSURE_MAX = 20
# With a user of its own, and its files where that one may write.
EXPOSURE_OWN_USER_MAX = 17
# The exporter: sockets of three kinds.
EXPOSURE_EXPORTER_MAX = 15

FILES = """
/etc/conntrackd/conntrackd.conf
/etc/default/conntrackd
/etc/init.d/conntrackd
/etc/logrotate.d/conntrackd
/lib/systemd/system/conntrackd.service
/usr/lib/ocf/resource.d/conntrackd/conntrackd
/usr/libexec/conntrackd/conntrackd-top
/usr/sbin/conntrackd
/usr/share/doc/conntrackd/README.Debian
/usr/share/doc/conntrackd/copyright
/usr/share/doc/conntrackd/examples/apparmor/usr.sbin.conntrackd
/usr/share/doc/conntrackd/examples/modules-load.conf
/usr/share/doc/conntrackd/examples/stats/conntrackd.conf
/usr/share/doc/conntrackd/examples/sync/alarm/conntrackd.conf
/usr/share/doc/conntrackd/examples/sync/ftfw/conntrackd.conf
/usr/share/doc/conntrackd/examples/sync/keepalived-fifo.conf
/usr/share/doc/conntrackd/examples/sync/keepalived-scripts.conf
/usr/share/doc/conntrackd/examples/sync/keepalived.conf
/usr/share/doc/conntrackd/examples/sync/notrack/conntrackd.conf
/usr/share/doc/conntrackd/examples/sync/primary-backup.sh
/usr/share/doc/conntrackd/examples/sysctl.conf
/usr/share/doc/conntrackd/examples/systemd/more-privileges.conf
/usr/share/doc/conntrackd/examples/systemd/notify-reload.conf
/usr/share/doc/conntrackd/examples/systemd/own-user.conf
/usr/share/doc/conntrackd/examples/systemd/readers.conf
/usr/share/doc/conntrackd/examples/textfile/conntrackd-metrics.service
/usr/share/doc/conntrackd/examples/textfile/conntrackd-metrics.timer
/usr/share/doc/conntrackd/examples/wireshark/conntrackd.lua
/usr/share/man/man5/conntrackd.conf.5.gz
/usr/share/man/man8/conntrackd.8.gz
""".split()

FIFO, TRACK = "/run/conntrackd/vrrp.fifo", "/run/conntrackd/vrrp.track"

FILES_EXPORTER = """
/lib/systemd/system/conntrackd-exporter.service
/lib/systemd/system/conntrackd.service.d/conntrackd-exporter.conf
/usr/lib/sysusers.d/conntrackd-exporter.conf
/usr/libexec/conntrackd/conntrackd-exporter
/usr/share/doc/conntrackd-exporter/copyright
/usr/share/doc/conntrackd-exporter/examples/grafana/conntrackd.json
/usr/share/doc/conntrackd-exporter/examples/prometheus/conntrackd.rules.yml
""".split()


@pytest.fixture
def package():
    try:
        return root_module.package()
    except Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture
def machine(request, package):
    """A booted machine that has our package and those of the archive in /debs."""
    try:
        made = Machine([package, *(archive(name) for name in OLD)])
    except Unavailable as why:
        pytest.skip("no Debian machine: %s" % why)
    yield made
    report = getattr(request.node, "report_call", None)
    if report is not None and report.failed:
        print(made.run("journalctl", "--no-pager", "-n", "60", "-u", "conntrackd*",
                          check=False).stdout)
    made.close()


def contents(deb):
    """{path: mode} of the files of a package."""
    listing = subprocess.run(["dpkg-deb", "-c", deb], stdout=subprocess.PIPE, text=True, check=True)
    found = {}
    for line in listing.stdout.splitlines():
        words = line.split(None, 5)
        if words[0][0] != "d":
            path = words[5][1:]
            found[path.replace("/usr/lib/systemd/", "/lib/systemd/")] = words[0]
    return found


def field(deb, name):
    return subprocess.run(["dpkg-deb", "-f", deb, name], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


def conffiles(deb):
    return subprocess.run(["dpkg-deb", "-I", deb, "conffiles"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.split()


def wait_active(machine, timeout_s=15):
    """The unit is up, as the daemon itself has told systemd."""
    wait_until(lambda: machine.run("systemctl", "is-active", "conntrackd",
                                   check=False).stdout.strip() == "active",
               timeout_s, "conntrackd.service is active", 0.1)


def show(machine, name):
    return machine.run("systemctl", "show", "--value", "-p", name, "conntrackd").stdout.strip()


def sync_link(machine):
    """The address that example files expect on eth2."""
    machine.run("sh", "-ec", "ip link add eth2 type veth peer name far; ip link set far up;"
                "ip address add 192.168.100.100/24 dev eth2; ip link set eth2 up")


def our_example(name):
    with open(os.path.join(ROOT, "doc", "examples", name)) as f:
        return f.read()


def test_lintian_finds_nothing_and_the_files_are_where_they_are_looked_for(package):
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", package],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    have = contents(package)
    assert not set(FILES) - set(have), "missing"
    assert not any(path.endswith(".gz") for path in have if "/examples/" in path)
    for path in ("/usr/sbin/conntrackd", "/usr/libexec/conntrackd/conntrackd-top", "/etc/init.d/conntrackd",
                 "/usr/share/doc/conntrackd/examples/sync/primary-backup.sh"):
        assert have[path] == "-rwxr-xr-x", path
    assert have["/etc/conntrackd/conntrackd.conf"] == "-rw-r--r--"
    # No libraries beyond these.
    assert re.sub(r" \([^)]*\)", "", field(package, "Depends")) == \
        "libc6, libcap2, libjansson4, libmnl0, libseccomp2"
    # What only the live screen of top needs.
    assert re.sub(r" \([^)]*\)", "", field(package, "Recommends")) == "libncursesw6, libtinfo6"


def test_exporter_is_a_package_of_its_own_and_answers(machine, package):
    """The HTTP server's library is in it alone; a user of its own that may look and nothing else."""
    exporter = root_module.package("conntrackd-exporter")
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", exporter],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    assert not set(FILES_EXPORTER) - set(contents(exporter)), "missing"
    depends = re.sub(r" \([^)]*\)", "", field(exporter, "Depends"))
    assert depends == "conntrackd, systemd | systemd-standalone-sysusers | systemd-sysusers, libc6, " \
        "libjansson4, libmicrohttpd12"
    assert field(exporter, "Depends").startswith("conntrackd (= %s)," % field(package, "Version"))
    shutil.copy(exporter, machine.inside.path("/debs"))
    machine.install(package, exporter)
    wait_active(machine)

    def numbers():
        with machine.inside.socket() as sock:
            sock.settimeout(10)
            sock.connect(("127.0.0.1", 9730))
            sock.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            return b"".join(iter(lambda: sock.recv(65536), b"")).decode()

    # As it comes, only root reads the daemon's socket.
    assert "\nconntrackd_up 0\n" in numbers()
    wait_until(lambda: "appropriate permissions" in machine.run(
        "journalctl", "--no-pager", "-u", "conntrackd-exporter").stdout, 10, "the journal has why", 0.2)
    text = machine.run("cat", CONF).stdout
    machine.inside.write(CONF, re.sub(r"UNIX \{", "UNIX {\n\t\tGroup _conntrackd-exporter", text))
    machine.run("systemctl", "restart", "conntrackd")
    wait_active(machine)
    wait_until(lambda: "\nconntrackd_up 1\n" in numbers(), 5, "the exporter may read", 0.2)
    [pid] = machine.run("systemctl", "show", "--value", "-p", "MainPID",
                        "conntrackd-exporter").stdout.split()
    status = machine.run("cat", "/proc/%s/status" % pid).stdout
    assert re.search(r"^CapBnd:\t0+$", status, re.M) and re.search(r"^Seccomp:\t2$", status, re.M)
    assert machine.run("stat", "-c", "%U", "/proc/%s" % pid).stdout == "_conntrackd-exporter\n"
    machine.run("systemctl", "stop", "conntrackd")
    wait_until(lambda: "\nconntrackd_up 0\n" in numbers(), 5, "the exporter tells that it has gone", 0.2)
    done = machine.run("systemd-analyze", "security", "--no-pager", "--offline=yes",
                       "--threshold=%d" % EXPOSURE_EXPORTER_MAX, "conntrackd-exporter.service", check=False)
    assert done.returncode == 0, done.stdout


def test_lintian_bites(package, tmp_path):
    """The step above can fail: the same package without its copyright file does."""
    subprocess.run(["dpkg-deb", "-R", package, str(tmp_path / "tree")], check=True)
    os.remove(tmp_path / "tree" / "usr/share/doc/conntrackd/copyright")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", str(tmp_path / "tree"),
                    str(tmp_path / "broken.deb")], check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning",
                           str(tmp_path / "broken.deb")], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode != 0
    assert "no-copyright-file" in done.stdout


def test_package_takes_the_place_of_the_one_in_the_archive(package):
    """Each file of the old one that somebody may have changed is a conffile of the new one, too;
    the version is higher, also than that of a rebuild or a backport."""
    try:
        old = archive("conntrackd")
    except Unavailable as why:
        pytest.skip(str(why))
    assert sorted(conffiles(old)) == sorted(conffiles(package))
    versions = field(package, "Version"), field(old, "Version")
    assert subprocess.run(["dpkg", "--compare-versions", versions[0], "gt", versions[1]],
                          check=False).returncode == 0, versions
    with open(os.path.join(ROOT, "meson.build")) as f:
        ours = re.search(r"version: '([^']+)'", f.read()).group(1)
    assert versions[0].split(":")[-1].split("-")[0] == ours
    # Whatever scripts look for is still there; helpers were never called by name from outside.
    gone = {path for path in contents(old) if not path.startswith("/usr/share/doc/")}
    gone -= set(contents(package))
    assert not {path for path in gone if "/conntrack-tools/ct_helper_" not in path
                and path != "/usr/share/conntrackd/environmentfile"}


def test_fresh_install_is_enabled_and_runs(machine, package):
    """With the configuration that it brings, at once; and with the examples."""
    done = machine.install(package)
    assert "1 newly installed" in done.stdout
    assert machine.run("systemctl", "is-enabled", "conntrackd").stdout.strip() == "enabled"
    machine.run("systemd-analyze", "verify", "--man=no", "conntrackd.service")
    wait_active(machine)
    assert "cache stats:" in machine.run("conntrackd", "-s").stdout
    flow = {"orig": ("192.168.1.10", "192.168.0.10", 6, 4000, 80, 0), "tcp": (3, 0, 0, 0, 0),
            "status": 0x6, "timeout": 5000}
    with ctnl.Table(machine.inside) as table:
        table.create(flow)
    wait_until(lambda: "sport=4000" in machine.run("conntrackd", "-i").stdout, 5, "the flow is seen")
    machine.run("conntrackd", "-F")
    wait_until(lambda: "sport=4000" in machine.inside.read("/var/log/conntrackd-stats.log"), 5,
               "its end is logged")
    # Nothing at a start that is as it should be looks like trouble.
    said = machine.run("journalctl", "--no-pager", "-o", "cat", "-u", "conntrackd").stdout
    assert "not scheduled in real time, unless a service manager sees to it" in said and "failed" not in said
    assert machine.run("journalctl", "--no-pager", "-q", "-p", "warning", "-u", "conntrackd").stdout == ""
    # The examples for replication are taken as they come.
    sync_link(machine)
    for name in ("ftfw", "alarm", "notrack"):
        machine.run("cp", "/usr/share/doc/conntrackd/examples/sync/%s/conntrackd.conf" % name, CONF)
        machine.run("systemctl", "restart", "conntrackd")
        wait_active(machine)
        assert "multicast traffic (active device=eth2)" in machine.run("conntrackd", "-s").stdout
    machine.run("apt-get", "purge", "-y", "conntrackd")
    left = machine.run("sh", "-c", "find / -xdev -name '*conntrackd*' -not -path '/debs/*' "
                       "-not -path '/proc/*' -not -path '/var/log/*' -not -path '/var/lib/systemd/*'")
    assert left.stdout.split() == [], "left behind"
    assert machine.run("systemctl", "is-active", "conntrackd", check=False).returncode != 0


def test_seed_configuration_runs_in_the_sandbox(machine, package):
    """Socket in /tmp, lock in /var/lock, real-time scheduling, the kernel's table and a sysctl: all
    that the daemon may touch is within reach, and little else is."""
    machine.install(package)
    sync_link(machine)
    with open(os.path.join(seed_dir(), "ftfw", "node1", "conntrackd.conf")) as f:
        machine.inside.write(CONF, f.read())
    machine.run("sh", "-c", "echo 2 >/proc/sys/net/netfilter/nf_conntrack_events")
    machine.run("systemctl", "restart", "conntrackd")
    wait_active(machine)
    pid = show(machine, "MainPID")
    assert machine.run("cat", "/proc/sys/net/netfilter/nf_conntrack_events").stdout == "1\n"
    # The socket is that of everybody's /tmp, not of a private one.
    assert machine.run("stat", "-c", "%a %F", "/tmp/sync.sock").stdout == "600 socket\n"
    machine.run("test", "-e", "/var/lock/conntrack.lock")
    flow = {"orig": ("192.168.1.10", "192.168.0.10", 6, 4000, 80, 0), "tcp": (3, 0, 0, 0, 0),
            "status": 0x6, "timeout": 5000}
    with ctnl.Table(machine.inside) as table:
        table.create(flow)
    wait_until(lambda: "sport=4000" in machine.run("conntrackd", "-i").stdout, 5, "the flow is seen")
    for order in ("-c", "-f", "-R", "-B", "-n", "-t"):
        machine.run("conntrackd", order)
    machine.run("conntrackd", "-F")
    assert "sport=4000" not in machine.run("conntrackd", "-i").stdout
    assert scheduling(machine, pid) in ("RR 1", None)
    status = machine.run("cat", "/proc/%s/status" % pid).stdout
    assert re.search(r"^NoNewPrivs:\t1$", status, re.M)
    assert re.search(r"^Seccomp:\t2$", status, re.M)
    # CAP_NET_ADMIN.
    assert int(re.search(r"^CapBnd:\t(\S+)$", status, re.M).group(1), 16) == 1 << 12
    assert int(re.search(r"^CapPrm:\t(\S+)$", status, re.M).group(1), 16) == 1 << 12
    # The service's filters, and the daemon's own.
    said = machine.run("journalctl", "--no-pager", "-u", "conntrackd").stdout
    assert re.search("confined to capabilities cap_net_admin and [0-9]+ system calls", said)
    assert "not restricted" not in said and "can't give up" not in said
    mounts = machine.run("cat", "/proc/%s/mounts" % pid).stdout
    assert re.search(r"^\S+ / \S+ ro\b", mounts, re.M)
    assert not re.search(r"^\S+ (/run|/tmp|/var|/proc/sys/net) \S+ ro\b", mounts, re.M)
    done = machine.run("systemd-analyze", "security", "--no-pager", "--offline=yes",
                       "--threshold=%d" % EXPOSURE_MAX, "conntrackd.service", check=False)
    print(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout
    machine.run("systemctl", "stop", "conntrackd")
    machine.run("sh", "-c", "! ls /tmp/sync.sock /var/lock/conntrack.lock")


def scheduling(machine, pid):
    """Class and priority, or None if the control group of these tests is not allowed any in real time."""
    if machine.run("chrt", "--fifo", "1", "true", check=False).returncode != 0:
        return None
    return " ".join(machine.run("ps", "-o", "cls=,rtprio=", "-p", pid).stdout.split())


def test_what_a_scheduler_and_a_low_port_take_is_a_drop_in(machine, package):
    machine.install(package)
    sync_link(machine)
    text = our_example("sync/ftfw/conntrackd.conf")
    text, changed = re.subn(r"General \{", "General { Scheduler { Type FIFO Priority 7 }", text)
    assert changed == 1
    machine.inside.write(CONF, text)
    machine.run("systemctl", "restart", "conntrackd")
    wait_active(machine)
    said = machine.run("journalctl", "--no-pager", "-u", "conntrackd").stdout
    assert "scheduler configuration failed: Operation not permitted" in said and "more-privileges.conf" in said
    assert scheduling(machine, show(machine, "MainPID")) in ("RR 1", None)
    text, changed = re.subn(r"Multicast \{.*?\}", "UDP { IPv4_address 192.168.100.100  IPv4_Destination_Address "
                            "192.168.100.200  Port 500  Interface eth2 }", text, flags=re.S)
    assert changed == 1
    machine.inside.write(CONF, text)
    drop_in(machine, "more-privileges.conf")
    machine.run("systemctl", "restart", "conntrackd")
    wait_active(machine)
    pid = show(machine, "MainPID")
    assert scheduling(machine, pid) in ("FF 7", None)
    status = machine.run("cat", "/proc/%s/status" % pid).stdout
    # CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_SYS_NICE.
    assert int(re.search(r"^CapPrm:\t(\S+)$", status, re.M).group(1), 16) == \
        1 << 10 | 1 << 12 | 1 << 23
    machine.run("systemctl", "stop", "conntrackd")


def drop_in(machine, name, text=None):
    """Installs a drop-in of the examples."""
    folder = "/etc/systemd/system/conntrackd.service.d"
    machine.run("mkdir", "-p", folder)
    machine.inside.write(folder + "/" + name, text or our_example("systemd/" + name))
    machine.run("systemctl", "daemon-reload")


def test_a_user_of_its_own_and_a_group_that_reads(machine, package):
    """The two drop-ins, each by itself, with all that the daemon does as root."""
    machine.install(package)
    sync_link(machine)
    machine.run("sh", "-ec", "useradd --system --no-create-home --user-group conntrackd;"
                "groupadd monitoring; useradd --no-create-home --groups monitoring looker")
    example = our_example("sync/ftfw/conntrackd.conf")
    example = example.replace("\n\tMulticast {", """
	VRRP { NotifyFifo %s Group G1 TrackFile %s }
	Multicast {""" % (FIFO, TRACK))
    path = re.search(r"^\s*Path\s+(\S+)", example, re.M).group(1)

    def look(*args):
        return machine.run("setpriv", "--reuid=looker", "--regid=looker", "--init-groups",
                           "conntrackd", *args, check=False)

    # In the service's own sandbox, root cannot give the socket to any group.
    machine.inside.write(CONF, example.replace("Path " + path, "Path %s Group monitoring" % path))
    drop_in(machine, "readers.conf")
    machine.run("systemctl", "restart", "conntrackd")
    wait_active(machine)
    assert machine.run("stat", "-c", "%a %U %G", path).stdout == "660 root monitoring\n"
    assert machine.run("stat", "-c", "%a %F %U", FIFO, TRACK).stdout == \
        "600 fifo root\n600 regular file root\n"
    assert "cache internal" in look("-s").stdout
    refused = look("-f")
    assert refused.returncode == 1 and "not permitted" in refused.stderr
    assert machine.run("conntrackd", "-f").returncode == 0
    machine.run("systemctl", "stop", "conntrackd")
    machine.run("rm", "-r", "/etc/systemd/system/conntrackd.service.d")

    text = example.replace(path, "/run/conntrackd/ctl")
    text = re.sub(r"LockFile\s+\S+", "LockFile /run/conntrackd/lock", text)
    text = re.sub(r"LogFile\s+\S+", "LogFile /var/log/conntrackd/conntrackd.log", text)
    machine.inside.write(CONF, text)
    machine.run("sh", "-ec", "chown root:conntrackd %s; chmod 640 %s;"
                "echo 2 >/proc/sys/net/netfilter/nf_conntrack_events" % (CONF, CONF))
    drop_in(machine, "own-user.conf")
    machine.run("systemctl", "restart", "conntrackd")
    wait_active(machine)
    pid = show(machine, "MainPID")
    status = machine.run("cat", "/proc/%s/status" % pid).stdout
    assert re.search(r"^Uid:\t(\d+)\t\1\t\1\t\1$", status, re.M).group(1) != "0"
    assert int(re.search(r"^CapPrm:\t(\S+)$", status, re.M).group(1), 16) == 1 << 12
    assert machine.run("cat", "/proc/sys/net/netfilter/nf_conntrack_events").stdout == "1\n"
    flow = {"orig": ("192.168.1.10", "192.168.0.10", 6, 4000, 80, 0), "tcp": (3, 0, 0, 0, 0),
            "status": 0x6, "timeout": 5000}
    with ctnl.Table(machine.inside) as table:
        table.create(flow)
    wait_until(lambda: "sport=4000" in machine.run("conntrackd", "-i").stdout, 5, "the flow is seen")
    for order in ("-c", "-f", "-R", "-B", "-n"):
        machine.run("conntrackd", order)
    machine.run("sh", "-c", "echo 'GROUP \"G1\" FAULT 0' >" + FIFO)
    wait_until(lambda: machine.run("conntrackd", "role").stdout == "fault\n", 5, "the FIFO is read")
    assert machine.run("stat", "-c", "%U", FIFO, FIFO + ".state", TRACK).stdout == "conntrackd\n" * 3
    log = "/var/log/conntrackd/conntrackd.log"
    machine.run("mv", log, log + ".1")
    machine.run("systemctl", "reload", "conntrackd")
    wait_until(lambda: "configuration reloaded" in machine.inside.read(log), 5, "reloaded")
    assert "[ERROR]" not in machine.inside.read(log) + machine.inside.read(log + ".1")
    assert "[warning]" not in machine.inside.read(log) + machine.inside.read(log + ".1")
    done = machine.run("systemd-analyze", "security", "--no-pager",
                       "--threshold=%d" % EXPOSURE_OWN_USER_MAX, "conntrackd.service", check=False)
    assert done.returncode == 0, done.stdout
    machine.run("systemctl", "stop", "conntrackd")
    machine.run("sh", "-c", "! ls /run/conntrackd/ctl /run/conntrackd/lock")


def test_the_profile_for_apparmor_is_one(tmp_path):
    """As far as the parser goes without a kernel that has AppArmor: it reads and compiles it."""
    profile = os.path.join(ROOT, "doc/examples/apparmor/usr.sbin.conntrackd")

    def parse(path):
        return subprocess.run(["apparmor_parser", "-Q", "-K", path], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    try:
        done = parse(profile)
    except FileNotFoundError:
        pytest.skip("no apparmor_parser")
    assert done.returncode == 0, done.stdout
    with open(profile) as f:
        text = f.read()
    broken = tmp_path / "broken"
    broken.write_text(text.replace("capability net_admin,", "capability net_admim,"))
    assert parse(str(broken)).returncode != 0
    # What the service may write to, the profile allows too.
    with open(os.path.join(ROOT, "debian/conntrackd.service")) as f:
        service = f.read()
    for name in re.search(r"^CapabilityBoundingSet=(.*)$", service, re.M).group(1).split():
        assert "capability %s," % name[4:].lower() in text


def test_log_rotation_reloads_and_a_daemon_that_hangs_is_restarted(machine, package):
    machine.install(package)
    sync_link(machine)
    machine.inside.write(CONF, our_example("sync/ftfw/conntrackd.conf"))
    machine.run("sh", "-ec", "mkdir -p /etc/systemd/system/conntrackd.service.d; printf '[Service]\\n"
                "WatchdogSec=1\\nRestartSec=100ms\\n' >/etc/systemd/system/conntrackd.service.d/t.conf;"
                "systemctl daemon-reload; systemctl restart conntrackd")
    wait_active(machine)
    pid = show(machine, "MainPID")
    flow = {"orig": ("192.168.1.10", "192.168.0.10", 6, 4000, 80, 0), "tcp": (3, 0, 0, 0, 0),
            "status": 0x6, "timeout": 5000}
    with ctnl.Table(machine.inside) as table:
        table.create(flow)
    machine.run("logrotate", "-f", "/etc/logrotate.d/conntrackd")
    machine.run("conntrackd", "-B")
    # The same process, in a new file, with the flows that it had.
    assert show(machine, "MainPID") == pid
    wait_until(lambda: "bulk" in machine.inside.read("/var/log/conntrackd.log"), 5,
               "the new file is written to")
    assert "bulk" not in machine.inside.read("/var/log/conntrackd.log.1")
    assert "sport=4000" in machine.run("conntrackd", "-i").stdout
    # The watchdog has been content for longer than its limit by now, and goes on to be.
    assert show(machine, "NRestarts") == "0"
    machine.run("kill", "-STOP", pid)
    wait_until(lambda: show(machine, "MainPID") not in ("0", pid), 10, "restarted", 0.1)
    wait_active(machine)
    assert "sport=4000" in machine.run("conntrackd", "-i").stdout


def test_upgrade_keeps_a_changed_conffile_and_there_is_a_way_back(machine, package):
    """From the package of the archive, beside its conntrack: the service is restarted with the new
    program and the administrator's file, byte for byte; and back."""
    machine.install(*(archive(name) for name in OLD))
    sync_link(machine)
    with open(os.path.join(root_module.unpacked("conntrackd"), "usr/share/doc/conntrackd/examples",
                           "sync/ftfw/conntrackd.conf")) as f:
        text = f.read() + "# changed here\n"
    machine.inside.write(CONF, text)
    machine.run("systemctl", "restart", "conntrackd")
    wait_active(machine)
    assert "v1.4" in machine.run("conntrackd", "-v").stdout
    done = machine.install(package)
    assert "1 upgraded" in done.stdout, done.stdout
    assert machine.inside.read(CONF) == text
    assert "v1.4" not in machine.run("conntrackd", "-v").stdout
    wait_active(machine)
    assert machine.run("readlink", "/proc/%s/exe" % show(machine, "MainPID")).stdout.strip() == \
        "/usr/sbin/conntrackd"
    assert "netlink_events_bad" in machine.run("conntrackd", "-s", "runtime").stdout
    machine.run("test", "-e", "/lib/systemd/system/conntrackd.service")
    # Its files were not changed, so they are ours now.
    assert "log_daemon_msg" in machine.inside.read("/etc/init.d/conntrackd")
    machine.run("conntrack", "-V")
    back = machine.run("apt-get", "install", "-y", "--allow-downgrades",
                       "-o", "Dpkg::Options::=--force-confold",
                       "/debs/" + os.path.basename(archive("conntrackd")))
    assert "1 downgraded" in back.stdout
    assert machine.inside.read(CONF) == text
    wait_active(machine)
    assert "v1.4" in machine.run("conntrackd", "-v").stdout


def test_upgrade_brings_our_configuration_where_nobody_changed_the_old_one(machine, package):
    machine.install(*(archive(name) for name in OLD))
    machine.install(package)
    with open(os.path.join(ROOT, "debian", "conntrackd.conf")) as f:
        assert machine.inside.read(CONF) == f.read()
    left = machine.run("find", "/etc", "-name", "*conntrackd*.dpkg-*").stdout
    assert left == ""


def test_init_script_serves_machines_without_systemd(machine, package):
    """Straight, as init calls it; lsb-base would send it to systemctl."""
    machine.install(package)
    sync_link(machine)
    machine.run("systemctl", "disable", "--now", "conntrackd")
    machine.inside.write(CONF, our_example("sync/ftfw/conntrackd.conf"))

    def script(action):
        return machine.run("env", "_SYSTEMCTL_SKIP_REDIRECT=1", "/etc/init.d/conntrackd", action,
                           check=False).returncode

    assert script("status") == 3
    assert script("start") == 0
    assert script("start") == 0
    assert script("status") == 0
    assert "starting" in machine.inside.read("/var/log/conntrackd.log")
    machine.run("mv", "/var/log/conntrackd.log", "/var/log/old.log")
    assert script("reload") == 0
    wait_until(lambda: os.path.exists(machine.inside.path("/var/log/conntrackd.log")), 5, "reopened")
    assert script("restart") == 0
    assert script("stop") == 0
    assert script("stop") == 0
    assert script("status") == 3
    assert script("bogus") == 2
