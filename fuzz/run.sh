#!/usr/bin/env bash
# Lets libFuzzer try a decoder: run.sh TARGET [flag of libFuzzer...]. What it learns is kept in fuzz/corpus, and a finding
# in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

target=$1
shift
# What cargo-fuzz would add, without the sanitizers: those need a nightly toolchain, and the server has no unsafe code.
export RUSTFLAGS='--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares'
host=$(rustc -vV | sed -n 's/^host: //p')
cp ../Cargo.lock Cargo.lock
mkdir -p "corpus/$target" "artifacts/$target"
# With --target the flags do not reach what runs while building.
exec cargo run --release --target "$host" --bin "$target" -- "corpus/$target" "seeds/$target" \
  "-artifact_prefix=artifacts/$target/" "$@"
