# SPDX-License-Identifier: GPL-2.0-or-later
"""`conntrackd config check' and `config print': no daemon, no root, all that is wrong at once."""

import json
import os
import re
import shutil
import subprocess
import tempfile

import pytest
from conftest import OURS
from lab import ROOT

pytestmark = pytest.mark.skipif(not OURS, reason="verbs are ours")

EXAMPLE = os.path.join(ROOT, "doc/examples/sync/ftfw/conntrackd.conf")


def run(*args):
    return subprocess.run([OURS, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=20, check=False)


@pytest.fixture
def conf(tmp_path):
    """Writes a variant of the example: {old: new}."""
    def write(changes=(), name="c.conf"):
        with open(EXAMPLE) as f:
            text = f.read()
        for old, new in dict(changes).items():
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / name
        path.write_text(text)
        return str(path)
    return write


def test_an_example_is_fine(conf):
    done = run("config", "check", conf())
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.rstrip().endswith("0 errors, 0 warnings, 1 note: conntrackd starts with it")


def test_all_errors_at_once_with_a_caret_under_each_token(conf):
    path = conf({"Mode FTFW": "Mode FTWF", "HashLimit 262144": "HashLimitt 262144",
                 "IPv4_address 127.0.0.0/8": "IPv4_address 127.0.0.0/33"})
    done = run("config", "check", path)
    assert done.returncode == 1 and done.stdout.count(": error: ") == 3
    assert done.stdout.rstrip().endswith("3 errors: conntrackd does not start with it")
    with open(path) as f:
        lines = f.read().split("\n")
    for number, column, source, caret in re.findall(
            r":(\d+):(\d+): error: found .*, expected .*\n +\d+ \| (.*)\n +\| ( *\^~*)", done.stdout):
        line = lines[int(number) - 1]
        assert source == line.replace("\t", " ")
        at = int(column) - 1
        assert caret.index("^") == at
        token = re.match(r"[^\s{}#]+", line[at:])[0]
        assert len(caret) - at == len(token) and token in done.stdout


def test_more_errors_than_fit_are_counted(tmp_path):
    path = tmp_path / "c.conf"
    path.write_text("General {\n" + "\tNonsense 1\n" * 400 + "}\n")
    done = run("config", "check", str(path))
    assert done.returncode == 1 and done.stdout.count(": error: found 'Nonsense'") == 256
    assert "the first 256 of 400 errors are shown" in done.stdout
    assert "400 errors: conntrackd does not start with it" in done.stdout


def test_warnings_give_2_and_json_has_all_of_it(conf):
    path = conf({"Mode FTFW {": "Mode FTFW {\n\t\tCommitTimeout 180"})
    done = run("config", "check", path)
    assert done.returncode == 2 and "[commit-timeout-short]" in done.stdout
    done = run("config", "check", path, "--json")
    doc = json.loads(done.stdout)
    assert done.returncode == 2 and doc["usable"] and (doc["errors"], doc["warnings"], doc["notes"]) == (0, 1, 1)
    (warning,) = [r for r in doc["remarks"] if r["severity"] == "warning"]
    assert warning["code"] == "commit-timeout-short" and warning["source"] == "\t\tCommitTimeout 180"
    assert warning["line"] == 16 and warning["column"] == 3 and "effective" not in doc
    broken = json.loads(run("config", "check", conf({"Sync {": "Sink {"}), "--json", "--print").stdout)
    assert not broken["usable"] and broken["errors"] >= 1 and broken["remarks"][0]["code"] == "parser"


def test_print_is_a_configuration_that_means_the_same(conf, tmp_path):
    path = conf({"LogFile on": "UNIX { Group adm }", "Checksum on": ""})
    printed = run("config", "print", path)
    assert printed.returncode == 0 and printed.stderr == ""
    # Defaults that the file does not name.
    for line in ("RefreshTime 60", "Checksum on", "LogFile off", "NetlinkOverrunResync 30", "Group adm"):
        assert re.search(r"^\s*%s$" % line, printed.stdout, re.M), line
    again = tmp_path / "again.conf"
    again.write_text(printed.stdout)
    assert run("config", "print", str(again)).stdout == printed.stdout
    checked = run("config", "check", "--print", path)
    assert checked.stdout == printed.stdout and "0 warnings, 2 notes" in checked.stderr
    assert json.loads(run("config", "print", path, "--json").stdout)["effective"] == printed.stdout
    refused = run("config", "print", conf({"Sync {": "Sink {"}))
    assert refused.returncode == 1 and refused.stdout == "" and "Sink" in refused.stderr


def test_a_socket_that_the_file_does_not_name_is_printed_too(conf):
    printed = run("config", "print", conf({"UNIX {\n\t\tPath /var/run/conntrackd.ctl\n\t}": ""}))
    assert "\t\tPath /var/run/conntrackd.ctl\n" in printed.stdout


def test_without_a_file_that_of_C_is_meant(conf):
    path = conf({"Mode FTFW {": "Mode FTFW {\n\t\tCommitTimeout 180"})
    assert run("-C", path, "config", "check").returncode == 2
    assert run("config", "check", "-C", path).returncode == 2
    done = run("config", "check", "/nonexistent/conntrackd.conf")
    assert done.returncode == 1 and "/nonexistent/conntrackd.conf" in done.stderr
    assert run("config").returncode == 1 and run("config", "mend", path).returncode == 1


def test_what_a_file_holds_does_not_reach_the_terminal(tmp_path):
    path = tmp_path / "c.conf"
    path.write_bytes(b"General {\n\tHashSize \x1b]0;pwned\x07 \xff\xfe # \x1b[2J\n}" + b"x" * 5000)
    for args in ((), ("--json",)):
        done = run("config", "check", str(path), *args)
        assert done.returncode == 1
        assert not re.search(r"[^\n\x20-\x7e]", done.stdout + done.stderr)
        assert max(map(len, done.stdout.split("\n"))) < 600


def test_it_needs_neither_root_nor_a_daemon():
    with tempfile.TemporaryDirectory() as where:
        os.chmod(where, 0o755)
        path = shutil.copy(EXAMPLE, where)
        program = shutil.copy(OURS, where)
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all",
                               program, "config", "check", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=20, check=False)
        assert done.returncode == 0 and "conntrackd starts with it" in done.stdout, done


def codes():
    with open(os.path.join(ROOT, "src/conf/advice.c")) as f:
        return dict(re.findall(r'\] = \{"([a-z-]+)", DIAG_(\w+)\}', f.read()))


def test_the_manual_describes_each_code():
    with open(os.path.join(ROOT, "man/conntrackd.8")) as f:
        page = f.read()
    section = page[page.index(".Sh CONFIG CHECK"):]
    section = section[:section.index("\n.Sh ", 5)]
    listed = {code: level for code, level in re.findall(r"^\.It Li ([a-z-]+) Pq (\w+)$", section, re.M)}
    assert listed == {code: level.lower() for code, level in codes().items()}
