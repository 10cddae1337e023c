#!/usr/bin/env bash
# files.sh TOOL EXAMPLE: the file comes back, and nothing that exists is written over.
. "$(dirname "$0")/support.sh"
seq 1 500000 >in
"$example" in container back >said
grep -q ' chunks verified$' said
cmp in back
"$tool" restore -q -k container.key container -o - | cmp - in
if "$example" in container other 2>said; then exit 1; fi
grep -q '^container.key: ' said
[ ! -e other ]
