/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor_net.c: facts about interfaces, addresses and routes, from rtnetlink.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "doctor.h"

enum { ANSWER_S_MAX = 5, ANSWERS_MAX = 100000 };

/* Sends a request and hands each message of the answer to `cb`.  0, or a negative errno value. */
static int
talk(struct mnl_socket *nl, struct nlmsghdr *request, mnl_cb_t cb, void *ctx)
{
	static char buf[1 << 16];
	unsigned int port = mnl_socket_get_portid(nl);

	if (mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
		return -errno;
	for (int i = 0; i < ANSWERS_MAX; i++) {
		ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		int r;

		if (n < 0)
			return -errno;
		r = mnl_cb_run(buf, (size_t)n, request->nlmsg_seq, port, cb, ctx);
		if (r < 0)
			return -errno;
		if (r == MNL_CB_STOP)
			return 0;
	}
	return -E2BIG;
}

static struct mnl_socket *
open_netlink(int bus)
{
	struct timeval limit = {.tv_sec = ANSWER_S_MAX};
	struct mnl_socket *nl = mnl_socket_open2(bus, SOCK_CLOEXEC);

	if (nl == NULL)
		return NULL;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0) {
		mnl_socket_close(nl);
		return NULL;
	}
	return nl;
}

/* ---- interfaces and addresses ---- */

static int
take_iface(const struct nlmsghdr *nlh, void *ctx)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct facts *f = ctx;
	const struct nlattr *attr;
	struct iface *i;

	if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*ifi)) || f->ifaces_count == DOCTOR_IFACES_MAX)
		return MNL_CB_OK;
	i = &f->ifaces[f->ifaces_count++];
	*i = (struct iface){.index = (unsigned int)ifi->ifi_index, .up = (ifi->ifi_flags & IFF_UP) != 0,
	    .carrier = (ifi->ifi_flags & IFF_LOWER_UP) != 0, .multicast = (ifi->ifi_flags & IFF_MULTICAST) != 0,
	    .loopback = (ifi->ifi_flags & IFF_LOOPBACK) != 0};
	mnl_attr_for_each(attr, nlh, sizeof(*ifi)) {
		if (mnl_attr_get_type(attr) == IFLA_IFNAME && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			snprintf(i->name, sizeof(i->name), "%s", mnl_attr_get_str(attr));
		else if (mnl_attr_get_type(attr) == IFLA_MTU && mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			i->mtu = mnl_attr_get_u32(attr);
	}
	return MNL_CB_OK;
}

static int
take_addr(const struct nlmsghdr *nlh, void *ctx)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct facts *f = ctx;
	const struct nlattr *attr;
	uint32_t flags;
	bool local = false;
	struct iface_addr *a;

	if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*ifa)) || f->addrs_count == DOCTOR_ADDRS_MAX ||
	    (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6))
		return MNL_CB_OK;
	a = &f->addrs[f->addrs_count++];
	*a = (struct iface_addr){.index = ifa->ifa_index, .prefix = ifa->ifa_prefixlen,
	    .l3 = ifa->ifa_family == AF_INET6 ? L3_IPV6 : L3_IPV4};
	flags = ifa->ifa_flags;
	mnl_attr_for_each(attr, nlh, sizeof(*ifa)) {
		unsigned int type = mnl_attr_get_type(attr);

		if (type == IFA_FLAGS && mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			flags = mnl_attr_get_u32(attr);
		/* Of a tunnel the other one is the far end's. */
		if ((type != IFA_LOCAL && (type != IFA_ADDRESS || local)) ||
		    mnl_attr_get_payload_len(attr) != flow_addr_len(a->l3))
			continue;
		local = type == IFA_LOCAL;
		memcpy(a->addr.b, mnl_attr_get_payload(attr), flow_addr_len(a->l3));
	}
	a->tentative = (flags & IFA_F_TENTATIVE) != 0;
	a->duplicate = (flags & IFA_F_DADFAILED) != 0;
	return MNL_CB_OK;
}

static int
dump(struct mnl_socket *nl, uint16_t type, mnl_cb_t cb, struct facts *f)
{
	char buf[MNL_NLMSG_HDRLEN + 64];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = type;
	if (type == RTM_GETLINK)
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	else
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg));
	return talk(nl, nlh, cb, f);
}

