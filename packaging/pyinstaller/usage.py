"""Uses frozen programs as people do, and measures them: each function below is a row of the table.

The programs run in a place: on this computer, or in a chroot (bare.py). Their profiles and data are in a scratch folder
that has the same path inside and outside.
"""

import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psutil
from PIL import ImageChops, ImageGrab

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # the helpers of the tests are no installed package

from lanchat import __version__  # noqa: E402
from tests.support.child import Child  # noqa: E402
from tests.support.procs import plain_environment  # noqa: E402

# The sizes that Windows' folders may have; what is stripped on Linux is near them.
CLIENT_MAX, SERVER_MAX = 60e6, 70e6
WINDOW_MAX = 1.0  # seconds from start to a drawn window
STARTS = 7
_LIMIT = 60.0
_LOOK = 0.02  # seconds between two looks at the screen, which cost 2 ms
_LOOKED_AT = (200, 100, 900, 620)  # the middle of the window
# A window that is drawn has at least so many pixels in which blue exceeds red by so much: its button.
_DRAWN, _BLUE = 2000, 100
PASSWORD = "correct horse battery staple"  # noqa: S105 - of people who exist for a minute


class Row(NamedTuple):
    """A line of the table: what was looked at, what came out, whether that is right."""

    what: str
    result: str
    right: bool


