#!/usr/bin/env bash
# Runs FerretDB over a PostgreSQL of its own, in the current folder: run.sh INSTALLED PORT [flag of ferretdb...]
#
# INSTALLED is what install_ferretdb made. The folder is the server's own: empty at first, or as an earlier run left
# it. This process becomes ferretdb; PostgreSQL listens on a socket in the folder only, and dies with it. Once the
# port takes a connection, the server is ready. Without --auth anybody on this machine is let in, and may
# create users for a run with it.
set -euo pipefail

INSTALLED=$1 PORT=$2
shift 2

# After kill -9 and a start in the same folder, the old PostgreSQL may take a moment to be gone.
STARTS=100

main() {
  local start
  ((${#PWD} < 90)) || fail "the folder's name is too long for a socket: $PWD"
  # Whole or not at all.
  [[ -d data ]] || { rm -rf copying && cp -r "$INSTALLED/template" copying && mv copying data; }
  for ((start = 1; ; start++)); do
    start_postgres && break
    ((start < STARTS)) || fail "PostgreSQL does not start: $(cat postgres.log)"
    sleep 0.1
  done
  # A flag --auth goes before this.
  export FERRETDB_AUTH=${FERRETDB_AUTH:-false}
  exec "$INSTALLED/ferretdb" --listen-addr="127.0.0.1:$PORT" --postgresql-url="postgres://postgres@/postgres?host=$PWD" \
    --state-dir=. --debug-addr=- --telemetry=disable --log-level=WARN "$@"
}

# The extension connects to its own server now and then, hence the last two settings.
start_postgres() {
  local postgres
  not_as_root setpriv --pdeathsig KILL "$INSTALLED/root/usr/lib/postgresql/18/bin/postgres" -D "$PWD/data" -k "$PWD" \
    -c "documentdb.localhost_connection_string=host=$PWD" -c cron.use_background_workers=on >postgres.log 2>&1 &
  postgres=$!
  until is_ready "$postgres"; do
    kill -0 "$postgres" 2>/dev/null || return
    sleep 0.01
  done
}

# PostgreSQL writes its process into the first line of this file, and its state into the eighth.
is_ready() {
  [[ -f data/postmaster.pid && $(sed -n '1p; 8s/ *$//p' data/postmaster.pid) == "$1"$'\n'ready ]]
}

# PostgreSQL refuses to run as root. In a user namespace of its own root has another number, and may still read and
# write what is root's.
not_as_root() {
  if (($(id -u) == 0)); then
    exec unshare --user --map-user=1000 --map-group=1000 "$@"
  else
    exec "$@"
  fi
}

fail() {
  printf 'run.sh: %s\n' "$1" >&2
  exit 1
}

main "$@"
