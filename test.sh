#!/usr/bin/env bash
# Every check there is. Works from any folder, on a Debian-like machine with Rust and apt-get (as root or with
# sudo); installs what is missing. What does not come from apt-get is kept in $ARBITER_TEST_CACHE, by default
# ~/.cache/asset-arbiter, so that a second run downloads and builds nothing; so is what cargo builds, for another clone.
#
#   ./test.sh                      everything, on every engine
#   ./test.sh --only redis,tidb    only what runs on these engines
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source tests/engines/engines.sh

CACHE=${ARBITER_TEST_CACHE:-$HOME/.cache/asset-arbiter}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$CACHE/target}
# What the browser library promises to run on besides pages.
NODE_OLDEST=20
NODE_NEWER=22.23.3
# Cargo's commands that do not come with Rust.
DENY=0.20.2
HACK=0.6.45

PATH=$PATH:$HOME/.cargo/bin
# Counting reads plain text.
unset FORCE_COLOR

main() {
  work=$(mktemp -d) log=$work/log steps=() table=() started=() passed=0 failed=0
  trap finish EXIT

  choose "$@"
  step 'tools' tools
  step 'engines' engines
  find_engines
  take_target
  if ((${#only[@]} > 0)); then
    step 'cargo build' cargo test --locked --features full --no-run
    test_engines "${only[@]}"
    settle
    return
  fi

  find_tools
  step 'cargo fmt' cargo fmt --check
  step 'clippy, all features' cargo clippy --locked --features full --all-targets -- -D warnings
  step 'clippy' cargo clippy --locked --all-targets -- -D warnings
  # Without features, too. Those that hold others are above.
  step 'clippy, each feature' cargo hack clippy --locked --each-feature --exclude-features default,full --exclude-all-features \
    -- -D warnings
  RUSTDOCFLAGS='-D warnings' step 'cargo doc' cargo doc --locked --no-deps --features full --document-private-items
  step 'cargo deny' deny
  # The server with it: built on its own it would have other features of its libraries, and all of them anew.
  step 'cargo build' cargo test --locked --features full --no-run
  ARBITER_TEST_ENGINES=none start 'cargo test' cargo test --locked --features full --no-fail-fast
  test_engines "${ENGINES[@]}"
  start "library, Node $("$NODE" --version)" node_tests "$NODE" js
  if ((NODE_MAJOR < ${NODE_NEWER%%.*})); then
    start "library, Node v$NODE_NEWER" node_tests "$(newer_node)" js
  fi
  start 'npm package' node_tests "$(newer_node)" package --test-concurrency=1
  start 'examples' examples
  start 'official schemas' node_tests "$NODE" spec
  settle
  step 'Schemathesis' tests/schemathesis/run.sh "$ARBITER_TEST_BIN" "$(schemathesis)"
  # What is one at a time needs the machine for itself: three nodes and 600 players, or a browser.
  ARBITER_TEST_ENGINES=redis,nats,dynamodb-local tests 'three hosts' \
    cargo test --locked --features full --test hosts -- --test-threads 1
  tests 'page in Chromium' node_tests "$NODE" e2e --test-concurrency=1
}

# Reads the command line.
choose() {
  only=()
  case "$#:${1:-}" in
    0:) return ;;
    2:--only) IFS=, read -ra only <<<"$2" ;;
    *) fail 'usage: ./test.sh [--only ENGINE,...]' ;;
  esac
  local engine
  for engine in "${only[@]}"; do
    [[ " ${ENGINES[*]} " == *" $engine "* ]] || fail "no engine is called '$engine'; there are: ${ENGINES[*]}"
  done
}

# cargo tells by its time alone whether a file has changed, and would take what another clone built since for ours.
take_target() {
  local clone=$CARGO_TARGET_DIR/clone
  [[ -f $clone && $(<"$clone") == "$PWD" ]] || find build.rs benches src starter static tests -type f -exec touch {} +
  mkdir -p "$CARGO_TARGET_DIR" && echo "$PWD" >"$clone"
}

# Starts what the tests of stores and buses do on each engine.
test_engines() {
  local engine targets
  for engine in "$@"; do
    read -ra targets < <(suites_of "$engine")
    ARBITER_TEST_ENGINES=$engine start "on $engine" \
      cargo test --locked --features full "${targets[@]/#/--test=}" -- --test-threads "$(threads_for "$engine")"
  done
}

# Runs a command as a named step; the first that fails ends everything.
step() {
  local name=$1 begin=${EPOCHREALTIME/./} status=0
  shift
  printf '\n== %s\n' "$name"
  "$@" 2>&1 | tee "$log" || status=$?
  note "$name" "$status" "$(seconds_since "$begin")" || fail "step '$name' failed; its output is above"
}

# A step that runs tests: none at all is a failure, too.
tests() {
  local before=$passed
  step "$@"
  ((passed > before)) || fail "step '$1' found no tests"
}

