#!/usr/bin/env bash
# Private PostgreSQL and Redis for tests and for development.
#
#   scripts/services.sh run -- COMMAND…     starts both, runs the command, stops both whatever happens
#   scripts/services.sh start --dir FOLDER  starts both with their data in FOLDER and writes FOLDER/env
#   scripts/services.sh stop --dir FOLDER   stops what `start` started; the data stay
#   scripts/services.sh check               finds or installs the programs, starts nothing
#
# The servers listen on free ports of 127.0.0.1, never run as root, keep fsync on, and are apart from the
# machine's own: no cluster, port, socket or configuration of the machine is touched. On Debian, missing programs
# are installed where we may; elsewhere the script says what is missing and exits with 69.
#
# The command (or whoever sources FOLDER/env) gets:
#
#   ELATE_TEST_POSTGRES_URL   a superuser's URL, with a random password
#   ELATE_TEST_REDIS_URL      the Redis server's URL
#   ELATE_TEST_PG_BIN         folder of initdb, postgres, pg_ctl: failure tests start servers of their own with it
#   ELATE_TEST_PG_DATA        data folder of the running cluster (started as ELATE_TEST_PG_USER)
#   ELATE_TEST_PG_USER        the user it runs as
#   ELATE_TEST_PG_PORT        its port
#   ELATE_TEST_REDIS_SERVER   path of redis-server: failure tests start servers of their own with it
#   ELATE_TEST_REDIS_PORT     port of the running Redis
#   ELATE_TEST_REDIS_DIR      its working folder
#
# A test may restart the shared servers with `pg_ctl -D "$ELATE_TEST_PG_DATA" restart` as that user; they are
# stopped by the pid in their pid files, so the newest process is the one that goes. Tests that run beside others
# must not: they start servers of their own (crates/testkit, module `private`).

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  sed -n '2,8p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//' >&2
  exit 64
}

# --- programs -----------------------------------------------------------------------------------------------

find_postgres() {
  local candidate
  for candidate in "${ELATE_TEST_PG_BIN:-}" \
    "$(command -v pg_config >/dev/null && pg_config --bindir)" \
    $(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin | sort -Vr) \
    "$(dirname "$(command -v postgres || echo /nowhere/postgres)")"; do
    if [ -n "$candidate" ] && [ -x "$candidate/postgres" ] && [ -x "$candidate/initdb" ]; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done
  return 1
}

find_redis() {
  local candidate
  for candidate in "${ELATE_TEST_REDIS_SERVER:-}" "$(command -v redis-server || command -v valkey-server || true)"; do
    if [ -n "$candidate" ] && [ -x "$candidate" ]; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done
  return 1
}

