#!/usr/bin/env bash
# Builds Elate and runs it in one process on the retail example. Needs Rust and nothing else.
#
# Arguments go to `elate dev` after those below.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

# What the demonstration is: a data folder, the definitions, and a recorded week to play.
DEMO=(dev --data .elate --manifests examples/retail --play examples/retail/events.ndjson)

need_cargo
command -v cc >/dev/null || apt_install gcc libc6-dev ||
  missing "a C compiler and linker (SQLite is compiled in). On Debian: apt-get install gcc libc6-dev"
say "building (the first time takes some minutes; cargo shows the progress) …"
cargo build --profile quick -p elate-cli --bin elate
exec "${CARGO_TARGET_DIR:-target}/quick/elate" "${DEMO[@]}" "$@"
