# SPDX-License-Identifier: GPL-2.0-or-later
"""Who runs what, and which tests run.

CONNTRACKD      the binary under test (default build/conntrackd)
CONNTRACKD_REF  the incumbent, conntrack-tools' conntrackd (default /usr/sbin/conntrackd)
SEED_DIR        the example files of 2007 (default tests/data/seed)

--slow adds the long tests; with --share DIR, an empty directory, runs side by side share the suite: each takes
the next test that no other one has begun (labs do not see each other).
"""

import os
import signal
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import lab as lab_module  # noqa: E402
import node as node_module  # noqa: E402

OURS = os.path.realpath(os.environ.get("CONNTRACKD") or
                        os.path.join(lab_module.ROOT, "build", "conntrackd"))
REF = os.path.realpath(os.environ.get("CONNTRACKD_REF") or "/usr/sbin/conntrackd")


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the long tests too")
    parser.addoption("--write-matrix", action="store_true",
                     help="write the results of test_matrix.py to doc/COMPATIBILITY.md")
    parser.addoption("--write-metrics", action="store_true",
                     help="write the families that test_metrics.py finds to doc/METRICS.md")
    parser.addoption("--share", metavar="DIR", help="run what nobody with the same DIR has begun")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than half a minute; needs --slow")
    lab_module.terminate_cleanly()
    # pytest takes SystemExit for one failed test and goes on; this it takes for the end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if os.geteuid() != 0:
        pytest.exit("the lab needs root", returncode=1)
    if not os.access(OURS, os.X_OK):
        pytest.exit("no binary under test: %s" % OURS, returncode=1)


def incumbent(which):
    """Whether `ours' or `ref' names a conntrack-tools binary."""
    binary = {"ours": OURS, "ref": REF}[which]
    if binary not in incumbent.known:
        incumbent.known[binary] = lab_module.is_incumbent(binary)
    return incumbent.known[binary]


incumbent.known = {}


def pytest_generate_tests(metafunc):
    """`pair' runs a test for each way of putting the two binaries on fw1 and fw2."""
    if "pair" in metafunc.fixturenames:
        pairs = [("ours", "ours")]
        if OURS != REF and os.access(REF, os.X_OK):
            pairs += [("ours", "ref"), ("ref", "ours")]
        only = getattr(metafunc.function, "only_pairs", None)
        if only:
            pairs = [p for p in pairs if p in only]
        metafunc.parametrize("pair", pairs, ids=["%s-%s" % p for p in pairs])
    if "mode" in metafunc.fixturenames:
        metafunc.parametrize("mode", ["FTFW", "ALARM", "NOTRACK"])


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--slow"):
        skipped = [i for i in items if i.get_closest_marker("slow")]
        items[:] = [i for i in items if not i.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=skipped)
    # What takes longest is not begun last.
    items.sort(key=lambda item: os.path.basename(item.fspath) != "test_manual.py")


def unclaimed(items, folder):
    """The items that are this process's to run, each claimed when it is asked for."""
    for number, item in enumerate(items):
        try:
            os.close(os.open(os.path.join(folder, str(number)), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            continue
        yield item


def pytest_runtestloop(session):
    """As pytest's own, but for what others have claimed."""
    folder = session.config.getoption("--share")
    if not folder or session.testsfailed or session.config.option.collectonly:
        return None
    mine = unclaimed(session.items, folder)
    item = next(mine, None)
    while item:
        following = next(mine, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True


def binary(which):
    return {"ours": OURS, "ref": REF}[which]


@pytest.fixture
def make_lab(request):
    """Labs that end with the test; the daemons' logs are shown if it fails."""
    labs = []

    def make(pair=("ours", "ours"), features=()):
        made = lab_module.Lab([binary(which) for which in pair], features)
        labs.append(made)
        return made

    yield make
    report = getattr(request.node, "report_call", None)
    for made in labs:
        if report is not None and report.failed:
            for fw in made.fws:
                if fw.space:
                    print("---- %s (%s), conntrackd.log, notify.log\n%s%s" % (
                        fw.name, fw.binary, fw.log()[-3000:],
                        fw.space.read("/run/notify.log")[-2000:]))
        made.close()


@pytest.fixture
def node(request):
    """One firewall on its own; its log is shown if the test fails."""
    made = node_module.Node(OURS)
    yield made
    report = getattr(request.node, "report_call", None)
    if report is not None and report.failed:
        print("---- conntrackd.log\n%s" % made.log()[-3000:])
    made.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call":
        item.report_call = report


@pytest.fixture
def expected_of_incumbent(request):
    """expected_of_incumbent(which, reason): a known fault of conntrack-tools 1.4.7.  If which is
    that binary the test is expected to fail (strictly: a pass would be news); ours has no excuse.
    """
    def expect(which, reason, strict=True):
        if incumbent(which):
            request.applymarker(pytest.mark.xfail(reason="incumbent: " + reason, strict=strict))
    return expect
