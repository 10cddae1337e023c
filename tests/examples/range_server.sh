#!/usr/bin/env bash
# range_server.sh TOOL EXAMPLE: every request is answered with the bytes that are there.
. "$(dirname "$0")/support.sh"
"$tool" keygen -q -o key
seq 1 200000 >plain
"$tool" process -q -k key --chunk-size 64KiB plain -o container
size=$(stat -c %s plain)
for offset in 0 100 65535 700000 "$size" 99999999; do echo "$offset 70000"; done >requests
"$example" container key <requests | sort -n >answers
while read -r offset length; do
  python3 - plain "$offset" "$length" <<'PY'
import sys
data = open(sys.argv[1], "rb").read()
offset, length = int(sys.argv[2]), int(sys.argv[3])
part = data[offset:offset + length]
checksum = 0
for byte in part:
    checksum = (checksum * 31 + byte) % 2**32
print(offset, len(part), checksum)
PY
done <requests | sort -n >expected
diff answers expected
