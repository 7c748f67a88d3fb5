#!/usr/bin/env bash
# Runs every benchmark of the workspace, or those whose package or name contains one of the arguments, with
# private PostgreSQL and Redis. Each prints its figures as a ratio to the raw limit measured in the same run.

set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT" || exit

# `package bench` a line, from the workspace's own metadata.
benchmarks() {
  cargo metadata --format-version 1 --no-deps | python3 -c '
import json, sys
for package in json.load(sys.stdin)["packages"]:
    for target in package["targets"]:
        if "bench" in target["kind"]:
            print(package["name"], target["name"])
'
}

wanted() { # LINE PATTERN…
  local line=$1 pattern
  shift
  [ $# = 0 ] && return 0
  for pattern in "$@"; do
    [[ $line == *"$pattern"* ]] && return 0
  done
  return 1
}

run_all() {
  local package bench
  while read -r package bench; do
    wanted "$package $bench" "$@" || continue
    stage "$package $bench" cargo bench --quiet -p "$package" --bench "$bench" </dev/null
  done < <(benchmarks)
  stages_passed
}

need_cargo
need_command python3 python3 "lists the benchmarks"
if [ "${1:-}" = --inside ]; then
  shift
  run_all "$@"
else
  # The binaries that whole-system benchmarks start, with the same optimisation.
  cargo build --profile bench --workspace --bins || exit
  export ELATE_TEST_REQUIRE_SERVERS=1
  exec "$ROOT/scripts/services.sh" run -- "$ROOT/scripts/bench.sh" --inside "$@"
fi
