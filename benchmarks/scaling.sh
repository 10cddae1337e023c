#!/usr/bin/env bash
# scaling.sh FILE [ROUNDS]: builds adapipe and prints how fast it processes, restores and encrypts FILE
# with 1, 2, 4, ... threads, in memory-backed storage, what of that is serial, and what follows for more
# threads than the machine has.
set -euo pipefail
file=$(realpath "${1:?"usage: scaling.sh FILE [ROUNDS]"}")
cd "$(dirname "$0")/.."
cmake/install-deps.sh python3 libbenchmark-dev >&2
cmake/build.sh build-benchmarks -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
  -DADAPIPE_INSTALL=OFF -DADAPIPE_BUILD_TESTS=OFF -DADAPIPE_BUILD_EXAMPLES=OFF -DADAPIPE_BUILD_BENCHMARKS=ON >&2
folder=$(mktemp -d "${TMPDIR:-/dev/shm}/scaling.XXXXXX")
trap 'rm -r "$folder"' EXIT
cp "$file" "$folder/in"
mib=$(($(stat --format %s "$file") / 1000000 + 512))  # what is written, and what the program needs itself
python3 benchmarks/kept_memory.py "$mib" build-benchmarks/benchmarks/adapipe_scaling_threads "$folder/in" "$folder" "${@:2}"
