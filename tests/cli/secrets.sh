#!/usr/bin/env bash
# No secret is shown, whatever is asked for and whatever goes wrong; and none is dumped.
. "$(dirname "$0")/support.sh" "$1"

make_file data 300000
new_key k
cp "$logs/err" "$scratch/shown"
new_key other
printf 'a raw key may be printable, too!' >raw
echo 'correct horse battery staple' >pass
echo 'another horse' >pass.wrong
{ cat k | tr -d '\n'; echo 'g'; } >k.bad
{ cat raw; echo; } >raw.bad
succeeds "$adapipe" keygen --x25519 -o id
cat "$logs/err" >>"$scratch/shown"
succeeds "$adapipe" keygen --x25519 -o id.other
cat "$logs/err" >>"$scratch/shown"
private_key() { grep -v '^#' "$1"; }
private_key id | sed 's/.$/b/' >id.bad # of the last 6 letters, the checksum
cat id id.other >id.two
head -c 5000 /dev/zero | tr '\0' 'x' >pass.long

# shows STATUS COMMAND...: keeps what it says.
shows() {
  run "${@:2}"
  expect_status "$@"
  cat "$logs/out" "$logs/err" >>"$scratch/shown"
}

shows 0 "$adapipe" process -k k -k raw --passphrase-file pass -r "$(grep -oE 'adp1.*' id)" \
  data -o sealed
cp sealed damaged
flip damaged 5000
head -c 5000 sealed >cut
while read -r option file; do
  shows 0 "$adapipe" info "$option" "$file" sealed
  shows 0 "$adapipe" info --json "$option" "$file" sealed
  shows 0 "$adapipe" verify "$option" "$file" sealed
  shows 0 "$adapipe" restore -f "$option" "$file" sealed -o back
  shows 65 "$adapipe" verify "$option" "$file" damaged
  shows 65 "$adapipe" restore "$option" "$file" damaged -o none
  shows 66 "$adapipe" verify "$option" "$file" missing
  shows 65 "$adapipe" rekey "$option" "$file" --add-key-file other cut -o none
  shows 0 "$adapipe" rekey -f "$option" "$file" --add-key-file other --remove-all sealed -o rekeyed
  shows 0 "$adapipe" rekey -f -k other --remove-all --add-passphrase-file pass.wrong \
    --add-recipient "$(grep -oE 'adp1.*' id.other)" rekeyed
  shows 64 "$adapipe" rekey "$option" "$file" --remove 9 sealed
  shows 73 "$adapipe" rekey "$option" "$file" --add-key-file other sealed -o damaged
done <<'END'
-k k
-k raw
--passphrase-file pass
-i id
END
shows 0 "$adapipe" info sealed
shows 77 "$adapipe" verify -k other sealed
shows 77 "$adapipe" verify --passphrase-file pass.wrong sealed
shows 64 "$adapipe" verify -k k.bad sealed
shows 64 "$adapipe" verify -k raw.bad sealed
shows 64 "$adapipe" verify -k pass sealed
shows 64 "$adapipe" verify --passphrase-file pass.long sealed
shows 77 "$adapipe" verify -i id.other sealed
shows 64 "$adapipe" verify -i id.bad sealed
shows 64 "$adapipe" verify -i id.two sealed
shows 64 "$adapipe" process -r "$(private_key id)" data -o none
shows 64 "$adapipe" rekey -k k --add-recipient "$(private_key id)" sealed
shows 73 "$adapipe" process -k k -k raw --passphrase-file pass data -o sealed
shows 73 "$adapipe" keygen -o k
shows 73 "$adapipe" keygen --x25519 -o id
# A key itself, where something else belongs.
for key in "$(cat k)" "$(private_key id)" "$(private_key id | tr A-Z a-z)" "$(private_key id.bad)"; do
  shows 66 "$adapipe" restore "$key" -o none
  shows 64 "$adapipe" "$key" sealed
  for option in -k= --key-file --passphrase= --memory= --what; do
    run "$adapipe" restore "$option$key" sealed -o none
    [ "$status" -ne 0 ] || fail "restored with $option"
    cat "$logs/err" >>"$scratch/shown"
  done
  for option in --kdf --cipher --level --chunk-size; do
    shows 64 "$adapipe" process -k k "$option" "$key" data -o none
  done
  shows 64 "$adapipe" rekey -k k --remove "$key" sealed
done
[ "$(wc -l <"$scratch/shown")" -gt 50 ] || fail "hardly anything was shown"
as_hex() { od -An -v -tx1 "$1" | tr -d ' \n'; }
for secret in "$(cat k)" "$(cat other)" "$(cat raw)" "$(as_hex raw)" "$(cat pass)" \
  "$(cat pass.wrong)" xxxxxxxx \
  "$(private_key id | cut -c 17-60)" "$(private_key id.other | cut -c 17-60)"; do
  if grep -aiF -- "$secret" "$scratch/shown"; then fail "a secret is shown"; fi
done

# At work on a key, it cannot leave a core dump.
ulimit -S -c "$(ulimit -H -c)"
mkfifo in
"$adapipe" process -q -k k in -o out &
exec 9>in # opened by the program, which has been through main() then
grep -E '^Max core file size +[01] ' "/proc/$!/limits" >/dev/null || fail "it may dump core"
exec 9>&-
wait

# The digest of a file is no key, and often its name.
digest=$(sha256sum data | cut -c 1-64)
cp data "$digest"
refuses 65 "$digest: " "$adapipe" verify -k k "$digest"
