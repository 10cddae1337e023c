#!/usr/bin/env bash
# run.sh [SECONDS [TARGET...]]: installs what is missing, builds the fuzz targets in build-clang/ and
# runs each for SECONDS (default 60), on what earlier runs found and the seeds, as many at a time as
# there are CPUs. Ends with a table, and with 1 if there is a finding; the inputs of findings lie in
# build-clang/fuzz/findings/.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(header index restore_stream random_access salvage rekey zstd_file key_text)

cmake/install-deps.sh clang lld libclang-rt-dev
# Where .ci/run has built everything with the same options, nothing is compiled again.
cmake/build.sh build-clang -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
  -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS=-O1 -DADAPIPE_BUILD_FUZZERS=ON -DBUILD_SHARED_LIBS=OFF \
  -DADAPIPE_INSTALL=OFF -DADAPIPE_BUILD_TESTS=OFF -DADAPIPE_BUILD_EXAMPLES=OFF

programs=build-clang/tests/fuzz
work=build-clang/fuzz
mkdir -p "$work/findings"
"$programs/adapipe_write_seeds" "$work/seeds" tests/vectors

# 4 MiB: a header or an index may have 1 MiB, and the targets restore but a few chunks.
limits=(-timeout=10 -malloc_limit_mb=4 -rss_limit_mb=1024 -max_len=16384)

# The number that follows the word in the last line that has it.
number_after() { grep -o "$1 *[0-9]*" "$2" | tail -1 | grep -o '[0-9]*$' || echo -; }

# Its exit status is whether nothing was found.
fuzz() {
  "$programs/adapipe_fuzz_$1" "${limits[@]}" -max_total_time="$seconds" -print_final_stats=1 \
    -artifact_prefix="$work/findings/$1-" "$work/corpus/$1" "$work/seeds/$1" >"$work/$1.log" 2>&1
}

row='%-16s %12s %8s %6s %6s %7s %s\n'
table=$(printf "$row" target executions exec/s cov ft edges result)
declare -A process
for target in "${targets[@]}"; do
  mkdir -p "$work/corpus/$target"
  while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n || true; done
  printf '%s: %s seconds\n' "$target" "$seconds"
  fuzz "$target" &
  process[$target]=$!
done

failed=0
for target in "${targets[@]}"; do
  log=$work/$target.log
  result=ok
  wait "${process[$target]}" || {
    result=FOUND
    failed=1
    tail -60 "$log"
  }
  edges=$(sed -n 's/.*modules *(\([0-9]*\) inline.*/\1/p' "$log")
  table+=$'\n'$(printf "$row" "$target" "$(number_after number_of_executed_units: "$log")" \
    "$(number_after average_exec_per_sec: "$log")" "$(number_after cov: "$log")" \
    "$(number_after ft: "$log")" "${edges:--}" "$result")
done
printf '\n%s\n' "$table"
exit "$failed"
