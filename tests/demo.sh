#!/bin/sh
# The main job on a real package: build it for two CPU levels, look at what was made, and at one compile.
set -eu
crosswheel=$1
out=${2:-out/demo}
package=${DEMO_PACKAGE:-kiwisolver==1.4.8}

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

say "crosswheel doctor"
"$crosswheel" doctor || true

say "crosswheel build $package --family x86-64-v2,x86-64-v3 --out $out"
rm -rf "$out"
"$crosswheel" build "$package" --family x86-64-v2,x86-64-v3 --out "$out"

say "The wheels"
ls -l "$out"/*/*.whl

say "crosswheel audit (every ELF file in a wheel was linked through the shim, for the right machine)"
for family in x86-64-v2 x86-64-v3; do
    "$crosswheel" audit "$out/$family"/*.whl --log "$out/$family"
done

say "One compile, before and after"
id=$("$crosswheel" log ls "$out/x86-64-v3" --kind compile --no-probe --json | sed -n 's/.*"id":"\([0-9a-f]*\)".*/\1/p' | head -n 1)
"$crosswheel" log show "$id" "$out/x86-64-v3"
