#!/usr/bin/env bash
# Of a damaged container, restore what is intact and say what is not.
. "$(dirname "$0")/support.sh" "$1"

new_key k
make_file data 20000000 # 20 chunks, the last one of 76,672 bytes
chunk=1048576
succeeds "$adapipe" process -q -k k --chunk-size 1M data -o data.adapipe
cat data | succeeds "$adapipe" process -q -k k --chunk-size 1M -o piped # no length in its header
succeeds "$adapipe" process -q --cipher none --codec none --chunk-size 1M data -o plain

# Where the magic of the records stands.
records() {
  LC_ALL=C grep -obUaP '\xef\x41\x52\x43\x00\x00' "$1" | cut -d: -f1
}
# A hole over chunks FIRST to LAST of `data`, in `expected`.
expect_hole() {
  local end=$((($2 + 1) * chunk))
  [ "$end" -le "$(size_of data)" ] || end=$(size_of data)
  cp data expected
  head -c $((end - $1 * chunk)) /dev/zero |
    dd of=expected bs=$chunk seek="$1" conv=notrunc status=none
}
# salvages CONTAINER: to `back`, with something lost.
salvages() {
  rm -f back
  run "$adapipe" restore --salvage -k k "$1" -o back
  expect_status 65 "$1"
}
# says PATTERN: on one line of stderr.
says() {
  [ "$(grep -cE "^adapipe: $1\$" "$logs/err")" -eq 1 ] || fail "does not say '$1'"
}
lines() {
  [ "$(wc -l <"$logs/err")" -eq "$1" ] || fail "not $1 lines on stderr"
}
lost='no intact record of it was found'

# A sound one: as restore.
succeeds "$adapipe" restore --salvage -k k data.adapipe -o back
expect_one_line 'data.adapipe -> back: .* to 20.0 MB, '
same back data

# A flipped byte in a payload, and one in a record header.
mapfile -t at < <(records data.adapipe)
[ "${#at[@]}" -eq 20 ] || fail "not 20 chunks"
for place in $((at[4] + 100)) $((at[4] + 13)); do
  cp data.adapipe c
  flip c $place
  refuses 65 'c: ' "$adapipe" restore -k k c -o new
  salvages c
  says "c: lost bytes 4194304\.\.5242879 \(chunk 4\): $lost"
  says 'c -> back: recovered 19.0 MB of 20.0 MB, with zeros for the rest'
  lines 2
  expect_hole 4 4
  same back expected
done
rm back
run "$adapipe" restore --salvage -q -k k c -o -
expect_status 65
lines 2
same "$logs/out" expected

# Zeros over several records; bytes put in; the end gone.
cp data.adapipe c
head -c $((at[9] - at[6])) /dev/zero | dd of=c bs=65536 seek=$((at[6])) oflag=seek_bytes conv=notrunc status=none
salvages c
says "c: lost bytes 6291456\.\.9437183 \(chunks 6 to 8\): $lost"
expect_hole 6 8
same back expected
(head -c $((at[2] + 50)) data.adapipe && echo more && tail -c +$((at[2] + 51)) data.adapipe) >c
salvages c
says "c: lost bytes 2097152\.\.3145727 \(chunk 2\): $lost"
expect_hole 2 2
same back expected
head -c $((at[17] + 10)) data.adapipe >c
salvages c
says "c: lost bytes 17825792\.\.19999999 \(from chunk 17 on\): $lost"
lines 2
expect_hole 17 19
same back expected

# Index and trailer damaged: nothing is lost, as long as the container says how long the data is.
for cut in 5 24 40; do
  head -c -$cut data.adapipe >c
  succeeds "$adapipe" restore --salvage -f -k k c -o back
  same back data
done
head -c -40 piped >c
salvages c
says 'c: the index is lost, .* more may be missing at the end'
says 'c -> back: recovered 20.0 MB'
lines 2
same back data
flip c $((at[5] + 1000))
salvages c
says "c: lost bytes 5242880\.\.6291455 \(chunk 5\): $lost"
says 'c: the index is lost, so from byte 6291456 on, data may stand at a wrong place.*'
expect_hole 5 5
same back expected

# Not encrypted.
cp plain c
flip c 5000000
rm back
run "$adapipe" restore --salvage c -o back
expect_status 65
says "c: lost bytes 4194304\.\.5242879 \(chunk 4\): $lost"
expect_hole 4 4
same back expected

# Several: each on its own.
mkdir out
cp data.adapipe good.adapipe
cp data.adapipe bad.adapipe
flip bad.adapipe $((at[0] + 500))
run "$adapipe" restore --salvage -q -k k bad.adapipe missing.adapipe good.adapipe -o out
expect_status 65
lines 3
same out/good data
expect_hole 0 0
same out/bad expected

# What cannot be.
rm -r plain piped expected good.adapipe bad.adapipe out  # refuses hashes what is there
new_key wrong
cp data.adapipe c
flip c 20
refuses 65 'c: ' "$adapipe" restore --salvage -k k c -o new
refuses 77 'data.adapipe: ' "$adapipe" restore --salvage -k wrong data.adapipe -o new
head -c $((at[0] + 1000)) data.adapipe >c
refuses 65 'c: no chunk of the container could be recovered' \
  "$adapipe" restore --salvage -k k c -o new
refuses 65 'c: ' "$adapipe" restore --salvage -f -k k c -o data
refuses 66 'missing: ' "$adapipe" restore --salvage -k k missing -o new
refuses 73 'back: exists; use --force' "$adapipe" restore --salvage -k k data.adapipe -o back
refuses 65 'allowed 1048576' "$adapipe" restore --salvage -k k --max-size 1M data.adapipe -o new
refuses 71 'memory budget' "$adapipe" restore --salvage -k k --memory 1K data.adapipe -o new
refuses 64 'stdin: .*write it to a file' bash -c 'cat data.adapipe | "$0" restore --salvage -k k' "$adapipe"
refuses 64 'fifo: ' bash -c 'mkfifo ../fifo; "$0" restore --salvage -k k ../fifo -o new' "$adapipe"
refuses 64 'salvage' "$adapipe" verify --salvage -k k data.adapipe
