#!/usr/bin/env bash
# peers.sh FILE [--threads N] [--repeat K] [--rows WORD] [--small-files N] [--out FOLDER]: installs zstd,
# pzstd, age, openssl, pigz and lz4, builds adapipe, and runs them on FILE by turns, K times (default
# 5), with N threads (default: all), in memory-backed storage, which has to hold about six times FILE;
# and on 10,000 small files. Checks that every output restores to its input, prints one table, and
# writes it to FOLDER (default: build-benchmarks/peers) as peers.csv and peers.svg. --rows: only those
# whose name contains WORD.
set -euo pipefail
file=$(realpath "${1:?"usage: peers.sh FILE [OPTION...]; see its first lines"}")
cd "$(dirname "$0")/.."
cmake/install-deps.sh python3 time zstd age openssl pigz lz4 libbenchmark-dev >&2
cmake/build.sh build-benchmarks -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
  -DADAPIPE_INSTALL=OFF -DADAPIPE_BUILD_TESTS=OFF -DADAPIPE_BUILD_EXAMPLES=ON -DADAPIPE_BUILD_BENCHMARKS=ON \
  -DADAPIPE_WERROR="${ADAPIPE_WERROR:-OFF}" >&2
exec python3 benchmarks/peers/peers.py --tool build-benchmarks/examples/adapipe/adapipe \
  --limit build-benchmarks/benchmarks/adapipe_kernel_limit --out build-benchmarks/peers "$file" "${@:2}"
