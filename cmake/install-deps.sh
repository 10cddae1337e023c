#!/usr/bin/env bash
# install-deps.sh [PACKAGE...]: installs what it takes to build adapipe on Debian or Ubuntu, and the
# further packages named. Does nothing where all of it is there.
set -euo pipefail

packages=(
  g++ cmake ninja-build ccache
  libtbb-dev libssl-dev libzstd-dev libxxhash-dev libfmt-dev libcli11-dev
  "$@"
)

if ! command -v apt-get >/dev/null; then
  echo "no apt-get here: nothing was installed; adapipe needs what Debian has in ${packages[*]}" >&2
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query --show --showformat='${db:Status-Status} ' "$package" 2>/dev/null || true)
  [[ " $status" == *" installed "* ]] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=(env)
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "installing packages takes root or sudo; as root, run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo env)
fi

echo "installing ${missing[*]}"
apt=("${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600)
"${apt[@]}" update
"${apt[@]}" install --yes --no-install-recommends "${missing[@]}" >/dev/null
