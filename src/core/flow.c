/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "flow.h"

#include <string.h>

void
flow_init(struct flow *f)
{
	memset(f, 0, sizeof(*f));
}

bool
flow_l4_has_ports(uint8_t l4)
{
	return l4 == L4_TCP || l4 == L4_UDP || l4 == L4_SCTP || l4 == L4_DCCP || l4 == L4_UDPLITE;
}

bool
flow_l4_has_state(uint8_t l4)
{
	/* DCCP: not in kernels from 6.16 on. */
	return l4 == L4_TCP || l4 == L4_SCTP;
}

bool
flow_l4_is_icmp(uint8_t l4)
{
	return l4 == L4_ICMP || l4 == L4_ICMPV6;
}

uint8_t
flow_icmp_reply_type(uint8_t l4, uint8_t type)
{
	/* Request and answer, both ways: RFC 792, RFC 950, RFC 1256 leave these pairs. */
	static const uint8_t v4[][2] = {{8, 0}, {13, 14}, {15, 16}, {17, 18}};
	/* RFC 4443 echo, RFC 4620 node information. */
	static const uint8_t v6[][2] = {{128, 129}, {139, 140}};
	const uint8_t(*pairs)[2] = l4 == L4_ICMPV6 ? v6 : v4;
	size_t count = l4 == L4_ICMPV6 ? ARRAY_LEN(v6) : ARRAY_LEN(v4);

	for (size_t i = 0; i < count; i++) {
		if (pairs[i][0] == type)
			return pairs[i][1];
		if (pairs[i][1] == type)
			return pairs[i][0];
	}
	return type;
}

void
flow_invert(const struct flow_key *key, struct flow_reply *out)
{
	out->src = key->dst;
	out->dst = key->src;
	if (flow_l4_is_icmp(key->l4)) {
		uint8_t type_code[2];

		memcpy(type_code, &key->dport, 2);
		type_code[0] = flow_icmp_reply_type(key->l4, type_code[0]);
		out->sport = key->sport;
		memcpy(&out->dport, type_code, 2);
	} else {
		out->sport = key->dport;
		out->dport = key->sport;
	}
}

