#!/usr/bin/env bash
# progress.sh TOOL EXAMPLE: it ends with the right digest, or, interrupted, with nothing.
. "$(dirname "$0")/support.sh"
seq 1 500000 >in
"$example" in container 2>line | cmp - <(sha256sum in)
grep -q '3 MB, 100%' line
"$tool" restore -q container -o - | cmp - in

mkfifo endless
"$example" endless never 2>said &
pid=$!
exec 3>endless # waits until it is being read
kill -INT $pid
if wait $pid; then exit 1; fi
exec 3>&-
grep -q 'cancelled' said
[ ! -e never ]
[ "$(find . -name '*.partial' | wc -l)" -eq 0 ]
