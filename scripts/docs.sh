#!/usr/bin/env bash
# Writes the generated parts of docs/ (schemas of manifests, settings, errors, metrics) from the code, then the API
# documentation. Tests compare docs/ with the code; these variables make them write it instead.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

need_cargo
UPDATE_SCHEMAS=1 UPDATE_DOCS=1 cargo test --quiet --workspace --tests -- schemas generated_docs
cargo doc --workspace --no-deps
say "API documentation: ${CARGO_TARGET_DIR:-target}/doc/elate_domain/index.html"
