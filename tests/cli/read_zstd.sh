#!/usr/bin/env bash
# .zst files that zstd's own tools make are restored, verified and read in ranges as containers are.
. "$(dirname "$0")/support.sh" "$1"

for program in zstd pzstd; do
  command -v $program >/dev/null || skip "there is no $program"
done

# expect_restored FILE DATA: from a file and from a pipe, into a file and into a pipe.
expect_restored() {
  succeeds "$adapipe" verify "$1"
  expect_one_line "$1: good, "
  succeeds "$adapipe" restore -q "$1" -o back
  same back "$2"
  rm back
  "$adapipe" restore -q <"$1" | cmp - "$2" || fail "from a file on stdin: $1"
  # shellcheck disable=SC2002
  cat "$1" | "$adapipe" restore -q | cmp - "$2" || fail "from a pipe: $1"
  # shellcheck disable=SC2002
  cat "$1" | "$adapipe" verify -q || fail "verifying from a pipe: $1"
}

# expect_ranges FILE DATA
expect_ranges() {
  local offset length size
  size=$(size_of "$2")
  for offset in 0 65535 1000003 $((size / 2)) $((size - 1)) $size; do
    for length in 0 1 3000000; do
      succeeds "$adapipe" cat "$1" --offset "$offset" --length "$length"
      tail -c +$((offset + 1)) "$2" | head -c "$length" >expected
      same expected "$logs/out"
    done
  done
}

make_file data 10485760
make_file small 1000
head -c 3000000 /dev/urandom >random
: >empty

# One frame: with its size, without, by several threads, from far back; without a checksum.
zstd -q data -o one.zst
zstd -q -c <data >piped.zst
zstd -q -T2 -c <data >threads.zst
zstd -q --ultra --long=27 -c <data >long.zst
zstd -q --no-check data -o unchecked.zst
zstd -q -19 --no-content-size small -o unsized.zst
for kind in one piped threads long unchecked; do expect_restored $kind.zst data; done
expect_restored unsized.zst small
zstd -q empty && expect_restored empty.zst empty
zstd -q random && expect_restored random.zst random
expect_ranges one.zst data

# Several: of pzstd, which does not say their sizes, joined, with a seek table, with others between.
pzstd -q -p 4 data -o parallel.zst
expect_restored parallel.zst data
mkdir parts
split -b 1M data parts/
zstd -q -c parts/* >frames.zst
expect_restored frames.zst data
expect_ranges frames.zst data
zstd -q small -o small.zst
cat data random small >all
cat one.zst random.zst empty.zst small.zst >joined.zst
expect_restored joined.zst all
expect_ranges joined.zst all
cat piped.zst random.zst small.zst >mixed.zst
expect_restored mixed.zst all
succeeds "$adapipe" process -q --container zstd --chunk-size 64K data -o table.zst
expect_restored table.zst data
expect_ranges table.zst data
cat table.zst random.zst small.zst >behind.zst
cat one.zst >front.zst
"$adapipe" process -q --container zstd --chunk-size 64K <random >>front.zst
"$adapipe" process -q --container zstd <small >>front.zst
{
  printf '\x55\x2a\x4d\x18\x03\x00\x00\x00abc'
  cat table.zst random.zst
  printf '\x50\x2a\x4d\x18\x00\x00\x00\x00'
  cat small.zst
} >between.zst
for kind in behind front between; do
  expect_restored $kind.zst all
  expect_ranges $kind.zst all
done
"$adapipe" restore -q -T 1 frames.zst -o - | cmp - data || fail "with one thread"
"$adapipe" restore -q --memory 20M frames.zst -o - | cmp - data || fail "with little memory"
"$adapipe" restore -q --memory 20M one.zst -o - | cmp - data || fail "one frame, with little memory"

# Names.
mkdir named
cp small.zst named/small.txt.zst
succeeds "$adapipe" restore -q named/small.txt.zst
same named/small.txt small
mkdir out
succeeds "$adapipe" restore -q one.zst small.zst -o out/
same out/one data
cp small.zst odd
refuses 64 'does not end in .adapipe or .zst' "$adapipe" restore odd

# info.
succeeds "$adapipe" info table.zst
grep -q '^format: *zstd$' "$logs/out" && grep -q '^frames: *160$' "$logs/out" &&
  grep -q '^largest frame: *64 KiB$' "$logs/out" && grep -q '^authenticated: *no' "$logs/out" ||
  fail "info of a zstd file"
succeeds "$adapipe" info piped.zst
grep -q '^frames: *not known before it is decoded$' "$logs/out" || fail "info of one frame"
succeeds "$adapipe" info --json table.zst
grep -q '"format": "zstd"' "$logs/out" && grep -q '"chunks": 160,' "$logs/out" || fail "info --json"

# What cannot be done says so.
new_key k
refuses 64 'random access needs .*process --container zstd' "$adapipe" cat piped.zst
refuses 77 'not encrypted' "$adapipe" restore -k k small.zst -o new
refuses 65 'zstd file' "$adapipe" rekey -k k --add-key-file k small.zst
refuses 65 'zstd file' "$adapipe" restore --salvage small.zst -o new
refuses 65 'more than the allowed' "$adapipe" restore --max-size 1M frames.zst -o new
refuses 65 'more than the allowed' "$adapipe" restore --max-size 1M piped.zst -o new
zstd -q --ultra --long=30 -c <data >far.zst
refuses 65 'refers back' "$adapipe" restore far.zst -o new
mkdir samples
for ((i = 0; i < 200; ++i)); do seq $i $((i + 300)) >samples/$i; done
zstd -q --train samples/* -o dictionary --maxdict=4096
zstd -q -D dictionary samples/7 -o with-dictionary.zst
refuses 69 'dictionary' "$adapipe" restore with-dictionary.zst -o new

# Damage, and what is cut off.
for kind in frames piped table; do
  cp $kind.zst damaged.zst
  flip damaged.zst 300000
  refuses 65 'damaged.zst: .* chunk [0-9]+, at byte ' "$adapipe" restore damaged.zst -o new
  refuses 65 'damaged.zst: ' "$adapipe" verify damaged.zst
  head -c 300000 $kind.zst >cut.zst
  refuses 65 'cut.zst: .*ends within a frame' "$adapipe" restore cut.zst -o new
  { cat $kind.zst && echo garbage; } >garbage.zst
  refuses 65 "follows the last zstd frame is none, .*at byte $(size_of $kind.zst)" \
    "$adapipe" restore garbage.zst -o new
done
