#!/usr/bin/env bash
# algorithms.sh PROGRAM PROVIDER: an OpenSSL that lacks an algorithm takes away that one and no
# other.
few_algorithms=$(realpath -- "$2")
. "$(dirname "$0")/support.sh" "$1"

new_key k
make_file data 100000
names=(aes-256-gcm chacha20-poly1305 aes-128-gcm)
for name in "${names[@]}"; do
  succeeds "$adapipe" process -q -k k --cipher "$name" data -o "$name"
done
printf 'correct horse\n' >pass
succeeds "$adapipe" process -q --passphrase-file pass data -o scrypt
succeeds "$adapipe" rekey -q --passphrase-file pass --add-key-file k scrypt -o scrypt_and_k
succeeds "$adapipe" process -q --passphrase-file pass --kdf pbkdf2 data -o pbkdf2
succeeds "$adapipe" keygen -q --x25519 -o id
sed -n 's/.*\(adp1[0-9a-z]*\).*/\1/p' id >id.pub
succeeds "$adapipe" process -q --recipients-file id.pub -k k data -o x25519_and_k

cat >few.cnf <<END
openssl_conf = start
[start]
providers = providers
[providers]
few_algorithms = few_algorithms
[few_algorithms]
module = $few_algorithms
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

lacks='this OpenSSL lacks SCRYPT'
refuses 69 "$lacks" "$adapipe" process --passphrase-file pass data -o none
refuses 69 "$lacks" "$adapipe" restore --passphrase-file pass scrypt -o none
refuses 69 "$lacks" "$adapipe" rekey -k k --add-passphrase-file pass aes-256-gcm
new_key other
refuses 69 "$lacks" "$adapipe" restore --passphrase-file pass -k other scrypt_and_k -o none
succeeds "$adapipe" restore -q --passphrase-file pass -k k scrypt_and_k -o back.scrypt
succeeds "$adapipe" restore -q --passphrase-file pass pbkdf2 -o back.pbkdf2

lacks='this OpenSSL lacks X25519'
refuses 69 "$lacks" "$adapipe" keygen --x25519 -o none
refuses 69 "$lacks" "$adapipe" process --recipients-file id.pub data -o none
refuses 69 "$lacks" "$adapipe" restore -i id x25519_and_k -o none
succeeds "$adapipe" restore -q -k k x25519_and_k -o back.x25519
