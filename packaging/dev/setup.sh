#!/bin/sh
# Makes a checkout ready, as little as is missing:  setup.sh run | dev | test | fuzz | locks | deb | dist | site | bench | cluster
#   run   a Python with Tk, a virtual environment `.venv`, the program in it
#   dev   and the tools that check and test it
#   test  and the Debian packages with the servers and screens that tests use
#   fuzz  what dev installs, and what searches for hostile input with coverage
#   locks what dev installs, and what renews packaging/locks
#   site  what dev installs, and what builds the guides as a site
#   bench what test installs, the chat servers that benchmarks compare with, and what draws the plots
#   cluster what test installs, and a database server that copies its state to others
#   deb   what dev installs, and what makes and tests Debian packages in chroots
#   dist  what deb installs, and what checks the bill of materials of a release
#   newest | lowest   what test installs, in the newest or lowest versions that pyproject.toml allows: without locks
# Python packages come in the versions and with the hashes of packaging/locks, from wheels only. A stamp in `.venv`
# makes the second call return at once. Debian packages are installed without starting any service.
set -eu
cd "$(dirname "$0")/../.."

level=${1:?run, dev, test, fuzz, locks, deb, dist, site, bench, cluster, newest or lowest}
log=.cache/setup.log
mkdir -p .cache
: >"$log"

say() { printf '== %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

quietly() { # runs a command; when it fails, says why in one line, or shows what it said
    said=$(($(wc -l <"$log") + 1))
    "$@" >>"$log" 2>&1 || explain "$*"
}

# What pip and apt-get say when nobody answers.
no_network='NewConnectionError|NameResolutionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|Max retries exceeded'
no_network="$no_network|Temporary failure (resolving|in name resolution)|Could not resolve|Could not connect"
no_network="$no_network|Network is unreachable|Connection refused|error sending request|dns error"

explain() { # explain COMMAND: why it failed, from the log, and the end
    output=$(tail -n "+$said" "$log")
    if printf '%s' "$output" | grep -q 'DO NOT MATCH THE HASHES'; then
        names=$(printf '%s\n' "$output" | sed -n 's/^ *\([A-Za-z0-9._-]*==[^ ]*\) from .*/\1/p' | sort -u | tr '\n' ' ')
        fail "what was downloaded is not what packaging/locks names (another hash), nothing of it was installed: ${names:-see }($log)"
    fi
    if printf '%s' "$output" | grep -Eq "$no_network"; then
        fail "packages cannot be downloaded: no answer from the network; run it again when there is one ($log)"
    fi
    missing=$(printf '%s\n' "$output" | sed -n 's/^ERROR: No matching distribution found for \([^ ]*\).*/\1/p' | head -n 1)
    [ -z "$missing" ] || fail "$missing: there is no such wheel for this Python and computer, or it is not served any more ($log)"
    printf '%s\n' "$output" | tail -n 25 >&2
    fail "failed: $1   (all of it: $log)"
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
objdump:binutils
'

# What Debian packages are made and tried with: chroots, and validators of the desktop's files.
deb_needs='
mmdebstrap:mmdebstrap
zstd:zstd
dpkg-deb:dpkg
unshare:util-linux
ip:iproute2
git:git
desktop-file-validate:desktop-file-utils
appstreamcli:appstream
/usr/share/distro-info/ubuntu.csv:distro-info-data
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

# What a Galera cluster needs besides; its scripts come with the package that has the service.
cluster_needs='
/usr/lib/galera/libgalera_smm.so:galera-4
wsrep_sst_rsync:mariadb-server
rsync:rsync
lsof:lsof
ss:iproute2
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

version_of() { "$1" -c 'import sys; print(sys.version)' 2>/dev/null; }

has_environment() { # one that works, of the Python that was asked for
    .venv/bin/python -c 'import pip, tkinter' 2>/dev/null || return
    [ -z "${PYTHON:-}" ] || ! is_fit "$PYTHON" || [ "$(version_of .venv/bin/python)" = "$(version_of "$PYTHON")" ]
}

make_environment() {
    has_environment && return
    python=$(find_python) || {
        install_packages python3-tk python3-venv
        python=/usr/bin/python3
        is_fit "$python" || fail "$python is too old: Python 3.11 or newer with Tk is needed (PYTHON=/path/to/python3 make …)"
    }
    say "virtual environment .venv with $python"
    quietly "$python" -m venv --clear .venv
}

pip_install() { quietly .venv/bin/python -m pip --disable-pip-version-check install --quiet "$@"; }

# From wheels: what is built from source asks for packages that no lock names.
install_locked() { pip_install --require-hashes --only-binary :all: --requirement "packaging/locks/$1.txt"; }

# The state in which an environment is up to date: the same files that say what is in it, place and Python.
state="$(cat pyproject.toml packaging/locks/*.txt packaging/dev/setup.sh | cksum) $PWD"
is_ready() {
    [ "$(cat ".venv/ready-for-$1" 2>/dev/null)" = "$state $(version_of .venv/bin/python)" ] && has_environment
}

prepare() { # prepare LEVEL, then the command that does it
    wanted=$1
    shift
    is_ready "$wanted" && return
    "$@"
    printf '%s' "$state $(version_of .venv/bin/python)" >".venv/ready-for-$wanted"
}

install_program() {
    make_environment
    say "installing the program and its libraries"
    install_locked build # with pip itself
    install_locked runtime
    pip_install --no-deps --no-build-isolation --editable .
}

install_tools() {
    say "installing the tools that check and test it"
    install_locked dev
}

install_plots() {
    say "installing what draws plots"
    install_locked bench
}

install_search() {
    say "installing what searches for hostile input"
    install_locked fuzz
}

install_site_builder() {
    say "installing what builds the site"
    install_locked site
}

install_locker() {
    say "installing what renews packaging/locks"
    install_locked locks
}

install_validator() {
    say "installing what checks the bill of materials"
    install_locked release
}

install_unlocked() { # install_unlocked highest | lowest-direct
    say "installing the $level versions that pyproject.toml allows"
    rm -f .venv/ready-for-* # the next call of another level brings the locked versions back
    quietly .venv/bin/python -m uv pip install --python .venv/bin/python --upgrade --resolution "$1" \
        --no-build-isolation --only-binary :all: --no-binary lanchat --editable '.[metrics]' --group dev --group build
}

prepare run install_program
[ "$level" = run ] && exit
prepare dev install_tools
[ "$level" = dev ] && exit
[ "$level" = fuzz ] && { prepare fuzz install_search; exit; }
[ "$level" = site ] && { prepare site install_site_builder; exit; }
[ "$level" = locks ] && { prepare locks install_locker; exit; }
# shellcheck disable=SC2086  # lists of words
[ "$level" = deb ] && { install_missing $deb_needs; exit; }
# shellcheck disable=SC2086
[ "$level" = dist ] && { install_missing $deb_needs; prepare dist install_validator; exit; }
# shellcheck disable=SC2086
install_missing $test_needs
[ "$level" = test ] && exit
# shellcheck disable=SC2086
[ "$level" = cluster ] && { install_missing $cluster_needs; exit; }
[ "$level" = newest ] && { prepare locks install_locker; install_unlocked highest; exit; }
[ "$level" = lowest ] && { prepare locks install_locker; install_unlocked lowest-direct; exit; }
# shellcheck disable=SC2086
install_missing $bench_needs
prepare bench install_plots
