#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Are these programs built as meson.build says, so that a mistake that is left ends them rather than serves others?

    tests/hardening.py PROGRAM...

Each PROGRAM, with its symbols, is looked at with readelf and objdump.  Then a program that is built with none of
it is looked at in the same way (CC, or cc), and each check has to find fault with that.
"""

import os
import re
import subprocess
import sys
import tempfile

BARE = r"""
#include <stdio.h>
#include <string.h>
extern int main(int argc, char **argv);
int deep(char *to, const char *from);
int deep(char *to, const char *from)
{
	char room[20000];
	strcpy(room, from);
	sprintf(to, "%s", room);
	return room[0];
}
/* A relocation in what is not writable. */
__asm__(".text\n.globl slot\nslot: .quad main\n");
/* A name that libc offers, and calls. */
int fputs(const char *s, FILE *f)
{
	return s == NULL && f == NULL;
}
int main(int argc, char **argv)
{
	char to[100];
	return argc > 1 ? deep(to, argv[1]) : 0;
}
"""
# -pie, since only a program that is moved has relocations; that it is one is checked on a second one.
BARE_ARGS = ["-O2", "-w", "-fno-stack-protector", "-U_FORTIFY_SOURCE", "-fPIE", "-pie", "-Wl,-z,norelro",
             "-Wl,-z,lazy", "-Wl,-z,execstack", "-Wl,-z,notext", "-Wl,-z,noseparate-code", "-Wl,-rpath,/nowhere"]
BARE_ARGS_X86 = ["-fno-stack-clash-protection", "-fcf-protection=none"]
BARE_ARGS_ARM = ["-fno-stack-clash-protection", "-mbranch-protection=none"]
FIXED_ARGS = ["-O2", "-w", "-fno-PIE", "-no-pie"]
PAGE = 4096
SMALL = 300  # functions
LANDS = {"x86-64": r"\sendbr64\b", "AArch64": r"\s(bti|paciasp|pacibsp)\b"}
NOTES = {"x86-64": ("IBT", "SHSTK"), "AArch64": ("BTI", "PAC")}


def run(*args):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, text=True, timeout=60,
                          env=dict(os.environ, LC_ALL="C")).stdout


class Program:
    def __init__(self, path):
        self.path = path
        header = run("readelf", "-hW", path)
        self.type = re.search(r"Type:\s+(\w+)", header)[1]
        self.machine = re.search(r"Machine:\s+(.*)", header)[1]
        self.machine = "x86-64" if "X86-64" in self.machine else self.machine
        # (type, offset, size in the file, flags) and the sections of each segment.
        text = run("readelf", "-lW", path)
        self.segments = re.findall(r"^  (\w+)\s+0x\w+ 0x\w+ 0x\w+ 0x\w+ 0x\w+ ([RWE ]{3}) ", text, re.M)
        self.sections = [row.split() for row in re.findall(r"^   \d\d(.*)$", text, re.M)]
        self.dynamic = run("readelf", "-dW", path)
        self.notes = run("readelf", "-nW", path)
        symbols = run("readelf", "--dyn-syms", "-W", path)
        self.wanted = {name.split("@")[0] for name in re.findall(r"\sUND (\S+)", symbols)}
        self.offered = re.findall(r"\sFUNC\s+(?:GLOBAL|WEAK)\s+\w+\s+\d+ (\S+)$", symbols, re.M)
        self.functions = re.findall(r"\sFUNC\s+GLOBAL\s+\w+\s+\d+ (\S+)$", run("readelf", "-sW", path), re.M)
        self.code = {}
        for part in run("objdump", "-dw", "--no-show-raw-insn", path).split("\n\n"):
            named = re.match(r"\s*[0-9a-f]+ <(\S+)>:\n", part)
            if named:
                self.code[named[1]] = part[named.end():].splitlines()


def is_movable(p):
    """The kernel chooses where it lies (PIE)."""
    if p.type != "DYN" or not re.search(r"\(FLAGS_1\).*\bPIE\b", p.dynamic):
        return "type %s" % p.type


def has_read_only_relocations(p):
    """What the loader has written nobody writes any more (full RELRO)."""
    if "GNU_RELRO" not in [kind for kind, _ in p.segments]:
        return "no GNU_RELRO"
    if not re.search(r"\(BIND_NOW\)|\(FLAGS\).*\bBIND_NOW\b|\(FLAGS_1\).*\bNOW\b", p.dynamic):
        return "functions are looked for when they are called"


def has_nothing_writable_to_run(p):
    """What can be written cannot be run, the stack neither."""
    if "GNU_STACK" not in [kind for kind, _ in p.segments]:
        return "no GNU_STACK"
    for kind, flags in p.segments:
        if "W" in flags and "E" in flags:
            return "%s is %s" % (kind, flags)


def keeps_data_from_running(p):
    """Constants lie apart from code (separate-code)."""
    for (kind, flags), sections in zip(p.segments, p.sections):
        if kind == "LOAD" and "E" in flags and {".rodata", ".eh_frame", ".dynsym"} & set(sections):
            return "constants among the code: " + " ".join(sections)


def has_no_text_relocations(p):
    """Nothing in the code has to be written by the loader."""
    if re.search(r"TEXTREL", p.dynamic):
        return "TEXTREL"


def looks_for_libraries_where_the_system_does(p):
    """No path of anybody's machine (RPATH, RUNPATH)."""
    found = re.search(r"\((RPATH|RUNPATH)\).*", p.dynamic)
    if found:
        return found[0]


