# The fake tools of tests/behaviours.rs; each is a file of its own that sets `is` and reads this. They say what they
# are, and otherwise write their arguments, each ended by a NUL, to the file that FAKE_ARGV names. Flags for C alone are
# refused for C++, as by the real ones.
case "$*" in
--version)
    case $is in
    ccache) echo "ccache version 4.8" ;;
    clang*) echo "Debian clang version 14.0.6" ;;
    ld) echo "GNU ld (GNU Binutils for Debian) 2.40" ;;
    *) echo "gcc (Debian 12.2.0-14+deb12u1) 12.2.0"; echo "Copyright (C) 2022 Free Software Foundation, Inc." ;;
    esac ;;
-dumpmachine) echo x86_64-linux-gnu ;;
-Wl,--version) echo "GNU ld (GNU Binutils for Debian) 2.40" ;;
esac
if [ -n "$FAKE_ARGV" ]; then
    for a in "$@"; do printf '%s\0' "$a"; done >>"$FAKE_ARGV"
    printf '\n' >>"$FAKE_ARGV"
    exit "${FAKE_EXIT:-0}"
fi
case "$*" in
*"-x c++ "*"=implicit-function-declaration"*) echo "not valid for C++" >&2; exit 1 ;;
*"-x objective-c++ "*"=implicit-function-declaration"*) echo "not valid for C++" >&2; exit 1 ;;
*"-x f95 "*"=implicit-function-declaration"*) echo "not valid for Fortran" >&2; exit 1 ;;
*"=mismatched-parameter-types"*) echo "no such option" >&2; exit 1 ;;
esac
exit 0
