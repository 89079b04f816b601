#!/bin/sh
# The fake compiler of the tests. Writes its arguments, each ended by a NUL, to the file that FAKE_ARGV names,
# its PATH to FAKE_PATH, its stdin to FAKE_STDIN, and ends as FAKE_DO says. $runs counts its runs in FAKE_ARGV.
if [ -n "$FAKE_ARGV" ]; then
    for a in "$0" "$@"; do printf '%s\0' "$a"; done >>"$FAKE_ARGV"
    printf '\n' >>"$FAKE_ARGV"
fi
if [ -n "$FAKE_PATH" ]; then printf '%s' "$PATH" >"$FAKE_PATH"; fi
if [ -n "$FAKE_STDIN" ]; then cat >>"$FAKE_STDIN"; fi
eval "$FAKE_DO"
