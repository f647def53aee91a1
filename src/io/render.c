/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "render.h"

#include <arpa/inet.h>

/* ---- names ---- */

const char *
render_l4_name(uint8_t l4)
{
	switch (l4) {
	case L4_ICMP:
		return "icmp";
	case L4_TCP:
		return "tcp";
	case L4_UDP:
		return "udp";
	case L4_DCCP:
		return "dccp";
	case L4_GRE:
		return "gre";
	case L4_ICMPV6:
		return "icmpv6";
	case L4_SCTP:
		return "sctp";
	case L4_UDPLITE:
		return "udplite";
	default:
		return "unknown";
	}
}

/* The kernel's names (enum tcp_conntrack, sctp_conntrack, ct_dccp_states); numbers past the end
 * read NONE, as users of the format expect. */
const char *
render_state(const struct flow *f)
{
	static const char *const tcp[] = {"NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT",
	    "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2"};
	static const char *const sctp[] = {"NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED",
	    "ESTABLISHED", "SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT",
	    "HEARTBEAT_ACKED"};
	static const char *const dccp[] = {"NONE", "REQUEST", "RESPOND", "PARTOPEN", "OPEN",
	    "CLOSEREQ", "CLOSING", "TIMEWAIT", "IGNORE", "INVALID"};

	if (!(f->has & HAS_STATE))
		return NULL;
	switch (f->key.l4) {
	case L4_TCP:
		return tcp[f->l4.tcp.state < ARRAY_LEN(tcp) ? f->l4.tcp.state : 0];
	case L4_SCTP:
		return sctp[f->l4.sctp.state < ARRAY_LEN(sctp) ? f->l4.sctp.state : 0];
	case L4_DCCP:
		return dccp[f->l4.dccp.state < ARRAY_LEN(dccp) ? f->l4.dccp.state : 0];
	default:
		return NULL;
	}
}

/* ---- plain lines ---- */

struct tuple {
	uint8_t l3, l4;
	const struct ip_addr *src, *dst;
	uint16_t sport, dport; /* network order, as in flow_key */
};

static struct tuple
tuple_orig(const struct flow *f)
{
	return (struct tuple){f->key.l3, f->key.l4, &f->key.src, &f->key.dst, f->key.sport,
	    f->key.dport};
}

static struct tuple
tuple_reply(const struct flow *f)
{
	return (struct tuple){f->key.l3, f->key.l4, &f->reply.src, &f->reply.dst, f->reply.sport,
	    f->reply.dport};
}

/* "name=value ", and the same in hexadecimal digits. */
static void
add_number(struct text *t, const char *name_equals, uint64_t value)
{
	text_str(t, name_equals);
	text_u64(t, value);
	text_bytes(t, " ", 1);
}

static void
add_hex(struct text *t, const char *name_equals, uint32_t value)
{
	text_str(t, name_equals);
	text_hex(t, value);
	text_bytes(t, " ", 1);
}

static void
add_tuple(struct text *t, const struct tuple *tp)
{
	uint8_t type_code[2];

	text_str(t, "src=");
	text_addr(t, tp->l3, tp->src);
	text_str(t, " dst=");
	text_addr(t, tp->l3, tp->dst);
	text_str(t, " ");
	if (flow_l4_has_ports(tp->l4)) {
		add_number(t, "sport=", ntohs(tp->sport));
		add_number(t, "dport=", ntohs(tp->dport));
	} else if (flow_l4_is_icmp(tp->l4)) {
		memcpy(type_code, &tp->dport, sizeof(type_code));
		add_number(t, "type=", type_code[0]);
		add_number(t, "code=", type_code[1]);
		add_number(t, "id=", ntohs(tp->sport));
	} else if (tp->l4 == L4_GRE) {
		add_hex(t, "srckey=0x", ntohs(tp->sport));
		add_hex(t, "dstkey=0x", ntohs(tp->dport));
	}
}

