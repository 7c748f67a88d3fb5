#!/usr/bin/env bash
# Generates Python and Node clients from proto/ with their ordinary tools and runs them, and the Segment SDKs of both
# languages, against a server over the network. Prints `clients: N passed, N failed`.
#
#   tests/clients/run.sh
#       starts elate-events (which must be built) on the PostgreSQL and Redis that scripts/services.sh provides
#   ELATE_ADDRESS=HOST:PORT ELATE_API_KEY=… ELATE_WRITE_KEY=… tests/clients/run.sh
#       uses a server that runs already; the keys have the roles editor (or higher) and writer
#
# Needs Python 3 and Node 20 with npm. Packages go to target/, nothing is installed elsewhere.

set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
here=$ROOT/tests/clients
work=${CARGO_TARGET_DIR:-$ROOT/target}/clients

mapfile -t requirements <"$here/python/requirements.txt"
python=$(venv clients "${requirements[@]}") || missing "the Python packages of tests/clients/python/requirements.txt"
need_command npm npm "fetches the packages of the Node clients"

generate_python() {
  export ELATE_GENERATED=$work/python
  rm -rf "$ELATE_GENERATED"
  mkdir -p "$ELATE_GENERATED"
  (cd "$ROOT/proto" && find . -name '*.proto' -printf '%P\0' |
    xargs -0 "$python/python" -m grpc_tools.protoc -I . \
      --python_out="$ELATE_GENERATED" --grpc_python_out="$ELATE_GENERATED")
}

# The sources are copied, so that packages and generated code stay out of the work tree.
generate_node() {
  mkdir -p "$work/node/generated"
  rm -rf "$work/node/src" "$work/node/build"
  cp -r "$here"/node/{src,package.json,package-lock.json,tsconfig.json} "$work/node/"
  if ! cmp -s "$work/node/package-lock.json" "$work/node/node_modules/.elate"; then
    (cd "$work/node" && npm ci --no-audit --no-fund --loglevel=error) || return 1
    cp "$work/node/package-lock.json" "$work/node/node_modules/.elate"
  fi
  (cd "$ROOT/proto" && find . -name '*.proto' -printf '%P\0' |
    xargs -0 "$python/python" -m grpc_tools.protoc -I . \
      --plugin=protoc-gen-ts_proto="$work/node/node_modules/.bin/protoc-gen-ts_proto" \
      --ts_proto_out="$work/node/generated" \
      --ts_proto_opt=outputServices=grpc-js,esModuleInterop=true,env=node) || return 1
  (cd "$work/node" && npm run --silent build)
}

generate_python || { say "generating the Python client failed"; exit 1; }
generate_node || { say "generating the Node client failed"; exit 1; }

if [ -z "${ELATE_ADDRESS:-}" ]; then
  # Starts the server, runs this script again with its address and keys, and stops it.
  exec "$python/python" "$here/serve.py" "$here/run.sh"
fi

export ELATE_FAULT_PROXY=$here/fault_proxy.py PYTHONDONTWRITEBYTECODE=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
(cd "$here/python" && "$python/python" -m unittest --verbose test_grpc test_segment) 2>&1 | tee "$log" || status=1
ran=$(sed -n 's/^Ran \([0-9]*\) tests\{0,1\} in .*/\1/p' "$log")
failed=$(grep -cE '^(FAIL|ERROR): ' "$log")
passed=$((${ran:-0} - failed))
(cd "$work/node" && node --test --test-reporter=tap build/src/*.test.js) 2>&1 | tee "$log" || status=1
passed=$((passed + $(sed -n 's/^# pass //p' "$log")))
failed=$((failed + $(sed -n 's/^# fail //p' "$log")))
echo "clients: $passed passed, $failed failed"
[ "$status" = 0 ] && [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
