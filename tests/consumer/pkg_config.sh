#!/usr/bin/env bash
# pkg_config.sh COMPILER LIBDIR shared|static SCRATCH: builds and runs the consumer's programs with what
# pkg-config says of the adapipe installed in LIBDIR.
set -euo pipefail
compiler=$1 libdir=$2 flavour=$3 scratch=$4
here=$(cd "$(dirname "$0")" && pwd)
export PKG_CONFIG_PATH="$libdir/pkgconfig" LD_LIBRARY_PATH="$libdir"

if [ "$flavour" = static ]; then
  flags=$(pkg-config --static --cflags --libs adapipe)
  flags=${flags/-ladapipe/-l:libadapipe.a}  # the linker prefers the shared one where it finds both
else
  flags=$(pkg-config --cflags --libs adapipe)
fi

mkdir -p "$scratch"
cd "$scratch"
cat "$libdir"/libadapipe.* >in.bin
for program in main_job own_stage; do
  # shellcheck disable=SC2086 # several flags in one string
  "$compiler" -std=c++20 -Wall -Wextra -Wpedantic -Werror "$here/$program.cpp" -o "$program" $flags
  "./$program"
done
