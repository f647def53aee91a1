# SPDX-License-Identifier: GPL-2.0-or-later
"""THE list of faults: what is promised, which test demands it, and what tools/faults measures of it."""

import tempfile

import fault_labs as labs
import fault_resources as resources
import fault_scenarios as scenarios

K, L, R, F = ("tests/integration/test_faults_%s.py::" % name for name in
              ("kill", "link", "resources", "firewalls"))
FAILOVER, FEED, CLI, LINKS = ("tests/integration/test_%s.py::" % name for name in
                              ("failover", "kernel_feed", "cli", "links"))


class Row:
    """measure(binary) returns figures, tell(figures) a few words; a row without is there for its test."""

    def __init__(self, fault, promise, tests, measure=None, tell=None, slow=False, alone=False):
        self.fault, self.promise, self.tests = fault, promise, tests
        self.measure, self.tell = measure, tell
        self.slow = slow      # the test needs --slow
        self.alone = alone    # measured with `tools/faults --slow' only


def pair_text(found, seconds=None):
    """(missing, stale) in words."""
    text = "%d missing, %d stale" % tuple(found)
    return text if seconds is None or tuple(found) != (0, 0) else "right after %.1f s" % seconds


def killed(binary):
    return scenarios.killed(binary, rounds=2, patience_s=12)


def tell_killed(r):
    return "%d of %d starts succeed; the peer is right after %d (longest %.1f s); takeover lacks %d of %d" % (
        r["started"], r["kills"], r["right"], r["worst_s"], r["lacking"], r["flows"])


def tell_stops(r):
    words = ["%s: %s" % (name, pair_text(r["found"][name], r["seconds"][name]))
             for name in ("sender", "receiver", "commit")]
    return "; ".join(words) + "; takeover lacks %d" % r["lacking"]


def tell_overrun(r):
    return "%d events/s, lost %d times: %s; own cache: %d wrong" % (
        round(r["rate"], -3), r["overruns"], pair_text(r["found"], r["seconds"]), r["own"])


def wire(mode, **options):
    def measure(binary):
        return scenarios.bad_wire(binary, mode=mode, patience_s=30, **options)
    return measure


def tell_wire(r):
    return "after 2 s, wire still bad: %d missing, %d stale; wire well again: %s" % (
        *r["soon"], pair_text(r["after"], r["seconds"]) if tuple(r["after"]) == tuple(r["found"])
        else pair_text(r["after"]))


def tell_found(r):
    return pair_text(r["found"], r["seconds"])


def tell_buffer(r):
    return "%d datagrams refused by the kernel: %s of %d" % (
        r["refused"], pair_text(r["found"], r["seconds"]), r["flows"])


def tell_both_nodes(r):
    return "; ".join("%s: %s" % (n, pair_text(r[n], r[n + "_s"])) for n in ("fw1", "fw2"))


def tell_address(r):
    return "%s, %d ended while it was down; after -f external and -n: %s" % (
        pair_text(r["found"]), r["ended"], pair_text(r["forgotten"]))


def tell_disk(r):
    said = next((line.split("] ")[-1] for line in r["text"].splitlines() if "missing here" in line), "")
    return "%s, %s; log %s%s" % ("runs" if r["alive"] else "dead", tell_found(r),
                                 "goes on" if r["resumed"] else "stays silent",
                                 ", says \"%s\"" % said if said else ", gap not marked")


def tell_clients(r):
    return "%d of 50 dumps begun, %d of %d answered in %.1f s; meanwhile %s; %d descriptors lost" % (
        r["gone"], r["answered"], r["of"], r["seconds"], pair_text(r["found"]), r["leaked"])


def tell_descriptors(r):
    return "without: %s; afterwards: %s, %d of %d clients answered" % (
        pair_text(r["poor"], r["poor_s"]), pair_text(r["found"], r["seconds"]), r["answered"], r["of"])


def allocations(binary):
    with tempfile.TemporaryDirectory() as folder:
        return resources.allocations(binary, folder)


def tell_allocations(r):
    return "%d allocations, %d starts: %d came up, %d ended badly" % (
        r["points"], r["starts"], r["up"], len(r["bad"]))


def tell_full(r):
    return "%d kept of %d allowed, %s refused, %d lines in the log; of others %d wrong; new ones: %d of %d" % (
        r["held"], r["limit"], "?" if r["refused"] is None else r["refused"], r["said"], r["others"],
        r["fresh"], r["of_fresh"])


def clock(binary):
    with tempfile.TemporaryDirectory() as folder:
        return resources.clock_steps(binary, folder)


