#!/bin/sh
# Runs the fuzz targets, SECONDS each: fuzz/run.sh [SECONDS [TARGET…]]. What was found lies in fuzz/artifacts/TARGET, what
# was learnt in fuzz/corpus/TARGET, which the next run starts from.
#
# The stable compiler does: coverage is a pass of LLVM's, whose flags cargo-fuzz would give to a nightly compiler. With
# --target they do not reach build scripts.
set -eu
cd "$(dirname "$0")"
seconds=${1:-600}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- argv response plan record_json elf record diagnostics zip wheel wheel_record wheel_headers wheel_name gpu

host=$(rustc -vV | sed -n 's/^host: //p')
coverage='-sanitizer-coverage-level=4 -sanitizer-coverage-inline-8bit-counters -sanitizer-coverage-pc-table
    -sanitizer-coverage-trace-compares'
flags='--cfg fuzzing -C codegen-units=1 -C passes=sancov-module'
for flag in $coverage; do flags="$flags -C llvm-args=$flag"; done
RUSTFLAGS=$flags cargo build --release --locked --target "$host" --bins

python3 seeds.py corpus
for target; do
    mkdir -p "corpus/$target" "artifacts/$target"
    echo "fuzzing $target for $seconds s"
    "target/$host/release/$target" "corpus/$target" -artifact_prefix="artifacts/$target/" \
        -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
done