class Place(NamedTuple):
    """Where programs run: their folders, what stands before a command, a scratch folder, a display ("": none)."""

    name: str
    dist: Path
    scratch: Path
    display: str
    prefix: tuple[str, ...] = ()

    def command(self, program: str, *arguments: str) -> list[str]:
        suffix = ".exe" if sys.platform == "win32" else ""
        return [*self.prefix, str(self.dist / program / f"{program}{suffix}"), *arguments]

    def environment(self, **extra: str) -> dict[str, str]:
        shown = {"DISPLAY": self.display} if self.display else {}
        return plain_environment(self.scratch, {"LANCHAT_LANGUAGE": "en", **shown, **extra})

    def run(self, program: str, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """A command to its end."""
        return subprocess.run(
            self.command(program, *arguments),
            env=self.environment(**extra),
            capture_output=True,
            encoding="utf-8",
            timeout=_LIMIT,
            check=False,
        )


def rows(place: Place, database: str | None, admin: str | None) -> Iterator[Row]:
    """All rows of a place. `database`: the URL of one that `init-db` may make with the account of the URL `admin`."""
    yield from _answers(place)
    if place.display:
        yield _window(place, "client window", place.command("lanchat", "--profile", str(place.scratch / "window")))
        arguments = ("window", "--port", "0", "--no-discovery", "--data-dir", str(place.scratch / "served"))
        yield _window(place, "server window, serving", place.command("lanchat-server", *arguments))
    yield _attempt("chat, embedded database", lambda: _chat(place, "embedded"))
    if database and admin:
        yield _attempt("init-db", lambda: _init(place, database, admin))
        yield _attempt("server --check of MariaDB", lambda: _check(place, "lanchat-server", "--database", database))
        yield _attempt("chat, MariaDB", lambda: _chat(place, "mariadb", "--database", database))


def folder_rows(dist: Path) -> Iterator[Row]:
    """How large the folders are. Links count nothing."""
    for name, limit in (("lanchat", CLIENT_MAX), ("lanchat-server", SERVER_MAX)):
        files = [path for path in (dist / name).rglob("*") if path.is_file() and not path.is_symlink()]
        size = sum(path.stat().st_size for path in files)
        right = size <= limit or sys.platform != "win32"
        yield Row(f"{name} folder", f"{size / 1e6:.1f} MB in {len(files)} files", right)


# --- Single answers ---------------------------------------------------------------------------------------------------


def _attempt(what: str, run: Callable[[], str]) -> Row:
    try:
        return Row(what, run(), True)
    except (AssertionError, OSError, RuntimeError, TimeoutError, ValueError, subprocess.TimeoutExpired) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return Row(what, " | ".join(lines[-3:])[:300], False)


def _answers(place: Place) -> Iterator[Row]:
    for program in ("lanchat", "lanchat-server"):
        yield _attempt(f"{program} --version", partial(_version, place, program))
        yield _attempt(f"{program} --licences", partial(_licences, place, program))
        yield _attempt(f"{program} --check", partial(_check, place, program))


def _version(place: Place, program: str) -> str:
    done = place.run(program, "--version")
    line = done.stdout.strip()
    assert line.startswith(f"LAN Chat {__version__} (Python "), line or done.stderr
    assert line.endswith(", frozen)"), line
    return line


def _licences(place: Place, program: str) -> str:
    done = place.run(program, "--licences", "--json")
    notices = [json.loads(line) for line in done.stdout.splitlines()]
    assert notices, done.stderr
    without = [notice["name"] for notice in notices if not (notice["text"].strip() and notice["licence"])]
    assert not without, f"no text for {without}"
    names = {notice["name"].lower() for notice in notices}
    assert {"lan chat", "noto emoji", "unicode cldr", "python", "cryptography", "pillow"} <= names, sorted(names)
    return f"{len(notices)} parts, each with its text"


def _check(place: Place, program: str, *arguments: str) -> str:
    done = place.run(program, "--check", "--json", *arguments)
    checks = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, [each["detail"] for each in checks if not each["ok"]] or done.stderr
    return ", ".join(f"{each['check']} {'absent' if each.get('absent') else 'ok'}" for each in checks)


# --- Windows ----------------------------------------------------------------------------------------------------------


class Start(NamedTuple):
    """One start of a program: seconds until its window was drawn, and seconds of processor that it took for it."""

    seconds: float
    processor: float


def _window(place: Place, what: str, command: Sequence[str]) -> Row:
    """The median of several starts; the first one, which also reads from a cold disk, is left out. On a computer that
    has more to do than processors, what others take of them is not the program's: there its own time is judged."""
    starts = []
    try:
        for _ in range(STARTS + 1):
            starts.append(_start(place, command))
    except (RuntimeError, TimeoutError) as error:
        return Row(what, " | ".join(str(error).splitlines()[-3:]), False)
    times = [start.seconds for start in starts[1:]]
    median, processor = statistics.median(times), statistics.median(start.processor for start in starts[1:])
    load, processors = psutil.getloadavg()[0], psutil.cpu_count() or 1
    text = f"{median:.2f} s, {processor:.2f} s of processor (medians of {STARTS}; {min(times):.2f} to {max(times):.2f}"
    text += f", first {starts[0].seconds:.2f}; load {load:.0f} on {processors} processors)"
    return Row(what, text, (processor if load > processors else median) <= WINDOW_MAX)


def _start(place: Place, command: Sequence[str]) -> Start:
    began = time.monotonic()
    with Child(command, env=place.environment(), own_group=True) as child:
        while not _is_drawn(place.display):
            if child.returncode is not None:
                raise RuntimeError(f"no window\n{child.transcript()}")
            if time.monotonic() - began > _LIMIT:
                raise TimeoutError(f"no window within {_LIMIT:g} s\n{child.transcript()}")
            time.sleep(_LOOK)
        seconds = time.monotonic() - began
        used = psutil.Process(child.pid).cpu_times()
        child.stop()
    while _is_drawn(place.display):
        time.sleep(_LOOK)
    return Start(seconds, used.user + used.system)


def _is_drawn(display: str) -> bool:
    """Whether there is a button in the accent colour, of which the two programs have shades of their own: a blue."""
    red, _green, blue = ImageGrab.grab(_LOOKED_AT, xdisplay=display).convert("RGB").split()
    return sum(ImageChops.subtract(blue, red).histogram()[_BLUE:]) >= _DRAWN


# --- Conversation -----------------------------------------------------------------------------------------------------


@contextmanager
def _serving(place: Place, name: str, *arguments: str) -> Iterator[tuple[dict[str, str], float]]:
    """A server that is ready: its line, and the seconds that it took. Ends with an orderly stop."""
    began = time.monotonic()
    options = ("--json", "--port", "0", "--no-discovery", "--data-dir", str(place.scratch / name), *arguments)
    with Child(place.command("lanchat-server", *options), env=place.environment(), own_group=True) as child:
        ready = json.loads(child.wait_for_line(lambda line: '"ready"' in line, _LIMIT, "the server is ready"))
        yield ready, time.monotonic() - began
        child.signal(signal.SIGTERM)
        code = child.wait(10)
        assert code == 0, f"the server ended with {code}"


def _chat(place: Place, name: str, *arguments: str) -> str:
    """Two people register, one writes, the other reads; after a restart it is still there."""
    text = "Привет, 👋 is anybody there?"
    with _serving(place, name, *arguments) as (ready, first):
        _client(place, ready, name, "anna", "register", "--user", "anna", "--setup-code", ready["setup_code"])
        _client(place, ready, name, "tom", "register", "--user", "tom")
        _client(place, ready, name, "anna", "send", "general", text)
    with _serving(place, name, *arguments) as (ready, second):
        told = _client(place, ready, name, "tom", "history", "general", "--json")
        assert [json.loads(line)["text"] for line in told.splitlines()] == [text], told
    return f"stored and read after a restart; server ready in {first:.2f} s, then {second:.2f} s"


def _client(place: Place, ready: dict[str, str], name: str, who: str, *arguments: str) -> str:
    where = ("--server", f"127.0.0.1:{ready['port']}", "--fingerprint", ready["fingerprint"])
    profile = ("--profile", str(place.scratch / f"{name}-{who}"))
    done = place.run("lanchat", *where, *profile, *arguments, LANCHAT_PASSWORD=PASSWORD)
    assert done.returncode == 0, f"{arguments[0]} of {who}: {done.returncode} {done.stderr}"
    return done.stdout


def _init(place: Place, database: str, admin: str) -> str:
    done = place.run("lanchat-server", "init-db", "--database", database, "--admin-url", admin)
    assert done.returncode == 0, done.stderr
    return "database, account and tables made"