def tell_clock(r):
    return "; ".join("%s h%s: at most %d missing meanwhile, then %s" % (
        step, "" if h["stamp_h"] == int(step) else " (its log's stamps do not show it)", h["lost"],
        pair_text(h["found"], h["seconds"])) for step, h in zip(("+1", "-1"), r["hours"]))


def tell_million(r):
    return "%d of %d told in %.1f s; -e %.1f s; -c %.1f s, exit %d, kernel %d" % (
        r["told"], r["flows"], r["told_s"], r["dump_s"], r["commit_s"], r["commit"], r["in_kernel"])


def tell_commit(r):
    return "%d of %d events lost" % (r["lost"], r["events"])


def tell_split(r):
    return "alive apart %d, together %d, after the next failover %d of %d; %s" % (
        r["alive_apart"], r["alive"], r["after"], r["total"], pair_text(r["found"], r["seconds"]))


def tell_failovers(r):
    return "%d failovers, %d of %d connections broken" % (r["failovers"], r["broken"], r["connections"])


def tell_restart(r):
    return "%d of %d survive" % (r["survived"], r["of"])


ROWS = [
    Row("`kill -9` at a random moment of start, first read, events, bulk send (either end), commit, reload, "
        "stop; flows change; start",
        "It starts again without help, both caches are right within 15 seconds, a takeover lacks nothing.",
        [K + "test_killed_in_any_phase_it_starts_again_and_nothing_is_lost",
         K + "test_killed_twenty_times_in_each_phase (slow)",
         CLI + "test_starts_again_after_kill_9",
         FAILOVER + "test_daemon_killed_on_the_backup_starts_again",
         FAILOVER + "test_both_daemons_killed_and_started_again"], killed, tell_killed),
    Row("the backup's daemon is restarted, then the master dies",
        "Every connection survives; nobody has to run `-n`.",
        [FAILOVER + "test_restart_of_the_daemon_on_the_backup"],
        labs.restart_on_the_backup, tell_restart),
    Row("SIGSTOP for 10 s: sender, receiver, during a commit; SIGCONT",
        "What happened meanwhile is made good; the commit ends and is complete.",
        [K + "test_standing_still_for_ten_seconds_costs_nothing"], scenarios.stops, tell_stops),
    Row("netlink overrun: 8 KiB buffer, events as fast as the kernel makes them",
        "Within NetlinkOverrunResync (30 s) of the last loss both caches are the kernel's, without an order.",
        [L + "test_a_flood_of_events_leaves_nothing_missing_and_nothing_stale",
         FEED + "test_what_was_lost_in_a_burst_is_made_good",
         FEED + "test_a_storm_without_end_puts_nothing_off_for_ever"],
        lambda binary: scenarios.overrun(binary, patience_s=45), tell_overrun),
    Row("events of the backup's own flows while it commits 100,000", "None is lost.",
        [R + "test_a_large_commit_loses_no_event (slow)"],
        resources.events_during_commit, tell_commit),
    Row("`ip link set down` at both ends for 4 s", "Both agree within seconds of the second `up`.",
        [L + "test_links_that_are_taken_down_at_both_ends_come_up_again",
         LINKS + "test_no_link_is_left"], scenarios.down_and_up, tell_found),
    Row("carrier lost, or a link that silently carries nothing", "Both agree once it is back.",
        [FAILOVER + "test_sync_link_outage_leaves_no_stale_and_no_missing_flow",
         LINKS + "test_a_link_that_carries_nothing_is_left"]),
]

for _mode in ("FTFW", "ALARM"):
    _name = {"FTFW": "FT-FW", "ALARM": "ALARM"}[_mode]
    _promise = {"FTFW": "Nothing missing, nothing stale, even while it goes on; at 50% that took up to a minute here.",
                "ALARM": "Nothing missing, nothing stale, within CacheTimeout (10 s here) of the wire being well."}
    _test = L + {"FTFW": "test_loss_doubles_and_disorder_leave_nothing_wrong_in_ftfw",
                 "ALARM": "test_loss_doubles_and_disorder_leave_nothing_wrong_in_alarm"}[_mode]
    for _what, _bad, _always in (
            ("2% loss", {"loss": 0.02}, False), ("10% loss", {"loss": 0.1}, False),
            ("50% loss", {"loss": 0.5}, True),
            ("50% out of order by up to 40 ms", {"late": 0.5}, False),
            ("30% doubled", {"twice": 0.3}, False),
            ("10% lost, 10% doubled, 30% late", {"loss": 0.1, "twice": 0.1, "late": 0.3}, True)):
        _tests = [_test] if _always else [L + "test_every_share_of_loss_and_disorder (slow)"]
        if _what in ("2% loss", "10% loss"):
            _tests.append(FAILOVER + "test_loss_on_the_sync_link_loses_no_flow")
        ROWS.append(Row("%s, %s" % (_name, _what), _promise[_mode], _tests, wire(_mode, **_bad), tell_wire))

