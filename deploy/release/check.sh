#!/usr/bin/env bash
# Starts what make.sh has made, each in an empty folder of its own: deploy/release/check.sh FOLDER. Wants dpkg-deb, cargo,
# node with npm, and root or user namespaces for a chroot.
set -euo pipefail
dist=$(cd "${1:?usage: check.sh FOLDER}" && pwd)

PORT=18973
passed=0 work=$(mktemp -d) server= name=
exec 3>&2
trap finish EXIT

main() {
  cd "$work"
  check 'sums' sums
  check 'the binary is static and says what it is' says "$dist/asset-arbiter"
  check 'the binary plays in an empty chroot' in_chroot
  check 'the tarball' tarball
  check 'the Debian package' debian
  check 'the npm package' npm_package
  check 'the crate, built in an empty folder' crate
  printf '\n%d passed, 0 failed\n' "$passed"
}

# The first command of a check that fails ends the script. No `||` here: bash would pass over failures inside of it.
check() {
  name=$1
  shift
  rm -rf "$work/now" && mkdir "$work/now" && cd "$work/now"
  "$@" >"$work/log" 2>&1
  stop
  echo "ok: $name"
  name=
  passed=$((passed + 1))
}

sums() {
  (cd "$dist" && sha256sum --check --strict SHA256SUMS)
  [[ $(wc -l <"$dist/SHA256SUMS") == "$(find "$dist" -type f ! -name SHA256SUMS | wc -l)" ]]
}

says() {
  { ldd "$1" 2>&1 || true; } | grep -E 'statically linked|not a dynamic executable'
  "$1" --version | grep -E '^asset-arbiter [0-9.]+ \(commit [0-9a-f]{12}, features bots dynamodb .* sqlite\)$'
}

in_chroot() {
  install -D "$dist/asset-arbiter" chroot/asset-arbiter
  local enter=(chroot chroot)
  ((EUID == 0)) || enter=(unshare --map-root-user chroot chroot)
  start "${enter[@]}" /asset-arbiter --listen "127.0.0.1:$PORT" --asset sword=1
  "${enter[@]}" /asset-arbiter health --listen "127.0.0.1:$PORT"
  plays
}

tarball() {
  tar --extract --gzip --file "$dist"/*.tar.gz --strip-components=1
  cmp asset-arbiter "$dist/asset-arbiter"
  [[ -f README.md && -f LICENSE-MIT && -f asset-arbiter.service ]]
  start ./asset-arbiter --config config.toml --listen "127.0.0.1:$PORT" --store "sqlite:$PWD/game.db" --asset sword=1
  plays
}

debian() {
  dpkg-deb --extract "$dist"/*.deb .
  [[ -f usr/lib/systemd/system/asset-arbiter.service || -f lib/systemd/system/asset-arbiter.service ]]
  dpkg-deb --info "$dist"/*.deb conffiles | grep -x /etc/asset-arbiter/config.toml
  start usr/bin/asset-arbiter --config etc/asset-arbiter/config.toml --listen "127.0.0.1:$PORT" \
    --store "sqlite:$PWD/game.db" --asset sword=1
  plays
}

npm_package() {
  start "$dist/asset-arbiter" --listen "127.0.0.1:$PORT" --asset sword=1
  echo '{"type":"module"}' >package.json
  npm install --no-audit --no-fund "$dist"/asset-arbiter-*.tgz
  cat >play.js <<'JS'
import { joinRoom } from "asset-arbiter";
const room = joinRoom(process.argv[2], { room: "arena", player: "ann" });
const { granted } = await room.select("sword");
if (!granted) throw new Error("not granted");
room.leave();
JS
  node --experimental-websocket play.js "http://127.0.0.1:$PORT"
}

crate() {
  tar --extract --gzip --file "$dist"/*.crate --strip-components=1
  cargo install --locked --debug --path . --root installed
  [[ $(installed/bin/asset-arbiter --version) == *"(commit $("$dist/asset-arbiter" --version | grep -oE '[0-9a-f]{12}'),"* ]]
  start installed/bin/asset-arbiter --listen "127.0.0.1:$PORT" --asset sword=1
  plays
}

# Starts a server and waits until it answers.
start() {
  "$@" & server=$!
  for _ in {1..100}; do
    ! curl --silent --fail --output health "http://127.0.0.1:$PORT/readyz" || return 0
    kill -0 "$server" || return 1
    sleep 0.1
  done
  return 1
}

# The page is there, and one of two players gets the sword.
plays() {
  local select=http://127.0.0.1:$PORT/v1/rooms/arena/assets/sword/select
  curl --silent --fail "http://127.0.0.1:$PORT/" | grep '<title>'
  curl --silent --fail --data '{"player":"ann"}' "$select" | grep '"granted"'
  [[ $(curl --silent --output sold_out --write-out '%{http_code}' --data '{"player":"bob"}' "$select") == 409 ]]
}

# It ends well when it is asked to.
stop() {
  [[ -n $server ]] || return 0
  kill "$server" && wait "$server"
  server=
}

finish() {
  [[ -z $name ]] || { cat "$work/log" && echo "FAILED: $name"; } >&3
  [[ -z $server ]] || kill "$server" || true
  rm -rf "$work"
}

main "$@"
