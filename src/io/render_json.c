/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "render_json.h"

#include <arpa/inet.h>

#include "render.h"

/* ---- tuples ---- */

static void
put_addr(struct json *j, const char *key, uint8_t l3, const struct ip_addr *addr)
{
	char buf[INET6_ADDRSTRLEN];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	text_addr(&t, l3, addr);
	jw_str(j, key, buf);
}

/* What stands for ports, where the protocol has something. */
static void
put_l4(struct json *j, uint8_t l4, uint16_t sport, uint16_t dport)
{
	uint8_t type_code[2];

	if (flow_l4_has_ports(l4)) {
		jw_u64(j, "source_port", ntohs(sport));
		jw_u64(j, "destination_port", ntohs(dport));
	} else if (flow_l4_is_icmp(l4)) {
		memcpy(type_code, &dport, sizeof(type_code));
		jw_u64(j, "type", type_code[0]);
		jw_u64(j, "code", type_code[1]);
		jw_u64(j, "id", ntohs(sport));
	} else if (l4 == L4_GRE) {
		jw_u64(j, "source_key", ntohs(sport));
		jw_u64(j, "destination_key", ntohs(dport));
	}
}

static void
put_tuple(struct json *j, const char *key, const struct flow_key *tuple)
{
	jw_object(j, key);
	put_addr(j, "source", tuple->l3, &tuple->src);
	put_addr(j, "destination", tuple->l3, &tuple->dst);
	put_l4(j, tuple->l4, tuple->sport, tuple->dport);
	jw_object_end(j);
}

static void
put_protocol(struct json *j, const struct flow_key *key)
{
	jw_str(j, "family", key->l3 == L3_IPV6 ? "ipv6" : "ipv4");
	jw_str(j, "protocol", render_l4_name(key->l4));
	jw_u64(j, "protocol_number", key->l4);
}

/* ---- flows ---- */

static void
put_status(struct json *j, uint32_t status)
{
	/* By bit (enum ip_conntrack_status). */
	static const char *const names[] = {"expected", "seen-reply", "assured", "confirmed", "source-nat",
	    "destination-nat", "sequence-adjust", "source-nat-done", "destination-nat-done", "dying",
	    "fixed-timeout", "template", "nat-clash", "helper", "offload", "hardware-offload"};

	jw_u64(j, "status", status);
	jw_array(j, "flags");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (status & UINT32_C(1) << i)
			jw_str(j, NULL, names[i]);
	}
	jw_array_end(j);
}

static void
put_tcp(struct json *j, const struct flow *f)
{
	if (!(f->has & (HAS_WSCALE | HAS_TCP_FLAGS)))
		return;
	jw_object(j, "tcp");
	if (f->has & HAS_WSCALE) {
		jw_u64(j, "window_scale_original", f->l4.tcp.wscale_orig);
		jw_u64(j, "window_scale_reply", f->l4.tcp.wscale_repl);
	}
	if (f->has & HAS_TCP_FLAGS) {
		jw_u64(j, "flags_original", f->l4.tcp.flags_orig);
		jw_u64(j, "flags_reply", f->l4.tcp.flags_repl);
	}
	jw_object_end(j);
}

static void
put_protoinfo(struct json *j, const struct flow *f)
{
	const char *state = render_state(f);

	if (state != NULL)
		jw_str(j, "state", state);
	if (f->key.l4 == L4_TCP)
		put_tcp(j, f);
	if (f->key.l4 == L4_SCTP && (f->has & HAS_VTAGS)) {
		jw_object(j, "sctp");
		jw_u64(j, "tag_original", f->l4.sctp.vtag_orig);
		jw_u64(j, "tag_reply", f->l4.sctp.vtag_repl);
		jw_object_end(j);
	}
	if (f->key.l4 == L4_DCCP && (f->has & (HAS_DCCP_ROLE | HAS_DCCP_SEQ))) {
		jw_object(j, "dccp");
		if (f->has & HAS_DCCP_ROLE)
			jw_str(j, "role", f->l4.dccp.role == 0 ? "client" : "server");
		if (f->has & HAS_DCCP_SEQ)
			jw_u64(j, "handshake_sequence", f->l4.dccp.handshake_seq);
		jw_object_end(j);
	}
}

