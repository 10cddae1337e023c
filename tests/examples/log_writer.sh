#!/usr/bin/env bash
# log_writer.sh TOOL EXAMPLE: a log is complete at its end, and what was flushed survives a crash before.
. "$(dirname "$0")/support.sh"
"$tool" keygen -q --x25519 -o identity
recipient=$("$tool" keygen --x25519 -o other 2>&1 | grep -o 'adp1[a-z0-9]*')
seq 1 25000 | awk '{ print $1, $1 }' >expected

seq 1 25000 | "$example" "$recipient" log
"$tool" restore -q -i other log -o - | cmp - expected

mkfifo lines
"$example" "$recipient" crashed <lines &
pid=$!
exec 3>lines
seq 1 25000 >&3
# The second flush has come once the container holds its chunks: the rest is killed with the program.
: >salvaged
until [ "$(wc -l <salvaged)" -ge 20000 ]; do
  for partial in .crashed.*.partial; do
    "$tool" restore -q --salvage -i other "$partial" -o - >salvaged 2>/dev/null || true
  done
done
kill -9 "$pid"
exec 3>&-
wait "$pid" || true
[ ! -e crashed ]
head -n 20000 salvaged | cmp - <(head -n 20000 expected)
