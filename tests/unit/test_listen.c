/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "listen.h"

static void
what_this_host_alone_reaches(void **state)
{
	static const struct {
		const char *text;
		bool loopback;
	} rows[] = {
	    {"127.0.0.1:9730", true}, {"127.255.0.1:1", true}, {"[::1]:65535", true},
	    {"[::ffff:127.0.0.1]:1", true}, {"unix:/run/x", true}, {"0.0.0.0:9730", false},
	    {"128.0.0.1:9730", false}, {"[::]:9730", false}, {"[::ffff:10.0.0.1]:1", false},
	    {"[fe80::1]:1", false}, {"[::2]:1", false},
	};
	struct listen_at at;
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(listen_parse(&at, rows[i].text, why, sizeof(why)));
		assert_int_equal(at.is_loopback, rows[i].loopback);
	}
	assert_true(listen_parse(&at, "192.0.2.1:9730", why, sizeof(why)));
	assert_int_equal(at.addr.ss_family, AF_INET);
	assert_int_equal(ntohs(((struct sockaddr_in *)&at.addr)->sin_port), 9730);
}

static void
all_else_is_refused(void **state)
{
	static const char *const texts[] = {"", ":", "9730", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0",
	    "127.0.0.1:65536", "127.0.0.1:+1", "127.0.0.1: 1", "127.0.0.1:1x", "localhost:9730", "::1:9730",
	    "[::1]", "[::1:9730", "[:9730", "[]:9730", "[127.0.0.1]:9730", "unix:", "unix:x", "unix",
	    "[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]:1"};
	struct listen_at at;
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		why[0] = '\0';
		assert_false(listen_parse(&at, texts[i], why, sizeof(why)));
		assert_true(why[0] != '\0');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_this_host_alone_reaches),
	    cmocka_unit_test(all_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
