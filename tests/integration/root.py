# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian machines to install packages on.

A base system is made once by debootstrap and kept, as are the packages of the archive that the tests
need: in build-test/cache, or where CONNTRACKD_CACHE says.  A Machine is that system under an overlay
of its own, booted with its own systemd in the namespaces of a Space; it leaves nothing behind.
"""

import contextlib
import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import time

from lab import ROOT
from space import LabError, Space, children, wait_until

CACHE = os.environ.get("CONNTRACKD_CACHE") or os.path.join(ROOT, "build-test", "cache")
# There is no network in a machine: what our packages need beyond the usual is there.
INCLUDE = "systemd,systemd-sysv,dbus,iproute2,logrotate,procps,libjansson4,libmicrohttpd12"
# What the archive has: the package that ours replaces, what it needs, and its sister.
ARCHIVE = ("conntrackd", "conntrack", "libmnl0", "libnfnetlink0", "libnetfilter-conntrack3",
           "libnetfilter-cthelper0", "libnetfilter-queue1", "resource-agents")


class Unavailable(Exception):
    """What the tests need cannot be had here: no network, no Debian, no cgroups."""


@contextlib.contextmanager
def locked(name):
    """One process at a time makes what is kept."""
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, name + ".lock"), "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def command(*argv, timeout_s=120, **more):
    """Run to the end; stdout and stderr as one text.  Unavailable if it cannot be run or fails."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=timeout_s, **more)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable("%s: %s" % (argv[0], error)) from error
    if done.returncode:
        raise Unavailable("`%s' exit %d: %s" % (" ".join(argv), done.returncode,
                                                done.stdout[-500:]))
    return done.stdout


def suite():
    """The codename of this Debian."""
    with open("/etc/os-release") as f:
        words = dict(line.strip().split("=", 1) for line in f if "=" in line)
    if words.get("ID") != "debian":
        raise Unavailable("not a Debian system")
    return words["VERSION_CODENAME"]


def archive(name):
    """A package of the archive, downloaded once: its file."""
    with locked("archive"):
        have = glob.glob(os.path.join(CACHE, "debs", name + "_*.deb"))
        if not have:
            suite()
            os.makedirs(os.path.join(CACHE, "debs"), exist_ok=True)
            command("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name,
                    cwd=os.path.join(CACHE, "debs"))
            have = glob.glob(os.path.join(CACHE, "debs", name + "_*.deb"))
    return have[0]


def unpacked(name):
    """The same, as a directory of its files; nothing is installed."""
    deb = archive(name)
    target = os.path.join(CACHE, "unpacked", name)
    with locked("archive"):
        if not os.path.exists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.rmtree(target + ".part", ignore_errors=True)
            command("dpkg-deb", "-x", deb, target + ".part")
            os.rename(target + ".part", target)
    return target


def base():
    """The directory of the base system."""
    name = "root-%s-%s" % (suite(), hashlib.sha256(INCLUDE.encode()).hexdigest()[:8])
    target = os.path.join(CACHE, name)
    with locked("root"):
        if not os.path.exists(target):
            part = target + ".part"
            shutil.rmtree(part, ignore_errors=True)
            command("debootstrap", "--variant=minbase", "--include=" + INCLUDE, suite(), part,
                    "http://deb.debian.org/debian", timeout_s=300)
            for deb in glob.glob(part + "/var/cache/apt/archives/*.deb"):
                os.remove(deb)
            os.rename(part, target)
    return target


