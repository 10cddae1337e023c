#!/usr/bin/env bash
# .zst files: zstd's own tools and an independent reader of its seek table restore what is in them.
here=$(realpath -- "$(dirname "$0")")
. "$here/support.sh" "$1"

for program in zstd pzstd; do
  command -v $program >/dev/null || skip "there is no $program"
done

process=("$adapipe" process -q --container zstd)

# read_range FILE OFFSET LENGTH
read_range() {
  python3 "$here/read_seekable.py" "$@"
}

# expect_restored FILE DATA: by every program that reads .zst files, from a file and from a pipe.
expect_restored() {
  succeeds zstd -q -t "$1"
  succeeds zstd -q -d "$1" -o back
  same back "$2"
  rm back
  zstd -q -d -c <"$1" | cmp - "$2" || fail "zstd, from a pipe: $1"
  pzstd -q -d -c "$1" | cmp - "$2" || fail "pzstd: $1"
  pzstd -q -d -c <"$1" | cmp - "$2" || fail "pzstd, from a pipe: $1"
  read_range "$1" 0 99999999 | cmp - "$2" || fail "by the seek table: $1"
}

# Every size around a chunk's, of what shrinks and of what does not.
chunk=4096
make_file compressible 30000
python3 -c 'import random, sys; sys.stdout.buffer.write(random.Random(1).randbytes(30000))' >random
for kind in compressible random; do
  for size in 0 1 $((chunk - 1)) $chunk $((chunk + 1)) $((5 * chunk + 7)); do
    head -c "$size" $kind >data
    succeeds "${process[@]}" --chunk-size $chunk data -o made.zst
    expect_restored made.zst data
    frames=$(((size + chunk - 1) / chunk))
    [ "$(zstd -l -v made.zst 2>/dev/null | sed -n 's/^# Zstandard Frames: //p')" -eq $frames ] ||
      fail "not $frames frames"
    for offset in 0 1 $chunk $((2 * chunk - 1)) $size; do
      read_range made.zst "$offset" 5000 | cmp - <(tail -c +$((offset + 1)) data | head -c 5000) ||
        fail "the range at $offset of $size"
    done
    rm made.zst
  done
done

# Without a key, to IN.zst; through pipes; several at once; with all that --container zstd allows.
make_file data 3000000
succeeds "$adapipe" process --container zstd data
expect_one_line 'data -> data.zst: '
expect_restored data.zst data
"${process[@]}" <data | zstd -q -d -c | cmp - data || fail "in a pipe"
"${process[@]}" --chunk-size 64K -T 1 <data | cmp - <("${process[@]}" --chunk-size 64K -T 4 <data) ||
  fail "threads change the bytes"
mkdir both
succeeds "${process[@]}" --cipher none --codec zstd -l 19 --memory 64M data random -o both/
expect_restored both/data.zst data
expect_restored both/random.zst random
[ "$(size_of both/data.zst)" -ne "$(size_of data.zst)" ] || fail "the level changes nothing"
refuses 73 'exists; use --force' "$adapipe" process --container zstd data
succeeds "${process[@]}" --force data

# zstd finds what was changed.
flip data.zst 1000
run zstd -q -t data.zst
[ "$status" -ne 0 ] || fail "damage that zstd does not find"
