# Tasks of wnm. `just` lists them; CONTRIBUTING.md describes them.

set positional-arguments

# List the recipes
default:
    @just --list --unsorted

# Check format, words, lints, tests, documentation, packages and licences: tier 1
check:
    .ci/check

# Run the tests of the workspace, or those of a filter: `just test relieve_cpu`
test *filter:
    cargo test --workspace -- "$@"

# Run nodes under real systemd, docker and ufw, and under load: tier 2 (root on Debian)
system *parts:
    .ci/machines "$@"

# Check macOS, and Linux on ARM and on 32 bits (root on Debian)
platforms *platforms:
    .ci/platforms "$@"

# Run both tiers, as CI does (root on Debian)
ci:
    .ci/run

# Show a colony of five fake nodes, from the first to the last
demo:
    cargo run --release -p wnm-cli -- demo

# Inject faults and check the invariants: `just explore --seed 7 --cycles 100000`
explore *flags="--seeds 1000 --cycles 5000":
    cargo run --release -p wnm-sim -- explore {{ flags }}

# Run fuzz targets on changed inputs, all or one: `just fuzz crontab 300`
fuzz target="all" seconds="60":
    .ci/fuzz {{ target }} {{ seconds }}

# Draw docs/screens, the pages in the README, from the output of a colony of fake nodes
screenshots:
    cargo build --release -p wnm-cli
    .ci/screenshots

# Measure speed, or one benchmark: `just bench --bench engine`
bench *flags:
    cargo build --release -p wnm-cli -p wnm-sim
    cargo bench -p wnm-benches "$@"

# Measure the daemon on 200 and 1000 nodes, and write docs/figures.md (12 minutes, an idle host; `--seconds 60`: 3 minutes)
figures *flags:
    cargo build --release -p wnm-cli
    cargo bench -p wnm-benches --bench daemon -- "$@"

# Kill wnm at random times, at system calls and at failpoints, and write the figures to docs/RELIABILITY.md (needs strace)
crash:
    cargo test -p wnm-cli --test e2e crash::figures -- --ignored --nocapture

# Cut the power of a machine in the middle of actions; each cut takes 6 s (root on Debian)
power-cuts cuts="50":
    WNM_POWER_CUTS={{ cuts }} .ci/system-tests power-cuts

# Fill the volume of the database, and that of the nodes, until each number of KiB from 0 to 200 is free (root on Debian)
full-volume step="1":
    cargo build --release -p wnm-cli
    WNM=$PWD/target/release/wnm .ci/full-volume {{ step }}

# Measure moves of a node beside `cp -a` and `sync`, for the figures of docs/moving-nodes.md (root on Linux, an idle machine)
move-rate *args:
    cargo build --release -p wnm-cli
    .ci/move-rate "$@"

# Check words against docs/GLOSSARY.md
prose *paths:
    .ci/prose "$@"

# Measure a job beside the nodes for the table of docs/policies.md (root, stress-ng, an idle machine): `--seconds 120`
other-work *flags:
    cargo build -p wnm-cli
    .ci/other-work "$@"

# Change the engine in one place at a time and list changes that no test notices (hours; needs cargo-mutants)
mutants *flags:
    # The baseline of cargo-mutants tests the core only; the tests of both crates must pass first.
    cargo test -q -p wnm-core -p wnm-sim --lib --test engine --test parity --test properties --test steady --test explore
    cargo mutants --baseline skip --timeout 300 "$@"

# Renew snapshots, schemas, completions and man pages (needs cargo-insta for inline snapshots)
renew: renew-schemas renew-packaging renew-snapshots

# Renew docs/schema and docs/settings.md
renew-schemas:
    WNM_RENEW_SCHEMAS=1 cargo test -q -p wnm-cli --bin wnm schema
    WNM_RENEW_SCHEMAS=1 cargo test -q -p wnm-sim --lib schema

# Renew wnm-cli/packaging and wnm-sim/packaging
renew-packaging:
    cargo build -p wnm-cli
    target/debug/wnm util completions bash > wnm-cli/packaging/completions/wnm.bash
    target/debug/wnm util completions zsh > wnm-cli/packaging/completions/_wnm
    target/debug/wnm util completions fish > wnm-cli/packaging/completions/wnm.fish
    rm -f wnm-cli/packaging/man/*.1
    target/debug/wnm util man --out wnm-cli/packaging/man
    WNM_RENEW_PACKAGING=1 cargo test -q -p wnm-sim --test util

# Renew snapshots
renew-snapshots:
    cargo insta test --workspace --accept
