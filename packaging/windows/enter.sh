#!/bin/sh
# The inside of box.sh: enter.sh CACHE CHECKOUT COMMAND ARGS..., in mount and process namespaces that end with it.
set -eu
cache=$1
top=$2
shift 2

if [ -n "${BOX_STATE:-}" ]; then
    state=$cache/state/$BOX_STATE
    mkdir -p "$state"
    exec 9>"$state/lock"
    flock -n 9 || { echo "error: the state $BOX_STATE is in use" >&2; exit 1; }
else
    mkdir -p "$cache/state"
    state=$(mktemp -d "$cache/state/.session.XXXXXX")
    trap 'umount -l "$state/root" 2>/dev/null; rm -rf "$state"' EXIT
    trap 'exit 130' INT TERM HUP
fi
mkdir -p "$state/upper" "$state/work" "$state/root"
lower=$cache/box
[ ! -e "$cache/prefix/ready" ] || lower=$cache/prefix:$lower
mount -t overlay box -o "lowerdir=$lower,upperdir=$state/upper,workdir=$state/work" "$state/root"
mount -t proc proc "$state/root/proc"
mount --rbind /dev "$state/root/dev"
mount -t sysfs sys "$state/root/sys" 2>/dev/null || true
mount --rbind "$top" "$state/root/src"
mount --bind "$cache" "$state/root/kept"

if [ "${BOX_NETWORK:-own}" != shared ]; then # loopback, and an interface as computers have one
    ip link set lo up
    ip link add lan0 type veth peer name far0
    ip link set far0 up
    ip link set lan0 up
    ip addr add 198.51.100.2/24 brd + dev lan0
    ip route add default dev lan0
    : >"$state/root/etc/resolv.conf" # nobody answers: a question fails at once
fi

run() {
    chroot "$state/root" /usr/bin/env -i --chdir=/src HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG="${BOX_LANG:-C.UTF-8}" \
        TERM="${TERM:-dumb}" XDG_RUNTIME_DIR=/run WINEDEBUG="${WINEDEBUG:--all}" WINEDLLOVERRIDES='mscoree=;mshtml=' \
        ${BOX_SCREEN:+DISPLAY=:99} "$@"
}

if [ -n "${BOX_SCREEN:-}" ]; then
    # What a kept state's last session has left: no X server starts beside it, and without a screen services end early.
    rm -f "$state/root/tmp/.X99-lock" "$state/root/tmp/.X11-unix/X99"
    run Xvfb :99 -screen 0 "${BOX_SCREEN}x24" -nolisten tcp >/dev/null 2>&1 &
    while [ ! -e "$state/root/tmp/.X11-unix/X99" ]; do sleep 0.1; done
fi
run "$@" && code=0 || code=$?
# What Wine still writes (its registry) is written before a kept state is left; what runs on is ended.
[ -z "${BOX_STATE:-}" ] || { run wineserver -k || true; run wineserver -w || true; }
exit "$code"
