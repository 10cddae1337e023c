#!/usr/bin/env bash
# Every documented failure: its exit status, one line, the destination untouched, nothing left.
. "$(dirname "$0")/support.sh" "$1"

new_key k
new_key wrong
printf 'right\n' >pass
printf 'guess\n' >badpass
make_file data 3000000
make_file old 1000
mkdir folder
succeeds "$adapipe" process -q -k k --chunk-size 64K data -o good
succeeds "$adapipe" process -q --passphrase-file pass data -o good.pass
succeeds "$adapipe" process -q --cipher none --chunk-size 64K data -o good.none

# Inputs and outputs.
for command in process restore; do
  refuses 66 'missing: ' "$adapipe" $command -k k missing -o new
  refuses 66 'missing: ' "$adapipe" $command -f -k k missing -o old
  refuses 66 'old/below: ' "$adapipe" $command -k k old/below -o new
  refuses 66 'folder: .*tar' "$adapipe" $command -k k folder -o new
done
refuses 66 'missing: ' "$adapipe" verify -k k missing
refuses 66 'missing: ' "$adapipe" cat -k k missing
refuses 66 'missing: ' "$adapipe" info missing
refuses 66 'folder: ' "$adapipe" info folder
refuses 66 'folder: ' "$adapipe" cat -k k folder
refuses 66 'folder: ' "$adapipe" verify -k k folder
refuses 66 'stdin: .*tar' "$adapipe" process -k k -o new <folder
refuses 73 'old: exists.*--force' "$adapipe" process -k k data -o old
refuses 73 'old: exists.*--force' "$adapipe" restore -k k good -o old
refuses 73 'nowhere/new: ' "$adapipe" process -k k data -o nowhere/new
refuses 73 'nowhere/new: ' "$adapipe" restore -k k good -o nowhere/new
refuses 73 'nowhere/data.adapipe: ' "$adapipe" process -k k data -o nowhere/
refuses 73 'old/new: ' "$adapipe" process -k k data -o old/new
refuses 64 'same file' "$adapipe" process -f -k k data -o data
refuses 64 'same file' "$adapipe" process -f -k k data -o ./folder/../data
refuses 64 'same file' "$adapipe" process -f -k k -o data <data
refuses 64 'same file' "$adapipe" restore -f -k k good -o good
ln data hard
ln -s data soft
refuses 64 'same file' "$adapipe" process -f -k k data -o hard
refuses 64 'same file' "$adapipe" process -f -k k data -o soft
if [ "$(id -u)" -ne 0 ]; then
  touch unreadable && chmod 000 unreadable
  mkdir closed && chmod 555 closed
  refuses 66 'unreadable: ' "$adapipe" process -k k unreadable -o new
  refuses 73 'closed/new: ' "$adapipe" process -k k data -o closed/new
fi

# The device is full.
before=$(tree)
run "$adapipe" restore -k k good -o /dev/full
expect_status 74
expect_one_line '/dev/full: '
[ "$before" = "$(tree)" ] || fail "changed files"

# Less memory than one chunk needs.
refuses 71 'chunk' "$adapipe" process -k k --chunk-size 4M --memory 1M data -o new
refuses 71 'chunk' "$adapipe" restore -k k --memory 1K good -o new

# More than one is willing to take.
refuses_size() {
  refuses 65 'good: .*more than the allowed 2999999' "$adapipe" "$@" --max-size 2999999
}
refuses_size verify -k k good
refuses_size restore -k k good -o new
refuses_size restore -f -k k good -o old
run "$adapipe" restore -k k --max-size 2999999 <good
expect_status 65
[ ! -s "$logs/out" ] || fail "gave bytes of a container that is too large"
succeeds "$adapipe" verify -q -k k --max-size 3000000 good

# An index for which there is no memory.
refuses 71 'good: .*index would take' "$adapipe" info --memory 1K -k k good
refuses 71 'good: .*index would take' "$adapipe" cat --memory 1K -k k good
refuses 71 'good: .*index would take' "$adapipe" rekey --memory 1K -k k --add-key-file k good
refuses 71 'good.none: .*index would take' "$adapipe" info --memory 1K good.none

# All that reads a container refuses BAD so, in the same manner: with a new output, over an old
# one, and through a pipe (where nothing but the status counts).
refuses_container() {
  local code=$1 message=$2 bad=$3
  refuses "$code" "$bad: .*($message)" "$adapipe" restore "${@:4}" "$bad" -o new
  refuses "$code" "$bad: .*($message)" "$adapipe" restore -f "${@:4}" "$bad" -o old
  refuses "$code" "$bad: .*($message)" "$adapipe" verify "${@:4}" "$bad"
  run "$adapipe" restore "${@:4}" <"$bad"
  expect_status "$code" "by redirection: $bad"
  run bash -c 'cat "$1" | "${@:2}"' - "$bad" "$adapipe" verify "${@:4}"
  expect_status "$code" "by a pipe: $bad"
  expect_one_line "stdin: .*($message)"
}

refuses_container 77 key good -k wrong
refuses_container 77 key good.pass --passphrase-file badpass
refuses_container 77 key good.pass -k k
refuses_container 65 'container' data -k k
refuses_container 65 'container' old
: >empty
refuses_container 65 'container' empty -k k
refuses 65 'data: .*container' "$adapipe" info data
refuses 65 'data: .*container' "$adapipe" cat data

# Cut short, at every kind of place; and something behind the end.
size=$(size_of good)
for length in 3 15 16 40 200 $((size / 2)) $((size - 100)) $((size - 24)) $((size - 1)); do
  head -c "$length" good >short
  refuses_container 65 '.' short -k k
done
size=$(size_of good.none)
for length in 20 $((size / 2)) $((size - 1)); do
  head -c "$length" good.none >short
  refuses_container 65 '.' short
done
cat good data >long
refuses_container 65 '.' long -k k
{ cat good; printf x; } >long
refuses_container 65 '.' long -k k

# One bit: at the start, in the header, in a chunk in the middle, in the index, in the trailer.
flips_are_found() {
  local good=$1 size offset
  size=$(size_of "$good")
  for offset in 0 17 60 $((size / 3)) $((size / 2)) $((size - 24 - 100)) $((size - 24 - 10)) \
    $((size - 20)) $((size - 10)) $((size - 1)); do
    cp "$good" flipped
    flip flipped $offset
    refuses_container 65 '.' flipped "${@:2}"
  done
}
flips_are_found good -k k
flips_are_found good.none

# The message says where: the chunk and the place in the file.
cp good flipped
flip flipped $(($(size_of good) / 2))
refuses 65 'flipped: .*chunk [0-9]+' "$adapipe" verify -k k flipped
refuses 65 'flipped: .*chunk [0-9]+' "$adapipe" restore -k k flipped -o new

# A range outside the damage can still be read; inside, it is an error.
succeeds "$adapipe" cat -k k flipped --length 1000
run "$adapipe" cat -k k flipped
expect_status 65
expect_one_line 'flipped: .*chunk'

# A newer version: a byte of the major number.
cp good newer
printf '\002' | dd of=newer bs=1 seek=8 conv=notrunc status=none
refuses_container 69 'version' newer -k k
