# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon that lacks disk, descriptors, memory or room, whose clients misbehave, and whose clock jumps;
figures of the same are in doc/RELIABILITY.md."""

import re

import fault_resources as resources
import pytest
from conftest import OURS


def test_a_full_disk_under_the_log_stops_nothing_and_is_said_afterwards():
    result = resources.full_disk(OURS)
    assert result["was_full"], "the disk was never full: this shows nothing"
    assert result["alive"] == 1 and result["served"] == 0 and result["found"] == (0, 0), result
    missing = re.search(r"\[warning\] (\d+) lines of this log are missing here: No space left on device",
                        result["text"])
    assert missing and int(missing[1]) >= 5, result["text"]
    # A line that was cut short has its end, and none is run into another.
    for line in result["text"].splitlines()[1:]:
        assert re.match(r"\[\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\] \(pid=\d+\) \[\w+\] ", line), line


def test_clients_that_stall_leave_or_come_in_crowds_are_no_trouble():
    result = resources.clients(OURS)
    assert result["answered"] == result["of"] and result["gone"] == 50, result
    assert result["found"] == (0, 0) and result["leaked"] == 0, result


def test_without_descriptors_replication_goes_on_and_all_is_well_once_there_are_some():
    result = resources.no_descriptors(OURS)
    print(result)
    assert result["poor"] == (0, 0), result
    assert result["alive"] == 1 and result["answered"] == result["of"], result
    assert result["found"] == (0, 0) and result["found_back"] == (0, 0), result


def test_an_allocation_that_fails_at_start_is_an_error_or_none_at_all(tmp_path):
    """Each of them: it ends with a message and leaves nothing behind, or it runs and serves."""
    result = resources.allocations(OURS, tmp_path)
    print(result)
    assert result["points"] > 5
    assert not result["bad"], result["bad"]


def test_flows_beyond_hashlimit_harm_no_others():
    result = resources.table_full(OURS)
    print(result)
    assert result["held"] == result["limit"] and result["refused"] >= 500, result
    assert result["said"] == 1, result
    assert result["others"] == 0 and result["fresh"] == result["of_fresh"], result


@pytest.mark.slow
def test_flows_that_found_no_room_are_told_once_there_is_some():
    result = resources.table_full(OURS, waits=True)
    assert result["found"] == (0, 0), result


@pytest.mark.parametrize("acked_or_not", ["FTFW", "ALARM"])
def test_a_wall_clock_that_jumps_changes_stamps_and_nothing_else(tmp_path, acked_or_not):
    result = resources.clock_steps(OURS, tmp_path, acked_or_not)
    print(result)
    for hour, expected in zip(result["hours"], (1, -1)):
        assert hour["stamp_h"] == expected, "the daemon did not see the step: this shows nothing"
        assert hour["lost"] == 0 and hour["found"] == (0, 0), result


@pytest.mark.slow
def test_a_million_flows_are_told_shown_and_committed():
    result = resources.million(OURS)
    print(result)
    assert result["told"] == result["shown"] == result["flows"], result
    assert result["commit"] == 0 and result["in_kernel"] == result["flows"], result


@pytest.mark.slow
def test_a_large_commit_loses_no_event():
    result = resources.events_during_commit(OURS)
    assert result["lost"] == 0, result
