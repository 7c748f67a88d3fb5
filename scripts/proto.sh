#!/usr/bin/env bash
# Formats proto/ and accepts it as the contract that `make lint` compares with (buf breaking). A change that
# breaks generated clients shows up in review as a change of proto/contract.binpb.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

bin=$(rust_tools)
"$bin/buf" format --write
"$bin/buf" lint
if [ -f proto/contract.binpb ] && ! "$bin/buf" breaking --against proto/contract.binpb; then
  say "these changes break clients of the accepted contract; accepting them all the same"
fi
"$bin/buf" build --exclude-source-info --output proto/contract.binpb
say "accepted: proto/contract.binpb"
