#!/usr/bin/env bash
# The command line: what it accepts, refuses and explains.
. "$(dirname "$0")/support.sh" "$1"

new_key k
make_file data 10000

# Help and version are what was asked for, so they go to stdout.
for arguments in --help "process --help" "restore --help" "verify -h" "cat --help" "info --help" \
  "rekey --help" "keygen --help"; do
  # shellcheck disable=SC2086
  succeeds "$adapipe" $arguments
  grep -q 'adapipe' "$logs/out" || fail "no help for $arguments"
  [ ! -s "$logs/err" ] || fail "help on stderr for $arguments"
  [ "$(awk 'length > 100' "$logs/out" | wc -l)" -eq 0 ] || fail "wide lines in $arguments"
done
succeeds "$adapipe" --version
grep -qE '^adapipe [0-9]+\.[0-9]+\.[0-9]+$' "$logs/out" || fail "version"

# Each is a usage error that says what to do instead.
refuses 64 'adapipe --help' "$adapipe"
refuses 64 "unknown command 'encrypt'" "$adapipe" encrypt data
refuses 64 'use restore' "$adapipe" -d data.adapipe
refuses 64 'use restore' "$adapipe" process -d data.adapipe
refuses 64 'use -l 19' "$adapipe" process -19 -k k data
refuses 64 'use -l 1$' "$adapipe" process -1 -k k data
refuses 64 'use -o -' "$adapipe" process -c -k k data
refuses 64 'use verify' "$adapipe" -t data
refuses 64 'unknown option --frobnicate: see adapipe process --help' \
  "$adapipe" process --frobnicate -k k data
refuses 64 'unknown option --max-size: see adapipe cat --help' "$adapipe" cat -k k data --max-size 1
refuses 64 'unknown option -r: see adapipe rekey --help' "$adapipe" rekey -k k data -r adp1q
refuses 64 'keygen.*-k .*-p.*--cipher none' "$adapipe" process data
refuses 64 'cipher none' "$adapipe" process --cipher none -k k data
refuses 64 'cipher none' "$adapipe" process --cipher none -p data
refuses 64 'container' "$adapipe" process --container zip data
refuses 64 'container zstd leaves the data unencrypted.*keys' \
  "$adapipe" process --container zstd -k k data
refuses 64 'container zstd leaves the data unencrypted.*keys' \
  "$adapipe" process --container zstd --cipher none -r adp1q data
refuses 64 '.zst file cannot be encrypted' \
  "$adapipe" process --container zstd --cipher aes-256-gcm -k k data
refuses 64 '.zst file is compressed' "$adapipe" process --container zstd --codec none data
refuses 64 'keygen.*-k ' "$adapipe" process --container adapipe data
refuses 64 'passphrase' "$adapipe" process -p --passphrase-file k data
refuses 64 'cipher' "$adapipe" process --cipher rot13 -k k data
refuses 64 'codec' "$adapipe" process --codec lzma -k k data
refuses 64 'level' "$adapipe" process -l 23 -k k data
refuses 64 'level' "$adapipe" process -l fast -k k data
refuses 64 'level' "$adapipe" process --adapt=max=23 -k k data
refuses 64 'level' "$adapipe" process --adapt=min=5,max=4 -k k data
for levels in 5 max max= max=x min=1,,max=3 max=1x min=99999999999; do
  refuses 64 'min=1,max=12' "$adapipe" process --adapt=$levels -k k data
done
refuses 64 'level excludes.*adapt' "$adapipe" process --adapt -l 3 -k k data
refuses 64 'adapt.*codec none' "$adapipe" process --adapt --codec none -k k data
refuses 64 'chunk' "$adapipe" process --chunk-size 1K -k k data
refuses 64 'chunk' "$adapipe" process --chunk-size 1G -k k data
refuses 64 'not a size' "$adapipe" process --chunk-size 4X -k k data
refuses 64 'not a size' "$adapipe" process --memory lots -k k data
refuses 64 'not a size' "$adapipe" verify --max-size huge -k k data
refuses 64 'too large' "$adapipe" cat --offset 99999999999999999999 -k k data
refuses 64 'rate.*not a size' "$adapipe" process --rate fast -k k data
refuses 64 'rate.*not a size' "$adapipe" restore --rate 4M/h -k k data
refuses 64 'rate.*1 to 68719476736 bytes per second' "$adapipe" process --rate 0 -k k data
refuses 64 'rate.*1 to 68719476736 bytes per second' "$adapipe" verify --rate 65G/s -k k data
refuses 64 'threads' "$adapipe" process -T -1 -k k data
refuses 64 'output' "$adapipe" keygen
refuses 64 'several inputs' "$adapipe" process -k k data k -o both
refuses 64 'several inputs' "$adapipe" process -k k data k -o -
refuses 64 'nothing to change.*--add-key-file.*--remove' "$adapipe" rekey -k k data
refuses 64 'stdin.*name of a file' "$adapipe" rekey -k k --remove 1 -
refuses 64 'stdin.*name of a file' "$adapipe" rekey -k k --remove 1
refuses 64 'remove' "$adapipe" rekey -k k --remove 0 data
refuses 64 'remove' "$adapipe" rekey -k k --remove 1 --remove-all data
refuses 64 'passphrase' "$adapipe" rekey -k k --add-passphrase --add-passphrase-file k data
refuses 64 'data.*-o FILE' "$adapipe" restore -k k data

# Sizes, in every form, and values that begin with a minus.
for chunk in 4096 4096B 4K 4k 4KiB; do
  succeeds "$adapipe" process -q -k k --chunk-size $chunk data -o "c$chunk"
  succeeds "$adapipe" info --json "c$chunk"
  grep -q '"chunk_bytes": 4096' "$logs/out" || fail "chunk size $chunk"
done
succeeds "$adapipe" process -q -k k --chunk-size 1M --memory 64MiB -T 1 data -o small
for rate in 50M 50MiB/s 1G/s; do
  rm -f limited limited.back
  succeeds "$adapipe" process -q -k k --rate $rate data -o limited
  succeeds "$adapipe" verify -q -k k --rate $rate limited
  succeeds "$adapipe" restore -q -k k --rate $rate limited -o limited.back
  same limited.back data
done
succeeds "$adapipe" process -q -k k -l -3 data -o fast
succeeds "$adapipe" process -q -k k --level=19 data -o slow
succeeds "$adapipe" restore -q -k k fast -o fast.back
same fast.back data
for levels in '' =max=5 =min=-7 =min=2,max=2 =max=4,min=-1; do
  succeeds "$adapipe" process -q -k k --adapt$levels --chunk-size 64K data -o "adapted$levels"
  succeeds "$adapipe" restore -q -k k "adapted$levels" -o adapted.back
  same adapted.back data
  rm adapted.back
done

for command in cat info; do
  refuses 64 "$command takes one file" "$adapipe" $command -k k data fast
  refuses 64 "$command takes one file" "$adapipe" $command -k k data -- fast
done

# A file may be called like a command, or begin with a minus.
cp data verify
cp data -- -x
succeeds "$adapipe" process -q -k k verify
succeeds "$adapipe" process -q -k k -- -x
[ -e verify.adapipe ] && [ -e ./-x.adapipe ] || fail "odd names"

# A name cannot break the line of a message, nor talk to the terminal.
refuses 66 'no\\x0asuch\\x1b\[31m' "$adapipe" process -k k $'no\nsuch\e[31m'
