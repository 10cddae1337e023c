# For the tests in this folder, which are called with TOOL and EXAMPLE: leaves the shell in an empty
# folder that is removed at the end.
# shellcheck shell=bash
set -euo pipefail
tool=$1
example=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
