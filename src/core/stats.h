/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stats.h: every counter of a node, once.  The list makes the struct, the names and the help texts;
 * all outputs walk the same rows.
 */
#ifndef CORE_STATS_H
#define CORE_STATS_H

#include "base.h"

/* X(field, help) */
#define NODE_STATS(X)                                                                              \
	/* kernel events */                                                                        \
	X(kernel_events, "conntrack events taken from the kernel")                                  \
	X(kernel_own, "events caused by our own writes")                                            \
	X(kernel_filtered, "events left out by the filter")                                         \
	X(kernel_incomplete, "events whose tuple was incomplete")                                   \
	X(kernel_stale_event, "events of a flow that we had replaced meanwhile")                    \
	X(kernel_stale_destroy, "destroy events of an earlier flow on the same tuple")              \
	X(kernel_overruns, "times the kernel dropped events because our buffer was full")           \
	X(kernel_resyncs, "full reads of the kernel table, the first left out")                     \
	X(follow_lost, "steps of followed flows that nobody fetched in time")                       \
	X(kernel_result_stray, "answers to requests that were not under way")                      \
	X(dump_flows, "flows that reads of the kernel table named")                                \
	X(dump_filtered, "of these, left out by the filter")                                       \
	X(dump_incomplete, "of these, left out as their tuple was incomplete")                     \
	X(dump_stale, "of these, left aside as an event had told of another flow")                 \
	X(dump_stray, "of these, left aside as no read was under way")                             \
	X(timeout_looks, "times the kernel was asked what is left of a timeout")                   \
	X(kernel_bytes, "bytes of flows that ended, as far as the kernel counts them")              \
	X(kernel_packets, "packets of flows that ended, likewise")                                  \
	/* local table ("cache internal") */                                                       \
	X(local_created, "flows entered in the local table")                                        \
	X(local_create_failed, "flows not entered in the local table")                              \
	X(local_full, "flows not entered because the local table was full")                         \
	X(local_updated, "updates to flows of the local table")                                     \
	X(local_update_failed, "updates that could not be stored")                                  \
	X(local_destroyed, "flows removed from the local table")                                    \
	X(local_destroy_failed, "destroy events for flows that were not in the local table")        \
	/* remote table ("cache external") */                                                      \
	X(remote_created, "peers' flows entered in the remote table")                               \
	X(remote_create_failed, "peers' flows not entered in the remote table")                     \
	X(remote_full, "peers' flows not entered because the remote table was full")                \
	X(remote_updated, "updates to peers' flows")                                                \
	X(remote_update_failed, "updates to peers' flows that could not be stored")                 \
	X(remote_destroyed, "peers' flows removed from the remote table")                           \
	X(remote_destroy_failed, "deletes for flows that were not in the remote table")             \
	X(remote_destroy_not_owner, "deletes from a peer that does not own the flow")               \
	X(remote_expired, "peers' flows that were not refreshed in time")                           \
	X(remote_overtaken, "messages that a later one about the same flow has overtaken")          \
	X(remote_swept, "peers' flows that a full resend did not name again")                       \
	/* datagrams and messages received */                                                      \
	X(recv_datagrams, "datagrams received")                                                     \
	X(recv_messages, "well-formed messages received")                                           \
	X(recv_truncated, "messages shorter than their header")                                     \
	X(recv_bad_size, "messages whose length field is wrong")                                    \
	X(recv_bad_version, "messages of another protocol version")                                 \
	X(recv_bad_header, "messages with an impossible type or flags")                             \
	X(recv_bad_type, "messages of a type that this mode does not know")                         \
	X(recv_bad_payload, "messages whose attributes are malformed")                              \
	X(recv_incomplete, "messages without a complete tuple")                                     \
	X(recv_unknown_attr, "attributes skipped because they are unknown")                         \
	X(recv_misfit, "parts of messages left out as they do not fit the rest")                   \
	X(recv_flagged, "messages left out because of their flags (ALARM)")                         \
	X(recv_expect_ignored, "messages about expectations, which are not replicated here")        \
	X(recv_no_peer_slot, "datagrams from more peers than we keep")                              \
	X(peers_parted, "times that two peers had been taken for one on two links")                 \
	X(link_switches, "times that another link was taken into use")                              \
	/* sequence tracking */                                                                    \
	X(seq_lost, "messages that were missing when a later one arrived")                          \
	X(seq_before, "messages that came late or twice")                                           \
	X(seq_jump_held, "messages held back because their number jumped too far")                  \
	X(seq_hello_held, "HELLOs held back because the process known so far was still heard")      \
	X(seq_forged, "messages that had the number of another one: somebody else speaks for a peer") \
	X(seq_old_process, "late messages of a process that has ended")                            \
	X(seq_gap_held, "messages left aside because too many resend requests were waiting")          \
	X(seq_hello, "HELLOs received")                                                             \
	X(recv_flood, "control messages left aside, so many came")                                  \
	X(ack_received, "acknowledgements received for us")                                         \
	X(ack_foreign, "acknowledgements meant for another node")                                   \
	X(nack_received, "resend requests received for us")                                         \
	X(nack_sent, "resend requests sent")                                                        \
	X(nack_unknown, "resend requests for messages we no longer hold")                           \
	X(resync_received, "requests for everything we have")                                       \
	/* sending */                                                                              \
	X(send_datagrams, "datagrams built")                                                        \
	X(send_messages, "messages built")                                                          \
	X(send_too_big, "messages that did not fit in a datagram")                                  \
	X(send_resent, "flows sent again after a resend request")                                   \
	X(send_helper_too_long, "helper names too long for the wire, left out")                     \
	X(send_control_full, "control messages not queued because the queue was full")              \
	X(unacked_evicted, "unacknowledged deletes forgotten because there were too many")          \
	X(bulk_sends, "bulk sends started")                                                         \
	X(bulk_put_off, "requests for everything put off because so many came")                     \
	X(bulk_unacked, "flows of bulk sends that were not acknowledged in time")                   \
	/* commit */                                                                               \
	X(commits, "commits started")                                                               \
	X(commit_created, "flows created in the kernel")                                            \
	X(commit_updated, "flows updated in the kernel in place")                                   \
	X(commit_replaced, "older kernel entries with another NAT mapping, or in its way, replaced")  \
	X(commit_current, "flows whose kernel entry was already as good or newer")                  \
	X(commit_degraded, "flows committed without an attribute that the kernel refused")          \
	X(commit_ended, "own flows deleted at a takeover, as a peer saw their connections end")     \
	X(commit_removed, "copies deleted from the kernel, as their flows ended at the peer")        \
	X(commit_loosened, "own flows whose window checks were switched off at a takeover")        \
	X(commit_displaced, "peers' flows that made way for a newer one with the same mapping")     \
	X(commit_failed, "flows that could not be committed")                                       \
	X(commit_expired, "flows not committed as their time was up since their peer was last heard") \
	/* expectations */                                                                         \
	X(expect_events, "events of expectations taken from the kernel")                           \
	X(expect_incomplete, "of these, left out as something of them was missing")                \
	X(expect_filtered, "of these, of helpers that are not replicated")                         \
	X(expect_no_master, "of these, whose master is not replicated")                            \
	X(expect_zoned, "of these, of a zone, which the wire cannot tell")                         \
	X(expect_own, "of these, caused by our own writes")                                        \
	X(expect_local_created, "expectations entered in the local table")                         \
	X(expect_local_updated, "updates to expectations of the local table")                      \
	X(expect_local_destroyed, "expectations removed from the local table")                     \
	X(expect_local_full, "expectations not entered as there were too many")                    \
	X(expect_remote_created, "peers' expectations entered in the remote table")                \
	X(expect_remote_updated, "updates to peers' expectations")                                 \
	X(expect_remote_destroyed, "peers' expectations removed from the remote table")            \
	X(expect_remote_unknown, "deletes of peers' expectations that were not there")             \
	X(expect_remote_full, "peers' expectations not entered as there were too many")            \
	X(expect_committed, "expectations created in the kernel")                                  \
	X(expect_current, "expectations that the kernel had already")                              \
	X(expect_run_out, "expectations not written as their time was up")                         \
	X(expect_failed, "expectations that the kernel refused")                                   \
	X(expect_removed, "copies of expectations deleted from the kernel")                        \
	/* notices */                                                                              \
	X(notices_lost, "notices nobody fetched in time")

#define X(field, help) uint64_t field;
struct node_stats {
	NODE_STATS(X)
};
#undef X

struct stats_row {
	const char *name;
	const char *help;
	size_t offset; /* of the uint64_t in struct node_stats */
};

/* One row per counter, in the order of the list; *count gets their number. */
const struct stats_row *stats_rows(size_t *count);

#endif
