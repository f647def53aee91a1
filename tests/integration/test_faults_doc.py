# SPDX-License-Identifier: GPL-2.0-or-later
"""doc/RELIABILITY.md: a row for each fault, and tests that exist."""

import importlib.machinery
import importlib.util
import os

import fault_rows
import faults
from lab import ROOT

PAGE = os.path.join(ROOT, "doc", "RELIABILITY.md")


def compat():
    path = os.path.join(ROOT, "tools", "compat")
    loader = importlib.machinery.SourceFileLoader("compat", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("compat", loader))
    loader.exec_module(module)
    return module


def test_every_fault_has_its_row_and_every_row_a_test_that_exists():
    exists, wrong = compat().exists, []
    for row in fault_rows.ROWS:
        assert row.tests, row.fault
        for test in row.tests:
            path, _, name = test.split(" ")[0].partition("::")
            if exists(path, name):
                wrong.append(test)
    assert not wrong
    assert len({row.fault for row in fault_rows.ROWS}) == len(fault_rows.ROWS)
    with open(PAGE) as f:
        text = f.read()
    # The page says of each what the list says; only `tools/faults --table' changes its figures.
    written = text.split(faults.BEGIN)[1].split(faults.END)[0].strip()
    assert written == faults.table(faults.cells(PAGE)).strip()
