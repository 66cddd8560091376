# Shows what there is to do.
default:
    @just --list

# Starts a server with the demo page on http://127.0.0.1:8080.
run *flags:
    cargo run --release -- serve {{flags}}

# Lets 1,000 bots race for 100 assets on a server that runs already.
bots *flags:
    cargo run --release -- bots --url ws://127.0.0.1:8080 --room bots --players 1000 --assets 100 --units 1 {{flags}}

# Every check there is, as continuous integration runs it.
test:
    ./test.sh

# What to run while writing: fast, without browser and Node.
check:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo test

# Proves the stores' contract under many more seeds than a test run; `SEED=17 just conformance` replays one.
conformance seeds="5000":
    SEEDS={{seeds}} cargo test --release --test store_conformance

# Plays many more seeds than a test run on many nodes; `SEED=17 just simulation` replays one.
simulation seeds="50000":
    SEEDS={{seeds}} cargo test --release --test simulation

# Lets a fuzzer try a decoder until it is stopped; `just fuzz url`. Needs a C++ compiler.
fuzz target *flags:
    fuzz/run.sh {{target}} {{flags}}

# Checks licences, sources and advisories of the libraries. Needs cargo-deny.
deny:
    cargo deny check

# Replaces docs/spec by the present OpenAPI and AsyncAPI documents: at a release.
specs:
    cargo test --test spec -- --ignored write

# Prints what the changelog says of a version.
notes version:
    .ci/release-notes {{version}}

# Formats the code.
fmt:
    cargo fmt
