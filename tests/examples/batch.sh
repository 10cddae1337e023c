#!/usr/bin/env bash
# batch.sh TOOL EXAMPLE: a folder comes back, file by file; what cannot be read does not stop it.
. "$(dirname "$0")/support.sh"
mkdir -p in/deep/er back
for ((i = 0; i < 50; ++i)); do seq 1 $i >in/$i; done
cp in/49 in/deep/er/last
"$tool" keygen -o key
"$example" in out key 1000 >said
grep -q '^51 of 51 files, ' said
"$tool" restore -q -k key out/*.adapipe -o back/
for ((i = 0; i < 50; ++i)); do cmp in/$i back/$i; done
"$tool" restore -q -k key out/deep/er/last.adapipe -o - | cmp - in/49

rm out/7.adapipe # the others exist, and are not written over
if "$example" in out key >said 2>lines; then exit 1; fi
grep -q '^1 of 51 files, ' said
[ "$(wc -l <lines)" -eq 50 ]
"$tool" verify -q -k key out/7.adapipe
