#!/usr/bin/env bash
# tsan-onetbb.sh PREFIX [CMAKE_OPTION...]: installs in PREFIX a oneTBB for ADAPIPE_SANITIZE=thread,
# instrumented, built from the source package of this Debian or Ubuntu release, with the compiler that
# adapipe is built with. Does nothing where PREFIX is there. Fails where no source package can be had:
# with any other oneTBB the reports would be about what ThreadSanitizer has not seen, not about races.
set -euo pipefail
prefix=$(realpath -m -- "$1")
shift
[ ! -e "$prefix" ] || exit 0

"$(dirname "$0")/install-deps.sh" dpkg-dev
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cd "$work"
mkdir sources lists cache source

# The configured package sources, as sources of source packages, in a configuration and with lists of
# their own: the system's stay as they are.
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
  [ -e "$file" ] || continue
  case $file in
    *.list) sed -nE 's/^\s*deb\s/deb-src /p' "$file" >"sources/${file##*/}" ;;
    *.sources) sed -E 's/^Types:.*/Types: deb-src/I' "$file" >"sources/${file##*/}" ;;
  esac
done
apt=(apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/sources"
  -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root)
echo "getting the source package of oneTBB"
"${apt[@]}" update || true  # it is enough that one source has the package
if ! (cd source && "${apt[@]}" source onetbb >/dev/null); then
  echo "ThreadSanitizer needs an instrumented oneTBB, and its source package could not be had: that" \
    "takes apt-get, and the network or a mirror" >&2
  exit 1
fi

# Without its allocator, so that all memory is from the malloc that ThreadSanitizer watches. GCC warns
# that fences are not understood: oneTBB wakes threads with them, and passes data on with atomics. Its
# own TBB_SANITIZE does not take clang for a shared library.
echo "building oneTBB for ThreadSanitizer"
export CCACHE_BASEDIR=$work CCACHE_NOHASHDIR=1
launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
cmake -S source/onetbb-*/ -B build -G Ninja "${launcher[@]}" -DCMAKE_BUILD_TYPE=RelWithDebInfo "$@" \
  -DCMAKE_CXX_FLAGS=-fsanitize=thread -DTBB_TEST=OFF -DTBB_STRICT=OFF -DTBBMALLOC_BUILD=OFF >/dev/null
cmake --build build --parallel "$(nproc)"
cmake --install build --prefix "$prefix.new" >/dev/null
mv -- "$prefix.new" "$prefix"
