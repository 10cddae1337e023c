#!/usr/bin/env bash
# exported_symbols.sh NM LIBRARY: fails unless all that the shared library exports is adapipe's own.
set -euo pipefail
nm=$1 library=$2

exported=$("$nm" --dynamic --defined-only --demangle --format=posix "$library" |
  sed -E 's/ [A-Za-z] [0-9a-f]+( [0-9a-f]+)?$//')
parts='typeinfo for|typeinfo name for|vtable for|VTT for|(non-)?virtual thunk to|guard variable for'
foreign=$(grep -vE "^(($parts) )?(adapipe::|adapipe_)" <<<"$exported" || true)

if [ -n "$foreign" ]; then
  printf 'exported, and not of adapipe:\n%s\n' "$foreign"
  exit 1
fi
if ! grep -q '^adapipe::v[0-9_]*::restore' <<<"$exported"; then
  echo "the public interface is not exported"
  exit 1
fi
printf '%s symbols, all of adapipe\n' "$(wc -l <<<"$exported")"
