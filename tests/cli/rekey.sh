#!/usr/bin/env bash
# Other keys for a container: in place and elsewhere, whole or not at all.
. "$(dirname "$0")/support.sh" "$1"

new_key k
new_key new
new_key other
make_file data 3000000
printf 'correct horse\n' >pass
succeeds "$adapipe" process -q -k k --codec none data -o original
succeeds "$adapipe" process -q -k k --codec none data -o both --passphrase-file pass
succeeds "$adapipe" process -q --cipher none data -o plain

# opens KEY FILE, and not_by KEY FILE
opens() {
  succeeds "$adapipe" verify -q -k "$1" "$2"
}
not_by() {
  refuses 77 "$2: " "$adapipe" verify -q -k "$1" "$2"
}
# The index record and the last bytes of the records, which rekeying does not touch.
tail_of() {
  head -c -24 "$1" | tail -c 100000 | sha256sum
}

# Elsewhere: the input stays as it is.
cp original c
succeeds "$adapipe" rekey -k k --add-key-file new c -o added
expect_one_line 'c -> added: rekeyed, 3.* MB in '
same c original
opens k added
opens new added
succeeds "$adapipe" restore -q -k new added -o back
same back data
[ "$(tail_of added)" = "$(tail_of original)" ] || fail "the records changed"
succeeds "$adapipe" info added
grep -q '^key slots: *1: shared key, 2: shared key$' "$logs/out" || fail "slots without numbers"

# In place.
cp original c
succeeds "$adapipe" rekey -k k --add-key-file new --remove 1 c
expect_one_line 'c: rekeyed, '
opens new c
not_by k c
[ "$(size_of c)" -eq "$(size_of original)" ] || fail "a rotation changes the size"
[ "$(tail_of c)" = "$(tail_of original)" ] || fail "the records changed"
succeeds "$adapipe" rekey -q -k new --add-key-file k --add-key-file other --add-passphrase-file pass \
  --remove-all c
[ ! -s "$logs/out" ] && [ ! -s "$logs/err" ] || fail "--quiet is not"
not_by new c
opens k c
opens other c
succeeds "$adapipe" verify -q --passphrase-file pass c
succeeds "$adapipe" rekey -q -k other --remove 1 --remove 3 c
not_by k c
opens other c
refuses 77 'c: ' "$adapipe" verify --passphrase-file pass c
succeeds "$adapipe" rekey -q -k other --add-passphrase-file pass --kdf pbkdf2 c
succeeds "$adapipe" info c
grep -q 'passphrase (PBKDF2)' "$logs/out" || fail "not made with PBKDF2"
succeeds "$adapipe" verify -q --passphrase-file pass c
refuses 64 'kdf.*passphrase' "$adapipe" rekey -k other --add-key-file k --kdf pbkdf2 c
succeeds "$adapipe" rekey -q --passphrase-file pass --remove 2 --add-key-file new both
opens k both
opens new both

# Through a link, which stays one; a folder and stdout as output; an input that is replaced.
cp original c
ln -s c link
succeeds "$adapipe" rekey -q -k k --add-key-file new --remove 1 link
[ -L link ] || fail "the link was replaced"
opens new c
mkdir folder
succeeds "$adapipe" rekey -q -k new --add-key-file other c -o folder
opens other folder/c
succeeds "$adapipe" rekey -q -k new --add-key-file other c -o -
cp "$logs/out" piped
opens other piped
succeeds "$adapipe" rekey -q -f -k new --add-key-file other c -o c
opens other c

# Permission bits are kept.
for mode in 600 640 444; do
  cp original c$mode
  chmod $mode c$mode
  succeeds "$adapipe" rekey -q -k k --add-key-file new c$mode
  [ "$(stat -c %a c$mode)" = $mode ] || fail "mode $mode is lost in place"
  succeeds "$adapipe" rekey -q -k k --add-key-file new c$mode -o o$mode
  [ "$(stat -c %a o$mode)" = $mode ] || fail "mode $mode is lost"
