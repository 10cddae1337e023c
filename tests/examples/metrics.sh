#!/usr/bin/env bash
# metrics.sh TOOL EXAMPLE: what it prints is what Prometheus reads, and its numbers are right.
here=$(realpath -- "$(dirname "$0")")
. "$here/support.sh"
seq 1 500000 >in
"$example" in out >said 2>told
grep -q '^as expected: out: .*no given key opens' told
grep -q ' chunks, of which 95% took at most ' told
# Debian's package is for Debian's python, which another one may hide.
python=/usr/bin/python3
[ -x $python ] || python=python3
$python "$here/read_metrics.py" "$(stat -c %s in)" <said
