#!/usr/bin/env bash
# What goes in comes back: sizes, ciphers, codecs; files and pipes; whole and in ranges.
. "$(dirname "$0")/support.sh" "$1"

new_key k
make_file s0 0
make_file s1 1
make_file s2 1048583
make_file s3 20971520
head -c 3000000 /dev/urandom >s4

round_trip() {
  local file=$1
  rm -f c back
  succeeds "$adapipe" process -k k "${@:2}" "$file" -o c
  expect_one_line "$file -> c: .* to .* MB/s"
  succeeds "$adapipe" verify -k k c
  expect_one_line 'c: good, '
  succeeds "$adapipe" restore -k k c -o back
  expect_one_line 'c -> back: '
  same "$file" back
  succeeds "$adapipe" cat -k k c
  same "$file" "$logs/out"
  # shellcheck disable=SC2094
  "$adapipe" process -q -k k "${@:2}" <"$file" | "$adapipe" restore -q -k k >back ||
    fail "a pipe failed for $file"
  same "$file" back
  cat "$file" | "$adapipe" process -q -k k "${@:2}" | cat | "$adapipe" restore -q -k k | cat >back ||
    fail "a chain of pipes failed for $file"
  same "$file" back
}

for file in s0 s1 s2 s3 s4; do round_trip $file; done
for file in s0 s1 s2; do
  for cipher in aes-256-gcm chacha20-poly1305 aes-128-gcm; do
    round_trip $file --cipher $cipher --chunk-size 64K
    round_trip $file --cipher $cipher --codec none
  done
  for codec in zstd none; do
    succeeds "$adapipe" process -q --cipher none --codec $codec $file -o $file.$codec
    succeeds "$adapipe" verify $file.$codec
    succeeds "$adapipe" restore -q $file.$codec -o $file.$codec.back
    same $file $file.$codec.back
  done
done
round_trip s3 -T 1
round_trip s3 -T 8 --memory 64M --chunk-size 256K
round_trip s2 -l 19
round_trip s2 -l -7

# Names by default; nothing is said with --quiet.
cp s2 data.tar
succeeds "$adapipe" process -q -k k data.tar
[ ! -s "$logs/out" ] && [ ! -s "$logs/err" ] || fail "--quiet is not"
rm data.tar
succeeds "$adapipe" restore -q -k k data.tar.adapipe
same data.tar s2
[ "$(size_of data.tar.adapipe)" -lt "$(size_of data.tar)" ] || fail "not compressed"

# Permission bits are kept, both ways.
for mode in 600 640 755 400; do
  cp s1 mode$mode
  chmod $mode mode$mode
  succeeds "$adapipe" process -q -k k mode$mode
  [ "$(stat -c %a mode$mode.adapipe)" = $mode ] || fail "the container does not have mode $mode"
  rm -f mode$mode
  succeeds "$adapipe" restore -q -k k mode$mode.adapipe
  [ "$(stat -c %a mode$mode)" = $mode ] || fail "the file does not have mode $mode"
done

# A folder may give its files a group of its own: that one gets no more than everyone.
mkdir shared
other_group=$(id -G | tr ' ' '\n' | grep -vx "$(id -g)" | tail -1)
[ "$(id -u)" -ne 0 ] || other_group=65534
if [ -n "$other_group" ]; then
  chgrp "$other_group" shared
  chmod g+s shared
  while read -r mode made; do
    cp s1 mode$mode
    chmod $mode mode$mode
    succeeds "$adapipe" process -q -k k mode$mode -o shared/$mode
    [ "$(stat -c %a shared/$mode)" = $made ] || fail "the folder's group has too much"
    (cd shared && succeeds "$adapipe" process -q -k ../k ../mode$mode -o here$mode)
    [ "$(stat -c %a shared/here$mode)" = $made ] || fail "the folder's group has too much"
  done <<'END'
640 600
664 644
604 604
END
fi

# --force replaces, completely.
cp s3 target
succeeds "$adapipe" process -q -f -k k s1 -o target
succeeds "$adapipe" restore -q -f -k k target -o s1.back
same s1 s1.back

# Ranges.
succeeds "$adapipe" process -q -k k --chunk-size 64K s3 -o ranges
range() {
  succeeds "$adapipe" cat -k k ranges --offset "$1" --length "$2"
  tail -c +$(($1 + 1)) s3 | head -c "$2" >expected
  same expected "$logs/out"
}
range 0 1
range 65535 2
range 65536 65536
range 1000000 9000000
range 20971519 1
range 20971519 100
range 20971520 1
range 99999999 1
range 5 0
succeeds "$adapipe" cat -k k ranges --offset 20M
[ ! -s "$logs/out" ] || fail "something past the end"
succeeds "$adapipe" cat -k k ranges --offset 19M
[ "$(size_of "$logs/out")" -eq 1048576 ] || fail "not up to the end"
succeeds "$adapipe" cat -k k - --length 10 <ranges
head -c 10 s3 >expected
same expected "$logs/out"

# info: with and without a key, for people and for programs.
succeeds "$adapipe" info ranges
grep -q '^cipher: *AES-256-GCM' "$logs/out" && grep -q '^key slots: *1: shared key' "$logs/out" &&
  grep -q '^authenticated: *no' "$logs/out" || fail "info without a key"
succeeds "$adapipe" info -k k ranges
grep -q '^plain: .*(20971520 bytes)' "$logs/out" && grep -q '^chunks: *320$' "$logs/out" &&
  grep -q '^authenticated: *yes' "$logs/out" || fail "info with a key"
for options in "" "-k k"; do
  # shellcheck disable=SC2086
  succeeds "$adapipe" info --json $options ranges
  grep -q '"cipher": "AES-256-GCM"' "$logs/out" || fail "no cipher in JSON"
  if command -v python3 >/dev/null; then
    python3 -m json.tool <"$logs/out" >/dev/null || fail "not JSON"
  fi
done
grep -q '"chunks": 320,' "$logs/out" || fail "no chunk count in JSON"
grep -q '"authenticated": true' "$logs/out" || fail "not authenticated in JSON"
succeeds "$adapipe" info --json s1.none
grep -q '"cipher": null' "$logs/out" || fail "a cipher in a plain container"
odd=$'odd "name"\\\t\xff\xc2\x9b'
cp ranges "$odd"
succeeds "$adapipe" info --json "$odd"
grep -qF '"file": "odd \"name\"\\\u0009\ufffd\u009b"' "$logs/out" || fail "a name breaks JSON"

# The checksum of what went in, as sha256sum writes and reads it, also of odd names and from a pipe.
odd=$'a\nb\\c'
cp s1 "$odd"
"$adapipe" process -q -k k --checksum sha256 s0 s2 "$odd" 2>sums || fail "a checksum costs the container"
sha256sum s0 s2 "$odd" | diff - sums || fail "other checksums than sha256sum's"
succeeds sha256sum --check --strict sums
rm -f s0.adapipe s2.adapipe "$odd" "$odd.adapipe"
"$adapipe" process -k k --checksum sha256 <s3 2>sum >c || fail "a checksum costs the pipe"
tail -n 1 sum | diff - <(sha256sum <s3) || fail "another checksum of a pipe than sha256sum's"

# Nothing but what was asked for.
[ "$(find . -name '*.partial' | wc -l)" -eq 0 ] || fail "temporary files are left"
