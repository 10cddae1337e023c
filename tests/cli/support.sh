# For the tests in this folder: `. support.sh PROGRAM`. Leaves the shell in an empty folder that is
# removed at the end. A failed check ends the test.
# shellcheck shell=bash

set -u -o pipefail

adapipe=$(realpath -- "$1")
scratch=$(mktemp -d)
logs=$scratch/logs
mkdir "$logs" "$scratch/work"
cd "$scratch/work" || exit 1

# Also after a failure, when background jobs may be waiting for something that never comes.
clean_up() {
  local job
  for job in $(jobs -p); do kill -KILL "$job"; done 2>/dev/null
  rm -rf -- "$scratch"
}
trap clean_up EXIT

fail() {
  echo "FAILED at line ${BASH_LINENO[${#BASH_LINENO[@]} - 2]}: $*" >&2
  echo "--- stdout" >&2
  head -c 2000 "$logs/out" >&2
  echo "--- stderr" >&2
  head -c 2000 "$logs/err" >&2
  exit 1
}

skip() {
  echo "skipped: $*"
  exit 4
}

# What is in the folder: names, kinds, permissions and contents.
tree() {
  find . -printf '%p %y %m\n' | sort
  find . -type f -exec sha256sum {} + | sort
}

# run COMMAND...: keeps stdout, stderr and the exit status for the checks.
run() {
  : >"$logs/out"
  "$@" >"$logs/out" 2>"$logs/err"
  status=$?
}

expect_status() {
  [ "$status" -eq "$1" ] || fail "exit status $status instead of $1: ${*:2}"
}

# succeeds COMMAND...
succeeds() {
  run "$@"
  expect_status 0 "$@"
}

# Exactly one line on stderr, and it says PATTERN (extended regular expression).
expect_one_line() {
  [ "$(wc -l <"$logs/err")" -eq 1 ] || fail "not one line on stderr: ${*:2}"
  grep -qE "^adapipe: .*($1)" "$logs/err" || fail "the message does not say '$1': ${*:2}"
}

# refuses STATUS PATTERN COMMAND...: fails so, with that one line and nothing else: no output, and
# no file made, changed or left behind.
refuses() {
  local before after
  before=$(tree)
  run "${@:3}"
  after=$(tree)
  expect_status "$1" "${@:3}"
  expect_one_line "$2" "${@:3}"
  [ ! -s "$logs/out" ] || fail "wrote to stdout: ${*:3}"
  [ "$before" = "$after" ] || fail "changed files: ${*:3}"
}

# same A B
same() {
  cmp -- "$1" "$2" || fail "$1 and $2 differ"
}

# Compressible, different everywhere, and the same in every run.
make_file() {
  seq 1 4000000 | head -c "$2" >"$1"
}

# flip FILE OFFSET: changes one byte.
flip() {
  local byte
  byte=$(od -An -tu1 -j "$2" -N 1 "$1")
  printf '%b' "\\x$(printf '%02x' $((byte ^ 1)))" |
    dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

size_of() {
  stat -c %s -- "$1"
}

# wait_until COMMAND...: polls, for at most a minute.
wait_until() {
  local i
  for ((i = 0; i < 1200; ++i)); do
    if "$@"; then return; fi
    sleep 0.05
  done
  fail "did not happen within a minute: $*"
}

new_key() {
  succeeds "$adapipe" keygen -o "$1"
}
