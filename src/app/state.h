/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state.h: what the parts of the daemon share.
 *
 *   daemon.c    start, the turn, stop
 *   links.c     the dedicated links
 *   requests.c  what clients of the control socket ask for
 *   verbs.c     what they ask for in words, see verbs.h
 *   flows.c     of these, the tables
 *   status.c    of these, how the daemon is
 *   trace.c     of these, flows that somebody looks at
 *   check.c     of these, what is compared with the kernel
 *   record.c    what it went through, for history.h
 *   debug.c     the level of the log
 *   report.c    what the node notices, as log lines
 *   role.c      master or backup, and what follows from it, see role.h
 *   readiness.c  how good the replica is, in words
 *   vrrp.c      this node and keepalived, see vrrp.h
 *   reload.c    SIGHUP: settings that change while the daemon runs
 *   stats_log.c lines about flows that have ended
 *   helpers.c   user-space helpers that are not provided
 *   privileges.c what the daemon gives up once everything is open
 *   gatekeeper.c the takeover gate: when it is closed, and for how long
 */
#ifndef APP_STATE_H
#define APP_STATE_H

#include "config.h"
#include "ctl.h"
#include "ctnl.h"
#include "debug.h"
#include "gate.h"
#include "history.h"
#include "json.h"
#include "link.h"
#include "log.h"
#include "loop.h"
#include "node.h"
#include "notify.h"
#include "pace.h"
#include "role.h"
#include "text.h"
#include "vrrp.h"

enum {
	READ_WAITS_MAX = 100, /* turns that a read of the table waits for events to be read first */
	DATAGRAM_MAX = 65536,
	DUMP_READS_PER_TURN = 4,   /* datagrams of a table dump, of up to 32 KiB each */
	GATHERED_MAX = 16,         /* events or flows of a dump that go to the node together */
	SENDS_PER_TURN = 256,
	OUTBOX_BYTES = 2 * DATAGRAM_MAX, /* what is collected for one system call */
	OVERRUN_READ_MS = 500,     /* for the burst that overran us to pass */
	GROWTH_TOLD_MS = 60 * 1000, /* between two warnings that the buffer can grow no more */
	EVENT_SIZE_MIN = 256,      /* bytes of the event socket's buffer that an event takes */
	SHUTDOWN_TURNS = 50,       /* to let the last client hear of the end */
	SAID_LINES = 12,           /* log lines of one kind that peers cause in so long */
	SAID_MS = 60 * 1000,
};

/* Why the kernel table is read, or is to be. */
enum read_reason {
	READ_START = 1 << 0,
	READ_RESYNC = 1 << 1,  /* -R */
	READ_FLUSH = 1 << 2,   /* -F: what is there is to be deleted */
	READ_OVERRUN = 1 << 3, /* events were lost: differences are announced */
	READ_PURGE = 1 << 4,   /* -t came due */
	READ_SHOW = 1 << 5,    /* -i without a cache of our own */
	READ_POLL = 1 << 6,    /* PollSecs: differences are announced */
	READ_FLUSH_EXPECTS = 1 << 7, /* -F expect */
};

/* What a client waits for. */
enum wait_for {
	WAIT_NOTHING,
	WAIT_COMMIT,
	WAIT_READ,
	WAIT_SHOW,
	WAIT_FLUSH,
	WAIT_STOP,
	WAIT_DRAIN,
	WAIT_PROMOTION,
	WAIT_REHEARSAL,
	WAIT_SYNC, /* until the replica is in sync, or some time is over */
};

/* Datagrams on their way from the node to the link in use. */
struct outbox {
	struct iovec datagrams[LINK_SENDS_MAX];
	size_t count, next;         /* taken from the node; those before `next` have left */
	size_t used;                /* bytes */
	uint8_t bytes[OUTBOX_BYTES];
};

/* Of one kind of notice: how often it has been logged, and was left out, since: */
struct said {
	ms_t since;
	unsigned int lines;
	unsigned long long left_out;
};

/* A client who follows a flow. */
struct follower {
	struct ctl_client *client; /* NULL: nobody */
	int which;     /* as the node has it */
	bool streams;  /* the document is out: steps come next */
	ms_t until;
	uint64_t lost; /* steps that it did not get */
};

/* The last full read of the kernel's table; why is 0 before the first. */
struct read_last {
	unsigned int why; /* enum read_reason, or'ed */
	ms_t at;
	int64_t took_ms;
	uint64_t flows;
};

/* The last bulk update that was sent; `at' is 0 before the first. */
struct bulk_last {
	ms_t at;
	uint64_t flows;
	bool known; /* how much of it was not acknowledged: */
	uint64_t unacked;
};

struct waiter {
	struct ctl_client *client;
	enum wait_for what;
	struct ctl_job *job; /* WAIT_SYNC, as the next */
	ms_t until;
};

