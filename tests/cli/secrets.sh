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
head -c 5000 /dev/zero | tr '\0' 'x' >pass.long

# shows STATUS COMMAND...: keeps what it says.
shows() {
  run "${@:2}"
  expect_status "$@"
  cat "$logs/out" "$logs/err" >>"$scratch/shown"
}

shows 0 "$adapipe" process -k k -k raw --passphrase-file pass data -o sealed
cp sealed damaged
flip damaged 5000
while read -r option file; do
  shows 0 "$adapipe" info "$option" "$file" sealed
  shows 0 "$adapipe" info --json "$option" "$file" sealed
  shows 0 "$adapipe" verify "$option" "$file" sealed
  shows 0 "$adapipe" restore -f "$option" "$file" sealed -o back
  shows 65 "$adapipe" verify "$option" "$file" damaged
  shows 65 "$adapipe" restore "$option" "$file" damaged -o none
  shows 66 "$adapipe" verify "$option" "$file" missing
  shows 73 "$adapipe" process "$option" "$file" data -o sealed
done <<'END'
-k k
-k raw
--passphrase-file pass
END
shows 0 "$adapipe" info sealed
shows 77 "$adapipe" verify -k other sealed
shows 77 "$adapipe" verify --passphrase-file pass.wrong sealed
shows 64 "$adapipe" verify -k k.bad sealed
shows 64 "$adapipe" verify -k raw.bad sealed
shows 64 "$adapipe" verify -k pass sealed
shows 64 "$adapipe" verify --passphrase-file pass.long sealed
shows 73 "$adapipe" keygen -o k
[ "$(wc -l <"$scratch/shown")" -gt 50 ] || fail "hardly anything was shown"
as_hex() { od -An -v -tx1 "$1" | tr -d ' \n'; }
for secret in "$(cat k)" "$(cat other)" "$(cat raw)" "$(as_hex raw)" "$(cat pass)" \
  "$(cat pass.wrong)" xxxxxxxx; do
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
