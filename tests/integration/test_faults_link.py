# SPDX-License-Identifier: GPL-2.0-or-later
"""Dedicated links and event sockets that lose what they should carry; figures of the same are in
doc/RELIABILITY.md."""

import fault_scenarios as scenarios
import pytest
from conftest import OURS
from fault_lab import side_by_side


def test_a_flood_of_events_leaves_nothing_missing_and_nothing_stale():
    """Flows come, change and go as fast as the kernel takes them, and the buffer holds a few dozen events."""
    result = scenarios.overrun(OURS, again_s=2)
    print(result)
    assert result["overruns"] > 10, result
    assert result["found"] == (0, 0) and result["own"] == 0, result


@pytest.mark.parametrize("kind", ["Multicast", "UDP"])
def test_links_that_are_taken_down_at_both_ends_come_up_again(kind):
    result = scenarios.down_and_up(OURS, kind=kind)
    assert result["found"] == (0, 0) and result["alive"] == [1, 1], result


MIXED = {"loss": 0.1, "twice": 0.1, "late": 0.3}


def test_loss_doubles_and_disorder_leave_nothing_wrong_in_ftfw():
    """Once half of all datagrams are no longer lost; and while a tenth is lost, a tenth doubled, and a third
    late by up to 40 ms."""
    results = side_by_side(OURS, (scenarios.bad_wire, {"loss": 0.5}),
                           (scenarios.bad_wire, {"heals": False, "patience_s": 60, **MIXED}))
    print(results)
    for result in results:
        assert result["found"] == (0, 0) and result["after"] == (0, 0), result
    assert results[0]["lost"] > 50 and results[1]["doubled"] > 10 and results[1]["delayed"] > 20


def test_loss_doubles_and_disorder_leave_nothing_wrong_in_alarm():
    """Once the wire is well again, within CacheTimeout."""
    results = side_by_side(OURS, (scenarios.bad_wire, {"mode": "ALARM", "loss": 0.5}),
                           (scenarios.bad_wire, {"mode": "ALARM", **MIXED}))
    print(results)
    for result in results:
        assert result["found"] == (0, 0) and result["after"] == (0, 0), result


@pytest.mark.slow
@pytest.mark.parametrize("acked_or_not", ["FTFW", "ALARM"])
@pytest.mark.parametrize("seed", range(2, 5))
def test_every_share_of_loss_and_disorder(acked_or_not, seed):
    bad = [{"loss": 0.02}, {"loss": 0.1}, {"loss": 0.5}, {"twice": 0.3}, {"late": 0.5}, MIXED]
    for options in bad:
        result = scenarios.bad_wire(OURS, mode=acked_or_not, seed=seed, patience_s=150,
                                    heals=acked_or_not == "ALARM", **options)
        assert result["found"] == (0, 0) and result["after"] == (0, 0), (options, result)


def test_a_receiver_without_room_gets_all_flows_in_the_end():
    """Its socket holds one datagram or two, and all flows come at once."""
    result = scenarios.small_receive_buffer(OURS)
    print(result)
    assert result["refused"] > 0, "the buffer was never full: this shows nothing"
    assert result["found"] == (0, 0), result


@pytest.mark.parametrize("kind", ["Multicast", "UDP"])
def test_an_interface_that_is_removed_and_made_again_is_used_again(kind):
    result = scenarios.interface_made_anew(OURS, kind=kind)
    assert result["alive"] == [1, 1], result
    assert result["fw1"] == (0, 0) and result["fw2"] == (0, 0), result


def test_the_address_of_a_link_may_go_and_come_back():
    for result in side_by_side(OURS, (scenarios.address_goes_and_returns, {"kind": "UDP"}),
                               (scenarios.address_goes_and_returns, {"kind": "Multicast"})):
        assert result["fw1"] == (0, 0) and result["fw2"] == (0, 0), result


def test_a_node_with_another_address_is_a_new_peer_and_the_old_one_can_be_forgotten():
    """All that it has is told anew.  What ended while it was down stays with the old address until it is
    asked for everything once more."""
    result = scenarios.address_is_another(OURS)
    print(result)
    assert result["found"][0] == 0 and result["later"][0] == 0, result
    assert result["later"][1] <= result["ended"], result
    assert result["forgotten"] == (0, 0), result
