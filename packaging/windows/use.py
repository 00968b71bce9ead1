"""Uses what setup.py built: two computers with Windows and one with Linux on a network of their own, in namespaces. A
row of the table for each thing that was tried; pictures beside the setup."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOX = str(ROOT / "packaging" / "windows" / "box.sh")
PASSWORD = "correct horse battery staple"  # noqa: S105 - of people who exist for a minute
PROGRAMS = r"C:\Program Files\LAN Chat"
OWN = r"C:\users\root\AppData\Local\Programs\LAN Chat"
DATA = r"C:\ProgramData\LAN Chat Server"
WORD_FILE = r"Z:\src\dist\windows\password.txt"
SILENT = ("/VERYSILENT", "/SUPPRESSMSGBOXES", "/NORESTART")
LIMIT = 300.0  # seconds for one step
Row = tuple[str, str, str]


class Failed(Exception):
    """What was tried did not go as it should; the text says how."""


class Computer:
    """A computer with Windows whose files stay from one session to the next, in the network namespace `name`."""

    def __init__(self, name: str, cache: Path) -> None:
        self.name = name
        self._environment = os.environ | {
            "WINDOWS_CACHE": str(cache),
            "BOX_STATE": name,
            "BOX_NETWORK": "shared",
            "BOX_SCREEN": "1280x900",
        }
        shutil.rmtree(cache / "state" / name, ignore_errors=True)

    def command(self, *arguments: str) -> list[str]:
        return ["ip", "netns", "exec", self.name, BOX, "run", *arguments]

    def run(self, *arguments: str, code: int | None = 0) -> str:
        """One command of Wine, to its end; what it said. Raises Failed."""
        done = subprocess.run(
            self.command("wine", *arguments), env=self._environment, capture_output=True, timeout=LIMIT, check=False
        )
        said = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
        if code is not None and done.returncode != code:
            raise Failed(f"{arguments[0]} ended with {done.returncode}: {said[-300:]}")
        return said

    def shell(self, script: str) -> subprocess.Popen[bytes]:
        """A session that goes on: programs beside each other in the same run of Windows."""
        return subprocess.Popen(
            self.command("sh", "-c", script),
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )


@contextmanager
def network(*names: str) -> Iterator[None]:
    """Namespaces on one bridge, 198.51.100.1 and so on."""
    bridge = "lanchatbr"
    _remove_network(bridge, names)  # of a run that was killed
    try:
        subprocess.run(["ip", "link", "add", bridge, "type", "bridge", "mcast_snooping", "0"], check=True)
        subprocess.run(["ip", "link", "set", bridge, "up"], check=True)
        for number, name in enumerate(names, 1):
            outer = f"lc{number}"
            for line in (
                f"ip netns add {name}",
                f"ip link add {outer} type veth peer name lan0 netns {name}",
                f"ip link set {outer} master {bridge} up",
                f"ip -n {name} link set lo up",
                f"ip -n {name} link set lan0 up",
                f"ip -n {name} addr add 198.51.100.{number}/24 brd + dev lan0",
                f"ip -n {name} route add default dev lan0",
            ):
                subprocess.run(line.split(), check=True)
        yield
    finally:
        _remove_network(bridge, names)


def _remove_network(bridge: str, names: tuple[str, ...]) -> None:
    for name in names:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
    subprocess.run(["ip", "link", "del", bridge], check=False, capture_output=True)


class Trial:
    """The computers and what they have done so far, step by step."""

    def __init__(self, setup: Path, cache: Path, out: Path) -> None:
        self.setup = "Z:\\src\\" + str(setup.relative_to(ROOT)).replace("/", "\\")
        self.out = out
        self.server = Computer("lcserver", cache)
        self.client = Computer("lcclient", cache)
        self.rows: list[Row] = []

    def step(self, name: str, action: Callable[[], str]) -> None:
        """Tries something; a failure is a row, and the next step is tried all the same."""
        print(f"== {name}", flush=True)
        began = time.monotonic()
        try:
            detail, result = action(), "ok"
        except (Failed, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            detail, result = " ".join(str(error).split())[-200:], "FAILED"
        self.rows.append((name, result, f"{detail} ({time.monotonic() - began:.0f} s)"))

    def install_server(self) -> str:
        answers = r"/ANSWERS=Z:\src\packaging\windows\answers.ini"
        options = ("/ALLUSERS", "/COMPONENTS=client,server", "/TASKS=firewall,service", answers)
        self.server.run(self.setup, *SILENT, *options, r"/LOG=Z:\src\dist\windows\install.log")
        return self.server.run(PROGRAMS + r"\server\lanchat-server.exe", "--version").splitlines()[0]

    def install_client(self) -> str:
        self.client.run(self.setup, *SILENT, "/CURRENTUSER", r"/LOG=Z:\src\dist\windows\install-client.log")
        if (
            "lanchat"
            not in self.client.run("reg", "query", r"HKCU\Software\Classes\lanchat\shell\open\command").lower()
        ):
            raise Failed("lanchat:// opens nothing")
        return self.client.run(OWN + r"\client\lanchat.exe", "--version").splitlines()[0]

    def use(self) -> str:
        """The service, a client on another computer with Windows, one with Linux; chat between them by discovery."""
        service = self.server.shell(
            f"server='{PROGRAMS}\\server\\lanchat-server.exe'; wine \"$server\" service start;"
            f" wine \"$server\" users add anna --data-dir '{DATA}' --password-file '{WORD_FILE}';"
            # Without a program Wine ends its services, too: one waits for the line.
            ' echo READY; wine cmd /c set /p line=; wine "$server" service stop; echo STOPPED'
        )
        try:
            return self._chat(service)
        finally:
            assert service.stdin is not None
            try:
                service.communicate(b"\n", timeout=LIMIT)
            except subprocess.TimeoutExpired:
                service.kill()

    def _chat(self, service: "subprocess.Popen[bytes]") -> str:
        assert service.stdout is not None
        said = []
        for line in service.stdout:
            said.append(line.decode("utf-8", "replace").strip())
            if said[-1] == "READY":
                break
        else:
            raise Failed("the service did not start: " + " ".join(said))
        lanchat = OWN + r"\client\lanchat.exe"
        found = json.loads(self.client.run(lanchat, "discover", "--json", "--timeout", "5").splitlines()[0])
        self.client.run(lanchat, "login", "--user", "anna", "--accept-new", "--password-file", WORD_FILE)
        self.client.run(lanchat, "send", "general", "From Windows: привет")
        heard = self._linux(
            "register", "--user", "boris", "--accept-new", "--password-file", str(self.out / "password.txt")
        )
        heard = self._linux("history", "general", "--json")
        if "From Windows: привет" not in heard:
            raise Failed("Linux did not read it: " + heard[-200:])
        self._linux("send", "general", "From Linux")
        if "From Linux" not in self.client.run(lanchat, "history", "general", "--json"):
            raise Failed("Windows did not read the answer")
        return f"{found['name']} found by {found['via']}"

    def _linux(self, *arguments: str) -> str:
        lanchat = [str(ROOT / ".venv" / "bin" / "python"), "-m", "lanchat", "--profile", str(self.out / "linux")]
        done = subprocess.run(
            ["ip", "netns", "exec", "lclinux", *lanchat, *arguments],
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
            timeout=LIMIT,
            check=False,
        )
        if done.returncode:
            raise Failed(f"lanchat {arguments[0]} on Linux ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def update(self) -> str:
        """The same setup over what is there: keys stay."""
        keys = ("cmd", "/c", "type", DATA + r"\keys\identity.crt")  # quoted by Wine
        before = self.server.run(*keys)
        self.server.run(self.setup, *SILENT, "/ALLUSERS")
        if self.server.run(*keys) != before or "BEGIN" not in before:
            raise Failed("the keys are others")
        return "the server's key is the same"

    def refuse_while_open(self) -> str:
        """A setup that is started while a window is open changes nothing."""
        script = (
            f"wine '{OWN}\\client\\lanchatw.exe' window & sleep 12;"
            f" wine '{self.setup}' {' '.join(SILENT)} /CURRENTUSER; echo CODE $?;"
            " import -window root /src/dist/windows/window.png"
        )
        said, _none = self.client.shell(script).communicate(timeout=LIMIT)
        if b"CODE 0" in said or b"CODE" not in said:
            raise Failed("the setup went on: " + said.decode("utf-8", "replace")[-200:])
        return self.client.run(OWN + r"\client\lanchat.exe", "--version").splitlines()[0] + " still works"

    def pictures(self) -> str:
        """The wizard in both languages."""
        for language in ("en", "ru"):
            script = (
                f"wine '{self.setup}' /CURRENTUSER /LANG={language} & sleep 10;"
                f" import -window root /src/dist/windows/wizard-{language}.png"
            )
            self.client.shell(script).communicate(timeout=LIMIT)
        taken = sorted(file.name for file in self.out.glob("*.png"))
        if missing := {"window.png", "wizard-en.png", "wizard-ru.png"} - set(taken):
            raise Failed(f"not taken: {', '.join(sorted(missing))}")
        return ", ".join(taken)

    def uninstall(self) -> str:
        self.server.run(PROGRAMS + r"\unins000.exe", *SILENT)
        time.sleep(1)
        rest = self.server.run("cmd", "/c", "dir", "/b", PROGRAMS, code=None)
        kept = self.server.run("cmd", "/c", "dir", "/b", DATA)
        if "server" in rest.split() or "keys" not in kept:
            raise Failed(f"left: {rest!r}; data: {kept!r}")
        return "programs removed, data kept"


def use_all(setup: Path, cache: Path, out: Path) -> list[Row]:
    """All steps; a row each."""
    (out / "password.txt").write_text(PASSWORD + "\n", encoding="utf-8")
    shutil.rmtree(out / "linux", ignore_errors=True)
    for old in out.glob("*.png"):
        old.unlink()
    trial = Trial(setup, cache, out)
    with network("lcserver", "lcclient", "lclinux"):
        trial.step("silent setup for all, with server and service", trial.install_server)
        trial.step("silent setup for one user, chat alone", trial.install_client)
        trial.step("service; chat between Windows and Linux by discovery", trial.use)
        trial.step("update over what is installed", trial.update)
        trial.step("setup while a window is open", trial.refuse_while_open)
        trial.step("pictures", trial.pictures)
        trial.step("uninstall", trial.uninstall)
    (out / "password.txt").unlink()
    shutil.rmtree(out / "linux", ignore_errors=True)
    return trial.rows