done

# What cannot be: nothing changes.
cp original c
head -c 1000000 original >cut
refuses 77 'c: ' "$adapipe" rekey -k new --add-key-file new c
refuses 77 'c: .*-k.*-p' "$adapipe" rekey --add-key-file new c
refuses 64 'plain: .*not encrypted' "$adapipe" rekey -k k --add-key-file new plain
refuses 73 'added: exists; use --force' "$adapipe" rekey -k k --add-key-file new c -o added
refuses 73 'cannot ' "$adapipe" rekey -k k --add-key-file new c -o missing/c
refuses 64 'c: .*no key slot would be left' "$adapipe" rekey -k k --remove 1 c
refuses 64 'c: .*no key slot would be left' "$adapipe" rekey -k k --remove-all c
refuses 64 'c: .*1 key slot' "$adapipe" rekey -k k --add-key-file new --remove 2 c
refuses 64 'rekey takes one file' "$adapipe" rekey -k k --add-key-file new c original
refuses 64 'rekey takes one file' "$adapipe" rekey -k k --add-key-file new c -- original
refuses 64 '--remove-all takes .*--remove N' "$adapipe" rekey -k k --add-key-file new \
  --remove 1 --remove-all c
refuses 64 'c: .*named twice' "$adapipe" rekey -k k --add-key-file new --remove 1 --remove 1 c
cp both one-passphrase
succeeds "$adapipe" rekey -q -k k --add-passphrase-file pass one-passphrase
refuses 64 'at most one passphrase' "$adapipe" rekey -k k --add-passphrase-file pass one-passphrase
refuses 65 'cut: ' "$adapipe" rekey -k k --add-key-file new cut
refuses 65 'data: ' "$adapipe" rekey -k k --add-key-file new data
refuses 66 'gone: ' "$adapipe" rekey -k k --add-key-file new gone
refuses 66 'folder: ' "$adapipe" rekey -k k --add-key-file new folder
refuses 66 'nokey: ' "$adapipe" rekey -k k --add-key-file nokey c
# A folder that may not be written to, for somebody whom that stops.
as_user=()
[ "$(id -u)" -ne 0 ] || as_user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
mkdir closed
cp original closed/c
chmod 555 closed
chmod 755 "$scratch" .
chmod 644 k new
if "${as_user[@]}" "$adapipe" info closed/c >/dev/null 2>&1; then
  rekey_closed=("${as_user[@]}" "$adapipe" rekey -k k --add-key-file new closed/c)
  refuses 73 'closed/c: cannot create' "${rekey_closed[@]}"
  chmod 000 closed/c
  refuses 66 'closed/c: cannot open' "${rekey_closed[@]}"
fi
chmod 755 closed
rm -rf closed
mkfifo fifo
refuses 64 'fifo: ' "$adapipe" rekey -k k --add-key-file new fifo
before=$(tree)
run "$adapipe" rekey -k k --add-key-file new /dev/stdin <>c
expect_status 64
run bash -c '"$0" rekey -k k --add-key-file new c -o - 1<>c' "$adapipe"
expect_status 64
[ "$before" = "$(tree)" ] || fail "a container was overwritten while it was read"

# X25519: from a key file to the owners of two identities.
succeeds "$adapipe" keygen -q --x25519 -o id1
succeeds "$adapipe" keygen -q --x25519 -o id2
cp original c
grep -oE 'adp1.*' id2 >people
succeeds "$adapipe" rekey -q -k k --remove-all --add-recipient "$(grep -oE 'adp1.*' id1)" \
  --add-recipients-file people c
not_by k c
for id in id1 id2; do
  succeeds "$adapipe" verify -q -i $id c
done
succeeds "$adapipe" rekey -q -i id2 --remove 1 c
refuses 77 'c: ' "$adapipe" verify -i id1 c
succeeds "$adapipe" restore -q -i id2 c -o by.id2
same by.id2 data
refuses 64 'typo' "$adapipe" rekey -i id2 --add-recipient adp1x c
