"""Installs, uses, updates, removes and purges the Debian packages in Debian 12, Debian 13 and Ubuntu 24.04, each with
its own systemd (`make deb-test`), and ends with a table.

    deb_test.py [--only NAME]     NAME: bookworm, trixie or noble

Chroots are kept in `.cache/linux`, and so are packages that need not be built anew: a second run is short.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import deb
from booted import System, booted
from chroots import SUITES, ChrootError, Suite, copied, say

CONFIG = "/etc/lanchat-server/server.toml"
ADMIN = f"lanchat-server --config {CONFIG}"
CLIENT = "LANCHAT_PASSWORD='correct horse' lanchat --server 127.0.0.1 --accept-new --user anna"
DATA = "/var/lib/lanchat-server"
OLDER = "0.0.9"
# What package manager, login and journal change by themselves, and nothing else.
UNWATCHED = ("proc", "sys", "dev", "run", "tmp", "var/log", "var/cache", "var/lib/dpkg", "var/lib/apt", "root", "boot")
UNWATCHED_PATHS = re.compile(r"var/lib/(systemd|dbus|private$)|var/(tmp|backups)|etc/machine-id|etc/\.pwd\.lock")
EXPOSURE_MAX = 2.0


def older(package: Path, folder: Path) -> Path:
    """The package as an older version would be: another version, a file that the new one lacks, another default of the
    configuration."""
    tree = folder / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["dpkg-deb", "--raw-extract", str(package), str(tree)], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {OLDER}", control.read_text(encoding="utf-8")))
    name = package.name.partition("_")[0]
    (tree / f"usr/lib/{name}/gone.py").write_text("")
    if name == "lanchat-server":
        config = tree / CONFIG.lstrip("/")
        config.write_text(config.read_text(encoding="utf-8") + "\n# of the older version\n", encoding="utf-8")
    made = folder / f"{name}_{OLDER}_amd64.deb"
    command = ["dpkg-deb", "--build", "--root-owner-group", "-Zxz", "-z0", str(tree), str(made)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return made


def files(root: Path) -> set[str]:
    """Everything in a system but what changes by itself."""
    found = set()
    for place, folders, names in os.walk(root):
        here = os.path.relpath(place, root)
        folders[:] = [name for name in folders if os.path.normpath(f"{here}/{name}") not in UNWATCHED]
        found |= {os.path.normpath(f"{here}/{name}") for name in (*folders, *names)}
    return {path for path in found if not UNWATCHED_PATHS.match(path)}


class Trial:
    """The life of the packages in one system; each method that `STEPS` names is one line of the table."""

    def __init__(self, system: System, packages: list[Path]) -> None:
        """`packages` are the new ones; the older ones are made from them."""
        self._system = system
        self._run = system.run
        self._until = system.until
        self._before = files(system.root)
        place = system.root / "opt/debs"
        place.mkdir(parents=True)
        for package in packages:
            shutil.copy(package, place)
            older(package, place)
        self._new = " ".join(f"/opt/debs/{package.name}" for package in packages)
        self._old = f"/opt/debs/lanchat_{OLDER}_amd64.deb /opt/debs/lanchat-server_{OLDER}_amd64.deb"

    def _service(self, wish: str) -> None:
        self._run(f"systemctl {wish} lanchat-server || {{ journalctl --no-pager -n 20 -u lanchat-server; false; }}")

    def _becomes_active(self) -> None:
        try:
            self._until("systemctl is-active lanchat-server", "the service is active", 40)
        except RuntimeError as error:
            raise RuntimeError(f"{error}: {self._run('journalctl --no-pager -n 30 -u lanchat-server')}") from None

    def _pid(self) -> int:
        return int(self._run("systemctl show --property=MainPID --value lanchat-server"))

    def _history(self) -> list[str]:
        lines = self._run(f"{CLIENT} history general --json").splitlines()
        return [row["text"] for row in map(json.loads, lines) if "text" in row]

    def install(self) -> str:
        self._run(f"dpkg --install {self._old}")
        self._becomes_active()
        self._run("systemctl is-enabled lanchat-server")
        return self._run("python3 --version").strip()

    def use(self) -> str:
        self._run(f"{CLIENT} register && {CLIENT} send general 'kept over the update'")
        assert self._history() == ["kept over the update"], self._history()
        found = self._until("lanchat discover --json --timeout 3 | grep '{'", "clients find it", 40).splitlines()
        return f"registered, sent, found by {json.loads(found[0])['via']}"

    def service_rights(self) -> str:
        status = self._run(f"cat /proc/{self._pid()}/status")
        uid = int(re.findall(r"Uid:\s+(\d+)", status)[0])
        assert uid >= 61184, f"user id {uid} is not a dynamic one"
        assert re.search(r"CapBnd:\s+0+$", status, re.MULTILINE), "there are capabilities"
        rated = self._run("systemd-analyze security --no-pager lanchat-server | tail -n 1")
        exposure = float(re.findall(r": (\d+\.\d)", rated)[0])
        assert exposure <= EXPOSURE_MAX, rated
        return f"user id {uid}, exposure {exposure}"

    def configuration(self) -> str:
        mode = self._run(f"stat --format=%a,%U {CONFIG}").strip()
        assert mode == "640,root", mode
        self._run(f"sed -i 's/^# name = .*/name = \"Trial\"/' {CONFIG}")
        self._service("restart")
        # Who knows a server sees the name under which it was accepted.
        stranger = "lanchat --profile /root/stranger discover --json --timeout 3"
        self._until(f"{stranger} | grep Trial", "newcomers see the new name", 40)
        return "name changed by hand"

    def refused_configuration(self) -> str:
        self._run(f"cp -p {CONFIG} /root/kept && echo 'nonsense' >>{CONFIG}")
        self._run("systemctl restart lanchat-server", check=False)
        self._until("journalctl -u lanchat-server | grep 'is not valid TOML'", "the journal says why")
        self._run(f"cp -p /root/kept {CONFIG} && systemctl reset-failed lanchat-server")
        self._service("restart")
        return "the journal says what is wrong"

    def update(self) -> str:
        before = self._pid()
        self._run(f"dpkg --install --force-confold {self._new}")
        self._becomes_active()
        assert self._pid() != before, "the server was not started anew"
        assert self._history() == ["kept over the update"], self._history()
        assert 'name = "Trial"' in self._run(f"cat {CONFIG}")
        self._run("test -z \"$(find /usr/lib/lanchat* -name 'gone*')\"")
        return "message, account, configuration kept"

    def administration(self) -> str:
        assert "users_online" in self._run(f"{ADMIN} status --json")
        self._run(f"LANCHAT_PASSWORD='correct horse' {ADMIN} users add boris")
        self._run(f"{ADMIN} backup /root/office.backup && test -s /root/office.backup")
        self._service("stop")
        self._run(f"LANCHAT_PASSWORD='correct horse' {ADMIN} users add vera")
        self._service("start")
        self._run(f"{CLIENT} send general 'after a command of root on the stopped server'")
        names = self._run(f"{ADMIN} users list --json")
        assert all(f'"{name}"' in names for name in ("anna", "boris", "vera")), names
        return "users, status, backup; also while it is stopped"

    def restart(self) -> str:
        before = self._pid()
        self._run(f"kill -KILL {before}")
        self._until(
            f"test $(systemctl show -p MainPID --value lanchat-server) -gt 0 -a $(systemctl show -p MainPID"
            f" --value lanchat-server) != {before} && systemctl is-active lanchat-server",
            "started anew",
        )
        folder = "/run/systemd/system/lanchat-server.service.d"
        self._run(f"mkdir -p {folder} && printf '[Service]\\nWatchdogSec=3\\n' >{folder}/test.conf")
        self._run("systemctl daemon-reload")
        self._service("restart")
        hung = self._pid()
        self._run(f"kill -STOP {hung}")
        self._until(f"! test -e /proc/{hung} && systemctl is-active lanchat-server", "the watchdog starts it anew")
        self._run(f"rm -r {folder} && systemctl daemon-reload")
        self._service("restart")
        assert self._history()[0] == "kept over the update"
        return "after a kill, and after it hung"

    def window(self) -> str:
        self._run("systemd-run --unit=screen --quiet Xvfb :7 -screen 0 1280x900x24")
        self._until("test -e /tmp/.X11-unix/X7", "the screen")
        self._run("systemd-run --unit=window --quiet --setenv=DISPLAY=:7 --setenv=HOME=/root/person lanchat")
        self._until("DISPLAY=:7 xdotool search --onlyvisible --name 'LAN Chat'", "the client's window")
        self._run("systemctl stop window")
        command = "lanchat-server window --data-dir /root/person/server --port 47500 --discovery-port 47501"
        self._run(f"systemd-run --unit=window --quiet --setenv=DISPLAY=:7 --setenv=HOME=/root/person {command}")
        self._until("DISPLAY=:7 xdotool search --onlyvisible --name 'LAN Chat'", "the server's window")
        self._run("systemctl stop window screen")
        return "client's and server's"

    def integration(self) -> str:
        for page in ("lanchat.1", "lanchat-server.8"):
            self._run(f"test -s /usr/share/man/man{page[-1]}/{page}.gz")
        for name in ("lanchat", "lanchat-server"):
            self._run(f"bash -c '. /usr/share/bash-completion/completions/{name} && complete -p {name}'")
            self._run(f"test -s /usr/share/zsh/vendor-completions/_{name}")
            self._run(f"test -s /usr/share/fish/vendor_completions.d/{name}.fish")
        self._run("grep -qx 'MimeType=x-scheme-handler/lanchat;' /usr/share/applications/lanchat.desktop")
        self._run("test -s /usr/share/icons/hicolor/scalable/apps/lanchat.svg -a -s /etc/xdg/autostart/lanchat.desktop")
        for program in ("lanchat", "lanchat-server"):
            notices = [json.loads(line) for line in self._run(f"{program} --licences --json").splitlines()]
            without = [notice["name"] for notice in notices if not notice["text"].strip()]
            assert notices, program
            assert not without, f"{program}: no licence text of {', '.join(without)}"
        return "man pages, completion, menu, icon, link handler, licences"

    def remove(self) -> str:
        self._run("dpkg --remove lanchat lanchat-server")
        self._run(f"! systemctl is-active lanchat-server && test -d {DATA}/ -a -e {CONFIG}")
        self._run("! ls -d /usr/bin/lanchat* /usr/lib/lanchat*")
        self._run(f"dpkg --install {self._new}")
        self._becomes_active()
        assert self._history()[0] == "kept over the update"
        return "data kept, there again after another installation"

    def purge(self) -> str:
        self._run("dpkg --purge lanchat lanchat-server")
        shutil.rmtree(self._system.root / "opt/debs")
        left = sorted(files(self._system.root) - self._before)
        assert not left, f"left over: {', '.join(left[:10])}"
        gone = sorted(self._before - files(self._system.root))
        assert not gone, f"gone with it: {', '.join(gone[:10])}"
        return "nothing left"


STEPS: tuple[tuple[str, Callable[[Trial], str]], ...] = (
    ("install an older version", Trial.install),
    ("chat", Trial.use),
    ("rights of the service", Trial.service_rights),
    ("configuration", Trial.configuration),
    ("wrong configuration", Trial.refused_configuration),
    ("update", Trial.update),
    ("administration", Trial.administration),
    ("started anew", Trial.restart),
    ("windows", Trial.window),
    ("desktop and shells", Trial.integration),
    ("remove", Trial.remove),
    ("purge", Trial.purge),
)
Row = tuple[str, str, str, float, str]


def trial(suite: Suite, packages: list[Path]) -> Iterator[Row]:
    """The rows of one system; it ends with the first step that fails."""
    try:
        with copied(suite) as root, booted(root) as system:
            life = Trial(system, packages)
            for name, step in STEPS:
                started = time.monotonic()
                try:
                    said, outcome = step(life), "ok"
                except (RuntimeError, AssertionError, subprocess.SubprocessError) as error:
                    said, outcome = str(error), "FAILED"
                yield suite.title, name, outcome, time.monotonic() - started, said
                if outcome != "ok":
                    return
    except (ChrootError, RuntimeError) as error:
        yield suite.title, "the system", "not tested", 0.0, str(error)


def main() -> int:
    parser = argparse.ArgumentParser(prog="packaging/linux/deb_test.py", description="Try the Debian packages.")
    parser.add_argument("--only", choices=[suite.name for suite in SUITES])
    chosen = parser.parse_args().only
    if os.geteuid() != 0:
        sys.exit("make deb-test needs root: sudo make deb-test")
    packages = deb.build()
    rows: list[Row] = []
    for suite in SUITES:
        if chosen in (None, suite.name):
            say(suite.title)
            for row in trial(suite, packages):
                print(f"   {row[1]}: {row[2]} ({row[3]:.1f} s) {row[4]}", flush=True)
                rows.append(row)
    print()
    for title, name, outcome, seconds, said in rows:
        print(f"{title:13} {name:25} {outcome:10} {seconds:6.1f} s  {' '.join(said.split())[:200]}")
    print()
    deb.table(packages)
    return int(any(row[2] != "ok" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
