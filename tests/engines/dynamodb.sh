# shellcheck shell=bash
# The stand-ins for Amazon DynamoDB; engines.sh reads this file.

# A crate with the program in it, and what of it the tests need.
DYNOXIDE=dynoxide-rs@3.2.0
DYNOXIDE_FEATURES=native-sqlite,http-server,cli
# Must be the version in tests/engines/dynamodb/pom.xml.
DYNAMODB_LOCAL=dynamodb-local-3.1.0

have_dynoxide() {
  cached "dynoxide-${DYNOXIDE#*@}" install_dynoxide
}

export_dynoxide() {
  export ARBITER_TEST_DYNOXIDE=${ARBITER_TEST_DYNOXIDE:-$CACHE/dynoxide-${DYNOXIDE#*@}/bin/dynoxide}
  [[ -x $ARBITER_TEST_DYNOXIDE ]] || ARBITER_TEST_DYNOXIDE=
}

# What the program says of itself is the version of another part.
version_dynoxide() {
  [[ ! -x $CACHE/dynoxide-${DYNOXIDE#*@}/bin/dynoxide ]] || echo "Dynoxide ${DYNOXIDE#*@}"
}

# Five minutes of one core.
install_dynoxide() {
  cargo install --quiet --locked --no-default-features --features "$DYNOXIDE_FEATURES" --root . \
    --target-dir target "$DYNOXIDE" && rm -rf target
}

have_dynamodb_local() {
  has java || apt_install default-jre-headless || return
  cached "$DYNAMODB_LOCAL" install_dynamodb_local "$PWD"
}

export_dynamodb_local() {
  export ARBITER_TEST_DYNAMODB_LOCAL=${ARBITER_TEST_DYNAMODB_LOCAL:-$CACHE/$DYNAMODB_LOCAL}
  [[ -d $ARBITER_TEST_DYNAMODB_LOCAL ]] || ARBITER_TEST_DYNAMODB_LOCAL=
}

version_dynamodb_local() {
  [[ ! -d $CACHE/$DYNAMODB_LOCAL ]] || echo "DynamoDB Local ${DYNAMODB_LOCAL##*-}"
}

# Has Maven collect the classes, and the native libraries among them, for the module of the repository $1.
install_dynamodb_local() {
  has mvn || apt_install maven || return
  mvn --quiet --batch-mode --file "$1/tests/engines/dynamodb/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime "-DoutputDirectory=$PWD" && ls DynamoDBLocal-*.jar libsqlite4java-linux-*.so >/dev/null
}
