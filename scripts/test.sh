#!/usr/bin/env bash
# Everything: lint, build, private servers, generated clients, every test. What `make test` and CI run.
#
# Needs Rust, Python 3 and Node with npm; PostgreSQL and Redis are found or installed (scripts/services.sh).
# Everything is built once, in the dev profile. A missing server is a failure here, never a skipped test.

set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT" || exit

# Under services.sh, with its settings in the environment.
suites() {
  stage "generated clients and SDKs" tests/clients/run.sh
  # Last, so that the run ends with the test runner's own summary.
  stage "tests" cargo nextest run --workspace --profile ci
  stages_passed
}

if [ "${1:-}" = --suites ]; then
  suites
  exit
fi

need_cargo
need_command node nodejs "runs the generated Node client and the Node SDK"
node -e 'process.exit(+(process.versions.node.split(".")[0] < 20))' ||
  missing "Node 20 or newer; this is $(node --version). The current Segment SDK needs it."
need_command npm npm "fetches the packages of the Node clients"
"$ROOT/scripts/services.sh" check || exit
cargo_tool nextest 0.9.148 || missing "cargo-nextest: cargo install --locked cargo-nextest"
export PATH ELATE_TEST_REQUIRE_SERVERS=1
# Elsewhere generated tests look at other inputs each time; here a change is judged by what it changes.
if [ "${CI:-}" = true ]; then
  export PROPTEST_RNG_SEED="${PROPTEST_RNG_SEED:-20261122}"
fi

# Binaries and tests together, so that both see the same features and nothing is compiled twice.
stage "build" cargo build --workspace --bins --tests || exit 1
stage "lint" "$ROOT/scripts/lint.sh"
stage "documentation examples" cargo test --quiet --workspace --doc
stage "services script" "$ROOT/scripts/services-selftest.sh"
summary=$(mktemp)
stage "suites" "$ROOT/scripts/services.sh" run -- "$ROOT/scripts/test.sh" --suites 2>&1 | tee "$summary"
suites_status=${PIPESTATUS[0]}

# The summaries once more, at the very end, whatever was printed in between.
echo
grep -E '^ *(Summary \[|(clients|services): [0-9]+ passed)' "$summary"
rm -f "$summary"
stages_passed && [ "$suites_status" = 0 ]