/* A name may come from a peer: nothing in it may end the line or move the cursor. */
static void
add_name(struct text *t, const char *name_equals, const char *name, size_t cap)
{
	text_str(t, name_equals);
	for (size_t i = 0; i < cap && name[i]; i++) {
		bool plain = name[i] > ' ' && name[i] <= '~';

		text_bytes(t, plain ? &name[i] : "?", 1);
	}
	text_str(t, " ");
}

static void
add_counters(struct text *t, const struct kernel_usage *usage, size_t direction)
{
	if (usage == NULL || !usage->counted)
		return;
	add_number(t, "packets=", usage->packets[direction]);
	add_number(t, "bytes=", usage->bytes[direction]);
}

/* The protocol's name, in a column of its own, and its number. */
static void
add_protocol(struct text *t, uint8_t l4)
{
	static const char column[] = "        ";
	const char *name = render_l4_name(l4);
	size_t len = strlen(name);

	text_bytes(t, name, len);
	if (len < sizeof(column) - 1)
		text_bytes(t, column, sizeof(column) - 1 - len);
	add_number(t, " ", l4);
}

/* Everything between the start of the line and the ages, with a space at the end. */
static void
add_flow(struct text *t, const struct flow *f, bool with_reply, const uint32_t *timeout_s,
    const struct kernel_usage *usage)
{
	const char *state = render_state(f);
	struct tuple tp = tuple_orig(f);

	add_protocol(t, f->key.l4);
	if (timeout_s)
		add_number(t, "", *timeout_s);
	if (state) {
		text_str(t, state);
		text_str(t, " ");
	}
	add_tuple(t, &tp);
	add_counters(t, usage, 0);
	if ((f->has & HAS_STATUS) && !(f->status & ST_SEEN_REPLY))
		text_str(t, "[UNREPLIED] ");
	if (with_reply && (f->has & HAS_REPLY)) {
		tp = tuple_reply(f);
		add_tuple(t, &tp);
		add_counters(t, usage, 1);
	}
	if (f->has & HAS_STATUS) {
		if (f->status & ST_HW_OFFLOAD)
			text_str(t, "[HW_OFFLOAD] ");
		else if (f->status & ST_OFFLOAD)
			text_str(t, "[OFFLOAD] ");
		else if (f->status & ST_ASSURED)
			text_str(t, "[ASSURED] ");
	}
	if (f->has & HAS_MARK)
		add_number(t, "mark=", f->mark);
	if (f->has & HAS_ZONE)
		add_number(t, "zone=", f->key.zone);
	if (f->has & HAS_HELPER)
		add_name(t, "helper=", f->rare.helper, FLOW_HELPER_LEN);
}

void
render_flow(struct text *t, enum node_table table, const struct flow_view *v)
{
	add_flow(t, &v->flow, table == TABLE_LOCAL, NULL, NULL);
	if (v->expires_s >= 0) {
		text_str(t, "[expires in ");
		text_i64(t, v->expires_s);
		text_str(t, "s] ");
	}
	text_str(t, "[active since ");
	text_i64(t, v->age_s);
	text_str(t, "s]\n");
}

/* Without the space that ends a line of add_flow(). */
static void
trim(struct text *t)
{
	if (!t->overflow && t->len > 0 && t->start[t->len - 1] == ' ')
		t->start[--t->len] = '\0';
}

void
render_flow_kernel(struct text *t, const struct flow_view *v)
{
	add_flow(t, &v->flow, true, &v->timeout_left_s, NULL);
	trim(t);
	text_str(t, "\n");
}

void
render_flow_brief(struct text *t, const struct flow *f)
{
	render_flow_ended(t, f, NULL);
}

void
render_flow_ended(struct text *t, const struct flow *f, const struct kernel_usage *usage)
{
	const uint64_t second = 1000000000;

	add_flow(t, f, true, NULL, usage);
	if (usage != NULL && usage->timed)
		text_add(t, "delta-time=%llu ",
		    usage->stop_ns > usage->start_ns
			? (unsigned long long)((usage->stop_ns - usage->start_ns) / second)
			: 0ULL);
	trim(t);
}

