#!/usr/bin/env bash
# own_codec.sh TOOL EXAMPLE: LZ4 shrinks what shrinks, stores the rest, and only who registers it restores.
. "$(dirname "$0")/support.sh"
"$tool" keygen -q -o key
seq 1 200000 >text
head -c 1000000 /dev/urandom >noise
: >empty
for file in text noise empty; do
  "$example" key process $file $file.container
  "$example" key restore $file.container $file.back
  cmp $file $file.back
done
[ "$(stat -c %s text.container)" -lt "$(($(stat -c %s text) * 3 / 4))" ]
if "$tool" verify -k key text.container 2>said; then exit 1; fi
grep -q "needs the stage 'org.example.lz4'" said
