#!/usr/bin/env bash
# build.sh DIR [CMAKE_OPTION...]: configures adapipe in DIR with Ninja, and ccache where it is
# installed, and builds it.
set -euo pipefail
dir=$1
shift

launcher=()
if command -v ccache >/dev/null; then
  # What one clone has compiled, another need not.
  CCACHE_BASEDIR=$(cd "$(dirname "$0")/.." && pwd)
  export CCACHE_BASEDIR CCACHE_NOHASHDIR=1
  export CCACHE_SLOPPINESS=pch_defines,time_macros  # it takes no precompiled header without
  launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi
cmake -S "$(dirname "$0")/.." -B "$dir" -G Ninja \
  -DCMAKE_EXPORT_COMPILE_COMMANDS=ON "${launcher[@]}" "$@"
cmake --build "$dir" --parallel "$(nproc)"