/* ---- XML ---- */

static void
xml_helper(struct text *t, const char *element, const char name[FLOW_HELPER_LEN])
{
	text_add(t, "<%s>", element);
	for (size_t i = 0; i < FLOW_HELPER_LEN && name[i]; i++) {
		switch (name[i]) {
		case '&':
			text_add(t, "&amp;");
			break;
		case '<':
			text_add(t, "&lt;");
			break;
		case '>':
			text_add(t, "&gt;");
			break;
		default:
			text_add(t, "%c", name[i] >= ' ' && name[i] <= '~' ? name[i] : '?');
			break;
		}
	}
	text_add(t, "</%s>", element);
}

static void
xml_tuple(struct text *t, const char *direction, const struct tuple *tp)
{
	text_add(t, "<meta direction=\"%s\"><layer3 protonum=\"%u\" protoname=\"%s\"><src>",
	    direction, tp->l3, tp->l3 == L3_IPV6 ? "ipv6" : "ipv4");
	text_addr(t, tp->l3, tp->src);
	text_add(t, "</src><dst>");
	text_addr(t, tp->l3, tp->dst);
	text_add(t, "</dst></layer3><layer4 protonum=\"%u\" protoname=\"%s\">", tp->l4,
	    render_l4_name(tp->l4));
	if (flow_l4_has_ports(tp->l4))
		text_add(t, "<sport>%u</sport><dport>%u</dport>", ntohs(tp->sport),
		    ntohs(tp->dport));
	else if (tp->l4 == L4_GRE)
		text_add(t, "<srckey>0x%x</srckey><dstkey>0x%x</dstkey>", ntohs(tp->sport),
		    ntohs(tp->dport));
	text_add(t, "</layer4></meta>");
}

/* What stands for the reply tuple of a flow of which only the original one is shown. */
static void
xml_no_tuple(struct text *t)
{
	text_add(t, "<meta direction=\"reply\"><layer3 protonum=\"0\" protoname=\"unknown\">"
		    "<src></src><dst></dst></layer3><layer4 protonum=\"0\" protoname=\"unknown\">"
		    "</layer4></meta>");
}

/* What belongs to the flow and not to a direction; no element if nothing of it is known. */
static void
xml_independent(struct text *t, const struct flow *f, bool with_id)
{
	const char *state = render_state(f);

	if (!state && !with_id && !(f->has & (HAS_MARK | HAS_ZONE | HAS_STATUS | HAS_LABELS)))
		return;
	text_add(t, "<meta direction=\"independent\">");
	if (state)
		text_add(t, "<state>%s</state>", state);
	if (f->has & HAS_MARK)
		text_add(t, "<mark>%u</mark>", f->mark);
	if (f->has & HAS_ZONE)
		text_add(t, "<zone>%u</zone>", f->key.zone);
	if (with_id)
		text_add(t, "<id>%u</id>", f->id);
	if (f->has & HAS_STATUS) {
		if (f->status & ST_ASSURED)
			text_add(t, "<assured/>");
		if (!(f->status & ST_SEEN_REPLY))
			text_add(t, "<unreplied/>");
	}
	text_add(t, "</meta>");
}

void
render_flow_xml(struct text *t, enum node_table table, const struct flow_view *v)
{
	const struct flow *f = &v->flow;
	struct tuple tp = tuple_orig(f);

	text_add(t, "<flow>");
	xml_tuple(t, "original", &tp);
	if (table == TABLE_LOCAL && (f->has & HAS_REPLY)) {
		tp = tuple_reply(f);
		xml_tuple(t, "reply", &tp);
	} else {
		xml_no_tuple(t);
	}
	xml_independent(t, f, table == TABLE_LOCAL && (f->has & HAS_ID));
	if (f->has & HAS_HELPER)
		xml_helper(t, "helper", f->rare.helper);
	text_add(t, "</flow>\n");
}
