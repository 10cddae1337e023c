#!/usr/bin/env bash
# run.sh [CTEST_OPTION...]: installs what is missing, builds adapipe in build/ and runs its tests;
# `run.sh -R keys` runs those whose name contains "keys". ADAPIPE_WERROR=ON in the environment makes
# warnings errors.
set -euo pipefail
cd "$(dirname "$0")/.."

cmake/install-deps.sh catch2 pkg-config python3 python3-prometheus-client strace zstd liblz4-dev
cmake/build.sh build -DCMAKE_BUILD_TYPE=Release -DADAPIPE_BUILD_EXAMPLES=ON -DADAPIPE_BUILD_TESTS=ON \
  -DADAPIPE_INSTALL=ON -DADAPIPE_WERROR="${ADAPIPE_WERROR:-OFF}"
exec ctest --test-dir build --output-on-failure --parallel "$(nproc)" "$@"
