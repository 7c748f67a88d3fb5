#!/usr/bin/env bash
# Runs every reference suite that it finds in a folder of cases: reference.sh FOLDER
#
# A crate's suites are its program examples/reference.rs, which takes the folder and prints one line for each suite
# whose cases stand there: `patterns/core_cases: N passed, N failed`. What failed, and how, goes to stderr.

set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

folder=${1:-}
[ -n "$folder" ] || { say "usage: make reference DATA=FOLDER"; exit 64; }
[ -d "$folder" ] || { say "no such folder: $folder"; exit 66; }
folder=$(cd "$folder" && pwd)
cd "$ROOT" || exit
need_cargo
need_command python3 python3 "lists the suites"

# `package example` a line.
suites() {
  cargo metadata --format-version 1 --no-deps | python3 -c '
import json, sys
for package in json.load(sys.stdin)["packages"]:
    for target in package["targets"]:
        if "example" in target["kind"] and target["src_path"].endswith("/examples/reference.rs"):
            print(package["name"], target["name"])
'
}

lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
status=0
while read -r package example; do
  cargo run --quiet -p "$package" --example "$example" -- "$folder" </dev/null | tee -a "$lines"
  [ "${PIPESTATUS[0]}" = 0 ] || status=1
done < <(suites)

grep -qE ': [0-9]+ passed, [0-9]+ failed' "$lines" || { say "no suite found its cases in $folder"; exit 1; }
exit "$status"
