#!/bin/sh
# Makes a checkout ready, as little as is missing:  setup.sh run | dev | test | fuzz | bench
#   run   a Python with Tk, a virtual environment `.venv`, the program in it
#   dev   and the tools that check and test it
#   test  and the Debian packages with the servers and screens that tests use
#   fuzz  what dev installs, and what searches for hostile input with coverage
#   bench and the chat servers that benchmarks compare with, and what draws the plots
# A stamp in `.venv` makes the second call return at once. Packages are installed without starting any service.
set -eu
cd "$(dirname "$0")/../.."

level=${1:?run, dev, test, fuzz or bench}
log=.cache/setup.log
mkdir -p .cache
: >"$log"

say() { printf '== %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

quietly() { # runs a command; shows what it said only when it fails
    "$@" >>"$log" 2>&1 || { tail -n 25 "$log" >&2; fail "failed: $*   (all of it: $log)"; }
}

# ---- Debian packages

guard=/usr/sbin/policy-rc.d
guard_is_ours=

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

drop_guard() { [ -z "$guard_is_ours" ] || as_root rm -f "$guard"; guard_is_ours=; }
trap drop_guard EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

raise_guard() { # Debian asks this file before it starts a service; 101 means no
    [ -e "$guard" ] && return
    guard_is_ours=yes
    as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$guard && chmod 755 $guard"
}

install_packages() {
    by_hand="install these packages, then run it again: $*"
    command -v apt-get >/dev/null || fail "$by_hand (named as on Debian)"
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null || fail "$by_hand  (apt-get install, as root)"
    say "installing $*"
    raise_guard
    as_root apt-get -q update >>"$log" 2>&1 || say "package lists could not be refreshed: trying with the old ones"
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 \
        install --no-install-recommends "$@"
    drop_guard
}

# What tests need: a file or a program, and the package that brings it. The database package is the one without
# a service.
test_needs='
mariadbd:mariadb-server-core
my_print_defaults:mariadb-client-core
Xvfb:xvfb
xkbcomp:x11-xkb-utils
xdotool:xdotool
openbox:openbox
xauth:xauth
xwininfo:x11-utils
xclip:xclip
import:imagemagick
/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf:fonts-dejavu-core
avahi-daemon:avahi-daemon
avahi-browse:avahi-utils
dbus-daemon:dbus
nft:nftables
ip:iproute2
'

# What benchmarks need besides: the peers, and what compiles the floor in C.
bench_needs='
ngircd:ngircd
mosquitto:mosquitto
cc:gcc
/usr/include/stdlib.h:libc6-dev
/usr/include/sodium.h:libsodium-dev
/usr/include/sqlite3.h:libsqlite3-dev
'

install_missing() { # install_missing NEED...
    missing=
    for need in "$@"; do
        case ${need%%:*} in
        /*) [ -e "${need%%:*}" ] ;;
        *) PATH=$PATH:/usr/sbin:/sbin command -v "${need%%:*}" >/dev/null ;;
        esac || missing="$missing ${need#*:}"
    done
    # shellcheck disable=SC2086  # a list of words
    [ -z "$missing" ] || install_packages $missing
}

# ---- Python

is_fit() { # at least 3.11, with Tk and what makes virtual environments
    "$1" -c 'import sys, ensurepip, tkinter, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in "${PYTHON:-python3}" python3 python3.11 python3.12 python3.13 python3.14 /usr/bin/python3; do
        is_fit "$candidate" && { command -v "$candidate"; return; }
    done
    return 1
}

make_environment() {
    if [ -x .venv/bin/python ] && .venv/bin/python -c 'import pip, tkinter' 2>/dev/null; then return; fi
    python=$(find_python) || {
        install_packages python3-tk python3-venv
        python=/usr/bin/python3
        is_fit "$python" || fail "$python is too old: Python 3.11 or newer with Tk is needed (PYTHON=/path/to/python3 make …)"
    }
    say "virtual environment .venv with $python"
    quietly "$python" -m venv --clear .venv
}

pip_install() { quietly .venv/bin/python -m pip --disable-pip-version-check install --quiet "$@"; }

# The state in which an environment is up to date: the same project file, at the same place.
state="$(cksum <pyproject.toml) $PWD"
is_ready() { [ "$(cat ".venv/ready-for-$1" 2>/dev/null)" = "$state" ] && [ -x .venv/bin/python ]; }

prepare() { # prepare LEVEL, then the command that does it
    wanted=$1
    shift
    is_ready "$wanted" && return
    "$@"
    printf '%s' "$state" >".venv/ready-for-$wanted"
}

install_program() {
    make_environment
    say "installing the program and its libraries"
    pip_install --editable .
}

install_plots() {
    say "installing what draws plots"
    pip_install --group bench
}

install_search() {
    say "installing what searches for hostile input"
    pip_install --group fuzz
}

install_tools() {
    say "installing the tools that check and test it"
    pip_install --upgrade 'pip>=25.1' # the first that knows dependency groups
    pip_install --group dev
}

prepare run install_program
[ "$level" = run ] && exit
prepare dev install_tools
[ "$level" = dev ] && exit
[ "$level" = fuzz ] && { prepare fuzz install_search; exit; }
# shellcheck disable=SC2086  # lists of words
install_missing $test_needs
[ "$level" = test ] && exit
# shellcheck disable=SC2086
install_missing $bench_needs
prepare bench install_plots
