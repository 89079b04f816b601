#!/bin/sh
# Installs what the tests need and what is not there yet: Debian's packages and Python's.
set -eu

need() { # what must be there (a command, or a file by its path), Debian's package
    case $1 in
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
    esac || missing="$missing $2"
}
look() { # fills $missing with packages
    missing=
    need g++ g++
    need gfortran gfortran
    need git git
    need ld.gold binutils
    need clang clang
    need ld.lld lld
    need ccache ccache
    need strace strace
    need ninja ninja-build
    need make make
    need pkg-config pkg-config
    need fish fish
    need faketime faketime
    need valgrind valgrind
    need readelf binutils
    need cmake cmake
    need patchelf patchelf
    need bear bear
    need clangd clangd
    need clang-tidy clang-tidy
    need aarch64-linux-gnu-g++ g++-aarch64-linux-gnu
    need aarch64-linux-gnu-gfortran gfortran-aarch64-linux-gnu
    need unzip unzip
    need gpg gnupg
    need gpgv gpgv
    need qemu-aarch64-static qemu-user-static
    need emcc emscripten
    need node nodejs
    need chromium chromium
    need chromedriver chromium-driver
    need /usr/include/python3.11/Python.h python3-dev
    need /usr/lib/python3.11/venv/__init__.py python3-venv
    need /usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
    need /usr/bin/python3 python3
}

look
if [ -n "$missing" ]; then
    command -v apt-get >/dev/null 2>&1 || {
        echo "error: there is no apt-get here; the tests need what these packages of Debian have:$missing" >&2
        exit 1
    }
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    echo "installing:$missing"
    $sudo apt-get update -qq
    # The list is words on purpose.
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
        failed=yes
    look
    [ -z "$missing" ] || echo "what these packages of Debian have is not there, and tests that need it will fail:$missing" >&2
    [ -z "${failed-}" ] || exit 1
fi
python3 -m pip --version >/dev/null 2>&1 || { echo "error: python3 has no pip" >&2; exit 1; }

# Python's own tools for wheels, against which ours are held, in an environment of their own.
tools=${CARGO_TARGET_DIR:-"$(dirname "$0")/../target"}/wheel-tools
imports='import auditwheel, cyclonedx, installer, jsonschema, packaging, pyodide_build, referencing'
if ! { "$tools/bin/wheel" version && "$tools/bin/python" -c "$imports" && "$tools/bin/uv" --version &&
    "$tools/bin/twine" --version &&
    "$tools/bin/meson" --version; } >/dev/null 2>&1; then
    # From nothing: pip would leave scripts alone whose interpreter is gone.
    python3 -m venv --clear "$tools"
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check 'wheel>=0.46' auditwheel==6.8.2 installer packaging \
        jsonschema 'cyclonedx-python-lib[validation]' uv twine meson-python
    # One module of it is used, which needs nothing else and runs on older Pythons than the rest.
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --ignore-requires-python pyodide-build==0.39.2
fi

# Extension modules in Rust for another machine.
if command -v rustup >/dev/null 2>&1; then
    rustup target list --installed | grep -qx aarch64-unknown-linux-gnu || rustup --quiet target add aarch64-unknown-linux-gnu
fi
