/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow.h: one tracked flow, as the kernel, the wire and the tables all mean it.
 *
 * struct flow is a plain value without pointers.  It is what adapters parse into and build from;
 * tables keep it in a denser form (table.h).  Sources: linux/netfilter/nfnetlink_conntrack.h,
 * linux/netfilter/nf_conntrack_common.h, doc/WIRE.md section 3.
 */
#ifndef CORE_FLOW_H
#define CORE_FLOW_H

#include "base.h"

/* Layer 3 protocol numbers, as netlink and XML output use them (AF_INET, AF_INET6). */
enum { L3_IPV4 = 2, L3_IPV6 = 10 };

/* IP protocol numbers that conntrack treats specially. */
enum {
	L4_ICMP = 1,
	L4_IGMP = 2,
	L4_TCP = 6,
	L4_UDP = 17,
	L4_DCCP = 33,
	L4_GRE = 47,
	L4_ICMPV6 = 58,
	L4_SCTP = 132,
	L4_UDPLITE = 136,
};

/* Kernel status bits (enum ip_conntrack_status). */
enum {
	ST_EXPECTED = 0x1,
	ST_SEEN_REPLY = 0x2,
	ST_ASSURED = 0x4,
	ST_CONFIRMED = 0x8,
	ST_SRC_NAT = 0x10,
	ST_DST_NAT = 0x20,
	ST_SEQ_ADJUST = 0x40,
	ST_SRC_NAT_DONE = 0x80,
	ST_DST_NAT_DONE = 0x100,
	ST_DYING = 0x200,
	ST_FIXED_TIMEOUT = 0x400,
	ST_TEMPLATE = 0x800,
	ST_NAT_CLASH = 0x1000,
	ST_HELPER = 0x2000,
	ST_OFFLOAD = 0x4000,
	ST_HW_OFFLOAD = 0x8000,
};

/* Kernel TCP states (enum tcp_conntrack); 9 is SYN_SENT2, which old texts call LISTEN. */
enum {
	TCP_NONE,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_ESTABLISHED,
	TCP_FIN_WAIT,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_SYN_SENT2,
	TCP_STATE_MAX,
};

/* An address in network byte order.  IPv4 uses the first four bytes; the rest is zero. */
struct ip_addr {
	uint8_t b[16];
};

/*
 * flow_key: what makes two flows the same one: the original tuple and the zone.
 *
 * sport and dport hold bytes in network order (use ntohs to read a port):
 *   TCP, UDP, SCTP, DCCP, UDPLITE   source and destination port
 *   ICMP, ICMPv6                    sport: the id; dport: type in the first byte, code in the second
 *   GRE                             the call keys
 *   others                          zero
 */
struct flow_key {
	struct ip_addr src;
	struct ip_addr dst;
	uint16_t sport;
	uint16_t dport;
	uint16_t zone; /* host order; 0 is the default zone */
	uint8_t l3;    /* L3_IPV4 or L3_IPV6 */
	uint8_t l4;    /* IP protocol number */
};
_Static_assert(sizeof(struct flow_key) == 40, "flow_key is hashed and compared as bytes");

/* The reply direction of a flow; same conventions as in flow_key. */
struct flow_reply {
	struct ip_addr src;
	struct ip_addr dst;
	uint16_t sport;
	uint16_t dport;
};

/* Which attributes a flow carries.  Absent is not the same as zero: see flow_merge(). */
enum flow_has {
	HAS_ADDRS = 1u << 0,    /* key.src, key.dst, key.l3 */
	HAS_L4PROTO = 1u << 1,  /* key.l4 */
	HAS_PORTS = 1u << 2,    /* key.sport, key.dport as ports or GRE keys */
	HAS_ICMP = 1u << 3,     /* key.sport, key.dport as ICMP id, type and code */
	HAS_REPLY = 1u << 4,    /* reply, as the kernel told it */
	HAS_STATUS = 1u << 5,
	HAS_TIMEOUT = 1u << 6,
	HAS_MARK = 1u << 7,
	HAS_ZONE = 1u << 8,     /* the zone was said aloud; key.zone is valid either way */
	HAS_STATE = 1u << 9,    /* l4.tcp.state, l4.sctp.state or l4.dccp.state */
	HAS_WSCALE = 1u << 10,  /* l4.tcp.wscale_* */
	HAS_TCP_FLAGS = 1u << 11, /* l4.tcp.flags_*; kernel only, never on the wire */
	HAS_VTAGS = 1u << 12,   /* l4.sctp.vtag_* */
	HAS_DCCP_ROLE = 1u << 13,
	HAS_DCCP_SEQ = 1u << 14, /* kernel only */
	HAS_SNAT = 1u << 15,    /* reply.dst differs from key.src by source NAT */
	HAS_DNAT = 1u << 16,    /* reply.src differs from key.dst by destination NAT */
	HAS_SPAT = 1u << 17,    /* reply.dport differs (ICMP: reply.sport, the id) */
	HAS_DPAT = 1u << 18,    /* reply.sport differs */
	HAS_ID = 1u << 19,      /* kernel only */
	HAS_MASTER = 1u << 20,
	HAS_MASTER_L4 = 1u << 21,
	HAS_MASTER_PORTS = 1u << 22,
	HAS_SEQADJ = 1u << 23,
	HAS_HELPER = 1u << 24,
	HAS_LABELS = 1u << 25,
	HAS_SYNPROXY = 1u << 26,
	HAS_END = 1u << 27, /* no attribute: the bits from here on are a table's */
};

