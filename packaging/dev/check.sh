#!/bin/sh
# Everything that must hold before a change is handed in: style, types on two platforms, all tests.
#   check.sh          all of it; further arguments go to pytest
#   check.sh --lint   without the tests
# A failed step does not hide the next one: all of them run, and the exit code says whether one failed.
set -u
cd "$(dirname "$0")/../.."
bin=.venv/bin
failed=

step() { # step NAME COMMAND...
    name=$1
    shift
    printf '\n== %s\n' "$name"
    "$@" || failed="$failed, $name"
}

# Beside the other steps, with a cache of its own: mypy throws a cache away that was made for another platform.
windows=$(mktemp)
$bin/mypy --platform win32 --cache-dir .mypy_cache/win32 lanchat lanchat_server >"$windows" 2>&1 &
windows_mypy=$!
# The tests, too, are compiled beside the other steps: each worker would compile all of them anew.
unset PYTHONDONTWRITEBYTECODE
compiling=
if [ $# = 0 ] && [ -z "$(find tests/__pycache__ -name '*-pytest-*.pyc' 2>/dev/null)" ]; then
    $bin/python -m pytest --collect-only -q >/dev/null 2>&1 &
    compiling=$!
fi
trap 'kill $windows_mypy $compiling 2>/dev/null; rm -f "$windows"' EXIT
trap 'exit 130' INT TERM

result_for_windows() {
    wait $windows_mypy
    code=$?
    cat "$windows"
    return $code
}

step 'ruff check' $bin/ruff check .
step 'ruff format' $bin/ruff format --check .
step 'mypy' $bin/mypy
step 'mypy for Windows' result_for_windows

if [ "${1:-}" = --lint ]; then
    [ -z "$failed" ] || { printf '\nfailed: %s\n' "${failed#, }" >&2; exit 1; }
    exit 0
fi

printf '\n== pytest\n'
[ -z "$failed" ] || printf 'failed so far: %s\n' "${failed#, }"
[ "$(id -u)" = 0 ] || printf 'not root: the tests that build networks of their own (marked lab) are left out\n'
[ -z "$compiling" ] || wait "$compiling"
# tests/conftest.py says how many workers there are, and which tests share one.
LANCHAT_TEST_ALL=1 $bin/python -m pytest -n auto "$@" || failed="$failed, pytest"
[ -z "$failed" ] || { printf 'failed: %s\n' "${failed#, }" >&2; exit 1; }