/* What a link waits for in this turn: its descriptors in the loop's set. */
struct link_wait {
	int index[LINK_FDS_MAX];
	size_t count;
	bool gathers; /* what it receives is left to gather */
	uint64_t strangers_told; /* how many strangers the log knows of */
	ms_t strangers_next;     /* when it may hear of more */
	uint64_t dropped_told, shut_out_told; /* likewise of what the kernel dropped */
	ms_t drops_next;
};

/* The takeover gate. */
struct gatekeeper {
	struct gate *gate;   /* NULL: none is configured, or it cannot be made */
	bool made;           /* its table is in the kernel */
	unsigned int tries;  /* to make it */
	ms_t retry_at;       /* MS_NEVER: no further one is due */
	ms_t opens_at;       /* at the latest; MS_NEVER: it is open */
	uint32_t timeout_ms; /* that it was closed with */
	int64_t closed_us;   /* when it was closed */
	uint64_t counted;    /* what the kernel had held back before */
	uint64_t closings, timeouts, failures, held; /* since the start */
	uint64_t last_ms, last_held;                 /* of the last time */
};

struct daemon {
	const struct config *cfg;
	struct config *cfg_own;   /* the same, once reloaded; NULL: it is the caller's */
	const char *cfg_path;     /* absolute */
	struct log *log;
	struct log *stats_log;    /* NULL: no Stats section */
	struct loop loop;
	struct ctnl *ctnl;
	struct link *links[NODE_LINKS_MAX];
	size_t links_count;
	size_t link_active;
	struct link_wait link_wait[NODE_LINKS_MAX];
	struct ctl *ctl;
	struct notify notify;
	struct node *node;
	void *node_mem;
	size_t node_mem_size;
	int lock_fd;
	int ready_fd;
	bool ready;
	bool stopping;
	bool failed;
	ms_t started;

	/* The turn: when it began, what it may read, and has read. */
	struct pace pace;
	int64_t turn_us;
	bool gathers;        /* events and datagrams are left to gather */
	bool gathered;       /* and the time for that is over */
	bool events_gather;  /* of the sources, this one */
	bool datagrams_left; /* this turn did not read all that waited */
	unsigned int taken;  /* events and datagrams */
	int event_index;     /* in the loop's set */
	int dump_index;

	unsigned int read_wanted; /* enum read_reason, or'ed */
	unsigned int read_active;
	bool dump_open;           /* the dump itself is still coming in */
	bool dump_expects;        /* that of expectations, by now */
	ms_t read_began;
	enum read_why read_why;   /* why the node last asked for one */
	struct read_last read_last;
	int read_error;           /* negative errno value that ended it early, or 0 */
	bool more_kernel_work;
	ms_t growth_told;         /* when we last said that the buffer can grow no more; 0: never */
	uint64_t growth_overruns; /* overruns since */
	ms_t overrun_last;        /* when the kernel last dropped events; 0: never */
	ms_t poll_at;             /* PollSecs; MS_NEVER: events tell */
	bool read_owed;           /* events were lost, but NetlinkOverrunResync is off */
	ms_t overrun_read_at;     /* MS_NEVER: none is due */
	uint32_t overrun_left;    /* so many events from before a loss may still be unread */
	bool events_left;         /* this turn did not read all that waited */
	unsigned int read_waits;  /* turns that a read has been put off for that */
	ms_t overrun_read_last;   /* when the last one was due */
	ms_t purge_at;            /* -t; MS_NEVER: none is due */
	ms_t watchdog_at;         /* MS_NEVER: nobody asks whether we live */
	ms_t links_checked;
	int link_watch; /* tells when an interface changes; negative: nothing does */
	int link_watch_index;
	uint64_t kernel_flushes;
	ms_t drain_until; /* clients wait for events to be read, at most until; MS_NEVER: none does */
	bool drain_late;  /* the last one waited in vain */
	int64_t commit_began_us;
	struct role_state role;
	struct gatekeeper gatekeeper;
	struct commit_tally commit_last;
	ms_t commit_last_at; /* 0: there was none */
	struct bulk_last bulk_last;
	struct vrrp vrrp;
	struct said said[NOTICE_TYPES];
	struct history history;
	struct debug debug;

	struct waiter waiters[CTL_CLIENTS_MAX];
	size_t waiters_count;
	struct follower followers[FOLLOW_MAX];

	struct outbox out;
	uint8_t in[DATAGRAM_MAX];
};

