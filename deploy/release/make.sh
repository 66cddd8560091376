#!/usr/bin/env bash
# Makes what a release consists of in the empty or missing folder dist/ of the project's root, from what is committed:
#
#   asset-arbiter                                  the binary for Linux, static, with every feature
#   asset-arbiter-VERSION-ARCH-linux-musl.tar.gz   the same with its documents and the systemd unit
#   asset-arbiter_VERSION-1_ARCH.deb               the package for Debian and Ubuntu
#   asset-arbiter-VERSION.crate                    what crates.io is given
#   asset-arbiter-VERSION.tgz                      what npm is given
#   SHA256SUMS
#
#   deploy/release/make.sh            all of it; then starts each, see check.sh
#   deploy/release/make.sh binary     the binary alone, which is what the Dockerfile takes
#
# Wants git, rustup, musl-gcc (musl-tools), npm, and cargo-deb, which it installs if cargo has none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

CARGO_DEB=3.8.0
target=$(uname -m)-unknown-linux-musl
dist=$PWD/dist

main() {
  case $#:${1:-} in
    0:) ;;
    1:binary)
      binary
      return
      ;;
    *) fail 'usage: deploy/release/make.sh [binary]' ;;
  esac
  [[ -z $(git status --porcelain) ]] || fail 'the tree has changes that are not committed'
  [[ ! -e $dist || -z $(ls -A "$dist") ]] || fail "$dist is not empty"
  version=$(sed -n '0,/^version = "\(.*\)"/s//\1/p' Cargo.toml)
  binary
  tarball
  debian
  crate
  npm_package
  (cd "$dist" && sha256sum -- * >SHA256SUMS)
  deploy/release/check.sh "$dist"
}

# Builds of one commit are alike: no paths of this machine, no times.
binary() {
  has musl-gcc || fail 'musl-gcc is missing: apt-get install musl-tools'
  rustup target add "$target"
  local home=${CARGO_HOME:-$HOME/.cargo} commit
  commit=$(git rev-parse HEAD)
  [[ -z $(git status --porcelain) ]] || commit=unknown
  ARBITER_COMMIT=$commit CARGO_PROFILE_RELEASE_STRIP=symbols \
    RUSTFLAGS="--remap-path-prefix=$PWD=. --remap-path-prefix=$home=cargo" \
    cargo build --release --locked --target "$target" --features full --bin asset-arbiter
  mkdir -p "$dist"
  install -m 755 "$(built)/asset-arbiter" "$dist/asset-arbiter"
}

built() {
  echo "${CARGO_TARGET_DIR:-target}/$target/release"
}

tarball() {
  local name folder
  name=asset-arbiter-$version-$(uname -m)-linux-musl
  folder=$(mktemp -d)
  mkdir "$folder/$name"
  cp "$dist/asset-arbiter" README.md CHANGELOG.md LICENSE* deploy/asset-arbiter.service "$folder/$name"
  cp deploy/debian/config.toml "$folder/$name/config.toml"
  tar --create --gzip --file "$dist/$name.tar.gz" --directory "$folder" --owner=0 --group=0 --sort=name \
    --mtime="@$(git log -1 --format=%ct)" "$name"
  rm -r "$folder"
}

debian() {
  [[ $(cargo deb --version 2>/dev/null) == "cargo-deb $CARGO_DEB" ]] || cargo install --locked cargo-deb --version "$CARGO_DEB"
  cargo deb --no-build --no-strip --target "$target" --output "$dist/"
}

crate() {
  cargo package --locked --no-verify --target-dir "$(built)/package"
  cp "$(built)/package/package/asset-arbiter-$version.crate" "$dist/"
}

npm_package() {
  (cd clients/js && npm ci --no-audit --no-fund && npm pack --pack-destination "$dist")
}

has() {
  type -P "$1" >/dev/null
}

fail() {
  echo "release: $1" >&2
  exit 1
}

main "$@"
