#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Do the same sources make the same programs, byte for byte, wherever, whenever and by whomever they are built?

    tests/reproducible.py [--package] [PROGRAM...]

Builds a copy of the sources in two directories that differ in place, depth and age, as two who differ in umask,
time zone, language and home.  With all PROGRAMs, which were built from these sources by cc with the default options,
one build is enough: it is compared with them.  With --package two packages are made by tools/package instead.
"""

import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MESON = "/usr/bin/meson"
PROGRAMS = ["conntrackd", "conntrackd-top", "conntrackd-exporter"]
NEEDED = ["meson.build", "meson_options.txt", "src", "man"]
# Place of the sources, place of the build seen from there, umask, environment, age of the files.
WAYS = [
    ("one", "../build of one", 0o022, {"TZ": "UTC", "LC_ALL": "C", "USER": "alice", "HOME": "/nonexistent"}, 0),
    ("another/place that is deeper", "out/of/the/way", 0o077,
     {"TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8", "USER": "bob", "HOME": "/", "LANG": "de_DE.UTF-8"}, 400),
]


def sh(args, cwd, umask, env):
    done = subprocess.run(args, cwd=cwd, umask=umask, env=dict(os.environ, **env), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    if done.returncode:
        sys.exit("%s: exit %d\n%s" % (" ".join(args), done.returncode, done.stdout[-4000:]))


def copy_of(top, way, names):
    """The sources, as somebody else has them."""
    place, _, umask, _, age = way
    to = os.path.join(top, place)
    os.makedirs(to)
    for name in names:
        source = os.path.join(ROOT, name)
        if os.path.isdir(source):
            shutil.copytree(source, os.path.join(to, name), symlinks=True)
        else:
            shutil.copy(source, to)
    then = time.time() - age * 24 * 3600
    for at, dirs, files in os.walk(to):
        for name in dirs + files:
            path = os.path.join(at, name)
            if not os.path.islink(path):
                os.chmod(path, os.stat(path).st_mode & ~umask)
                os.utime(path, (then, then))
    return to


def programs(top, way):
    _, build, umask, env, _ = way
    at = copy_of(top, way, NEEDED)
    sh([MESON, "setup", build, "-Dtests=false"], at, umask, env)
    sh(["ninja", "-C", build, "-j2", *PROGRAMS], at, umask, env)
    return [os.path.join(at, build, name) for name in PROGRAMS]


def packages(top, way):
    place, _, umask, env, _ = way
    names = [name for name in os.listdir(ROOT)
             if not name.startswith((".git", "build", "core", "obj-")) and name not in ("bench", "tests")]
    at = copy_of(top, way, names)
    os.makedirs(os.path.join(at, "tests", "integration"))
    shutil.copy(os.path.join(ROOT, "tests/integration/packages.sh"), os.path.join(at, "tests/integration"))
    out = os.path.join(top, "packages of " + place.split("/")[0])
    sh([os.path.join(at, "tools/package"), "--out", out], at, umask, env)
    return sorted(glob.glob(os.path.join(out, "*.deb")))


def differ(first, second):
    """Do these two, and how, in a few lines?"""
    with open(first, "rb") as f, open(second, "rb") as g:
        a, b = f.read(), g.read()
    if a == b:
        return False
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    print("%s differs: %d and %d bytes, from byte %d on" % (os.path.basename(first), len(a), len(b), at))
    for data in (a, b):
        print("    %r" % data[max(0, at - 40):at + 80])
    texts = [set(subprocess.run(["strings", "-a", path], stdout=subprocess.PIPE, text=True, check=True,
                                errors="replace").stdout.splitlines()) for path in (first, second)]
    for text in sorted(texts[0] ^ texts[1])[:20]:
        print("    in one only: " + text[:200])
    return True


def main():
    args = sys.argv[1:]
    build = programs
    if args[:1] == ["--package"]:
        build, args = packages, args[1:]
    if any(arg.startswith("-") for arg in args):
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as top:
        found = [build(top, way) for way in (WAYS[1:] if args else WAYS)]
        if args:
            found.append(args)
        names = [[os.path.basename(path) for path in paths] for paths in found]
        if not names[0] or names[0] != names[1]:
            sys.exit("made were %s and %s" % tuple(names))
        bad = sum(differ(a, b) for a, b in zip(*found))
        for path in found[0]:
            print("%s, %d bytes" % (os.path.basename(path), os.path.getsize(path)))
    print("%d differ" % bad if bad else "the same, byte for byte")
    sys.exit(bad != 0)


if __name__ == "__main__":
    main()