/* daemon.c */
/* What keeps us from starting is the configuration's doing, or can be helped there: logs that. */
void daemon_review(struct daemon *d, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* links.c */
bool links_open(struct daemon *d);
void links_close(struct daemon *d);
/* Their part of the turn, in this order: descriptors into the loop, what has come, the state of the
 * interfaces, what is to leave. */
void links_prepare(struct daemon *d);
/* Are there datagrams that a link did not take yet? */
bool links_wait(const struct daemon *d);
ms_t links_deadline(const struct daemon *d);
void links_receive(struct daemon *d, ms_t now);
void links_check(struct daemon *d, ms_t now);
void links_send(struct daemon *d, ms_t now);
void links_report(struct daemon *d, const struct notice *note);

/* requests.c */
struct ctl_ops requests_ops(struct daemon *d);
/* Answers all clients that wait for this; `error` is NULL or what their stderr is to say. */
void requests_answer(struct daemon *d, enum wait_for what, int exit_code, const char *error);

/* This client is answered when that has come. */
void requests_wait(struct daemon *d, struct ctl_client *c, enum wait_for what);
/* WAIT_SYNC */
void requests_wait_until(struct daemon *d, struct ctl_client *c, struct ctl_job *job, ms_t until);
/* Answers all clients that wait for this with a document. */
void requests_answer_document(struct daemon *d, enum wait_for what, const struct text *t, int exit_code);
/* Begins a commit, and cancels a purge.  One that is asked for while one runs is that one. */
void orders_commit(struct daemon *d, enum node_cmd cmd);
/* -t */
void orders_purge_later(struct daemon *d);

/* The kernel table is to be read for this reason, as soon as no other read is under way. */
static inline void
want_read(struct daemon *d, enum read_reason reason)
{
	d->read_wanted |= reason;
}

/* reload.c */
void reload(struct daemon *d);
void apply_scheduler(struct daemon *d, const struct config *cfg);
/* As much of the filter as the configuration says goes to the event socket. */
void apply_filter(struct daemon *d, const struct config *cfg);

/* stats_log.c */
/* Opens what the Stats section names; 0, or a negative errno value (logged): what was open stays so. */
int stats_log_open(struct daemon *d, const struct config *cfg);
/* An event is about to be passed to the node. */
void stats_log_event(struct daemon *d, const struct kernel_event *ev);
/* Passes the answer to the node, which may find that a flow has ended without an event. */
void stats_log_vanished(struct daemon *d, const struct kernel_op *op,
    const struct kernel_result *res, ms_t now);

/* trace.c */
/* What has happened to flows that are followed goes to whoever follows them. */
void trace_turn(struct daemon *d, ms_t now);
ms_t trace_deadline(const struct daemon *d);
/* This client is gone, or has heard all. */
void trace_gone(struct daemon *d, const struct ctl_client *c);

/* check.c */
/* This turn has read events: are those read that clients wait for? */
void check_drained(struct daemon *d, ms_t now);

/* helpers.c */
/* A warning for each helper that the configuration asks for. */
void helpers_warn(struct daemon *d);
/* The same as a block of -s runtime; nothing if there is none. */
void helpers_show(const struct daemon *d, struct ctl_client *c);

/* gatekeeper.c: all of these may be called whether there is a gate or not, and whether it is closed or not. */
enum gate_why { GATE_DONE, GATE_TIMEOUT };
/* Makes the gate, if there is to be one; what keeps it from being made is logged, and no error. */
void gatekeeper_start(struct daemon *d);
void gatekeeper_stop(struct daemon *d);
/* Flows are about to be committed: what has no entry is held back, until gatekeeper_open() or until the
 * configured time is over. */
void gatekeeper_close(struct daemon *d);
void gatekeeper_open(struct daemon *d, enum gate_why why);
ms_t gatekeeper_deadline(const struct daemon *d);
void gatekeeper_step(struct daemon *d, ms_t now);
/* Object "gate" of the status document. */
void gatekeeper_write(struct json *j, const struct daemon *d);

/* privileges.c */
/* Everything is open: gives up what the rest of the daemon's life does not take; says what is in force. */
void privileges_drop(struct daemon *d);

/* daemon.c */
/* How the daemon is, for the service manager. */
const char *daemon_status(const struct daemon *d);

/* record.c */
/* What the node notices and the flight recorder keeps. */
void record_notice(struct daemon *d, const struct notice *note);
/* The same for machines that read the log; texts are in `addr', or stay for ever. */
enum { ADDR_TEXT = 64 };
void record_facts(const struct daemon *d, const struct notice *note, struct log_facts *facts,
    char addr[ADDR_TEXT]);
/* A line of the log that carries this code. */
void log_event(struct daemon *d, enum history_code code, enum log_level level, const char *fmt, ...)
    ATTR_PRINTF(4, 5);
/* A client has ordered something: an entry with its name. */
void record_order(struct daemon *d, const struct ctl_job *job, enum history_code code,
    const char *fmt, ...) ATTR_PRINTF(4, 5);

/* report.c */
/* The read under way is over without success: tells who waits for it. */
void report_read_failed(struct daemon *d, int error);
void report_notice(struct daemon *d, const struct notice *note);
/* Each second: says what was left out as it was said too often. */
void report_left_out(struct daemon *d, ms_t now);
/* SIGUSR1: every counter that is not zero, one log line each. */
void report_counters(struct daemon *d);

#endif
