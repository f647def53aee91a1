/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor_kernel.c: facts from the kernel's table of flows, which is read once, and not if it is long.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "ctnl_msg.h"
#include "doctor.h"

enum { FLOWS_MAX = 262144, ANSWER_S_MAX = 5, DATAGRAMS_MAX = 100000 };

struct reading {
	struct facts *f;
	const struct config *cfg;
};

static bool
is_of_link(const struct flow_key *key, const struct config_link *l)
{
	uint16_t port = (uint16_t)(l->port << 8 | l->port >> 8);

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	port = l->port;
#endif
	return key->l3 == l->l3 && key->l4 == (l->transport == TRANSPORT_TCP ? L4_TCP : L4_UDP) && key->dport == port &&
	    (memcmp(&key->dst, &l->group, sizeof(key->dst)) == 0 || memcmp(&key->src, &l->group, sizeof(key->src)) == 0);
}

static int
take_flow(const struct nlmsghdr *nlh, void *ctx)
{
	struct reading *r = ctx;
	struct flow flow;

	if (!ctnl_msg_parse(nlh, &flow))
		return MNL_CB_OK;
	if (flow.key.zone != 0) {
		r->f->zoned++;
		r->f->zone_example = flow.key.zone;
	}
	if ((flow.has & HAS_STATUS) && (flow.status & (ST_OFFLOAD | ST_HW_OFFLOAD)) != 0)
		r->f->offloaded++;
	for (size_t i = 0; i < r->cfg->links_count; i++)
		r->f->links[i].tracked += is_of_link(&flow.key, &r->cfg->links[i]);
	return MNL_CB_OK;
}

/* 0, or a negative errno value. */
static int
read_table(struct mnl_socket *nl, struct reading *r)
{
	static char buf[1 << 16];
	char request[MNL_NLMSG_HDRLEN + 16];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = 1;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->version = NFNETLINK_V0;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	for (int i = 0; i < DATAGRAMS_MAX; i++) {
		ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		int ran = n < 0 ? -1 : mnl_cb_run(buf, (size_t)n, 1, mnl_socket_get_portid(nl), take_flow, r);

		if (ran < 0 && errno != EINTR)
			return -errno;
		if (ran == MNL_CB_STOP)
			return 0;
	}
	return -E2BIG;
}

void
gather_table(struct facts *f, const struct config *cfg)
{
	struct timeval limit = {.tv_sec = ANSWER_S_MAX};
	struct reading r = {.f = f, .cfg = cfg};
	struct mnl_socket *nl;
	int error;

	/* To ask for it would load the module: what there is is to be looked at, not changed. */
	if (f->conntrack_max == UNKNOWN || (!f->daemon && (f->module_netlink == 0 || f->module_nfnetlink == 0)))
		return;
	if (f->conntrack_count > FLOWS_MAX) {
		facts_unknown(f, "the flows in the kernel's table: %lld are more than is read for this",
		    (long long)f->conntrack_count);
		return;
	}
	for (size_t i = 0; i < cfg->links_count; i++)
		f->links[i].tracked = 0;
	nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	error = nl == NULL || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ? -errno
		: read_table(nl, &r);
	if (nl != NULL)
		mnl_socket_close(nl);
	f->table_read = error == 0;
	if (f->table_read)
		return;
	facts_unknown(f, "the flows in the kernel's table: %s", strerror(-error));
	for (size_t i = 0; i < cfg->links_count; i++)
		f->links[i].tracked = UNKNOWN;
}
