#!/usr/bin/env bash
# custom_stage.sh TOOL EXAMPLE: numbers that grow slowly become much smaller than zstd alone makes them.
. "$(dirname "$0")/support.sh"
python3 -c '
import struct, sys
sys.stdout.buffer.write(b"".join(struct.pack("<I", 977 * i) for i in range(500000)))' >numbers
"$example" process numbers container
"$example" restore container back
cmp numbers back
"$tool" process -q --cipher none numbers -o plain
[ "$(stat -c %s container)" -lt "$(($(stat -c %s plain) / 10))" ]
printf abc >short
"$example" process short short.container
"$example" restore short.container short.back
cmp short short.back
if "$tool" verify container 2>said; then exit 1; fi
grep -q "needs the stage 'org.example.delta'" said