find_programs() {
  local wanted=()
  PG_BIN=$(find_postgres) || wanted+=(postgresql)
  REDIS_SERVER=$(find_redis) || wanted+=(redis-server)
  if [ ${#wanted[@]} -gt 0 ]; then
    apt_install "${wanted[@]}" || true
  fi
  PG_BIN=$(find_postgres) ||
    missing "PostgreSQL's server programs (initdb, postgres; 15 or newer). On Debian: apt-get install postgresql. Elsewhere: install them and set ELATE_TEST_PG_BIN to their folder."
  REDIS_SERVER=$(find_redis) ||
    missing "redis-server (7 or newer). On Debian: apt-get install redis-server. Elsewhere: install it and set ELATE_TEST_REDIS_SERVER to its path."
}

# PostgreSQL refuses to run as root, and nothing here needs root: as root, both servers run as `postgres`.
choose_user() {
  SERVER_USER=$(id -un)
  AS_USER=()
  if [ "$(id -u)" = 0 ]; then
    SERVER_USER=postgres
    id postgres >/dev/null 2>&1 ||
      missing "a user named postgres (PostgreSQL must not run as root). Create it, or run this as another user."
    # setpriv becomes the command, so the pid that we hold is the server's own.
    AS_USER=(setpriv --reuid=postgres --regid="$(id -gn postgres)" --clear-groups)
  fi
}

# --- start --------------------------------------------------------------------------------------------------

# Below the range that the kernel hands out for outgoing connections, so nobody is given it in between.
free_port() {
  local port
  while :; do
    port=$((15000 + RANDOM % 17000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  printf '%s\n' "$port"
}

random_word() {
  od -An -N16 -tx1 /dev/urandom | tr -d ' \n'
}

# detached LOG COMMAND…: runs in a session of its own, so that Ctrl-C reaches the tests but not the servers.
detached() {
  local log=$1
  shift
  setsid "${AS_USER[@]}" "$@" </dev/null >>"$log" 2>&1 9>&- &
  disown
}

start_postgres() {
  local data=$1/postgres password try
  password=$(random_word)
  if [ ! -f "$data/PG_VERSION" ]; then
    printf '%s\n' "$password" >"$1/postgres.password"
    [ ${#AS_USER[@]} = 0 ] || chown "$SERVER_USER" "$1/postgres.password"
    chmod 600 "$1/postgres.password"
    # `password` and not `scram`: the hash takes unoptimised test binaries a tenth of a second a connection.
    if ! (cd / && "${AS_USER[@]}" "$PG_BIN/initdb" --username=elate --pwfile="$1/postgres.password" \
      --auth-host=password --auth-local=reject --encoding=UTF8 --no-locale --no-sync \
      -D "$data" >"$1/initdb.log" 2>&1); then
      tail -n 20 "$1/initdb.log" >&2
      say "initdb failed"
      return 1
    fi
  fi
  password=$(cat "$1/postgres.password")
  for try in 1 2 3; do
    PG_PORT=$(free_port)
    detached "$1/postgres.log" "$PG_BIN/postgres" -D "$data" -p "$PG_PORT" \
      -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=on -c synchronous_commit=on \
      -c max_connections=300 -c shared_buffers=256MB -c max_wal_size=4GB -c checkpoint_timeout=15min
    if await "PostgreSQL" postgres_answers "$data"; then
      POSTGRES_URL="postgres://elate:$password@127.0.0.1:$PG_PORT/postgres"
      return 0
    fi
    say "PostgreSQL did not start (try $try):"
    tail -n 5 "$1/postgres.log" >&2
  done
  return 1
}

# The eighth line of postmaster.pid turns to `ready` when connections are taken.
postgres_answers() {
  [ "$(sed -n 8p "$1/postmaster.pid" 2>/dev/null | tr -d ' ')" = ready ]
}

start_redis() {
  local folder=$1/redis try
  mkdir -p "$folder"
  [ ${#AS_USER[@]} = 0 ] || chown "$SERVER_USER" "$folder"
  for try in 1 2 3; do
    REDIS_PORT=$(free_port)
    detached "$1/redis.log" "$REDIS_SERVER" --bind 127.0.0.1 --port "$REDIS_PORT" --dir "$folder" \
      --pidfile "$folder/redis.pid" --save '' --appendonly no --daemonize no
    if await "Redis" redis_answers "$REDIS_PORT"; then
      REDIS_URL="redis://127.0.0.1:$REDIS_PORT/0"
      return 0
    fi
    say "Redis did not start (try $try):"
    tail -n 5 "$1/redis.log" >&2
  done
  return 1
}

redis_answers() {
  local answer
  {
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    printf 'PING\r\n' >&3
    IFS= read -r -t 1 answer <&3 || true
    exec 3>&-
  } 2>/dev/null
  [ "${answer:-}" = $'+PONG\r' ]
}

# await NAME CHECK…: looks every 0.1 s for at most 30 s.
await() {
  local name=$1 look
  shift
  for ((look = 0; look < 300; look++)); do
    "$@" && return 0
    sleep 0.1
  done
  say "$name does not answer"
  return 1
}

start_all() {
  DIR=$1
  if [ ${#AS_USER[@]} -gt 0 ]; then
    # The servers' user must pass through, nobody need list.
    chown "$SERVER_USER" "$DIR"
    chmod 711 "$DIR"
    "${AS_USER[@]}" test -x "$DIR" ||
      missing "a folder that the user $SERVER_USER can enter; $DIR is not one. Choose another with --dir or TMPDIR."
  fi
  start_postgres "$DIR" && start_redis "$DIR"
}

settings() {
  cat <<SETTINGS
ELATE_TEST_POSTGRES_URL='$POSTGRES_URL'
ELATE_TEST_REDIS_URL='$REDIS_URL'
ELATE_TEST_PG_BIN='$PG_BIN'
ELATE_TEST_PG_DATA='$DIR/postgres'
ELATE_TEST_PG_USER='$SERVER_USER'
ELATE_TEST_PG_PORT='$PG_PORT'
ELATE_TEST_REDIS_SERVER='$REDIS_SERVER'
ELATE_TEST_REDIS_PORT='$REDIS_PORT'
ELATE_TEST_REDIS_DIR='$DIR/redis'
SETTINGS
}

# --- stop ---------------------------------------------------------------------------------------------------

# stop_pid PIDFILE WORD SIGNAL: signals the process of a pid file if its command line still names WORD (a pid may
# have been given to somebody else since), waits, and kills it if it does not go.
stop_pid() {
  local pid look
  pid=$(head -n 1 "$1" 2>/dev/null || true)
  [ -n "$pid" ] || return 0
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$2" || return 0
  kill "-$3" "$pid" 2>/dev/null || return 0
  for ((look = 0; look < 200; look++)); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.05
  done
  say "process $pid does not stop: killing it"
  kill -KILL "$pid" 2>/dev/null || true
}

stop_all() {
  # SIGINT is PostgreSQL's fast shutdown: it does not wait for clients.
  stop_pid "$1/postgres/postmaster.pid" "$1/postgres" INT
  stop_pid "$1/redis/redis.pid" redis TERM
  stop_pid "$1/redis/redis.pid" valkey TERM
}

# --- commands -----------------------------------------------------------------------------------------------

run() {
  [ $# -gt 0 ] || usage
  find_programs
  choose_user
  local child='' status=0
  RUN_DIR=$(mktemp -d "${TMPDIR:-/tmp}/elate-services.XXXXXX")
  trap 'stop_all "$RUN_DIR"; rm -rf "$RUN_DIR"' EXIT
  # Until the command runs, a signal ends the script, and with it (trap EXIT) the servers.
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  start_all "$RUN_DIR" || exit "$EXIT_MISSING"
  set -a
  eval "$(settings)"
  set +a

  # The command gets a process group of its own, so that a signal to this script reaches all of it.
  set -m
  "$@" </dev/null &
  child=$!
  set +m
  trap 'status=130; kill -INT -- "-$child" 2>/dev/null' INT
  trap 'status=143; kill -TERM -- "-$child" 2>/dev/null' TERM HUP
  local code=0
  wait_for "$child" || code=$?
  [ "$status" != 0 ] || status=$code
  # What the command left behind in its group goes as well.
  kill -TERM -- "-$child" 2>/dev/null || true
  exit "$status"
}

# `wait` returns early when a trap ran; go on until the child is really gone.
wait_for() {
  local code
  while :; do
    code=0
    wait "$1" || code=$?
    kill -0 "$1" 2>/dev/null || return "$code"
  done
}

start() {
  find_programs
  choose_user
  mkdir -p "$1"
  local folder
  folder=$(cd "$1" && pwd)
  if [ -f "$folder/postgres/postmaster.pid" ] && postgres_answers "$folder/postgres" &&
    kill -0 "$(head -n 1 "$folder/postgres/postmaster.pid")" 2>/dev/null; then
    say "already started; settings in $folder/env"
    return 0
  fi
  if ! start_all "$folder"; then
    stop_all "$folder"
    exit "$EXIT_MISSING"
  fi
  settings | sed 's/^/export /' >"$folder/env"
  chmod 600 "$folder/env"
  say "started; now: source $folder/env"
}

stop() {
  [ -d "$1" ] || { say "no such folder: $1"; exit 66; }
  stop_all "$(cd "$1" && pwd)"
  rm -f "$1/env"
  say "stopped"
}

case ${1:-} in
  run)
    shift
    [ "${1:-}" = -- ] && shift
    run "$@"
    ;;
  start | stop)
    [ "${2:-}" = --dir ] && [ -n "${3:-}" ] || usage
    "$1" "$3"
    ;;
  check)
    find_programs
    say "PostgreSQL: $PG_BIN"
    say "Redis: $REDIS_SERVER"
    ;;
  *) usage ;;
esac
