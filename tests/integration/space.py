# SPDX-License-Identifier: GPL-2.0-or-later
"""Namespaces with an owner: everything started inside dies with the object.

A Space is a network, mount and pid namespace held open by an init of its own.  The init reads a
pipe whose other end we hold: when we close it, or die in whatever way, the init ends and the
kernel kills every process of that pid namespace.  Nothing is named on the host, so nothing is left
behind there and any number of labs can run side by side.
"""

import ctypes
import os
import signal
import socket
import subprocess
import threading
import time

CLONE_NEWNET = 0x40000000
CHLD_REAPER = "trap '' CHLD; echo ready; exec cat"

_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """The lab itself failed: a tool is missing, a command was refused, a deadline passed."""


def wait_until(condition, timeout_s, what, every_s=0.02):
    """Poll condition() until it is true; its value is returned.  LabError after timeout_s."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise LabError("not within %.1f s: %s" % (timeout_s, what))
        time.sleep(every_s)


def children(pid):
    """Host pids of the direct children of pid."""
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            return [int(word) for word in f.read().split()]
    except OSError:
        pass
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name) as f:
                if int(f.read().rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(name))
        except (OSError, IndexError, ValueError):
            continue
    return found


class Space:
    """One machine of the lab.  name is for messages only."""

    def __init__(self, name):
        self.name = name
        self.procs = []
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
             "--propagation", "private", "--mount-proc", "sh", "-c", CHLD_REAPER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            # util-linux 2.38 complains of its own sigprocmask when the init is killed.
            stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            if self.holder.stdout.readline() != b"ready\n":
                raise LabError("cannot make namespaces for %s (root is needed)" % name)
            self.init = children(self.holder.pid)[0]
            self.pidns = os.readlink("/proc/%d/ns/pid" % self.init)
        except BaseException:
            self.close()
            raise

    @classmethod
    def of(cls, pid, name):
        """The namespaces of a process that somebody else started.  Not to be closed."""
        space = cls.__new__(cls)
        space.name, space.procs, space.holder, space.init = name, [], None, pid
        space.pidns = os.readlink("/proc/%d/ns/pid" % pid)
        return space

    def close(self):
        """Kill what runs inside, then reap everything this object started."""
        for pid in [getattr(self, "init", None)]:
            if pid and self.holder.poll() is None:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.holder.stdin.close()
        try:
            self.holder.wait(5)
        except subprocess.TimeoutExpired:
            self.holder.kill()
            self.holder.wait()
        self.holder.stdout.close()
        for proc in self.procs:
            self.reap(proc)
        self.procs = []

    @staticmethod
    def reap(proc):
        try:
            proc.wait(5)
        except subprocess.TimeoutExpired:
            proc.kill()
            proc.wait()
        for stream in (proc.stdin, proc.stdout, proc.stderr):
            if stream:
                stream.close()

    def argv(self, command):
        """The command line that runs command inside."""
        return ["nsenter", "--target", str(self.init), "--net", "--mount", "--pid", "--",
                *command]

    def run(self, *command, stdin=None, timeout_s=30, check=True):
        """Run to the end; CompletedProcess with text output.  LabError if it fails and check."""
        try:
            done = subprocess.run(self.argv(command), input=stdin, text=True, timeout=timeout_s,
                                  stdin=subprocess.DEVNULL if stdin is None else None,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except subprocess.TimeoutExpired as late:
            raise LabError("%s: `%s' not done after %g s" %
                           (self.name, " ".join(command), timeout_s)) from late
        if check and done.returncode != 0:
            raise LabError("%s: `%s' exit %d: %s%s" % (self.name, " ".join(command),
                           done.returncode, done.stdout[-600:], done.stderr[-600:]))
        return done

    def start(self, *command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
              stderr=subprocess.STDOUT):
        """Start in the background.  Popen of the entering process; close() ends and reaps it."""
        proc = subprocess.Popen(self.argv(command), stdin=stdin, stdout=stdout, stderr=stderr,
                                start_new_session=True)
        self.procs.append(proc)
        return proc

    def pids(self):
        """{host pid: comm} of the processes inside, init and the dead left out."""
        found = {}
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == self.init:
                continue
            try:
                if os.readlink("/proc/%s/ns/pid" % name) != self.pidns:
                    continue
                with open("/proc/%s/stat" % name) as f:
                    stat = f.read()
            except OSError:
                continue
            if stat.rsplit(")", 1)[1].split()[0] not in "ZX":
                found[int(name)] = stat[stat.index("(") + 1:stat.rindex(")")]
        return found

    def kill(self, comm=None, sig=signal.SIGKILL):
        """Signal the processes inside whose name is comm (None: all).  Host pids signalled."""
        hit = []
        for pid, name in self.pids().items():
            if comm is None or name == comm:
                try:
                    os.kill(pid, sig)
                    hit.append(pid)
                except ProcessLookupError:
                    pass
        return hit

    def path(self, inside):
        """The host path of a file as this space's mount namespace sees it.  Absolute symbolic
        links inside are followed on the host side: name the target (/run/lock, not /var/lock)."""
        return "/proc/%d/root%s" % (self.init, inside)

    def write(self, inside, text, mode=0o644):
        with open(self.path(inside), "w") as f:
            f.write(text)
        os.chmod(self.path(inside), mode)

    def read(self, inside):
        """Text of a file inside; empty if there is none."""
        try:
            with open(self.path(inside), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def sysctl(self, **values):
        """Set /proc/sys/net entries of this network namespace; `__' in a key stands for `/'."""
        lines = ["echo '%s' > /proc/sys/net/%s" % (value, key.replace("__", "/"))
                 for key, value in values.items()]
        self.run("sh", "-ec", "\n".join(lines))

    def socket(self, *args):
        """A socket that lives in this network namespace, opened from a thread that visits it."""
        result = []

        def visit():
            fd = os.open("/proc/%d/ns/net" % self.init, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _libc.setns(fd, CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
                result.append(socket.socket(*args))
            except OSError as error:
                result.append(error)
            finally:
                os.close(fd)

        thread = threading.Thread(target=visit)
        thread.start()
        thread.join()
        if isinstance(result[0], OSError):
            raise LabError("socket in %s: %s" % (self.name, result[0]))
        return result[0]
