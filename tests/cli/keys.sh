#!/usr/bin/env bash
# Key files and passphrase files.
. "$(dirname "$0")/support.sh" "$1"

make_file data 50000

# keygen: private, never overwrites, says which key it is and not what is in it.
new_key k
[ "$(stat -c %a k)" = 600 ] || fail "a key file is not private"
[ "$(size_of k)" -eq 65 ] && grep -qE '^[0-9a-f]{64}$' k || fail "not 64 hex digits"
expect_one_line 'k: new key [0-9a-f]{16}'
grep -q "$(cut -c 1-16 k)" "$logs/err" && fail "the key is shown"
refuses 73 'k: .*never overwritten' "$adapipe" keygen -o k
refuses 73 'missing/k: cannot open the folder' "$adapipe" keygen -o missing/k
ln -s nowhere dangling
refuses 73 'dangling: .*never overwritten' "$adapipe" keygen -o dangling
refuses 73 '\.: ' "$adapipe" keygen -o .
(umask 077 && new_key other)
cmp -s k other && fail "the same key twice"

# No output takes the place of the key that opens it, also with --force.
succeeds "$adapipe" process -q -k k data -o safe
ln k second-name
for command in "process -k k data" "restore -k k safe" "restore --passphrase-file k safe" \
  "rekey -k other --add-key-file k safe" "restore --salvage -k k safe"; do
  # shellcheck disable=SC2086
  refuses 64 'is a file of keys' "$adapipe" $command -f -o second-name
done
rm second-name

# A key file may also hold the 32 bytes themselves.
head -c 32 /dev/urandom >raw
succeeds "$adapipe" process -q -k raw data -o raw.adapipe
succeeds "$adapipe" restore -q -k raw raw.adapipe -o raw.back
same raw.back data

# Bad key files.
head -c 31 raw >short
refuses 64 'short: ' "$adapipe" process -k short data
refuses 66 'missing: ' "$adapipe" process -k missing data
refuses 66 '\.: ' "$adapipe" process -k . data

# Several recipients: each key opens; any number of wrong keys may be tried before.
succeeds "$adapipe" process -q -k k -k other data -o two
for key in k other; do
  succeeds "$adapipe" restore -q -k raw -k $key two -o two.$key
  same two.$key data
done
refuses 77 'two: ' "$adapipe" restore -k raw two -o back
refuses 77 'two: .*-k.*-p' "$adapipe" verify two
refuses 77 'two: ' "$adapipe" cat -k raw two
refuses 77 'two: ' "$adapipe" info -k raw two

# Passphrases: the first line of a file, byte for byte.
printf 'correct horse\nsecond line' >pass
printf 'correct horse' >pass.bare
printf 'correct  horse\n' >pass.wrong
printf '\nempty first line\n' >pass.empty
head -c 5000 /dev/zero | tr '\0' x >pass.long
succeeds "$adapipe" process -q --passphrase-file pass data -o p.adapipe
succeeds "$adapipe" restore -q --passphrase-file pass.bare p.adapipe -o p.back
same p.back data
refuses 77 'p.adapipe: ' "$adapipe" restore --passphrase-file pass.wrong p.adapipe -o back
refuses 77 'p.adapipe: ' "$adapipe" restore -k k p.adapipe -o back
refuses 64 'pass.empty: ' "$adapipe" process --passphrase-file pass.empty data
refuses 64 'pass.long: .*longer' "$adapipe" process --passphrase-file pass.long data
refuses 66 'nopass: ' "$adapipe" process --passphrase-file nopass data
refuses 66 '\.: ' "$adapipe" process --passphrase-file . data

# The other ways to stretch one; reading follows what the container says.
succeeds "$adapipe" process -q --kdf pbkdf2 --passphrase-file pass data -o pb.adapipe
succeeds "$adapipe" restore -q --passphrase-file pass pb.adapipe -o pb.back
same pb.back data
succeeds "$adapipe" info pb.adapipe
grep -q 'passphrase (PBKDF2)' "$logs/out" || fail "not made with PBKDF2"
refuses 77 'pb.adapipe: ' "$adapipe" restore --passphrase-file pass.wrong pb.adapipe -o back
refuses 64 'kdf.*passphrase' "$adapipe" process --kdf pbkdf2 -k k data
refuses 64 'kdf' "$adapipe" process --kdf md5 --passphrase-file pass data
run "$adapipe" process -q --kdf argon2id --passphrase-file pass data -o argon.adapipe
case $status in
  0) succeeds "$adapipe" restore -q --passphrase-file pass argon.adapipe -o argon.back ;;
  *) expect_status 69 && expect_one_line 'Argon2id, which this OpenSSL lacks' ;;
esac

# X25519: the public key encrypts, the identity decrypts.
succeeds "$adapipe" keygen --x25519 -o id
[ "$(stat -c %a id)" = 600 ] || fail "an identity file is not private"
expect_one_line 'id: new identity.* adp1[0-9a-z]{58}$'
recipient=$(grep -oE 'adp1[0-9a-z]{58}$' id)
grep -qF "$recipient" "$logs/err" || fail "another public key in the file"
grep -qi 'secret' "$logs/err" && fail "the private key is shown"
refuses 73 'id: .*never overwritten' "$adapipe" keygen --x25519 -o id
succeeds "$adapipe" keygen -q --x25519 -o id2
succeeds "$adapipe" process -q -r "$recipient" data -o x.adapipe
succeeds "$adapipe" restore -q -i id2 -i id x.adapipe -o x.back
same x.back data
"$adapipe" restore -q -i id <x.adapipe >x.piped || fail "restore from a pipe"
same x.piped data
refuses 77 'x.adapipe: ' "$adapipe" restore -i id2 x.adapipe -o back
refuses 77 'x.adapipe: .*-i' "$adapipe" restore x.adapipe -o back
refuses 64 'adp1q: .*typo' "$adapipe" process -r adp1q data
typo=${recipient%?}x
[ "$typo" = "$recipient" ] && typo=${recipient%?}z
refuses 64 'typo' "$adapipe" process -r "$typo" data

