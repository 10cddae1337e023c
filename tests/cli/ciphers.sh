#!/usr/bin/env bash
# ciphers.sh PROGRAM PROVIDER: an OpenSSL that lacks a cipher takes away that one and no other.
few_ciphers=$(realpath -- "$2")
. "$(dirname "$0")/support.sh" "$1"

new_key k
make_file data 100000
names=(aes-256-gcm chacha20-poly1305 aes-128-gcm)
for name in "${names[@]}"; do
  succeeds "$adapipe" process -q -k k --cipher "$name" data -o "$name"
done

cat >few.cnf <<END
openssl_conf = start
[start]
providers = providers
[providers]
few_ciphers = few_ciphers
[few_ciphers]
module = $few_ciphers
activate = 1
END
export OPENSSL_CONF=$PWD/few.cnf

for name in aes-256-gcm aes-128-gcm; do
  succeeds "$adapipe" restore -q -k k "$name" -o back.$name
  same back.$name data
  succeeds "$adapipe" process -q -k k --cipher "$name" data -o new.$name
done
lacks='this OpenSSL lacks ChaCha20-Poly1305'
refuses 69 "$lacks" "$adapipe" process -k k --cipher chacha20-poly1305 data -o none
refuses 69 "$lacks" "$adapipe" restore -k k chacha20-poly1305 -o none
refuses 69 "$lacks" "$adapipe" rekey -k k --add-key-file k chacha20-poly1305
succeeds "$adapipe" info chacha20-poly1305
grep -q ChaCha20-Poly1305 "$logs/out" || fail "what it is encrypted with is not shown"
