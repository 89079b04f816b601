#!/bin/sh
# Gets the other wrappers (outside of the repository's own files), then measures all of them in one run. What cannot
# be had is left out, and the report says so. Arguments go to benches/overhead: --rounds, --crosswheel, …
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
others=target/bench
mkdir -p "$others"

missing=
for pair in musl-gcc:musl-tools bear:bear ccache:ccache valgrind:valgrind git:git; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
if [ -n "$missing" ]; then
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    echo "installing:$missing" >&2
    # The list is words on purpose.
    # shellcheck disable=SC2086
    { $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
        $sudo apt-get install -y -qq --no-install-recommends $missing; } >/dev/null || echo "not all were installed" >&2
fi

# pywasmcross is a module of pyodide-build.
if [ -z "${PYODIDE_PYTHON:-}" ]; then
    PYODIDE_PYTHON=$PWD/$others/pyodide/bin/python
    if ! "$PYODIDE_PYTHON" -c 'import pyodide_build.pywasmcross' 2>/dev/null; then
        rm -rf "$others/pyodide"
        { "$python" -m venv "$others/pyodide" && "$PYODIDE_PYTHON" -m pip install -q pyodide-build; } >&2 || PYODIDE_PYTHON=
    fi
fi

# Spack's wrapper: a script in a repository of its own, in older releases a file of Spack itself.
if [ -z "${SPACK_CC_SCRIPT:-}" ]; then
    if [ -n "${SPACK_ROOT:-}" ] && [ -f "$SPACK_ROOT/lib/spack/env/cc" ]; then
        SPACK_CC_SCRIPT=$SPACK_ROOT/lib/spack/env/cc
    else
        SPACK_CC_SCRIPT=$PWD/$others/spack/cc.sh
        [ -f "$SPACK_CC_SCRIPT" ] || GIT_TERMINAL_PROMPT=0 git clone -q --depth 1 --branch v1.1.0 \
            https://github.com/spack/compiler-wrapper "$others/spack" >&2 || SPACK_CC_SCRIPT=
    fi
fi

export PYODIDE_PYTHON SPACK_CC_SCRIPT
exec "$python" benches/overhead "$@"
