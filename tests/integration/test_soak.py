# SPDX-License-Identifier: GPL-2.0-or-later
"""The long night of tools/soak, cut short: whatever happens to a pair, it ends well."""

import subprocess

from conftest import OURS
from lab import HERE, PYTHON


def test_a_dozen_faults_in_a_row(tmp_path):
    """Drawn anew each time; the seed is printed first, and a failure tells of its round."""
    report = tmp_path / "report.md"
    done = subprocess.run([PYTHON, "-B", HERE + "/soak.py", "--rounds", "12", "--binary", OURS, "--report",
                           str(report)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=400)
    print(done.stdout)
    assert done.returncode == 0
    assert done.stdout.endswith(", 0 failed\n")
    assert "| memory" in report.read_text()
