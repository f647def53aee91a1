# SPDX-License-Identifier: GPL-2.0-or-later
"""Two firewalls under keepalived that lose sight of each other, or fail over again and again; figures of the
same are in doc/RELIABILITY.md."""

import fault_labs as labs
import pytest
from conftest import OURS


def test_two_masters_at_once_lose_no_connection_and_agree_afterwards():
    result = labs.split_brain(OURS)
    print(result)
    assert result["both"], "there was never more than one master: this shows nothing"
    assert result["commit"] == 0, result
    assert result["alive_apart"] == result["total"] == result["alive"], result
    assert result["found"] == (0, 0) and result["after"] == result["total"], result


@pytest.mark.slow
def test_two_masters_at_once_in_alarm():
    result = labs.split_brain(OURS, mode="ALARM")
    assert result["alive_apart"] == result["total"] == result["alive"], result
    assert result["found"] == (0, 0) and result["after"] == result["total"], result


@pytest.mark.slow
@pytest.mark.parametrize("acked_or_not", ["FTFW", "ALARM"])
def test_seventy_two_failovers_in_a_row(acked_or_not):
    result = labs.failovers(OURS, 72, mode=acked_or_not)
    print(result)
    assert result == {**result, "failovers": 72, "silent": 0, "broken": 0}, result
