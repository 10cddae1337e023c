#!/usr/bin/env bash
# SIGINT and SIGTERM at any moment: cleaned up, dead of the signal, nothing left behind.
. "$(dirname "$0")/support.sh" "$1"

new_key k
make_file data 20971520
make_file old 1000
succeeds "$adapipe" process -q -k k --codec none data -o c
mkfifo in.fifo out.fifo
before=$(tree)

partial_exists() {
  [ "$(find . -name '.*.partial' | wc -l)" -gt 0 ]
}

# What runs as $pid is the tool, and sleeps.
waits() {
  [ "$(cat "/proc/$pid/comm")" = adapipe ] && grep -q -s '^State:.*[SD]' "/proc/$pid/status"
}

# dies SIGNAL: what runs as $pid dies of it, silently but for at most one line.
dies() {
  kill -"$1" "$pid"
  wait "$pid"
  status=$?
  : >"$logs/out"
  expect_status $((128 + $(kill -l "$1"))) "$1"
  [ "$(wc -l <"$logs/err")" -le 1 ] || fail "talks too much"
  [ "$before" = "$(tree)" ] || fail "something was left or changed"
}

# An input that never ends, with a new output and over an old one.
for target in new old; do
  for signal in INT TERM; do
    cat /dev/zero >in.fifo &
    feeder=$!
    "$adapipe" process -f -k k in.fifo -o $target 2>"$logs/err" &
    pid=$!
    wait_until partial_exists
    dies $signal
    wait "$feeder"
  done
done

# An input that stops giving.
for signal in INT TERM; do
  { head -c 1000000 c; exec sleep 1000; } >in.fifo &
  feeder=$!
  "$adapipe" restore -k k in.fifo -o new 2>"$logs/err" &
  pid=$!
  wait_until partial_exists
  dies $signal
  kill "$feeder"
  wait "$feeder" 2>/dev/null
done

# A standard input that gives nothing.
for signal in INT TERM; do
  sleep 1000 >in.fifo &
  feeder=$!
  "$adapipe" process -k k -o new <in.fifo 2>"$logs/err" &
  pid=$!
  wait_until partial_exists
  dies $signal
  kill "$feeder"
  wait "$feeder" 2>/dev/null
done

# Nobody is at the other end of the input yet.
for signal in INT TERM; do
  "$adapipe" process -k k in.fifo -o new 2>"$logs/err" &
  pid=$!
  wait_until partial_exists
  dies $signal
done

# Nor at that of the output.
for signal in INT TERM; do
  "$adapipe" process -k k data -o out.fifo 2>"$logs/err" &
  pid=$!
  wait_until waits
  dies $signal
done

# Nobody takes the output: the pipe fills up. The first byte tells that it runs.
for command in "restore -k k c -o -" "cat -k k c" "process -k k c -o -" \
  "rekey -k k --add-key-file k c -o -"; do
  for signal in INT TERM; do
    exec 7<>out.fifo
    # shellcheck disable=SC2086
    "$adapipe" $command >out.fifo 2>"$logs/err" 7>&- &
    pid=$!
    head -c 1 <&7 >/dev/null
    dies $signal
    exec 7>&-
  done
done

# All threads are at work.
for signal in INT TERM; do
  "$adapipe" process -l 19 --chunk-size 256KiB -k k data -o new 2>"$logs/err" &
  pid=$!
  wait_until partial_exists
  dies $signal
done

# Two signals are one.
cat /dev/zero >in.fifo &
feeder=$!
"$adapipe" process -k k in.fifo -o new 2>"$logs/err" &
pid=$!
wait_until partial_exists
kill -TERM "$pid"
dies TERM
wait "$feeder"

# A batch ends; what was complete stays, and what had no turn gets none. With one thread, four run.
four_run() {
  [ "$(find . -name '.*.partial' | wc -l)" -eq 4 ]
}
mkfifo endless{1,2,3,4}
cat /dev/zero | tee endless1 endless2 endless3 >endless4 2>/dev/null &
feeder=$!
"$adapipe" process -q -T 1 -k k old endless1 endless2 endless3 endless4 data 2>"$logs/err" &
pid=$!
wait_until test -e old.adapipe
wait_until four_run
kill -INT "$pid"
wait "$pid"
status=$?
expect_status 130
wait "$feeder"
[ "$(wc -l <"$logs/err")" -le 1 ] || fail "talks too much"
[ "$(echo ./*.adapipe)" = ./old.adapipe ] || fail "it went on after the signal"
partial_exists && fail "a temporary file is left"
rm endless{1,2,3,4}
succeeds "$adapipe" verify -q -k k old.adapipe

# A key that never comes: nothing has been begun, so the signal ends it at once.
mkfifo key.fifo
for option in --key-file --passphrase-file; do
  (exec "$adapipe" process $option key.fifo c -o never.adapipe) 2>"$logs/err" &
  pid=$!
  wait_until waits
  kill -TERM $pid
  wait $pid
  [ $? -eq 143 ] || fail "$option: not ended by the signal"
  [ ! -e never.adapipe ] || fail "$option: an output was left"
done

# However early it comes: as soon as the tool takes signals itself, mostly before it asks for the key.
for ((i = 0; i < 20; ++i)); do
  (exec "$adapipe" process -k key.fifo c -o never.adapipe) 2>"$logs/err" &
  pid=$!
  while mapfile -t state <"/proc/$pid/status" &&
    [[ ! ${state[*]} =~ ^Name:.adapipe\ .*SigBlk:.[0-9a-f]{12}4 ]]; do :; done
  kill -TERM $pid
  wait $pid
  [ $? -eq 143 ] || fail "not ended by the signal"
done

# The rate limit lets nothing through for a day.
before=$(tree)
"$adapipe" process --rate 1 -k k data -o new 2>"$logs/err" &
pid=$!
wait_until partial_exists
dies TERM
