/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * world.h: a few nodes of the very core that ships, each with a model kernel, on one simulated
 * link and clock.
 *
 * All settings are zero at first: then the link loses nothing and every node does at once all that
 * there is to do.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "incumbent.h"
#include "node.h"
#include "sim_kernel.h"

enum {
	WORLD_NODES_MAX = 5,
	WORLD_STRANGER = WORLD_NODES_MAX, /* sender of what no node sent */
	WORLD_PACKETS_MAX = 8192,         /* on the way or waiting to be read */
	WORLD_PAYLOAD = 1472,
	WORLD_BATCH_MAX = 256,
};

struct world;

/* ---- what happens, told to whoever watches ---- */

enum happening_type {
	HAP_KERNEL,     /* change: an entry of the kernel changed */
	HAP_EVENT,      /* event: the daemon read it */
	HAP_EXPECT_EVENT,  /* event, of an expectation */
	HAP_EXPECT_RESULT, /* op, result: the kernel has carried out one about an expectation */
	HAP_OVERRUN,
	HAP_READ_BEGIN, /* number: announce */
	HAP_READ_FLOW,  /* flow */
	HAP_READ_END,   /* number: complete */
	HAP_OP,         /* op: pulled */
	HAP_ASKS,       /* op: the kernel is about to carry it out */
	HAP_RESULT,     /* op, result: the kernel has carried it out */
	HAP_ANSWERED,   /* op, result: the daemon has the answer */
	HAP_SENT,       /* data */
	HAP_ARRIVES,    /* data, other: about to be read */
	HAP_ARRIVED,    /* data, other: has been read */
	HAP_NOTICE,     /* notice */
	HAP_ORDER,      /* number: enum sim_order */
	HAP_START,
	HAP_KILL,
	HAP_TURN,       /* the daemon has done what there was to do */
};

struct happening {
	enum happening_type type;
	uint8_t node;
	uint8_t other;
	uint64_t number;
	const struct sim_change *change;
	const struct kernel_event *event;
	const struct kernel_op *op;
	const struct kernel_result *result;
	const struct notice *notice;
	const struct flow *flow;
	const uint8_t *data;
	size_t len;
};

typedef void (*world_watch_fn)(void *ctx, const struct happening *h);

/* ---- nodes ---- */

/* What an operator says on the command line. */
enum sim_order {
	ORDER_COMMIT,         /* -c */
	ORDER_FLUSH_INTERNAL, /* -f internal */
	ORDER_FLUSH_EXTERNAL, /* -f external */
	ORDER_READ,           /* -R */
	ORDER_BULK,           /* -B */
	ORDER_RESYNC,         /* -n */
	ORDER_FLUSH_KERNEL,   /* -F */
	ORDER_PURGE,          /* -t */
	ORDER_PROMOTE,        /* promote, but for the bulk send after it */
	ORDER_REHEARSE,       /* promote --dry-run */
	ORDER_COMPARE,        /* demote, but for the purge */
};

/* Is a commit begun by it? */
static inline bool
order_commits(unsigned int order)
{
	return order == ORDER_COMMIT || order == ORDER_PROMOTE;
}

/* How a daemon lives; zero: at once, and without limit. */
struct sim_pace {
	unsigned int events;    /* events read per turn */
	unsigned int datagrams; /* datagrams read per turn */
	unsigned int batch;     /* requests written at once; 0: one, answered before the next is made */
	int64_t op_ms;          /* the kernel's time for a batch; the daemon waits for it */
	unsigned int dump;      /* flows per step of a dump, each as of the step before */
	int64_t dump_ms;        /* between two steps */
	size_t rcvbuf;          /* bytes of datagrams that wait to be read */
	size_t payload;         /* of a datagram, as the link's MTU allows; 0: WORLD_PAYLOAD */
	bool reads;             /* reads the kernel table when the node asks for that, as the daemon does */
	int64_t purge_ms;       /* -t: from order to flush */
};

/* What was last seen of an incumbent, which gives no notices. */
struct incumbent_seen {
	uint64_t commits;
	bool flush_ordered, read_done, wants_read;
};

struct sim_node {
	/* One of them, or none: down. */
	struct node *node;
	struct incumbent *incumbent;
	void *mem; /* of the node */
	struct incumbent_seen seen;
	struct sim_kernel *kernel;
	struct sim_pace pace;
	struct commit_tally last_commit;
	unsigned int notices[64]; /* seen, by enum notice_type */
	ms_t paused_until;  /* stopped, or waiting for the kernel */
	ms_t clogged_until; /* the link takes nothing */

	uint16_t *inbox; /* packets that have arrived and are not read, by slot; a ring */
	size_t inbox_head, inbox_count, inbox_bytes;

	struct kernel_op *ops; /* a batch that the kernel is at work on */
	size_t ops_count;
	ms_t ops_at;

	unsigned int read_wanted, read_active; /* enum sim_read */
	bool reading;
	bool read_cut;      /* the dump under way will be cut short */
	size_t dump_at;     /* of the kernel's flows, the next to be looked at */
	ms_t dump_next;
	struct flow *dump;  /* the step that is waiting to be read */
	size_t dump_count;
	unsigned int read_waits; /* turns that a read has been put off for unread events */
	bool overrun_queue; /* events from before a loss are still unread */
	bool overrun;       /* the loss was told, and no read has begun since */
	ms_t overrun_read_at, overrun_read_last, purge_at;
};

