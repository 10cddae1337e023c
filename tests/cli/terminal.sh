#!/usr/bin/env bash
# What is different on a terminal: passphrases are asked for, progress is shown, a container is not
# written to it.
command -v python3 >/dev/null && python3 -c 'import pty' 2>/dev/null || {
  echo "skipped: needs python3 with pty"
  exit 4
}
here=$(cd "$(dirname "$0")" && pwd)
. "$here/support.sh" "$1"

# on_terminal [PROMPT ANSWER]... -- COMMAND...: all that the terminal shows goes to $logs/out.
on_terminal() {
  : >"$logs/err"
  python3 "$here/on_terminal.py" "$@" >"$logs/out"
  status=$?
}
shows() {
  grep -qaE -- "$1" "$logs/out" || fail "the terminal does not show '$1'"
}

make_file data 3000000

# Asked twice for a new one, and not shown.
on_terminal 'New passphrase: ' 'tr0ub4dor' 'again: ' 'tr0ub4dor' -- "$adapipe" process -p data
expect_status 0
grep -qa tr0ub4dor "$logs/out" && fail "the passphrase is shown"
printf 'tr0ub4dor\n' >pass
succeeds "$adapipe" verify -q --passphrase-file pass data.adapipe

# Asked once to open: by -p, and by itself when nothing else opens the container.
for options in "-p" ""; do
  # shellcheck disable=SC2086
  on_terminal 'Passphrase: ' 'tr0ub4dor' -- "$adapipe" restore $options data.adapipe -o back
  expect_status 0
  same data back
  rm back
done
on_terminal 'Passphrase: ' 'tr0ub4dor' -- "$adapipe" verify data.adapipe data.adapipe
expect_status 0
[ "$(grep -ac 'good, ' "$logs/out")" -eq 2 ] || fail "one passphrase for both"
on_terminal 'Passphrase: ' 'guess' -- "$adapipe" restore data.adapipe -o back
expect_status 77

# Asked again after Ctrl-Z, where a shell has had the terminal, and still not shown.
on_terminal 'Passphrase: ' $'\032' 'Passphrase: ' 'tr0ub4dor' -- "$adapipe" verify -p data.adapipe
expect_status 0
grep -qa tr0ub4dor "$logs/out" && fail "the passphrase is shown after Ctrl-Z"

# Mistakes while typing.
on_terminal 'New passphrase: ' 'one' 'again: ' 'two' -- "$adapipe" process -p data -o new
expect_status 64
shows 'differ'
on_terminal 'New passphrase: ' '' -- "$adapipe" process -p data -o new
expect_status 64
on_terminal 'New passphrase: ' $'\003' -- "$adapipe" process -p data -o new
expect_status 130 "Ctrl-C at the prompt"
[ ! -e new ] && [ ! -e back ] || fail "an output in spite of it"

# The old one is asked for first, then the new one.
cp data.adapipe re
on_terminal 'Passphrase: ' 'tr0ub4dor' 'New passphrase: ' 'correct horse' 'again: ' 'correct horse' \
  -- "$adapipe" rekey -p --add-passphrase --remove 1 re
expect_status 0
shows 're: rekeyed, '
printf 'correct horse\n' >pass2
succeeds "$adapipe" verify -q --passphrase-file pass2 re
refuses 77 're: ' "$adapipe" verify --passphrase-file pass re
rm re

# Only the passphrase slot is asked for.
succeeds "$adapipe" keygen -o k
succeeds "$adapipe" process -q -k k data -o keyed
on_terminal -- "$adapipe" restore keyed -o back
expect_status 77
shows 'give a key'

# Progress, and then one summary; neither with --quiet.
on_terminal -- "$adapipe" process -k k data -o new
expect_status 0
shows '100%.*MB/s.*ratio'
shows 'data -> new: '
mkdir folder
cp data data2
on_terminal -- "$adapipe" process -k k data data2 missing -o folder/
expect_status 66
shows '3 of 3 files: .*MB/s'
shows 'missing: cannot open'
on_terminal -- "$adapipe" verify -q -k k new
expect_status 0
[ ! -s "$logs/out" ] || fail "--quiet is not"

# No container on a terminal, unless asked for.
on_terminal -- "$adapipe" process -k k -
expect_status 64
shows 'terminal'
on_terminal -- "$adapipe" process -q -k k new -o -
expect_status 0
shows 'ADP'
