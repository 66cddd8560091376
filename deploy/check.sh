#!/usr/bin/env bash
# Checks what can be checked of this folder without a cluster. Works from any folder.
#
#   deploy/check.sh          the files alone
#   deploy/check.sh --live   also two nodes behind nginx, HAProxy and Caddy, on 127.0.0.1
#
# The binary is $ARBITER_TEST_BIN, or what cargo has built in target/release or target/debug. What a machine lacks is
# named as skipped. Wants: python3 (with pip, for PyYAML and kubernetes-validate), nginx, haproxy,
# caddy, docker compose, systemd-analyze.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

PATH=$PATH:/usr/sbin
passed=0 failed=0 skipped=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

main() {
  local live=${1:-}
  [[ -z $live || $live == --live ]] || { echo 'usage: check.sh [--live]' >&2; exit 2; }

  check 'flags, variables, metrics, stores and buses exist' python3 check/names.py ${binary:+"$binary"}
  yaml_checks
  balancer_checks
  if has docker && docker compose version >/dev/null 2>&1; then
    check 'docker compose config' env REDIS_PASSWORD=x docker compose -f compose.yaml config --quiet
  else
    skip 'docker compose config' 'no docker compose here'
  fi
  if has systemd-analyze; then
    check 'systemd unit' unit
  else
    skip 'systemd unit' 'no systemd-analyze here'
  fi
  [[ -z $live ]] || live_checks

  printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  ((failed == 0))
}

yaml_checks() {
  local python
  if ! python=$(with_yaml); then
    skip 'YAML' 'PyYAML and kubernetes-validate cannot be installed here'
    return
  fi
  check 'names fit, times are long enough' "$python" check/manifests.py
  local version
  for version in 1.30 1.34; do
    check "objects of Kubernetes $version" "$python" -m kubernetes_validate --strict --quiet \
      --kubernetes-version "$version" kubernetes.yaml
  done
}

# A Python that has both, in a folder that goes afterwards.
with_yaml() {
  { python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install --quiet PyYAML==6.* kubernetes-validate==1.*; } >&2 &&
    echo "$folder/venv/bin/python"
}

# Its exposure is at most 2.0 of 10.
unit() {
  sed 's#^ExecStart=[^ ]*#ExecStart=/bin/true#' asset-arbiter.service >"$folder/asset-arbiter.service" &&
    systemd-analyze verify --man=no "$folder/asset-arbiter.service" &&
    systemd-analyze security --offline=true --threshold=20 --no-pager "$folder/asset-arbiter.service"
}

balancer_checks() {
  if has haproxy; then
    check 'haproxy -c' haproxy -c -f haproxy.cfg
  else
    skip 'haproxy -c' 'no haproxy here'
  fi
  if has nginx; then
    # As anybody, so not with the log and the process file of the machine's own nginx.
    sed 's#access_log .*;#access_log off;#' nginx.conf >"$folder/nginx.conf"
    check 'nginx -t' nginx -t -e "$folder/nginx.log" -c "$folder/nginx.conf" -g "pid $folder/nginx.pid;"
  else
    skip 'nginx -t' 'no nginx here'
  fi
  if has caddy; then
    check 'caddy validate' caddy validate --adapter caddyfile --config Caddyfile
  else
    skip 'caddy validate' 'no caddy here'
  fi
}

live_checks() {
  local balancer
  for balancer in nginx haproxy caddy; do
    if [[ -z $binary ]]; then
      skip "two nodes behind $balancer" 'no binary: cargo build, or set ARBITER_TEST_BIN'
    elif ! has "$balancer"; then
      skip "two nodes behind $balancer" "no $balancer here"
    else
      check "two nodes behind $balancer" python3 check/live.py "$balancer" "$binary"
    fi
  done
}

# Runs a command; shows what it says if it fails.
check() {
  local name=$1
  shift
  if "$@" >"$folder/log" 2>&1; then
    passed=$((passed + 1))
    printf 'ok       %s\n' "$name"
  else
    failed=$((failed + 1))
    printf 'FAILED   %s\n' "$name"
    sed 's/^/         /' "$folder/log"
  fi
}

skip() {
  skipped=$((skipped + 1))
  printf 'skipped  %s: %s\n' "$1" "$2"
}

find_binary() {
  local path
  for path in "${ARBITER_TEST_BIN:-}" ../target/release/asset-arbiter ../target/debug/asset-arbiter; do
    if [[ -x $path ]]; then
      realpath "$path"
      return
    fi
  done
}

has() {
  type -P "$1" >/dev/null
}

binary=$(find_binary)
main "$@"
