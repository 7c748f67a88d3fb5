#!/usr/bin/env bash
# Writes the generated parts of docs/ (configuration, errors, metrics) from the code, and the API documentation.
# A test fails where the files in docs/ are not what the code says.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

need_cargo
# The tests that compare docs/ with the code write it where they are told to.
ELATE_WRITE_DOCS=1 cargo test --quiet --workspace --lib --bins --tests -- generated_docs
cargo doc --workspace --no-deps
say "API documentation: ${CARGO_TARGET_DIR:-target}/doc/elate_domain/index.html"