# Starts a command as a named step, which must run tests, as soon as fewer than two are under way: most tests mostly wait.
start() {
  local name=$1 output=$work/${#started[@]}
  shift
  while (($(jobs -rp | wc -l) >= 2)); do wait -n || true; done
  printf '\n== %s: started\n' "$name"
  started+=("$name")
  {
    local begin=${EPOCHREALTIME/./} status=0
    "$@" >"$output" 2>&1 || status=$?
    echo "$status $(seconds_since "$begin")" >"$output.end"
  } &
}

# Waits for all steps that were started, and shows what they said; those that failed end everything.
settle() {
  local number name before status seconds bad=()
  wait
  for number in "${!started[@]}"; do
    name=${started[number]} before=$passed
    printf '\n== %s\n' "$name"
    tee "$log" <"$work/$number"
    read -r status seconds <"$work/$number.end"
    note "$name" "$status" "$seconds" && ((passed > before)) || bad+=("$name")
    [[ $name != 'on '* ]] || row "${name#on }" $((passed - before)) "$seconds"
  done
  ((${#bad[@]} == 0)) || fail "failed, or found no tests: $(printf "'%s' " "${bad[@]}"); the output is above"
}

# Writes down how a step ended whose output is in the log.
note() {
  local name=$1 status=$2 seconds=$3 more
  more=$(count passed) passed=$((passed + more)) failed=$((failed + $(count failed)))
  steps+=("$(printf '%-32s %8s s  %s' "$name" "$seconds" "$(verdict "$status" "$more")")")
  ((status == 0))
}

# Adds a row to the table of engines.
row() {
  table+=("$(printf '%-16s %-52s %6d %8s' "$1" "$(version_of "$1")" "$2" "$3")")
}

# Adds up what cargo and node say of the last step: `test result: ok. 3 passed; 0 failed` and `ℹ pass 3`. A test that
# did nothing because its engine was not asked for did not pass.
count() {
  awk -v what="$1" '
    /^test result: / { n += what == "passed" ? $4 : $6 }
    /NOT SELECTED: / && what == "passed" { n -= 1 }
    /^ℹ pass / && what == "passed" { n += $3 }
    /^ℹ (fail|cancelled) / && what == "failed" { n += $3 }
    END { print n + 0 }' "$log"
}

verdict() {
  if (($1 != 0)); then
    echo FAILED
  elif (($2 > 0)); then
    echo "ok, $2 passed"
  else
    echo ok
  fi
}

seconds_since() {
  local ms=$(((${EPOCHREALTIME/./} - $1) / 1000))
  printf '%d.%d' $((ms / 1000)) $((ms % 1000 / 100))
}

fail() {
  printf '\ntest.sh: %s\n' "$1" >&2
  exit 1
}

finish() {
  local status=$?
  ((status == 0 || failed > 0)) || failed=1
  printf '\n'
  ((${#steps[@]} == 0)) || printf '%s\n' "${steps[@]}"
  if ((${#table[@]} > 0)); then
    printf '\n%-16s %-52s %6s %8s\n' engine version passed seconds
    printf '%s\n' "${table[@]}" ''
  fi
  printf '%d passed, %d failed\n' "$passed" "$failed"
  # None is left if all went well.
  jobs -rp | xargs -r kill || true
  rm -rf "$work"
}

# Installs what is missing.
tools() {
  local packages=()
  has cargo || fail 'cargo is missing: install Rust from https://rustup.rs'
  cargo fmt --version && cargo clippy --version || rustup component add rustfmt clippy || return
  has cc || packages+=(gcc libc6-dev)
  has node || packages+=(nodejs)
  has npm || packages+=(npm)
  has python3 && python3 -m pip --version || packages+=(python3-pip)
  find_chromium >/dev/null || packages+=(chromium)
  has ip || packages+=(iproute2)
  has openssl || packages+=(openssl)
  has_postgres || packages+=(postgresql)
  ((${#packages[@]} == 0)) || apt_install "${packages[@]}" || return
  has promtool || cached promtool download_debian prometheus || return
  ((${#only[@]} == 0)) || return 0
  cargo_tool cargo-deny "$DENY" && cargo_tool cargo-hack "$HACK" || return
  # An older Node can still fetch the newer one.
  newer_node >/dev/null || return
  {
    modules js && modules e2e && modules spec && modules package && modules examples && schemathesis && websockets &&
      psycopg && have_go
  } >/dev/null
}

# Names the tools, once they are there.
find_tools() {
  NODE=$(type -P node)
  (($(major "$NODE") >= NODE_OLDEST)) || NODE=$(newer_node)
  NODE_MAJOR=$(major "$NODE")
  CHROMIUM=$(find_chromium)
  ARBITER_TEST_BIN=$CARGO_TARGET_DIR/debug/asset-arbiter
  PATH=$CACHE/cargo-deny-$DENY/bin:$CACHE/cargo-hack-$HACK/bin:$PATH
  export CHROMIUM ARBITER_TEST_BIN
}

# Installs or builds the servers the tests run on. What cannot be had here the tests name, and fail for it if CI=true.
engines() {
  local engine
  for engine in $(chosen_engines); do
    install_engine "$engine" || echo "test.sh: no $engine for this machine" >&2
    export_engine "$engine"
    echo "$engine: $(version_of "$engine")"
  done
}

find_engines() {
  local engine
  for engine in $(chosen_engines); do
    export_engine "$engine"
  done
}

chosen_engines() {
  ((${#only[@]} > 0)) && echo "${only[@]}" || echo "${ENGINES[@]}"
}

apt_install() {
  has apt-get || fail "missing: $*; there is no apt-get here to install them with"
  as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

as_root() {
  if (($(id -u) == 0)); then
    "$@"
  elif has sudo; then
    sudo "$@"
  else
    fail "needs root or sudo for: $*"
  fi
}

has() {
  type -P "$1" >/dev/null
}

# Debian keeps its programs out of the search path.
has_postgres() {
  compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null
}

find_chromium() {
  if [[ -n ${CHROMIUM:-} ]]; then
    type -P "$CHROMIUM"
  else
    type -P chromium || type -P chromium-browser || type -P google-chrome
  fi
}

major() {
  "$1" -p 'process.versions.node.split(".")[0]'
}

# Installs a command of cargo from a Python package that carries the binary, or else builds it, which takes minutes.
cargo_tool() {
  cached "$1-$2" pip_install "astral-dev-toolchain-$1==$2" ||
    cached "$1-$2" env -u CARGO_TARGET_DIR cargo install --root . --locked --debug "$1@$2"
}

# Checks the libraries. Advisories are checked only where their database can be fetched.
deny() {
  cargo deny --locked check --hide-inclusion-graph licenses bans sources || return
  if cargo deny --locked fetch db 2>"$work/fetch"; then
    cargo deny --locked check --disable-fetch --hide-inclusion-graph advisories
  else
    echo 'test.sh: the database of advisories cannot be reached:' && grep ERROR "$work/fetch"
  fi
}

# The path of a Node that is as new as the newer one, which the npm registry carries as a plain binary.
newer_node() {
  local arch package
  if (($(major node) >= ${NODE_NEWER%%.*})); then
    type -P node
    return
  fi
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) fail "no Node $NODE_NEWER for $(uname -m): install Node $NODE_OLDEST or newer yourself" ;;
  esac
  package=node-linux-$arch
  cached "node-$NODE_NEWER" npm_install "$package@$NODE_NEWER" >&2 || return
  echo "$CACHE/node-$NODE_NEWER/node_modules/$package/bin/node"
}

# The folder of a test suite's npm packages; made again only when its lock file changes.
modules() {
  local hash
  hash=$(cat "tests/$1/package.json" "tests/$1/package-lock.json" | sha256sum | cut -c1-16)
  cached "$1-$hash" npm_ci "$PWD/tests/$1" >&2 || return
  echo "$CACHE/$1-$hash/node_modules"
}

# The folders that Schemathesis and the libraries of the bot and of the backend in Python are installed in.
schemathesis() { python_packages schemathesis tests/schemathesis/requirements.txt; }
websockets() { python_packages websockets examples/bots/requirements.txt; }
psycopg() { python_packages psycopg examples/inventory/requirements.txt; }

# The folder that the packages of a file are installed in; made again only when the file changes.
python_packages() {
  local file=$PWD/$2 folder
  folder=$1-$(sha256sum "$file" | cut -c1-16)
  cached "$folder" pip_install --requirement "$file" >&2 || return
  echo "$CACHE/$folder"
}

# Unpacks a Debian package here, because installing it might start a server.
download_debian() {
  apt-get -qq download "$1" && dpkg-deb --extract "$1"_*.deb . && rm "$1"_*.deb
}

# Makes a folder of the cache by running a command in it, unless it is there. It appears as a whole or not at all.
cached() {
  local folder=$CACHE/$1 making
  shift
  [[ ! -d $folder ]] || return 0
  mkdir -p "$CACHE" && making=$(mktemp -d "$CACHE/making.XXXXXX") || return
  if (cd "$making" && "$@") && { mv -T "$making" "$folder" || [[ -d $folder ]]; }; then
    rm -rf "$making"
  else
    rm -rf "$making"
    return 1
  fi
}

npm_ci() {
  cp "$1/package.json" "$1/package-lock.json" . && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
}

npm_install() {
  npm install --prefix . --ignore-scripts --no-audit --no-fund --no-save --loglevel=error "$1"
}

# Plays the examples in a browser, the bots and the backends.
examples() {
  local go bots backend
  go=$(have_go) && bots=$(websockets) && backend=$(psycopg) || return
  ARBITER_TEST_GO=$go ARBITER_TEST_PYTHONPATH=$bots:$backend node_tests "$(newer_node)" examples --test-concurrency=1
}

# Runs a folder's tests with a Node.
node_tests() {
  local node=$1 suite=$2 found
  shift 2
  found=$(modules "$suite") || return
  cd "tests/$suite" || return
  ARBITER_TEST_NODE_MODULES=$found "$node" --test --test-reporter=spec --test-timeout=300000 "$@" ./*.test.mjs
}

main "$@"
