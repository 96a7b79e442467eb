#!/bin/sh
# Prints the path of a Python that can run Samlet, or says by name what is missing and exits 1.
# Every candidate is run, because a version manager's shims lie on PATH and fail. PYTHON=<path> names one.
check='import sys; sys.exit(0 if sys.version_info >= (3, 12) else 3)'
complete='import venv, ensurepip, ssl, sqlite3, lzma'
seen='' incomplete=''

try() {
    [ -x "$1" ] || return 1
    "$1" -c "$check" >/dev/null 2>&1
    case $? in
        0) ;;
        3) seen="$seen
  $1 ($("$1" -c 'import platform; print(platform.python_version())'): too old)"; return 1 ;;
        *) seen="$seen
  $1 (does not run)"; return 1 ;;
    esac
    "$1" -c "$complete" >/dev/null 2>&1 && { echo "$1"; exit 0; }
    incomplete="$1 ($("$1" -c "$complete" 2>&1 | tail -n 1))"
    return 1
}

if [ -n "$PYTHON" ]; then
    case $PYTHON in */*) try "$PYTHON" ;; *) try "$(command -v "$PYTHON")" ;; esac
    echo "PYTHON=$PYTHON is no Python 3.12 or newer with venv.$seen${incomplete:+ $incomplete}" >&2
    exit 1
fi

# 3.13 first: it is the template's runtime, so the functions then share the interpreter.
for version in 3.13 3.12 3.14; do
    oldifs=$IFS; IFS=:
    for folder in $PATH; do try "$folder/python$version"; done
    IFS=$oldifs
    for found in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version"*/bin/python \
                 "${UV_PYTHON_INSTALL_DIR:-$HOME/.local/share/uv/python}"/cpython-"$version"*/bin/python3 \
                 /opt/homebrew/bin/python"$version" /usr/local/bin/python"$version" /usr/bin/python"$version"; do
        try "$found"
    done
    # HOME may be another's (sudo, CI): the shims on PATH still tell where pyenv is.
    shim=$(command -v "python$version") && try "${shim%/shims/*}/versions/$("${shim%/shims/*}/bin/pyenv" latest "$version" 2>/dev/null)/bin/python"
    case $shim in */shims/*) for found in "${shim%/shims/*}/versions/$version"*/bin/python; do try "$found"; done ;; esac
done
try "$(command -v python3)"

if [ -n "$incomplete" ]; then
    echo "Found $incomplete, but it lacks a standard module that is needed." >&2
    echo "On Debian and Ubuntu: apt install python3-venv; with pyenv: install the system's development packages and build again." >&2
else
    echo "No Python 3.12 or newer was found. Looked on PATH, in pyenv and in uv.${seen:+ Rejected:$seen}" >&2
    echo "Install one (a package of your system, pyenv install 3.13, or uv python install 3.13), or name it: make PYTHON=/path/to/python3.13" >&2
fi
exit 1
