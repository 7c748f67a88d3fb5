#!/usr/bin/env bash
# Runs every reference suite that it finds in a folder of cases: reference.sh FOLDER
#
# The suites are the tests of this workspace whose name contains `reference`. Each reads its cases from the folder
# (ELATE_REFERENCE_DATA), whatever cases stand there, and prints one line: `patterns/core_cases: N passed, N failed`.
# A suite whose file is not in the folder prints nothing.

set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

folder=${1:-}
[ -n "$folder" ] || { say "usage: make reference DATA=FOLDER"; exit 64; }
[ -d "$folder" ] || { say "no such folder: $folder"; exit 66; }
folder=$(cd "$folder" && pwd)
cd "$ROOT" || exit
need_cargo

log=$(mktemp)
trap 'rm -f "$log"' EXIT
say "building the reference suites …"
cargo test --quiet --workspace --lib --bins --tests --no-run >&2 || exit 1
# --nocapture: the lines are what this is about. One thread a binary keeps them whole.
ELATE_REFERENCE_DATA=$folder cargo test --quiet --workspace --lib --bins --tests --no-fail-fast \
  -- reference --nocapture --test-threads=1 >"$log" 2>&1
status=$?

lines=$(grep -oE '[a-z0-9_]+/[a-z0-9_.-]+: [0-9]+ passed, [0-9]+ failed.*$' "$log" | sort -u)
if [ -z "$lines" ]; then
  cat "$log" >&2
  say "no reference suite found its cases in $folder"
  exit 1
fi
printf '%s\n' "$lines"
if [ "$status" != 0 ] || grep -qvE ' 0 failed' <<<"$lines"; then
  # What failed, and how, without the lines already printed.
  grep -vE '^(running|test result|$)' "$log" >&2
  exit 1
fi
