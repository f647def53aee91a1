# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by tools/demo and tools/test: need_packages NAME... installs what is missing with apt.
# shellcheck shell=bash

# Debian packages start the services they bring; a policy-rc.d that says no prevents it.  An
# administrator's own file is left as it is.
_policy=/usr/sbin/policy-rc.d
_policy_ours=

_policy_drop()
{
	if [ -n "$_policy_ours" ]; then rm -f "$_policy"; fi
	_policy_ours=
}

need_packages()
{
	local missing=() name
	for name in "$@"; do
		# "installed" as dpkg's status says it, not merely known or removed.
		dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed ||
			missing+=("$name")
	done
	if [ ${#missing[@]} -eq 0 ]; then return 0; fi
	echo "installing: ${missing[*]}"
	if [ "$(id -u)" -ne 0 ]; then
		echo "not root: install them yourself and start again" >&2
		return 1
	fi
	local log status=0
	log=$(mktemp)
	trap '_policy_drop; exit 130' INT TERM
	if [ ! -e "$_policy" ]; then
		_policy_ours=1
		printf '#!/bin/sh\nexit 101\n' >"$_policy"
		chmod 755 "$_policy"
	fi
	export DEBIAN_FRONTEND=noninteractive
	{ apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } \
		>"$log" 2>&1 </dev/null || status=$?
	_policy_drop
	trap - INT TERM
	if [ "$status" -ne 0 ]; then
		tail -n 15 "$log" >&2
		echo "apt-get failed" >&2
	fi
	rm -f "$log"
	return "$status"
}