/* Attributes that few flows have: those of struct flow_rare. */
#define HAS_RARE                                                                                   \
	(HAS_MASTER | HAS_MASTER_L4 | HAS_MASTER_PORTS | HAS_SEQADJ | HAS_HELPER | HAS_LABELS |     \
	    HAS_SYNPROXY)

/* One direction of TCP sequence adjustment (enum ctattr_seqadj). */
struct flow_seqadj {
	uint32_t correction_pos;
	uint32_t offset_before;
	uint32_t offset_after;
};

enum { FLOW_HELPER_LEN = 16, FLOW_LABELS_LEN = 16 };

/* Attributes that few flows have. */
struct flow_rare {
	struct flow_key master;       /* original tuple of the master; zone as ours */
	struct flow_seqadj seqadj[2]; /* original, reply */
	uint32_t synproxy_its;
	uint32_t synproxy_isn;
	uint32_t synproxy_tsoff;
	char helper[FLOW_HELPER_LEN];    /* NUL-terminated */
	uint8_t labels[FLOW_LABELS_LEN]; /* label i is bit (i % 8) of byte (i / 8) */
};

/* Of the kernel's TCP flags: segments are not checked against the window (IP_CT_TCP_FLAG_*). */
enum { TCP_FLAG_LIBERAL = 0x08 };

struct flow_tcp {
	uint8_t state; /* TCP_* */
	uint8_t wscale_orig;
	uint8_t wscale_repl;
	uint8_t flags_orig; /* IP_CT_TCP_FLAG_* */
	uint8_t flags_repl;
};

struct flow_sctp {
	uint8_t state;
	uint32_t vtag_orig; /* host order */
	uint32_t vtag_repl;
};

struct flow_dccp {
	uint8_t state;
	uint8_t role; /* 0 client, 1 server */
	uint64_t handshake_seq;
};

struct flow {
	struct flow_key key;
	struct flow_reply reply;
	uint32_t has;       /* enum flow_has */
	uint32_t status;    /* ST_* */
	uint32_t mark;
	uint32_t timeout_s; /* remaining, as of the last message about the flow */
	uint32_t id;        /* kernel's CTA_ID, host order, if HAS_ID; without: 0, or in the local
			     * table that of the flow which this one replaced */
	union {
		struct flow_tcp tcp;
		struct flow_sctp sctp;
		struct flow_dccp dccp;
	} l4;
	struct flow_rare rare;
};

/* An all-zero flow with only l3, l4 and nothing in `has`. */
void flow_init(struct flow *f);

/* Do ports identify flows of this protocol (TCP, UDP, SCTP, DCCP, UDPLITE)? */
bool flow_l4_has_ports(uint8_t l4);
/* Two flows on one tuple, one after the other?  The kernel's ids tell, where both are known. */
static inline bool
flow_is_another(const struct flow *known, const struct flow *f)
{
	return (known->has & HAS_ID) && (f->has & HAS_ID) && known->id != f->id;
}

/* Has every entry of it in the kernel a state, were it that of none? */
bool flow_l4_has_state(uint8_t l4);
bool flow_l4_is_icmp(uint8_t l4);

/* Length in bytes of an address of layer 3 protocol l3: 4 or 16. */
static inline size_t
flow_addr_len(uint8_t l3)
{
	return l3 == L3_IPV6 ? 16 : 4;
}

/* The ICMP or ICMPv6 type that answers `type`, or `type` itself where nothing does. */
uint8_t flow_icmp_reply_type(uint8_t l4, uint8_t type);

/* The reply tuple of `key` if there were no NAT. */
void flow_invert(const struct flow_key *key, struct flow_reply *out);

bool flow_key_equal(const struct flow_key *a, const struct flow_key *b);
bool flow_reply_equal(const struct flow_reply *a, const struct flow_reply *b);

/*
 * Keyed hash (SipHash-1-3) of some words, and of a key: an attacker picks the tuples, so the order of
 * the chains must not be his.  `secret` is 128 random bits of this process.
 */
uint64_t flow_hash(const uint64_t *words, size_t count, const uint64_t secret[2]);
uint64_t flow_key_hash(const struct flow_key *key, const uint64_t secret[2]);

/*
 * Sets HAS_SNAT, HAS_DNAT, HAS_SPAT and HAS_DPAT from the kernel's reply tuple and status bits
 * (doc/WIRE.md 3.4).  For flows parsed from the kernel; flows off the wire already have them.
 */
void flow_derive_nat(struct flow *f);
/* The status bits that the kernel gives an entry for the mapping that `has` and `status` name. */
uint32_t flow_nat_status(const struct flow *f);

/*
 * Rebuilds the reply tuple of a flow off the wire: the inverse of the key, with the NAT addresses
 * and ports that HAS_SNAT .. HAS_DPAT say were received in `nat`.
 */
void flow_apply_nat(struct flow *f, const struct flow_reply *nat);

/* A flow complete enough to be a flow: addresses, protocol, and ports or ICMP id where its protocol
 * has them. */
bool flow_is_complete(const struct flow *f);

/* Related flow whose master is fully named (addresses, protocol, ports if the master has them). */
bool flow_is_related(const struct flow *f);

/*
 * Merges an update into a flow: what `upd` carries replaces what `f` has, what it lacks stays.  The
 * key of `f` does not change.  Returns true if anything but the timeout changed.
 */
bool flow_merge(struct flow *f, const struct flow *upd);

/* Same content apart from timeout, id and kernel-only attributes? */
bool flow_same_content(const struct flow *a, const struct flow *b);

#endif
