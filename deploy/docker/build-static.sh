#!/usr/bin/env bash
# build-static.sh BINARY FOLDER [PROFILE]: builds one binary that needs no shared library, for an empty image.
#
# The gnu target with a static C library, not musl: its allocator and memcpy are faster, and names resolve by
# /etc/hosts and DNS in a static binary too since glibc 2.34.

set -euo pipefail
binary=$1
folder=$2
profile=${3:-release}

# A target given by name keeps the flag away from build scripts and procedural macros, which must stay dynamic.
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="-C target-feature=+crt-static ${RUSTFLAGS:-}" \
  cargo build --locked --profile "$profile" --target "$host" --workspace --bin "$binary"

output=$profile
[ "$profile" != dev ] || output=debug
mkdir -p "$folder"
cp "${CARGO_TARGET_DIR:-target}/$host/$output/$binary" "$folder/$binary"
strip "$folder/$binary" 2>/dev/null || true
