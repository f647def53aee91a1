# SPDX-License-Identifier: GPL-2.0-or-later
"""A flow is a tuple in a zone: the same tuple in another zone is another flow, everywhere (W2)."""

import time

import pytest
from space import wait_until
from test_interop import ESTABLISHED, SURE, TCP, UDP, external, injected, inject, tup

TWICE = {
    "default": {"orig": tup(20, TCP, 4000, 80), "tcp": ESTABLISHED, "status": SURE, "mark": 1},
    "seven": {"orig": tup(20, TCP, 4000, 80), "tcp": ESTABLISHED, "status": SURE, "mark": 7,
              "zone": 7},
    "eight": {"orig": tup(21, UDP, 5000, 53), "status": SURE, "zone": 8},
}


def marks(fw):
    return sorted((zone, flow.get("mark", 0)) for (_, zone), flow in fw.flows(injected).items())


def test_one_tuple_in_two_zones_is_two_flows(make_lab, mode):
    lab = make_lab()
    lab.configure(mode, protocols="")
    lab.start_daemons()
    inject(lab.fw1, TWICE)
    wait_until(lambda: len(external(lab.fw2)) == 3, 8, "three flows on the peer", 0.1)
    assert sum("zone=7 " in line for line in external(lab.fw2)) == 1
    lab.fw2.ct("-c", check=True)
    assert marks(lab.fw2) == [(0, 1), (7, 7), (8, 0)]
    with lab.fw1.table() as table:
        table.delete(TWICE["seven"])
    wait_until(lambda: len(external(lab.fw2)) == 2, 8, "one of them is gone", 0.1)
    assert not any("zone=7 " in line for line in external(lab.fw2))


@pytest.mark.parametrize("how", ["PollSecs 1", ""])
def test_a_read_of_the_table_takes_no_zoned_flow_for_gone(make_lab, how):
    """The incumbent looks each of them up without its zone, and tells the peer that it has ended."""
    lab = make_lab()
    lab.configure(protocols="", general_options=how)
    lab.start_daemons()
    inject(lab.fw1, TWICE)
    wait_until(lambda: len(external(lab.fw2)) == 3, 8, "three flows on the peer", 0.1)
    for _ in range(3):
        if how:
            time.sleep(1.1)
        else:
            lab.fw1.ct("-R", check=True)
            lab.fw1.ct("-B", check=True)
        assert len(external(lab.fw2)) == 3
        assert len(lab.fw1.dump("-i", "src=192.168.1.10 ")) == 3
