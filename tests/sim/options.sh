#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# conntrackd-sim's command line: options.sh PROGRAM
set -u
sim=$1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
bad=0

# expect STATUS WORDS ARGUMENT...: it exits with that, and says that (a regular expression).
expect()
{
	local status=$1 words=$2 is
	shift 2
	timeout 200 "$sim" "$@" >"$dir/out" 2>&1 </dev/null
	is=$?
	if [ $is -ne "$status" ] || ! grep -qE -- "$words" "$dir/out"; then
		echo "conntrackd-sim $*: status $is instead of $status, or not '$words':"
		tail -n 20 "$dir/out"
		bad=1
	fi
}

hash()
{
	sed -n 's/^hash //p' "$dir/out"
}

say()
{
	echo "$*"
	bad=1
}

# ---- what makes no sense ----
for words in '--seed' '--seed x' '--seed -1' '--seed 1x' '--seeds 0' '--seeds 5-2' '--seeds 1-x' \
	'--time 0' '--jobs 1000' '--plan /nowhere' '--shrink-exception nonsense' '--nonsense' 'word' \
	'--seed 1 --fresh' '--seed 1 --seeds 2'; do
	# shellcheck disable=SC2086
	expect 2 'conntrackd-sim --help' $words
done
mkdir "$dir/empty"
expect 2 'no plans there' --plan "$dir/empty"
echo 'nonsense 1' >"$dir/bad.plan"
expect 2 'bad.plan:1: neither a knob nor an act' --plan "$dir/bad.plan"

# ---- what there is to read ----
expect 0 '^Usage: conntrackd-sim' --help
expect 0 '^  latency_ms +of the link' --list
expect 0 '^  failover ' --list
expect 0 '^  takeover ' --list
expect 0 '^  silent ' --list

# ---- seeds: a plan is given by its number or by its text, and the number of processes is nothing ----
expect 0 '^1 plays passed, 0 failed$' --seed 1
one=$(hash)
expect 0 '^nodes ' --seed 1 --show
cp "$dir/out" "$dir/one.plan"
expect 0 '^1 plays passed, 0 failed$' --plan "$dir/one.plan"
expect 0 '^ +[0-9.]+  ' --seed 1 --trace
[ -n "$one" ] && [ "$(hash)" = "$one" ] || say "a story changes the play"
expect 0 '^3 plays passed, 0 failed$' --seeds 1-3 --jobs 1
one=$(hash)
for jobs in 0 2 3; do
	expect 0 '^3 plays passed' --seeds 3 --jobs $jobs
	[ "$(hash)" = "$one" ] || say "another hash with --jobs $jobs"
done
expect 0 '^seeds from [0-9]+$' --fresh --seeds 1 --no-shrink
# More than there is time for.
expect 0 ' plays passed, ' --seeds 1-1 --time 1
timeout 100 "$sim" --seeds 1000000000 --time 1 --no-shrink --quiet >"$dir/out" 2>&1
[ $? -le 1 ] && grep -q ' plays passed, ' "$dir/out" || say "--time does not end"

# ---- plans: what is expected of them ----
{ echo '# expect: exception damaged'; cat "$dir/one.plan"; } >"$dir/two.plan"
expect 1 'exception damaged was expected, and is not counted' --plan "$dir/two.plan"
{ echo '# expect: oracle limits'; cat "$dir/one.plan"; } >"$dir/two.plan"
expect 1 'oracle limits was expected not to be satisfied, and is' --plan "$dir/two.plan"
expect 1 '^1 plays passed, 1 failed$' --plan "$dir/one.plan" --plan "$dir/two.plan"
expect 1 '^1 plays passed, 1 failed$' --plan "$dir/one.plan" --plan "$dir/two.plan" --jobs 0
echo '# expect: nonsense' >>"$dir/two.plan"
expect 2 'no such thing can be expected' --plan "$dir/two.plan"

# ---- signals: it ends, and its workers with it ----
for signal in INT TERM KILL; do
	"$sim" --seeds 1000000000 --jobs 2 --no-shrink >"$dir/out" 2>&1 &
	pid=$!
	sleep 0.5
	workers=$(cat "/proc/$pid/task/$pid/children")
	[ -n "$workers" ] || say "no workers"
	kill -$signal $pid
	wait $pid
	status=$?
	[ $status -gt 128 ] || say "status $status after SIG$signal"
	sleep 0.2
	for worker in $workers; do
		[ "$(cat "/proc/$worker/comm" 2>/dev/null)" != conntrackd-sim ] ||
			grep -q '^State:.*Z' "/proc/$worker/status" || say "worker $worker is left"
	done
done
exit $bad