static void
put_nat(struct json *j, uint32_t has)
{
	if (!(has & (HAS_SNAT | HAS_DNAT | HAS_SPAT | HAS_DPAT)))
		return;
	jw_array(j, "translated");
	if (has & HAS_SNAT)
		jw_str(j, NULL, "source");
	if (has & HAS_SPAT)
		jw_str(j, NULL, "source-port");
	if (has & HAS_DNAT)
		jw_str(j, NULL, "destination");
	if (has & HAS_DPAT)
		jw_str(j, NULL, "destination-port");
	jw_array_end(j);
}

static void
put_master(struct json *j, const struct flow *f)
{
	struct flow_key master = f->rare.master;

	if (!(f->has & HAS_MASTER))
		return;
	jw_object(j, "master");
	if (f->has & HAS_MASTER_L4) {
		jw_str(j, "protocol", render_l4_name(master.l4));
		jw_u64(j, "protocol_number", master.l4);
	}
	put_addr(j, "source", master.l3, &master.src);
	put_addr(j, "destination", master.l3, &master.dst);
	if ((f->has & HAS_MASTER_L4) && (f->has & HAS_MASTER_PORTS))
		put_l4(j, master.l4, master.sport, master.dport);
	jw_object_end(j);
}

static void
put_seqadj(struct json *j, const struct flow_seqadj seqadj[2])
{
	static const char *const directions[] = {"original", "reply"};

	jw_object(j, "sequence_adjustment");
	for (size_t i = 0; i < ARRAY_LEN(directions); i++) {
		jw_object(j, directions[i]);
		jw_u64(j, "correction_position", seqadj[i].correction_pos);
		jw_u64(j, "offset_before", seqadj[i].offset_before);
		jw_u64(j, "offset_after", seqadj[i].offset_after);
		jw_object_end(j);
	}
	jw_object_end(j);
}

/* A name of a fixed field, which may come from a peer. */
static void
put_name(struct json *j, const char *key, const char *name, size_t cap)
{
	char buf[EXPECT_FN_LEN + 1];
	size_t len = strnlen(name, cap < sizeof(buf) - 1 ? cap : sizeof(buf) - 1);

	memcpy(buf, name, len);
	buf[len] = '\0';
	jw_str(j, key, buf);
}

static void
put_labels(struct json *j, const uint8_t labels[FLOW_LABELS_LEN])
{
	jw_array(j, "labels");
	for (unsigned int i = 0; i < 8 * FLOW_LABELS_LEN; i++) {
		if (labels[i / 8] & 1u << i % 8)
			jw_u64(j, NULL, i);
	}
	jw_array_end(j);
}

static void
put_rare(struct json *j, const struct flow *f)
{
	put_master(j, f);
	if (f->has & HAS_SEQADJ)
		put_seqadj(j, f->rare.seqadj);
	if (f->has & HAS_HELPER)
		put_name(j, "helper", f->rare.helper, sizeof(f->rare.helper));
	if (f->has & HAS_LABELS)
		put_labels(j, f->rare.labels);
	if (f->has & HAS_SYNPROXY) {
		jw_object(j, "synproxy");
		jw_u64(j, "isn", f->rare.synproxy_isn);
		jw_u64(j, "its", f->rare.synproxy_its);
		jw_u64(j, "timestamp_offset", f->rare.synproxy_tsoff);
		jw_object_end(j);
	}
}

void
render_flow_members(struct json *j, const struct flow *f)
{
	static const struct flow_reply none;
	struct flow_key reply = f->key;

	put_protocol(j, &f->key);
	put_tuple(j, "original", &f->key);
	/* As the kernel told it, or as it follows from what a peer told. */
	if ((f->has & HAS_REPLY) || !flow_reply_equal(&f->reply, &none)) {
		reply.src = f->reply.src;
		reply.dst = f->reply.dst;
		reply.sport = f->reply.sport;
		reply.dport = f->reply.dport;
		put_tuple(j, "reply", &reply);
	}
	jw_u64(j, "zone", f->key.zone);
	put_protoinfo(j, f);
	if (f->has & HAS_STATUS)
		put_status(j, f->status);
	put_nat(j, f->has);
	if (f->has & HAS_TIMEOUT)
		jw_u64(j, "timeout_s", f->timeout_s);
	if (f->has & HAS_MARK)
		jw_u64(j, "mark", f->mark);
	if (f->has & HAS_ID)
		jw_u64(j, "id", f->id);
	put_rare(j, f);
}

