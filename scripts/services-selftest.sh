#!/usr/bin/env bash
# Proves what scripts/services.sh promises: the command's exit status comes through, and nothing is left behind
# after success, failure, Ctrl-C or SIGTERM. Prints `services: N passed, N failed`.

set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_command pgrep procps "lists processes"
services=$ROOT/scripts/services.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work
chmod 711 "$work"
passed=0
failed=0

check() { # NAME CONDITION…
  local name=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    say "FAILED: $name"
    cat "$work/log" >&2 2>/dev/null
  fi
}

# The servers carry their data folder, which lies under $work, in their command lines.
nothing_left() {
  local look
  for ((look = 0; look < 50; look++)); do
    if ! pgrep -f "$work/elate-services" >/dev/null && [ -z "$(ls -d "$work"/elate-services.* 2>/dev/null)" ]; then
      return 0
    fi
    sleep 0.1
  done
  pgrep -af "$work/elate-services" >&2
  return 1
}

"$services" run -- sh -c 'exit 0' 2>"$work/log"
check "success comes through" [ $? = 0 ]
check "nothing is left after success" nothing_left

# shellcheck disable=SC2016  # expanded by the inner shell
"$services" run -- sh -c 'test -n "$ELATE_TEST_POSTGRES_URL" && test -n "$ELATE_TEST_REDIS_URL" && exit 7' 2>"$work/log"
check "settings are there and a failure comes through" [ $? = 7 ]
check "nothing is left after a failure" nothing_left

# Signals go to the script alone, as a process manager sends them. Python, because who is started with SIGINT ignored
# (a background job of a shell script, and all that it starts) can't be interrupted at all: here it is set back first.
interrupt() {
  python3 - "$1" "$services" "$work/started" <<'PYTHON'
import os, signal, subprocess, sys, time
name, services, marker = sys.argv[1:]
if os.path.exists(marker):
    os.remove(marker)
def interruptible():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
script = subprocess.Popen([services, "run", "--", "sh", "-c", f"touch {marker}; sleep 300"], preexec_fn=interruptible)
deadline = time.monotonic() + 60
while not os.path.exists(marker) and time.monotonic() < deadline:
    time.sleep(0.05)
script.send_signal(getattr(signal, name))
print(script.wait(timeout=60))
PYTHON
}
check "Ctrl-C ends the command with 130" [ "$(interrupt SIGINT 2>"$work/log")" = 130 ]
check "nothing is left after Ctrl-C" nothing_left
check "SIGTERM ends the command with 143" [ "$(interrupt SIGTERM 2>"$work/log")" = 143 ]
check "nothing is left after SIGTERM" nothing_left

"$services" start --dir "$work/own" 2>"$work/log"
check "start writes the settings" [ -s "$work/own/env" ]
"$services" stop --dir "$work/own" 2>"$work/log"
stopped() { ! pgrep -f "$work/own" >/dev/null; }
check "stop stops" stopped
check "stop keeps the data" [ -f "$work/own/postgres/PG_VERSION" ]

echo "services: $passed passed, $failed failed"
[ "$failed" = 0 ]
