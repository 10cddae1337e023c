#!/usr/bin/env bash
# forbidden_calls.sh NM LIBRARY: fails if one of the static library's objects can end the host's
# process or write to its standard streams.
set -euo pipefail
nm=$1 library=$2

ending='abort|exit|_exit|_Exit|quick_exit|__assert_fail'
printing='(__)?v?[df]?printf(_chk)?|f?puts|putchar|perror|stdout|stderr|_ZSt4(cout|cerr|clog)|_ZN3fmt.*vprint.*'
used=$("$nm" --print-file-name --undefined-only --format=posix "$library")
[ -n "$used" ] || { echo "no objects in $library"; exit 1; }

if grep -E " ($ending|$printing) U" <<<"$used"; then
  exit 1
fi
