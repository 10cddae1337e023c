#!/usr/bin/env bash
# --trace: a trace viewer finds every step of every chunk, on the thread that did it.
here=$(realpath -- "$(dirname "$0")")
. "$here/support.sh" "$1"

make_file data 3000000
new_key key
succeeds "$adapipe" process -q -k key --chunk-size 64KiB -T 2 --trace process.json data
succeeds python3 "$here/read_trace.py" process.json process $((3000000 / 65536 + 1)) read adapipe.zstd AES-256-GCM write
succeeds "$adapipe" restore -q -k key -T 2 --trace restore.json data.adapipe -o back
succeeds python3 "$here/read_trace.py" restore.json restore $((3000000 / 65536 + 1)) read AES-256-GCM adapipe.zstd write
same back data

# Through pipes, and of several inputs, all in one trace.
"$adapipe" process -q -k key --chunk-size 64KiB --trace piped.json - <data | cat >piped
succeeds python3 "$here/read_trace.py" piped.json process $((3000000 / 65536 + 1)) read adapipe.zstd AES-256-GCM write
cp data other
succeeds "$adapipe" process -q -f -k key --chunk-size 64KiB --trace both.json data other
succeeds python3 "$here/read_trace.py" both.json process $((2 * (3000000 / 65536 + 1))) read adapipe.zstd AES-256-GCM write

# What is there is not replaced without --force, and then nothing is done; a failure is traced too.
refuses 73 'process.json: exists' "$adapipe" process -q -k key --trace process.json other -o never
refuses 73 'no/such: cannot create the trace: No such' "$adapipe" process -q -k key --trace no/such other -o never
# Nothing is lost to it, also with --force; what could not begin leaves no empty file.
for own in data data.adapipe ./data; do
  refuses 64 "$own: is " "$adapipe" process -q -f -k key --trace "$own" data
done
refuses 64 'key: is a file of keys' "$adapipe" process -q -f -k key --trace ./key data
refuses 64 'same: is the output' "$adapipe" process -q -k key --trace same data -o same
refuses 66 'nokey: cannot open' "$adapipe" process -q -k nokey --trace early.json data -o never
[ ! -e same ] && [ ! -e early.json ] || fail "an empty trace is left"
echo kept >early.json
refuses 66 'nokey: cannot open' "$adapipe" process -q -f -k nokey --trace early.json data -o never
[ "$(cat early.json)" = kept ] || fail "a trace was replaced by nothing"
mkfifo fifo
refuses 73 'fifo: cannot create the trace' timeout 60 "$adapipe" process -q -f -k key --trace fifo data -o never
cat fifo >read.json &
succeeds timeout 60 "$adapipe" process -q -f -k key --chunk-size 64KiB --trace fifo data -o again
wait $!
succeeds python3 "$here/read_trace.py" read.json process $((3000000 / 65536 + 1)) read adapipe.zstd AES-256-GCM write
new_key wrong
run "$adapipe" verify -q -k wrong --trace failed.json data.adapipe
expect_status 77 verify
grep -q '"result":"wrong_key"' failed.json || fail "the failure is not in the trace"