/* Where an entry stands, how old it is, and whose. */
static void
put_entry(struct json *j, enum node_table table, const struct peer_addr *peer, int64_t age_s, int64_t expires_s)
{
	jw_i64(j, "age_s", age_s);
	if (expires_s >= 0)
		jw_i64(j, "expires_s", expires_s);
	if (table != TABLE_REMOTE || peer->l3 == 0)
		return;
	jw_object(j, "peer");
	put_addr(j, "address", peer->l3, &peer->addr);
	jw_u64(j, "link", peer->link);
	jw_object_end(j);
}

static void
begin(struct json *j, enum node_table table)
{
	jw_object(j, NULL);
	jw_str(j, "table", table == TABLE_LOCAL ? "internal" : "external");
}

void
render_flow_json(struct json *j, enum node_table table, const struct flow_view *v)
{
	begin(j, table);
	render_flow_members(j, &v->flow);
	if (table == TABLE_LOCAL && (v->flow.has & HAS_TIMEOUT))
		jw_u64(j, "timeout_left_s", v->timeout_left_s);
	put_entry(j, table, &v->peer, v->age_s, v->expires_s);
	jw_object_end(j);
}

/* ---- expectations ---- */

/* What it is translated back to. */
static void
put_expect_nat(struct json *j, const struct expect *e)
{
	if (!(e->has & EXP_NAT_ADDRS))
		return;
	jw_object(j, "nat");
	put_addr(j, "source", e->tuple.l3, &e->nat.src);
	if (e->has & EXP_NAT_PORTS)
		jw_u64(j, "source_port", ntohs(e->nat.sport));
	if (e->has & EXP_NAT_DIR)
		jw_str(j, "direction", e->nat_dir == 0 ? "original" : "reply");
	jw_object_end(j);
}

void
render_expect_json(struct json *j, enum node_table table, const struct expect_view *v)
{
	const struct expect *e = &v->expect;
	struct flow_key mask = e->mask;

	/* It has no protocol of its own. */
	mask.l3 = e->tuple.l3;
	mask.l4 = e->tuple.l4;
	begin(j, table);
	put_protocol(j, &e->tuple);
	put_tuple(j, "expected", &e->tuple);
	put_tuple(j, "mask", &mask);
	jw_object(j, "master");
	jw_str(j, "protocol", render_l4_name(e->master.l4));
	jw_u64(j, "protocol_number", e->master.l4);
	put_addr(j, "source", e->master.l3, &e->master.src);
	put_addr(j, "destination", e->master.l3, &e->master.dst);
	put_l4(j, e->master.l4, e->master.sport, e->master.dport);
	jw_object_end(j);
	jw_u64(j, "zone", e->master.zone);
	if (e->has & EXP_TIMEOUT)
		jw_u64(j, "timeout_s", e->timeout_s);
	if (e->has & EXP_FLAGS)
		jw_u64(j, "flags", e->flags);
	if (e->has & EXP_CLASS)
		jw_u64(j, "class", e->class);
	put_expect_nat(j, e);
	if (e->has & EXP_HELPER)
		put_name(j, "helper", e->helper, sizeof(e->helper));
	if (e->has & EXP_FN)
		put_name(j, "function", e->fn, sizeof(e->fn));
	put_entry(j, table, &v->peer, v->age_s, v->expires_s);
	jw_object_end(j);
}

void
render_unacked_json(struct json *j, const struct unacked_view *v)
{
	jw_object(j, NULL);
	jw_str(j, "is", v->control ? "control" : "flow");
	jw_u64(j, "number", v->seq);
	if (v->control)
		jw_u64(j, "flags", v->flags);
	jw_object_end(j);
}
