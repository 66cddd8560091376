#!/usr/bin/env bash
# Stands in for a program NAME, now NAME.real, of another Debian than the machine's, unpacked as it is into a folder:
# runs it with the libraries of its own release.
set -euo pipefail

bin=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=$(basename "${BASH_SOURCE[0]}")
libraries=$(cd "$bin"/../../../*-linux-gnu && pwd)

# Debian would link the two libraries of linear algebra when it sets up their packages.
exec "$libraries"/ld-linux*.so.? --argv0 "$bin/$name" \
  --library-path "$libraries:$libraries/blas:$libraries/lapack:$bin/../lib" "$bin/$name.real" "$@"