struct sim_packet {
	ms_t at;
	uint8_t from, to, link;
	uint16_t slot;
	uint16_t len;
};

/* Is this datagram lost? */
typedef bool (*world_drop_fn)(struct world *w, int from, int to, const uint8_t *data, size_t len);

struct world {
	ms_t now;
	struct sim_node nodes[WORLD_NODES_MAX];
	size_t count;
	size_t incumbents; /* so many nodes, from the last, run the incumbent */
	struct node_cfg cfg;
	uint32_t starts;
	struct sim_packet *packets; /* under way, in order of arrival; a ring */
	size_t packets_head, packets_count;
	uint8_t (*payload)[WORLD_PAYLOAD];
	uint16_t *payload_len;
	uint8_t *payload_from, *payload_link;
	uint16_t *payload_free;
	size_t payload_free_count;
	int64_t latency_ms;
	world_drop_fn drop;
	uint64_t rng;       /* for the drop function's own use */
	/* What the link does besides: see world_noise(). */
	unsigned int loss_pct, dup_pct, corrupt_pct;
	int64_t jitter_ms;
	uint64_t noise;
	bool cut[WORLD_NODES_MAX][WORLD_NODES_MAX]; /* [from][to]: nothing arrives */
	/* Of several links (cfg.links): nothing arrives on this one, and nobody is told; [link][from][to]. */
	bool dead[NODE_LINKS_MAX][WORLD_NODES_MAX][WORLD_NODES_MAX];
	/* The node's interface has no carrier, and it knows. */
	bool unplugged[NODE_LINKS_MAX][WORLD_NODES_MAX];
	/* If not 0, the first number of the next node started; an incumbent's, else, is the time. */
	uint32_t first_seq;
	uint64_t sent, lost;
	bool stuck; /* a node never came to rest */
	world_watch_fn watch;
	/* The errno value that the kernel of a node refuses a request with, or 0; see sim_fail_fn. */
	int (*refuse)(void *ctx, size_t node, const struct kernel_op *op, bool *after);
	void *watch_ctx; /* of both */
};

/* Brings up `count` nodes with this configuration.  Released with world_free(). */
struct world *world_new(size_t count, const struct node_cfg *cfg);
/* The same with the nodes still down. */
struct world *world_new_down(size_t count, const struct node_cfg *cfg);
void world_free(struct world *w);

/*
 * From now on the link loses and doubles datagrams, in percent, and holds each back for up to
 * `jitter_ms`, so that they overtake each other.  Same seed (not 0), same noise.
 */
void world_noise(struct world *w, uint64_t seed, unsigned int loss_pct, unsigned int dup_pct,
    int64_t jitter_ms);

/* xorshift64: the next of the numbers that *seed (not 0) stands for. */
uint64_t world_random(uint64_t *seed);

/* Starts (or starts anew) the daemon of node i: reads the kernel table as the real one does. */
void world_start(struct world *w, size_t i);
/* The daemon of node i dies without a word; its kernel stays. */
void world_kill(struct world *w, size_t i);

/* Lets `ms` milliseconds pass. */
void world_run(struct world *w, int64_t ms);

/* A command, and time until what it began is done. */
void world_command(struct world *w, size_t i, enum node_cmd cmd);
/* -R: reads the kernel table. */
void world_read_kernel(struct world *w, size_t i, bool announce);
/* What an operator tells the daemon, which sees to it in its turns (struct sim_pace, reads). */
void world_order(struct world *w, size_t i, enum sim_order order);

/* A cable is pulled at a node, or put in again. */
void world_plug(struct world *w, size_t i, size_t link, bool in);

/* Puts a datagram on the (first) link to node `to` that comes from `from`, maybe WORLD_STRANGER. */
void world_inject(struct world *w, size_t from, size_t to, const void *data, size_t len);

/* The address that a node, or the stranger, is heard on over a link. */
struct peer_addr world_addr(size_t i, size_t link);
/* The other way round; WORLD_STRANGER for all that is no node's. */
size_t world_node_of(const struct world *w, const struct peer_addr *addr);

/* Are there events of node i's kernel that it has not read, or that are lost and not made good yet? */
bool world_is_behind(const struct world *w, size_t i);
/* The flow of this key in a table of node i; false if it is not there. */
bool world_find(const struct world *w, size_t i, enum node_table t, const struct flow_key *key,
    struct flow *out);
size_t world_count(const struct world *w, size_t i, enum node_table t);

/* host.c: one daemon.  Does what there is to do at this moment; false if there was nothing. */
bool host_turn(struct world *w, size_t i);
/* When the daemon has to be looked at again if nothing comes in. */
ms_t host_deadline(const struct world *w, size_t i);
/* The daemon is gone: so is all that was half done. */
void host_reset(struct world *w, size_t i);
/* Reads the kernel table at once and whole. */
void host_read_now(struct world *w, size_t i, bool announce);
void host_order(struct world *w, size_t i, enum sim_order order);

static inline bool
world_is_incumbent(const struct world *w, size_t i)
{
	return i + w->incumbents >= w->count;
}

/* For world.c and host.c: tells whoever watches. */
static inline void
world_tell(struct world *w, const struct happening *h)
{
	if (w->watch != NULL)
		w->watch(w->watch_ctx, h);
}

/* Puts a datagram of node i on a link to all others. */
void world_send(struct world *w, size_t i, size_t link, const uint8_t *data, size_t len);
/* Gives a packet's memory back. */
void world_release(struct world *w, uint16_t slot);

#endif
