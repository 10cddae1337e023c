#!/usr/bin/env bash
# host_arena.sh TOOL EXAMPLE: every container is counted right, and one that is damaged is named.
. "$(dirname "$0")/support.sh"
"$tool" keygen -q -o key
for lines in 1 1000 300000; do
  seq 1 "$lines" >"$lines"
  "$tool" process -q -k key --chunk-size 64KiB "$lines" -o "$lines.adp"
done
"$example" key 1.adp 1000.adp 300000.adp >counted
printf '%s\n' '1.adp: 1 lines' '1000.adp: 1000 lines' '300000.adp: 300000 lines' |
  cmp - <(sort counted)
dd if=/dev/urandom of=1000.adp bs=1 seek=500 count=20 conv=notrunc status=none
if "$example" key 1.adp 1000.adp 300000.adp >counted 2>said; then exit 1; fi
grep -q '^1000.adp: ' said
