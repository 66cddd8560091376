# shellcheck shell=bash
# The Autobahn testsuite, which tests WebSocket servers; engines.sh reads this file.

# Must be the version in tests/engines/autobahn/requirements.txt.
AUTOBAHN=autobahn-25.10.1
# The last Debian that has Python 2.7.
AUTOBAHN_DEBIAN=bullseye
# What installs Python packages there, in the last versions for it.
AUTOBAHN_PIP=(pip==20.3.4 setuptools==44.0.0 wheel==0.37.1)

have_autobahn() {
  cached "$AUTOBAHN" install_autobahn "$PWD"
}

export_autobahn() {
  export ARBITER_TEST_AUTOBAHN=${ARBITER_TEST_AUTOBAHN:-$CACHE/$AUTOBAHN/wstest}
  [[ -x $ARBITER_TEST_AUTOBAHN ]] || ARBITER_TEST_AUTOBAHN=
}

version_autobahn() {
  "$ARBITER_TEST_AUTOBAHN" --autobahnversion | sed -n 's/^AutobahnTestSuite /Autobahn testsuite /p'
}

# Fills the current, empty folder: Python and the testsuite, for tests/engines/autobahn/wstest.sh of the repository $1.
install_autobahn() {
  local packages=root/usr/lib/python2.7/dist-packages
  unpack_debian "$AUTOBAHN_DEBIAN" python2.7-minimal libpython2.7-stdlib || return
  cp "$1/tests/engines/autobahn/wstest.sh" wstest && ln -s wstest python && mkdir -p "$packages" &&
    (cd "$packages" && pip_install "${AUTOBAHN_PIP[@]}") || return
  pip_for_python2 install --quiet --upgrade --no-deps --no-compile --target "$packages" \
    --requirement "$1/tests/engines/autobahn/requirements.txt" && ./wstest --autobahnversion
}

# For packages that have to be built pip starts Python anew, which must find its libraries, too.
pip_for_python2() {
  ./python -c "import sys; sys.executable = '$PWD/python'; from pip._internal.cli.main import main; sys.exit(main())" "$@"
}
