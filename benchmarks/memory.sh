#!/usr/bin/env bash
# memory.sh [--quick]: builds adapipe and prints how much memory the tool takes at most, next to the
# budget that it was given, for inputs from 1 MiB to 20 GiB, levels from 1 to 19, one file and fifty
# at once, and a reader that stalls. Exits with 1 if the budget was exceeded by more than what the
# README says. --quick leaves the 20 GiB out.
set -euo pipefail
cd "$(dirname "$0")/.."
cmake/install-deps.sh python3 time
cmake/build.sh build-benchmarks -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
  -DADAPIPE_INSTALL=OFF -DADAPIPE_BUILD_TESTS=OFF -DADAPIPE_BUILD_EXAMPLES=ON >&2
exec python3 benchmarks/memory.py build-benchmarks/examples/adapipe/adapipe "$@"
