#!/usr/bin/env bash
# Sends requests that Schemathesis makes up from /openapi.json to a server that is open, and to one with keys and tokens:
# run.sh BINARY PACKAGES, where PACKAGES is the folder that the packages of requirements.txt are installed in.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=$1 packages=$2
# For one run; a machine that is busy takes longer than the minute that it needs.
PATIENCE=300
# No asset may have more, so that the server refuses no number that the document allows.
UNITS=4294967295

# Those are flags of the server, or meant for other tests.
unset "${!ASSET_ARBITER_@}"
work=$(mktemp -d) server=
trap 'stop; rm -rf "$work"' EXIT

main() {
  local key=an-admin-key token
  head -c 48 /dev/urandom | base64 >"$work/secret"
  serve
  run open
  echo "$key" >"$work/key"
  serve --token-key "k1=$work/secret" --admin-key-file "$work/key"
  run 'admin key' --header "Authorization: Bearer $key"
  token=$("$binary" token --key "k1=$work/secret" --player ann --room '*')
  run 'player token' --phases coverage --header "Authorization: Bearer $token"
  run 'no credential' --phases coverage
}

# Starts a server with more flags, in place of the last one.
serve() {
  stop
  : >"$work/log"
  "$binary" --listen 127.0.0.1:0 --max-units "$UNITS" --log-format json "$@" \
    >"$work/stdout" 2>"$work/log" &
  server=$!
  until address=$(sed -n 's/.*"listening".*"address":"\([^"]*\)".*/\1/p' "$work/log") && [[ -n $address ]]; do
    kill -0 "$server" || { cat "$work/log" >&2; exit 1; }
    sleep 0.05
  done
}

stop() {
  [[ -z $server ]] || { kill "$server" && wait "$server" || true; }
  server=
}

run() {
  local name=$1
  shift
  printf '\nSchemathesis, %s:\n' "$name"
  (cd "$work" && PYTHONPATH=$packages timeout "$PATIENCE" "$packages/bin/schemathesis" --no-color \
    --config-file "$here/schemathesis.toml" run "http://$address/openapi.json" "$@")
}

main
