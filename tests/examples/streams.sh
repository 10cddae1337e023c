#!/usr/bin/env bash
# streams.sh TOOL EXAMPLE: what was written to a stream is read from one, from any byte on.
. "$(dirname "$0")/support.sh"
echo 'correct horse' >passphrase
seq 1 300000 >in
"$example" container passphrase write <in
"$example" container passphrase read | cmp - in
"$example" container passphrase read 1234567 | cmp - <(tail -c +1234568 in)
"$tool" restore -q --passphrase-file passphrase container -o - | cmp - in
echo 'wrong horse' >wrong
if "$example" container wrong read 2>said; then exit 1; fi
grep -q 'no given key opens' said
printf 'no newline' | "$example" short passphrase write
test "$("$example" short passphrase read | od -c)" = "$(printf 'no newline' | od -c)"
status=0
"$example" short passphrase read one 2>said || status=$?
test $status -eq 1
