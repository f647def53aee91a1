#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# primary-backup.sh primary|backup|fault: what conntrackd has to do when this node changes roles.
# For keepalived (keepalived.conf beside this file shows how) and other cluster managers.
#
# Exits with 1, and says so in the system log, if anything failed.

CONNTRACKD_BIN=/usr/sbin/conntrackd
CONNTRACKD_CONFIG=/etc/conntrackd/conntrackd.conf

failed=0

complain()
{
	logger -t conntrackd -p daemon.err "primary-backup.sh: $*"
	failed=1
}

order()
{
	"$CONNTRACKD_BIN" -C "$CONNTRACKD_CONFIG" "$@" || complain "conntrackd $* failed"
}

case "$1" in
primary)
	# The peers' flows go to the kernel; the rest can wait until they are there.
	order -c
	# Both caches have served; ours is filled with what the kernel has now.
	order -f
	order -R
	# The peers hear of it.
	order -B
	;;
backup)
	if ! "$CONNTRACKD_BIN" -C "$CONNTRACKD_CONFIG" -s >/dev/null 2>&1; then
		"$CONNTRACKD_BIN" -C "$CONNTRACKD_CONFIG" -d || {
			complain "conntrackd does not start"
			exit 1
		}
	fi
	# Flows of our own that are left in the kernel go when PurgeTimeout is over.
	order -t
	# The new primary is asked for all it has.
	order -n
	;;
fault)
	order -t
	;;
*)
	complain "unknown state \`$1'"
	echo "usage: $0 primary|backup|fault" >&2
	;;
esac
exit $failed
