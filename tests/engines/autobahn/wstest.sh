#!/usr/bin/env bash
# Runs the Autobahn testsuite. install_autobahn copies this file beside `root`, another Debian's Python 2.7 with its
# libraries and the testsuite; `python` is a link to it, and runs that Python.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/root
libraries=$(cd "$root"/lib/*-linux-gnu && pwd)
run=("$libraries"/ld-linux*.so.? --library-path "$libraries:$root/usr/${libraries#"$root/"}" "$root/usr/bin/python2.7")
# The machine's own packages are for another Python.
export PYTHONHOME=$root/usr PYTHONNOUSERSITE=1 PYTHONPATH=

if [[ $(basename "$0") == python ]]; then
  exec "${run[@]}" "$@"
fi
exec "${run[@]}" -c 'from autobahntestsuite.wstest import run; run()' "$@"
