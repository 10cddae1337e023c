#!/usr/bin/env bash
# adaptive.sh TEXT [ROUNDS [LARGEST_BYTES]]: builds adapipe and compares what it chooses by itself with
# every fixed choice, ROUNDS times (default 3). Chunk size and chunks in flight: for inputs from 64 KiB
# to 1.3 GiB (or LARGEST_BYTES) of TEXT (a large file, such as a tar of sources), of the machine's shared
# libraries, of compressed data, of a tar of all three, and of zeros. Level: for TEXT into sinks that
# take 5, 20, 80 and 300 MB/s, and one without a limit. On 2 CPUs it takes about half an hour, and other
# work on the machine spoils the figures.
set -euo pipefail
text=$(realpath "${1:?"usage: adaptive.sh TEXT [ROUNDS [LARGEST_BYTES]]"}")
cd "$(dirname "$0")/.."
cmake/install-deps.sh python3 libbenchmark-dev zstd >&2
cmake/build.sh build-benchmarks -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
  -DADAPIPE_INSTALL=OFF -DADAPIPE_BUILD_TESTS=OFF -DADAPIPE_BUILD_EXAMPLES=OFF -DADAPIPE_BUILD_BENCHMARKS=ON >&2
programs=$PWD/build-benchmarks/benchmarks
kept_memory=("$PWD/benchmarks/kept_memory.py" 3000)  # the largest input, and 8 chunks of 16 MiB in their buffers

inputs=$(mktemp -d "${TMPDIR:-/dev/shm}/adaptive.XXXXXX")
trap 'rm -r "$inputs"' EXIT
cd "$inputs"
head -c 200M "$text" > text
find -L /usr/lib -name '*.so*' -type f -print0 | sort -z | xargs -0 cat | head -c 200M > programs || true
zstd -9 -T0 -q -c "$text" | head -c 200M > compressed || true
mkdir mixed
for input in text programs compressed; do split --bytes=5M --suffix-length=4 "$input" "mixed/$input."; done
(cd mixed && find . -type f | sort -t . -k 3 | tar -c -T -) > mixed.tar
rm -r mixed
head -c 64M /dev/zero > zeros

for input in text programs compressed mixed.tar zeros; do
  printf '\n%s, beside chunks of 64 KiB, 256 KiB, 1, 4 and 16 MiB, N in flight\n\n' "$input"
  python3 "${kept_memory[@]}" "$programs/adapipe_adaptive_chunk_sizes" "$input" "${@:2}"
done
printf '\ntext, at each level and at an adaptive one, in seconds\n\n'
head -c 60M text > start
python3 "${kept_memory[@]}" "$programs/adapipe_adaptive_levels" start "${2:-3}"