def guards_return_addresses(p):
    """Functions with arrays look whether they wrote beyond (stack protector)."""
    if "__stack_chk_fail" not in p.wanted:
        return "no __stack_chk_fail"
    callers = sum(any("__stack_chk_fail" in line for line in lines) for lines in p.code.values())
    if callers < (10 if len(p.code) < SMALL else 20):
        return "only %d functions do" % callers


def checks_sizes(p):
    """libc is told the room that there is (_FORTIFY_SOURCE)."""
    found = sorted(name for name in p.wanted if re.fullmatch(r"__\w+_chk", name))
    if len(found) < (3 if len(p.code) < SMALL else 5) or not {"__memcpy_chk", "__snprintf_chk", "__vsnprintf_chk"} & set(found):
        return "only " + (" ".join(found) or "none")


def touches_each_page_of_the_stack(p):
    """No function jumps over the page that guards the stack (stack clash)."""
    for name, lines in p.code.items():
        for line in lines:
            step = re.search(r"\ssub\s+(?:\$0x([0-9a-f]+),%rsp|sp, sp, #0x([0-9a-f]+))", line)
            # arm64: gcc and clang take the guard to have 64 KiB.  What has the highest bit set is negative.
            room = PAGE if p.machine == "x86-64" else 16 * PAGE
            size = int(step[1] or step[2], 16) if step else 0
            if room < size < 1 << 63:
                return "%s takes %d bytes at once" % (name, size)


def marks_where_calls_land(p):
    """Each function that can be called through a pointer says so (IBT, BTI)."""
    lands = LANDS[p.machine]
    bare = [name for name in p.functions if name in p.code and not name.startswith("_") and p.code[name]
            and not re.search(lands, p.code[name][0])]
    if bare or "main" not in p.functions:
        return "%d functions do not, as %s" % (len(bare), " ".join(bare[:3]))


def leaves_libraries_their_names(p):
    """No function of its own takes the place of one that a library calls."""
    if p.offered:
        return "libraries see " + " ".join(p.offered[:3])


CHECKS = [is_movable, has_read_only_relocations, has_nothing_writable_to_run, keeps_data_from_running,
          has_no_text_relocations, looks_for_libraries_where_the_system_does, guards_return_addresses,
          checks_sizes, touches_each_page_of_the_stack, marks_where_calls_land, leaves_libraries_their_names]


def libc_is_marked(cc, p):
    """Do the files that libc adds to every program have the mark?  One without, and the program has none."""
    names = ["Scrt1.o", "crti.o", "crtn.o"]
    files = [run(*cc, "-print-file-name=" + name).strip() for name in names]
    return all(all(mark in run("readelf", "-nW", file) for mark in NOTES[p.machine]) for file in files)


def judge(path, checks, without, cc):
    """How many faults one program has."""
    p, bad = Program(path), 0
    print(os.path.basename(path))
    for check in checks:
        if check is marks_where_calls_land and p.machine not in LANDS:
            continue
        wrong = check(p)
        bad += bool(wrong)
        print("  %-62s %s" % (check.__doc__.rstrip("."), wrong or "yes"))
    if p.machine in NOTES:
        marked = all(mark in p.notes for mark in NOTES[p.machine])
        expected = libc_is_marked(cc, p)
        bad += expected and not marked
        print("  %-62s %s" % ("The whole program says so (%s)" % ", ".join(NOTES[p.machine]),
                              "yes" if marked else "no" if expected else "no, since libc's part of it does not"))
    for check in checks:
        if (check is not marks_where_calls_land or p.machine in LANDS) and not any(map(check, without)):
            bad += 1
            print("  that a program without lacks it is not seen: " + check.__doc__)
    return bad


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    cc = os.environ.get("CC", "cc").split()
    machine = Program(sys.argv[1]).machine
    with tempfile.TemporaryDirectory() as scratch:
        source, bare, fixed = (os.path.join(scratch, name) for name in ("bare.c", "bare", "fixed"))
        with open(source, "w") as f:
            f.write(BARE)
        extra = {"x86-64": BARE_ARGS_X86, "AArch64": BARE_ARGS_ARM}.get(machine, [])
        run(*cc, *BARE_ARGS, *extra, "-o", bare, source)
        run(*cc, *FIXED_ARGS, "-o", fixed, source)
        without = Program(bare), Program(fixed)
    sys.exit(sum(judge(path, CHECKS, without, cc) for path in sys.argv[1:]) != 0)


if __name__ == "__main__":
    main()
