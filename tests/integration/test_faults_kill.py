# SPDX-License-Identifier: GPL-2.0-or-later
"""Daemons that die or stand still, at any moment; figures of the same in doc/RELIABILITY.md."""

import fault_scenarios as scenarios
import pytest
from conftest import OURS
from fault_lab import side_by_side


def demand(result):
    for case in result["cases"]:
        assert case["started"], case
        assert case["wrong"] == (0, 0), case
    assert result["commit"] == 0 and result["lacking"] == 0, result


def test_killed_in_any_phase_it_starts_again_and_nothing_is_lost():
    """At a random moment of each; nobody cleans up after it.  In the end the other node takes over."""
    phases = list(scenarios.PHASES)
    # What ended while a sender was not there is known as ended some nine seconds later.
    results = side_by_side(OURS, *((scenarios.killed, {"phases": phases[n::4], "flows": 4000, "seed": n})
                             for n in range(4)))
    print(results)
    assert sum(result["kills"] for result in results) == len(phases) == 8
    for result in results:
        demand(result)


@pytest.mark.slow
def test_killed_twenty_times_in_each_phase():
    phases = list(scenarios.PHASES)
    for result in side_by_side(OURS, *((scenarios.killed, {"phases": phases[n::4], "rounds": 20, "seed": 10 + n})
                                       for n in range(4))):
        assert result["kills"] == 40
        demand(result)


def test_standing_still_for_ten_seconds_costs_nothing():
    """The one that tells, the one that hears, the one that commits: each of a pair of its own."""
    result = scenarios.stops(OURS)
    print(result)
    assert set(result["found"].values()) == {(0, 0)}, result
    assert result["commit"] == 0 and result["lacking"] == 0, result