ROWS += [
    Row("RcvSocketBuffer of 2 KiB at the peer, 20,000 flows in bulk", "All arrive, though later.",
        [L + "test_a_receiver_without_room_gets_all_flows_in_the_end"],
        scenarios.small_receive_buffer, tell_buffer),
    Row("the link's interface removed and made again, Multicast", "Used again within two seconds.",
        [L + "test_an_interface_that_is_removed_and_made_again_is_used_again"],
        scenarios.interface_made_anew, tell_both_nodes),
    Row("the same, UDP", "Used again within two seconds.",
        [L + "test_an_interface_that_is_removed_and_made_again_is_used_again"],
        lambda binary: scenarios.interface_made_anew(binary, kind="UDP"), tell_both_nodes),
    Row("the link's address taken away for 2 s, UDP", "Both agree once it is back.",
        [L + "test_the_address_of_a_link_may_go_and_come_back"],
        scenarios.address_goes_and_returns, tell_both_nodes),
    Row("a node restarted with another address of its link", "To its peer it is another: nothing is missing; what ended while it was down stays until `-f external` "
        "and `-n`.",
        [L + "test_a_node_with_another_address_is_a_new_peer_and_the_old_one_can_be_forgotten"],
        scenarios.address_is_another, tell_address),
    Row("the disk under LogFile is full",
        "Replication goes on; the first line that fits again says how many are missing.",
        [R + "test_a_full_disk_under_the_log_stops_nothing_and_is_said_afterwards",
         "tests/unit/test_log.c::how_many_lines_a_full_disk_cost_is_said_once_it_has_room",
         "tests/unit/test_log.c::records_that_a_full_disk_cost_are_counted_for_their_owner"],
        resources.full_disk, tell_disk),
    Row("control clients: 5 silent, 5 that do not read, 50 gone amid a dump, 200 at once",
        "All who ask are answered; nothing leaks; replication does not wait.",
        [R + "test_clients_that_stall_leave_or_come_in_crowds_are_no_trouble",
         CLI + "test_idle_control_clients_block_nobody",
         CLI + "test_client_that_does_not_read_its_dump_blocks_nobody"], resources.clients, tell_clients),
    Row("no descriptors (RLIMIT_NOFILE lowered while it runs), clients, the interface made anew",
        "Replication goes on without; once there are some everything does.",
        [R + "test_without_descriptors_replication_goes_on_and_all_is_well_once_there_are_some"],
        resources.no_descriptors, tell_descriptors),
    Row("each allocation of a start fails, alone or with all after it",
        "It ends with a message and leaves nothing behind, or it runs and serves.",
        [R + "test_an_allocation_that_fails_at_start_is_an_error_or_none_at_all"],
        allocations, tell_allocations),
    Row("HashLimit reached by 500 flows, most end later",
        "Counted, said once; others are told as ever, new ones as soon as there is room, those that were left "
        "out a minute later.",
        [R + "test_flows_beyond_hashlimit_harm_no_others",
         R + "test_flows_that_found_no_room_are_told_once_there_is_some (slow)",
         "tests/integration/test_surface.py::test_a_full_cache_is_counted_and_logged"],
        resources.table_full, tell_full),
    Row("the wall clock jumps an hour ahead, then two back (ALARM)",
        "Only the stamps of log lines change.",
        [R + "test_a_wall_clock_that_jumps_changes_stamps_and_nothing_else"], clock, tell_clock),
    Row("a million flows: bulk, dump, commit", "All of them, or an error.",
        [R + "test_a_million_flows_are_told_shown_and_committed (slow)"],
        resources.million, tell_million, alone=True),
    Row("split brain: both master, both commit, connections come and go; then they see each other, and the one "
        "that stays runs its script for a master again",
        "No live connection is lost, both agree, and the next failover loses none.",
        [F + "test_two_masters_at_once_lose_no_connection_and_agree_afterwards",
         F + "test_two_masters_at_once_in_alarm (slow)"], labs.split_brain, tell_split),
    Row("72 failovers in a row", "No connection breaks.",
        [F + "test_seventy_two_failovers_in_a_row (slow)",
         FAILOVER + "test_five_failovers_in_a_row",
         FAILOVER + "test_six_crashes_with_connections_coming_and_going (slow)"],
        labs.failovers, tell_failovers, alone=True),
]
