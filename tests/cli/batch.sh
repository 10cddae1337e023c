#!/usr/bin/env bash
# Several inputs: each on its own, all of them in spite of failures, the first failure's status.
. "$(dirname "$0")/support.sh" "$1"

new_key k
new_key wrong
make_file a 100000
make_file b 2000000
make_file c 10

# All go well: next to the inputs, and into a folder, with or without the slash.
succeeds "$adapipe" process -k k a b c
[ "$(wc -l <"$logs/err")" -eq 3 ] || fail "not one summary for each"
mkdir out back
for folder in out out/; do
  rm -f out/*
  succeeds "$adapipe" process -q -k k a b c -o $folder
done
mkdir single
succeeds "$adapipe" process -q -k k a -o single/
[ -e single/a.adapipe ] || fail "a single file into a folder"
succeeds "$adapipe" restore -q -k k out/a.adapipe out/b.adapipe out/c.adapipe -o back/
for file in a b c; do same $file back/$file; done
succeeds "$adapipe" verify -k k out/a.adapipe out/b.adapipe out/c.adapipe
[ "$(grep -c ': good, ' "$logs/err")" -eq 3 ] || fail "not one verdict for each"

# One passphrase for all.
printf 'pass\n' >pass
mkdir sealed
succeeds "$adapipe" process -q --passphrase-file pass a b c -o sealed/
succeeds "$adapipe" verify -q --passphrase-file pass sealed/a.adapipe sealed/b.adapipe

# A failure in the middle: the others are done, the first failure is the status.
rm -f ./*.adapipe
run "$adapipe" process -q -k k a missing b
expect_status 66
expect_one_line 'missing: '
[ -e a.adapipe ] && [ -e b.adapipe ] || fail "the others were not done"
run "$adapipe" process -q -k k a missing c
expect_status 73
[ "$(wc -l <"$logs/err")" -eq 2 ] || fail "not one line for each failure"
[ -e c.adapipe ] || fail "the last one was not done"
flip out/b.adapipe 100000
rm back/*
run "$adapipe" restore -q -k k out/a.adapipe out/b.adapipe missing.adapipe out/c.adapipe -o back/
expect_status 65
[ "$(wc -l <"$logs/err")" -eq 2 ] || fail "not one line for each failure"
[ "$(ls -A back)" = $'a\nc' ] || fail "not the good ones alone: $(ls -A back)"
run "$adapipe" verify -q -k k missing out/b.adapipe out/c.adapipe
expect_status 66
run "$adapipe" verify -k k out/a.adapipe a out/c.adapipe
expect_status 65
[ "$(grep -c ': good, ' "$logs/err")" -eq 2 ] || fail "the good ones are not said to be good"
refuses 66 'out: .*tar' "$adapipe" process -q -k k out
run "$adapipe" restore -q -k k a out/c.adapipe
expect_status 64 "a name without .adapipe is a failure of that file"
[ -e out/c ] || fail "the other one was not done"

# With --force, no output takes the place of another one, nor of an input that had no turn yet,
# however their names are spelled.
mkdir clash
succeeds "$adapipe" process -q --container zstd c -o clash/a.zst
succeeds "$adapipe" process -q --cipher none a -o clash/a.adapipe
run "$adapipe" restore -q -f clash/a.zst clash/../clash/a.adapipe
expect_status 73
expect_one_line 'clash/../clash/a.adapipe: clash/../clash/a is what another input becomes'
same c clash/a
run "$adapipe" process -q -f -T 1 -k k clash/a out/{a,b,c}.adapipe b c ./clash/a.adapipe
expect_status 73
expect_one_line 'clash/a: clash/a.adapipe is another input'
succeeds "$adapipe" restore -q clash/a.adapipe -o clash/back
same a clash/back

# Many at once: the status is that of the first of the inputs that failed, whichever was told first.
mkdir many many/back
for ((i = 0; i < 200; ++i)); do make_file many/$i $((i * 100)); done
cp b many/late.adapipe
run "$adapipe" process -q -k k many/{0..99} out/missing many/{100..199}
expect_status 66
expect_one_line 'out/missing: '
[ "$(ls many/*.adapipe | wc -l)" -eq 201 ] || fail "not all were done"
run "$adapipe" restore -q -k k many/{0..99}.adapipe many/late.adapipe nothing.adapipe \
  many/{100..199}.adapipe -o many/back/
expect_status 65
[ "$(sort "$logs/err" | cut -d: -f2)" = $' many/late.adapipe\n nothing.adapipe' ] ||
  fail "not one line for each failure"
for ((i = 0; i < 200; ++i)); do same many/$i many/back/$i; done

# Checksums go with their names, in the order of the inputs.
rm many/*.adapipe
succeeds "$adapipe" process -q --checksum sha256 -k k many/{0..199}
sha256sum many/{0..199} | diff - "$logs/err" || fail "other checksums than sha256sum's"

# However many there are, few are open at once.
(
  ulimit -n 64
  succeeds "$adapipe" verify -q -k k many/*.adapipe
) || exit 1

# Two inputs of one name do not replace each other, not even with --force.
mkdir x y both
cp a x/same
cp b y/same
run "$adapipe" process -q -f -k k x/same y/same -o both/
expect_status 73
expect_one_line 'y/same: '
succeeds "$adapipe" restore -q -k k both/same.adapipe
same both/same a

# stdin has no name.
refuses 64 'stdin' "$adapipe" process -k k a - <b
refuses 64 'stdin' "$adapipe" process -k k -o both/ <b
