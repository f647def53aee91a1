/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * set.h: the handlers that rows of the keyword table name: settings that are more than a number
 * at an offset.
 */
#ifndef CONF_SET_H
#define CONF_SET_H

#include "parser.h"

bool enter_sync(struct parser *p, struct pos pos, uint32_t *scope);
bool enter_mode(struct parser *p, struct pos pos, uint32_t *scope);
bool enter_multicast(struct parser *p, struct pos pos, uint32_t *scope);
bool enter_udp(struct parser *p, struct pos pos, uint32_t *scope);
bool enter_tcp(struct parser *p, struct pos pos, uint32_t *scope);
void leave_link(struct parser *p, struct pos pos, bool broken);
bool enter_filter(struct parser *p, struct pos pos, uint32_t *scope);
bool enter_protocol(struct parser *p, struct pos pos, uint32_t *scope);
bool enter_address(struct parser *p, struct pos pos, uint32_t *scope);
bool enter_state(struct parser *p, struct pos pos, uint32_t *scope);
bool enter_ignore_traffic(struct parser *p, struct pos pos, uint32_t *scope);
bool enter_ignore_protocol(struct parser *p, struct pos pos, uint32_t *scope);
bool enter_helper_type(struct parser *p, struct pos pos, uint32_t *scope);
bool enter_policy(struct parser *p, struct pos pos, uint32_t *scope);
void leave_policy(struct parser *p, struct pos pos, bool broken);
bool enter_gate(struct parser *p, struct pos pos, uint32_t *scope);
void leave_vrrp(struct parser *p, struct pos pos, bool broken);

void set_group(struct parser *p, const struct value *v);
void set_mcast_local(struct parser *p, const struct value *v);
void set_peer(struct parser *p, const struct value *v);
void set_local(struct parser *p, const struct value *v);
void set_checksum(struct parser *p, const struct value *v);
void set_ifname(struct parser *p, const struct value *v);
void set_log_file(struct parser *p, const struct value *v);
void set_syslog(struct parser *p, const struct value *v);
void set_unix_group(struct parser *p, const struct value *v);
void set_hash_limit(struct parser *p, const struct value *v);
void set_overrun_resync(struct parser *p, const struct value *v);
void set_sched_type(struct parser *p, const struct value *v);
void set_vrrp_instance(struct parser *p, const struct value *v);
void set_vrrp_group(struct parser *p, const struct value *v);
void set_vrrp_weight(struct parser *p, const struct value *v);
void set_expectations(struct parser *p, const struct value *v);
void add_expect_helper(struct parser *p, const struct token *word);
void set_stats_log_file(struct parser *p, const struct value *v);
void set_stats_syslog(struct parser *p, const struct value *v);
void set_queue_num(struct parser *p, const struct value *v);
void set_queue_len(struct parser *p, const struct value *v);
void set_expect_max(struct parser *p, const struct value *v);
void set_expect_timeout(struct parser *p, const struct value *v);

#endif
