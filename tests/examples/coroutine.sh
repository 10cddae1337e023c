#!/usr/bin/env bash
# coroutine.sh TOOL EXAMPLE: several files at once become containers, and a missing one is told.
. "$(dirname "$0")/support.sh"
"$tool" keygen -q -o key
seq 1 200000 >a
seq 5 500000 >b
"$example" key a b missing >said
grep -q '^a.adapipe: .* chunks verified$' said
grep -q '^b.adapipe: .* chunks verified$' said
grep -q '^missing: cannot open' said
for file in a b; do "$tool" restore -q -k key "$file.adapipe" -o - | cmp - "$file"; done