bool
flow_key_equal(const struct flow_key *a, const struct flow_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool
flow_reply_equal(const struct flow_reply *a, const struct flow_reply *b)
{
	return memcmp(&a->src, &b->src, sizeof(a->src)) == 0 &&
	    memcmp(&a->dst, &b->dst, sizeof(a->dst)) == 0 && a->sport == b->sport &&
	    a->dport == b->dport;
}

static inline uint64_t
rotl(uint64_t x, int b)
{
	return (x << b) | (x >> (64 - b));
}

static inline void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

uint64_t
flow_hash(const uint64_t *words, size_t count, const uint64_t secret[2])
{
	uint64_t v[4] = {
	    secret[0] ^ 0x736f6d6570736575ULL,
	    secret[1] ^ 0x646f72616e646f6dULL,
	    secret[0] ^ 0x6c7967656e657261ULL,
	    secret[1] ^ 0x7465646279746573ULL,
	};
	uint64_t length = (uint64_t)(count * sizeof(*words)) << 56;

	for (size_t i = 0; i < count; i++) {
		v[3] ^= words[i];
		sip_round(v);
		v[0] ^= words[i];
	}
	v[3] ^= length;
	sip_round(v);
	v[0] ^= length;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t
flow_key_hash(const struct flow_key *key, const uint64_t secret[2])
{
	uint64_t words[sizeof(*key) / 8];

	memcpy(words, key, sizeof(words));
	return flow_hash(words, ARRAY_LEN(words), secret);
}

void
flow_derive_nat(struct flow *f)
{
	struct flow_reply plain;

	f->has &= ~(uint32_t)(HAS_SNAT | HAS_DNAT | HAS_SPAT | HAS_DPAT);
	if (!(f->has & HAS_REPLY))
		return;
	flow_invert(&f->key, &plain);
	if (f->status & ST_SRC_NAT_DONE) {
		if (memcmp(&f->reply.dst, &plain.dst, sizeof(plain.dst)) != 0)
			f->has |= HAS_SNAT;
		/* ICMP keeps its id in sport, in both directions. */
		if (flow_l4_is_icmp(f->key.l4) ? f->reply.sport != plain.sport
					       : f->reply.dport != plain.dport)
			f->has |= HAS_SPAT;
	}
	if (f->status & ST_DST_NAT_DONE) {
		if (memcmp(&f->reply.src, &plain.src, sizeof(plain.src)) != 0)
			f->has |= HAS_DNAT;
		if (!flow_l4_is_icmp(f->key.l4) && f->reply.sport != plain.sport)
			f->has |= HAS_DPAT;
	}
}

uint32_t
flow_nat_status(const struct flow *f)
{
	uint32_t bits = 0;

	if ((f->has & (HAS_SNAT | HAS_SPAT)) || (f->status & ST_SRC_NAT))
		bits |= ST_SRC_NAT | ST_SRC_NAT_DONE;
	if ((f->has & (HAS_DNAT | HAS_DPAT)) || (f->status & ST_DST_NAT))
		bits |= ST_DST_NAT | ST_DST_NAT_DONE;
	return bits;
}

void
flow_apply_nat(struct flow *f, const struct flow_reply *nat)
{
	bool icmp = flow_l4_is_icmp(f->key.l4);

	flow_invert(&f->key, &f->reply);
	if (f->has & HAS_SNAT)
		f->reply.dst = nat->dst;
	if (f->has & HAS_DNAT)
		f->reply.src = nat->src;
	/*
	 * The incumbent sends both ports as zero with every ICMP flow once NAT is loaded; a zero id
	 * is never a translation (doc/WIRE.md 3.4).
	 */
	if ((f->has & HAS_SPAT) && !icmp)
		f->reply.dport = nat->dport;
	if ((f->has & HAS_SPAT) && icmp && nat->dport != 0)
		f->reply.sport = nat->dport;
	if ((f->has & HAS_DPAT) && !icmp)
		f->reply.sport = nat->sport;
}

bool
flow_is_complete(const struct flow *f)
{
	if (!(f->has & HAS_ADDRS) || !(f->has & HAS_L4PROTO))
		return false;
	if (flow_l4_is_icmp(f->key.l4))
		return f->has & HAS_ICMP;
	/* Kernels from 6.16 on track DCCP as they do any protocol they know nothing of. */
	if (f->key.l4 == L4_DCCP || !flow_l4_has_ports(f->key.l4))
		return true;
	return f->has & HAS_PORTS;
}

bool
flow_is_related(const struct flow *f)
{
	if (!(f->has & HAS_MASTER) || !(f->has & HAS_MASTER_L4))
		return false;
	return !flow_l4_has_ports(f->rare.master.l4) || (f->has & HAS_MASTER_PORTS);
}

/* What a flow says besides its key and its mapping: X(bit of has, field). */
#define TCP_FIELDS(X)                                                                              \
	X(HAS_STATE, l4.tcp.state)                                                                 \
	X(HAS_WSCALE, l4.tcp.wscale_orig)                                                          \
	X(HAS_WSCALE, l4.tcp.wscale_repl)
#define SCTP_FIELDS(X)                                                                             \
	X(HAS_STATE, l4.sctp.state)                                                                \
	X(HAS_VTAGS, l4.sctp.vtag_orig)                                                            \
	X(HAS_VTAGS, l4.sctp.vtag_repl)
#define DCCP_FIELDS(X)                                                                             \
	X(HAS_STATE, l4.dccp.state)                                                                \
	X(HAS_DCCP_ROLE, l4.dccp.role)
#define COMMON_FIELDS(X)                                                                           \
	X(HAS_STATUS, status)                                                                      \
	X(HAS_MARK, mark)
#define RARE_FIELDS(X)                                                                             \
	X(HAS_SEQADJ, rare.seqadj)                                                                 \
	X(HAS_HELPER, rare.helper)                                                                 \
	X(HAS_LABELS, rare.labels)                                                                 \
	X(HAS_SYNPROXY, rare.synproxy_isn)                                                         \
	X(HAS_SYNPROXY, rare.synproxy_its)                                                         \
	X(HAS_SYNPROXY, rare.synproxy_tsoff)                                                       \
	X(HAS_MASTER, rare.master.src)                                                             \
	X(HAS_MASTER, rare.master.dst)                                                             \
	X(HAS_MASTER, rare.master.l3)                                                              \
	X(HAS_MASTER_L4, rare.master.l4)                                                           \
	X(HAS_MASTER_PORTS, rare.master.sport)                                                     \
	X(HAS_MASTER_PORTS, rare.master.dport)

#define HAS_NAT (HAS_SNAT | HAS_DNAT | HAS_SPAT | HAS_DPAT)

#define IS_NEWS(bit, name)                                                                         \
	if ((upd->has & (bit)) &&                                                                  \
	    (!(f->has & (bit)) || memcmp(&f->name, &upd->name, sizeof(f->name)) != 0))             \
		return true;

/* Does the update say anything of the flow that was not known, apart from the timeout? */
static bool
brings_news(const struct flow *f, const struct flow *upd)
{
	switch (f->key.l4) {
	case L4_TCP:
		TCP_FIELDS(IS_NEWS)
		break;
	case L4_SCTP:
		SCTP_FIELDS(IS_NEWS)
		break;
	case L4_DCCP:
		DCCP_FIELDS(IS_NEWS)
		break;
	default:
		break;
	}
	if ((upd->has & (HAS_REPLY | HAS_NAT)) &&
	    (((f->has ^ upd->has) & HAS_NAT) || !flow_reply_equal(&f->reply, &upd->reply)))
		return true;
	COMMON_FIELDS(IS_NEWS)
	if (upd->has & HAS_RARE) {
		RARE_FIELDS(IS_NEWS)
	}
	return false;
}

#undef IS_NEWS

#define TAKE(bit, name)                                                                            \
	if (upd->has & (bit))                                                                      \
		memcpy(&f->name, &upd->name, sizeof(f->name));

static void
take_l4(struct flow *f, const struct flow *upd)
{
	switch (f->key.l4) {
	case L4_TCP:
		TCP_FIELDS(TAKE)
		TAKE(HAS_TCP_FLAGS, l4.tcp.flags_orig)
		TAKE(HAS_TCP_FLAGS, l4.tcp.flags_repl)
		f->has |= upd->has & (HAS_STATE | HAS_WSCALE | HAS_TCP_FLAGS);
		break;
	case L4_SCTP:
		SCTP_FIELDS(TAKE)
		f->has |= upd->has & (HAS_STATE | HAS_VTAGS);
		break;
	case L4_DCCP:
		DCCP_FIELDS(TAKE)
		TAKE(HAS_DCCP_SEQ, l4.dccp.handshake_seq)
		f->has |= upd->has & (HAS_STATE | HAS_DCCP_ROLE | HAS_DCCP_SEQ);
		break;
	default:
		break;
	}
}

bool
flow_merge(struct flow *f, const struct flow *upd)
{
	bool changed = brings_news(f, upd);

	take_l4(f, upd);
	if (upd->has & (HAS_REPLY | HAS_NAT)) {
		f->reply = upd->reply;
		f->has = (f->has & ~(uint32_t)HAS_NAT) | (upd->has & (HAS_NAT | HAS_REPLY));
	}
	COMMON_FIELDS(TAKE)
	TAKE(HAS_TIMEOUT, timeout_s)
	TAKE(HAS_ID, id)
	if (upd->has & HAS_RARE) {
		RARE_FIELDS(TAKE)
	}
	f->has |= upd->has & (HAS_STATUS | HAS_MARK | HAS_TIMEOUT | HAS_ID | HAS_ZONE | HAS_RARE);
	return changed;
}

#undef TAKE

bool
flow_same_content(const struct flow *a, const struct flow *b)
{
	return flow_key_equal(&a->key, &b->key) && !brings_news(a, b) && !brings_news(b, a);
}
