/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tuple.h: tuples as people write them.  Pure.
 */
#ifndef IO_TUPLE_H
#define IO_TUPLE_H

#include "follow.h"
#include "text.h"

/* Longest text that tuple_render() makes, with its NUL. */
enum { TUPLE_TEXT_MAX = 192 };

/*
 * Reads a tuple out of words, each of which may hold several.  Taken are, in any order and mixture:
 *
 *   tcp src=10.0.0.1 dst=10.0.0.2 sport=4000 dport=80 zone=3    as conntrack(8) prints it; a whole line of its
 *                                                       output will do, of which the original tuple is taken
 *   icmp src=... dst=... type=8 code=0 id=77; gre ... srckey=0x1 dstkey=0x2; 47 src=...
 *   10.0.0.1:4000->10.0.0.2:80, 10.0.0.1:4000 10.0.0.2:80, [fd00::1]:4000 > [fd00::2]:80, 10.0.0.1.4000
 *   -p tcp -s 10.0.0.1 -d 10.0.0.2 --sport 4000 --dport 80 -z 3  as conntrack(8) takes them
 *
 * Parts may be left out.  False if it makes no sense, or names neither an address nor a port: then `why` says
 * what is wrong.
 */
bool tuple_parse(const char *const words[], size_t count, struct flow_tuple *out, char *why, size_t why_len);

/* The first of these forms, which tuple_parse() reads back to the same. */
void tuple_render(struct text *t, const struct flow_tuple *tuple);

#endif
