#!/usr/bin/env bash
# no_leaks.sh COMPILER INCLUDE_DIR: fails if a public header includes a dependency's header, which
# gives itself away by its macros. <adapipe/tbb.hpp> includes oneTBB on purpose.
set -euo pipefail
compiler=$1 include=$2

leaks=0
for header in "$include"/adapipe/*.hpp; do
  [ "${header##*/}" != tbb.hpp ] || continue
  macros=$("$compiler" -std=c++20 -I "$include" -x c++ -dM -E "$header" |
    grep -oE '^#define (ZSTD|XXH|OPENSSL|EVP|TBB|__TBB|FMT)_[A-Za-z0-9_]+' | head -n 3 || true)
  if [ -n "$macros" ]; then
    printf '%s leaks a dependency:\n%s\n' "${header##*/}" "$macros"
    leaks=1
  fi
done
exit "$leaks"