# Keys given with the wrong option.
refuses 64 'id: .*-i' "$adapipe" restore -k id x.adapipe -o back
refuses 64 'k: .*-k' "$adapipe" restore -i k x.adapipe -o back
mkfifo pipe
cat id >pipe &
refuses 64 'pipe: .*too long' timeout 10 "$adapipe" restore -k pipe x.adapipe -o back
wait
rm pipe
refuses 66 'missing: ' "$adapipe" restore -i missing x.adapipe -o back
refuses 64 'data: ' "$adapipe" restore -i data x.adapipe -o back
refuses 64 'id: .*public key' "$adapipe" process -k id data
refuses 64 'id, line 2: this is a private key' "$adapipe" process -R id data
secret=$(tail -n 1 id)
for text in "$secret" "${secret,,}" "${secret%?}"; do
  refuses 64 'recipient: this is a private key' "$adapipe" process -r "$text" data
  grep -qi "${secret:15:20}" "$logs/err" && fail "the private key is shown"
done

# A secret where the name of its file belongs, or behind a flag.
for option in "-i $secret" "-i ${secret%?}" "-k $secret" "-k $(cat k)"; do
  # shellcheck disable=SC2086
  refuses 64 'a key was given' "$adapipe" restore $option x.adapipe -o back
  grep -qiF -- "${option:20:20}" "$logs/err" && fail "the key is shown"
done
refuses 64 'a key was given' "$adapipe" process -R "$secret" data
for text in "$(cat id)" " $secret" "$(cat k)"$'\r'; do
  refuses 64 'a key was given' "$adapipe" restore -i "$text" x.adapipe -o back
  refuses 64 'a key was given' "$adapipe" restore -k "$text" x.adapipe -o back
  refuses 64 'a key was given' "$adapipe" process -R "$text" data
done
refuses 64 'unknown option --password: ' "$adapipe" restore --password=hunter2 x.adapipe
refuses 64 'passphrase' "$adapipe" process --passphrase=hunter2 data
grep -q hunter2 "$logs/err" && fail "the passphrase is shown"
refuses 64 'passphrase' "$adapipe" rekey -k k --add-passphrase=hunter2 x.adapipe
grep -q hunter2 "$logs/err" && fail "the new passphrase is shown"

# Recipients files; everyone in them opens.
printf '# two people\n\n %s\r\n%s\n' "$recipient" "$(grep -oE 'adp1.*' id2)" >people
succeeds "$adapipe" process -q -R people -k k data -o for.all
for key in "-i id" "-i id2" "-k k"; do
  succeeds "$adapipe" verify -q $key for.all
done
printf '# nobody\n' >nobody
refuses 64 'nobody: .*no public key' "$adapipe" process -R nobody data
printf '#\nadp1zzz\n' >typo
refuses 64 'typo, line 2: ' "$adapipe" process -R typo data
refuses 66 'missing: ' "$adapipe" process -R missing data
refuses 64 '/dev/zero: .*too long' "$adapipe" process -R /dev/zero data
for text in id people; do
  { printf '\xEF\xBB\xBF' && cat $text; } >$text.marked
done
refuses 64 'id.marked: .*begins with a byte order mark' "$adapipe" restore -i id.marked x.adapipe
refuses 64 'people.marked: .*begins with a byte order mark' "$adapipe" process -R people.marked data
refuses 66 '\.: ' "$adapipe" process -R . data

# With keys, info says which slot opened; rekey --remove takes these numbers.
succeeds "$adapipe" info -i id2 for.all
grep -q '^opened by: *slot 3$' "$logs/out" || fail "not slot 3"
succeeds "$adapipe" info --json -k k for.all
grep -q '"opened_by_slot": 1,' "$logs/out" || fail "not slot 1"
succeeds "$adapipe" info --json for.all
grep -q '"opened_by_slot": null,' "$logs/out" || fail "opened without a key"

# A key and a passphrase: either opens.
succeeds "$adapipe" process -q -k k --passphrase-file pass data -o both
succeeds "$adapipe" verify -q -k k both
succeeds "$adapipe" verify -q --passphrase-file pass both

# Who insists on a key does not accept a container that anyone could have written.
succeeds "$adapipe" process -q --cipher none data -o plain
refuses 77 'plain: .*not encrypted' "$adapipe" restore -k k plain -o back
succeeds "$adapipe" restore plain -o plain.back
expect_one_line 'not encrypted'
succeeds "$adapipe" verify plain
expect_one_line 'good.*not encrypted'
succeeds "$adapipe" verify -k k for.all
grep -q 'not encrypted' "$logs/err" && fail "an encrypted container is called plain"
same plain.back data

# Without a terminal nobody can be asked.
if command -v setsid >/dev/null; then
  refuses 64 'no terminal.*--passphrase-file' setsid -w "$adapipe" process -p data
  refuses 77 'p.adapipe: .*-p' setsid -w "$adapipe" restore p.adapipe -o back
fi
