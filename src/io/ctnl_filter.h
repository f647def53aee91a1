/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctnl_filter.h: the socket filter of the event socket, as a program for the kernel (classic BPF).
 * Pure: no socket.
 *
 * It drops what our own writes caused and, of events of new and changed flows, what filter_passes()
 * is certain to leave out.  Ends of flows always pass: that of a flow which is known is told whatever
 * the filter says.  So does all that the program cannot make out.
 */
#ifndef IO_CTNL_FILTER_H
#define IO_CTNL_FILTER_H

#include <linux/filter.h>

#include "filter.h"

/*
 * Writes the program into out[0..cap) and returns its length, 0 if it does not fit.  own_port: netlink
 * port whose requests' events are
 * dropped, 0 for none.  filter: NULL for none.  Without `addresses` the address
 * test is left to the reader.
 */
size_t ctnl_filter_build(const struct filter *filter, bool addresses, uint32_t own_port,
    struct sock_filter *out, size_t cap);

#endif