/* What the kernel knows of the way to the peer; it sends nothing to learn it. */
static int64_t
path_mtu(const struct config_link *l, unsigned int ifindex)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(l->port)};
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(l->port), .sin6_scope_id = ifindex};
	bool v6 = l->l3 == L3_IPV6;
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), mtu = 0;
	socklen_t len = sizeof(mtu);
	int64_t found_mtu = UNKNOWN;

	if (fd < 0)
		return UNKNOWN;
	memcpy(&sin.sin_addr, l->group.b, sizeof(sin.sin_addr));
	memcpy(&sin6.sin6_addr, l->group.b, sizeof(sin6.sin6_addr));
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, l->ifname, (socklen_t)strlen(l->ifname)) == 0 &&
	    connect(fd, v6 ? (struct sockaddr *)&sin6 : (struct sockaddr *)&sin, v6 ? sizeof(sin6) : sizeof(sin)) == 0 &&
	    getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU : IP_MTU, &mtu, &len) == 0)
		found_mtu = mtu;
	close(fd);
	return found_mtu;
}

void
gather_net(struct facts *f, const struct config *cfg)
{
	struct mnl_socket *nl = open_netlink(NETLINK_ROUTE);

	if (nl == NULL || dump(nl, RTM_GETLINK, take_iface, f) < 0 || dump(nl, RTM_GETADDR, take_addr, f) < 0)
		facts_unknown(f, "the interfaces and addresses of this node: %s", strerror(errno));
	if (nl != NULL)
		mnl_socket_close(nl);
	for (size_t i = 0; i < cfg->links_count; i++) {
		const struct iface *iface = facts_iface(f, cfg->links[i].ifname);

		if (iface != NULL && cfg->links[i].transport != TRANSPORT_MULTICAST)
			f->links[i].path_mtu = path_mtu(&cfg->links[i], iface->index);
	}
}

/* ---- where an address leads ---- */

static int
take_route(const struct nlmsghdr *nlh, void *ctx)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	enum addr_place *place = ctx;

	if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*rtm)))
		return MNL_CB_OK;
	*place = rtm->rtm_type == RTN_LOCAL ? ADDR_HERE :
	    rtm->rtm_type == RTN_BLACKHOLE || rtm->rtm_type == RTN_UNREACHABLE || rtm->rtm_type == RTN_PROHIBIT
	    ? ADDR_BLACKHOLE : ADDR_ROUTED_AWAY;
	return MNL_CB_STOP;
}

static enum addr_place
place_of(struct mnl_socket *nl, const struct nat_addr *n, uint32_t seq)
{
	char buf[MNL_NLMSG_HDRLEN + 128];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	enum addr_place place = ADDR_UNKNOWN;
	struct rtmsg *rtm;
	int r;

	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = seq;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = n->l3 == L3_IPV6 ? AF_INET6 : AF_INET;
	rtm->rtm_dst_len = (unsigned char)(8 * flow_addr_len(n->l3));
	mnl_attr_put(nlh, RTA_DST, flow_addr_len(n->l3), n->addr.b);
	r = talk(nl, nlh, take_route, &place);
	/* IPv4 answers a look-up that ends in such a route with the error that a packet would get. */
	if (r == -EINVAL || r == -EACCES || r == -EHOSTUNREACH)
		return ADDR_BLACKHOLE;
	if (r == -ENETUNREACH)
		return ADDR_ROUTED_AWAY;
	return place;
}

static bool
is_vip(const struct facts *f, const struct nat_addr *n)
{
	for (size_t i = 0; i < f->vips_count; i++) {
		if (f->vips[i].l3 == n->l3 && memcmp(&f->vips[i].addr, &n->addr, sizeof(n->addr)) == 0)
			return true;
	}
	return false;
}

void
gather_places(struct facts *f)
{
	struct mnl_socket *nl = open_netlink(NETLINK_ROUTE);

	for (size_t i = 0; i < f->nat_count; i++) {
		f->nat[i].of_keepalived = is_vip(f, &f->nat[i]);
		if (nl != NULL)
			f->nat[i].place = place_of(nl, &f->nat[i], (uint32_t)i + 1);
	}
	if (nl != NULL)
		mnl_socket_close(nl);
}
