#!/usr/bin/env bash
# quickstart.sh [FILE]: installs what is missing, builds adapipe in build/ and runs its command-line
# tool on FILE, or else on a tar of at least 200 MB of this machine's own files: keygen, process,
# verify, restore, compare, and a range. Leaves nothing behind but build/.
set -euo pipefail
if [ $# -gt 1 ] || [[ ${1:-} == -* ]]; then
  echo "usage: $0 [FILE]" >&2
  exit 64
fi
input=
if [ $# -eq 1 ]; then
  if [ ! -f "$1" ] || [ ! -r "$1" ]; then
    echo "$0: $1: not a readable file" >&2
    exit 66
  fi
  input=$(realpath -- "$1")
fi
cd "$(dirname "$0")/.."

readonly tar_bytes=$((200 * 1024 * 1024))
readonly range_bytes=65536
readonly tool=build/examples/adapipe/adapipe
exec 3>&1  # what is said about a command, beside what it writes

# Prints where $1 bytes may be kept: in memory if there is room, so that no disk is measured.
scratch_parent() {
  local room
  room=$(df --output=avail -B1 /dev/shm 2>/dev/null | tail -n 1) || room=0
  if [ -w /dev/shm ] && ((room > $1)); then echo /dev/shm; else echo "${TMPDIR:-/tmp}"; fi
}

# Writes to $1 a tar of real files: headers, documents, libraries and programs, as they come.
make_tar() {
  { find /usr/include /usr/share /usr/lib /usr/bin -xdev -type f -readable -printf '%s\t%p\n' 2>&- || true; } |
    awk -F '\t' -v enough="$tar_bytes" 'total < enough { total += $1; print $2 }' |
    tar --create --file "$1" --absolute-names --verbatim-files-from --files-from -
}

# Shows and runs a command; says how long it took, how fast that is for $1 bytes if any, and its memory.
timed() {
  local bytes=$1 seconds kib
  shift
  printf '\n$ %s\n' "$*" >&3
  /usr/bin/time --format '%e %M' --output "$work/time" "$@"
  read -r seconds kib <"$work/time"
  awk -v bytes="$bytes" -v seconds="$seconds" -v kib="$kib" 'BEGIN {
    printf "  %.2f s, ", seconds
    if (bytes > 0 && seconds > 0) printf "%.0f MB/s, ", bytes / 1e6 / seconds
    printf "peak memory %.1f MiB\n", kib / 1024
  }' >&3
}

echo "== Build"
cmake/install-deps.sh time
cmake/build.sh build -DCMAKE_BUILD_TYPE=Release -DADAPIPE_BUILD_EXAMPLES=ON -DADAPIPE_BUILD_TESTS=OFF \
  -DADAPIPE_INSTALL=OFF -DADAPIPE_WERROR="${ADAPIPE_WERROR:-OFF}"

printf '\n== Input\n'
size=$tar_bytes
[ -z "$input" ] || size=$(stat --format %s -- "$input")
# The input if it is made here, its container and what is restored from that, and some to spare.
work=$(mktemp --directory "$(scratch_parent $((4 * size)))/adapipe.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ -z "$input" ]; then
  input=$work/input.tar
  make_tar "$input"
  size=$(stat --format %s -- "$input")
fi
echo "$input: $size bytes; what is made goes to $work"

printf '\n== The main job: zstd level 3, then AES-256-GCM under a key file\n'
timed 0 "$tool" keygen -o "$work/key"
timed "$size" "$tool" process "$input" -o "$work/sealed.adapipe" -k "$work/key"
sealed_size=$(stat --format %s "$work/sealed.adapipe")
awk -v plain="$size" -v sealed="$sealed_size" \
  'BEGIN { printf "  %d bytes, ratio %.3f\n", sealed, plain / sealed }'
timed "$size" "$tool" verify "$work/sealed.adapipe" -k "$work/key"
timed "$size" "$tool" restore "$work/sealed.adapipe" -o "$work/restored" -k "$work/key"
timed 0 cmp "$input" "$work/restored"
echo "  identical"

printf '\n== A range from the middle, without restoring the rest\n'
offset=$((size / 2))
timed 0 "$tool" cat "$work/sealed.adapipe" --offset "$offset" --length "$range_bytes" -k "$work/key" \
  >"$work/range"
cmp <(tail --bytes=+$((offset + 1)) -- "$input" | head --bytes="$range_bytes") "$work/range"
echo "  identical to the same bytes of the input"
