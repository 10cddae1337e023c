#!/usr/bin/env bash
# Pipes, FIFOs, devices, and standard streams in every state.
. "$(dirname "$0")/support.sh" "$1"

new_key k
make_file data 20971520
succeeds "$adapipe" process -q -k k data -o c

# - is stdin, and stdout.
succeeds "$adapipe" process -q -k k - -o out <data
succeeds "$adapipe" verify -q -k k out
cat data | "$adapipe" process -q -k k - -o - | "$adapipe" restore -q -k k - -o - | cmp - data ||
  fail "- on both sides"
mkdir -p tree/inner
cp data tree/inner/data
ln -s inner/data tree/link
tar c tree | "$adapipe" process - -o - --key-file k | "$adapipe" restore - -o - --key-file k |
  tar t | sort >"$logs/names" || fail "a pipeline between tar and tar"
printf '%s\n' tree/ tree/inner/ tree/inner/data tree/link | cmp - "$logs/names" ||
  fail "tar names something else"
succeeds "$adapipe" process -k k data -o -
expect_one_line 'data -> stdout: '
cp "$logs/out" piped
succeeds "$adapipe" restore -q -k k piped -o piped.back
same piped.back data
cat c | "$adapipe" verify -k k 2>"$logs/err" || fail "verify from a pipe"
expect_one_line 'stdin: good, '

# FIFOs, by name.
mkfifo in.fifo out.fifo
cat data >in.fifo &
cat out.fifo >fifo.adapipe &
succeeds "$adapipe" process -q -k k in.fifo -o out.fifo
wait
succeeds "$adapipe" restore -q -k k fifo.adapipe -o fifo.back
same fifo.back data
[ -p out.fifo ] || fail "the FIFO was replaced"

# Devices are written in place.
succeeds "$adapipe" process -q -k k data -o /dev/null
[ -c /dev/null ] || fail "/dev/null was replaced"
succeeds "$adapipe" process -q -k k -o empty.adapipe </dev/null
succeeds "$adapipe" cat -k k empty.adapipe
[ ! -s "$logs/out" ] || fail "something came from nothing"

# A range needs a file.
before=$(tree)
for command in cat info; do
  run bash -c 'cat c | "$@"' - "$adapipe" $command -k k -
  expect_status 64
  expect_one_line 'stdin: '
done
[ "$before" = "$(tree)" ] || fail "changed files"

# A reader that leaves: quiet, by SIGPIPE, also if the parent ignores it.
leave() {
  "$@" 2>"$logs/err" | head -c 10 >/dev/null
  status=${PIPESTATUS[0]}
  : >"$logs/out"
  expect_status 141 "$@"
  [ ! -s "$logs/err" ] || fail "not quiet: $*"
}
head -c 20000000 /dev/urandom >random
leave "$adapipe" restore -k k c -o -
leave "$adapipe" cat -k k c
leave "$adapipe" process -k k random -o -
(trap '' PIPE && leave "$adapipe" restore -k k c -o -) || exit 1

# What else is under way is cleaned up before that, whichever pipe it was.
mkdir batch
mkfifo batch/data.adapipe silent
before=$(tree)
nothing_is_left() {
  [ "$status" -eq 141 ] || fail "exit status $status instead of 141: $1"
  [ "$before" = "$(tree)" ] || fail "something was left: $1"
}
sleep 1000 >silent &
feeder=$!
head -c 10 batch/data.adapipe >/dev/null &
run "$adapipe" process -q -k k silent random data -o batch/
[ ! -s "$logs/err" ] || fail "not quiet: a FIFO in a batch"
rm -f batch/random.adapipe
nothing_is_left "a FIFO in a batch"
(
  "$adapipe" process -k k empty.adapipe silent -o batch/ 2>&1
  echo $? >"$logs/status"
) | true
status=$(cat "$logs/status")
rm -f batch/empty.adapipe.adapipe
nothing_is_left "messages that nobody reads"
kill "$feeder"

# stdout cannot be written.
for command in "cat -k k c" "restore -k k c -o -" "process -k k data -o -" "info c" "--help"; do
  # shellcheck disable=SC2086
  "$adapipe" $command >/dev/full 2>"$logs/err"
  status=$?
  expect_status 74 "$command to a full device"
  expect_one_line 'stdout: '
  # shellcheck disable=SC2086
  "$adapipe" $command >&- 2>"$logs/err"
  status=$?
  expect_status 74 "$command to a closed stdout"
  expect_one_line 'stdout: '
done

# A closed stdin is not the first file that is opened.
run "$adapipe" process -k k -o new <&-
expect_status 74
expect_one_line 'stdin: '
[ ! -e new ] || fail "an output from a closed stdin"
succeeds "$adapipe" process -q -k k data -o new <&-
"$adapipe" restore -q -k k new -o new.back <&- >&- 2>&- || fail "all streams closed"
same new.back data