def package(name="conntrackd"):
    """Our package of this name, built from the tree as it is now: its file."""
    with locked("package"):
        listing = subprocess.run(
            ["find", "debian", "src", "man", "doc", "contrib", "README.md", "meson.build", "meson_options.txt",
             "-type", "f", "-printf", r"%p %s %T@\n"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
        state = hashlib.sha256(b"\n".join(sorted(listing.stdout.splitlines()))).hexdigest()
        out = os.path.join(CACHE, "package")
        stamp = os.path.join(out, "state")
        if not os.path.exists(stamp) or open(stamp).read() != state:
            shutil.rmtree(out, ignore_errors=True)
            built = subprocess.run([os.path.join(ROOT, "tools", "package"), "--out", out],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, timeout=300)
            if built.returncode:
                raise LabError("tools/package: " + built.stdout[-3000:])
            with open(stamp, "w") as f:
                f.write(state)
    return glob.glob(os.path.join(out, name + "_*.deb"))[0]


def cgroup_mounts(*kinds):
    """Where hierarchies of control groups are mounted; cgroup2 is the unified one."""
    with open("/proc/self/mounts") as f:
        found = [words[1] for words in map(str.split, f) if words[2] in kinds]
    if not found:
        raise Unavailable("no file system of type %s" % " or ".join(kinds))
    return found


class Machine:
    """A booted Debian system.  `inside' is the Space of its processes."""

    BOOT = r"""
set -e
mount -t tmpfs -o mode=755 lab /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir="$1",upperdir=/mnt/upper,workdir=/mnt/work lab /mnt/root
mkdir /mnt/root/debs
# There is no network: apt has the files in /debs.
rm -rf /mnt/root/var/lib/apt/lists /mnt/root/etc/apt/sources.list
shift
for deb; do cp "$deb" /mnt/root/debs; done
"""

    def __init__(self, debs=()):
        if not shutil.which("systemd-nspawn"):
            raise Unavailable("no systemd-nspawn")
        root = base()
        self.group = None
        self.inside = None
        self.outside = Space("machine")
        try:
            self.outside.run("sh", "-c", self.BOOT, "sh", root, *debs)
            self.boot()
        except BaseException:
            self.close()
            raise

    def boot(self):
        group = os.path.join(cgroup_mounts("cgroup2")[0],
                             "conntrackd-test-%d" % self.outside.init)
        try:
            os.mkdir(group)
        except OSError as error:
            raise Unavailable("control groups: %s" % error) from error
        self.group = group
        # The shell goes into the group before it becomes systemd-nspawn.
        log = self.outside.path("/mnt/nspawn.log")
        with open(log, "wb") as out:
            nspawn = self.outside.start(
                "sh", "-c", 'echo $$ >"$1/cgroup.procs" && exec systemd-nspawn --quiet --register=no '
                "--keep-unit --private-network --boot --console=pipe -D /mnt/root --machine=lab",
                "sh", group, stdout=out)

        def payload():
            if nspawn.poll() is not None:
                with open(log, errors="replace") as f:
                    raise Unavailable("systemd-nspawn: " + f.read()[-500:])
            found = [pid for pid, comm in self.all_pids().items() if comm == "systemd"]
            return found[0] if found else None

        self.inside = Space.of(wait_until(payload, 10, "systemd starts"), "machine")

        def booted():
            done = self.run("systemctl", "is-system-running", check=False)
            return done.stdout.strip() in ("running", "degraded")

        wait_until(booted, 40, "the machine is up", 0.2)

    def all_pids(self):
        """{host pid: comm} below systemd-nspawn."""
        found = {}
        todo = [proc.pid for proc in self.outside.procs]
        while todo:
            pid = todo.pop()
            todo += children(pid)
            with contextlib.suppress(OSError), open("/proc/%d/comm" % pid) as f:
                found[pid] = f.read().strip()
        return found

    def run(self, *argv, **more):
        """Run a command in the machine."""
        return self.inside.run("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                               "DEBIAN_FRONTEND=noninteractive", *argv, **more)

    def install(self, *names, check=True):
        """apt-get install of files of /debs, as an unattended upgrade does it: conffiles that were
        changed are kept."""
        paths = [os.path.join("/debs", os.path.basename(name)) for name in names]
        return self.run("apt-get", "install", "-y", "--no-install-recommends",
                        "-o", "Dpkg::Options::=--force-confdef",
                        "-o", "Dpkg::Options::=--force-confold", *paths, check=check, timeout_s=60)

    def close(self):
        self.outside.close()
        if self.group is None:
            return
        # systemd makes the same group in other hierarchies that it finds.
        groups = [os.path.join(mount, os.path.basename(self.group))
                  for mount in cgroup_mounts("cgroup", "cgroup2")]
        for _ in range(100):
            left = [group for group in groups if os.path.exists(group)]
            if not left:
                break
            for group in left:
                for folder, _, _ in os.walk(group, topdown=False):
                    with contextlib.suppress(OSError):
                        os.rmdir(folder)
            time.sleep(0.02)
