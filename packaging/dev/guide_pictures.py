"""Takes the pictures of docs/guide anew:  .venv/bin/python packaging/dev/guide_pictures.py [en|ru]

The steps from a new server to the first message, as two people see them: real windows of the server and of clients in
network namespaces. Needs what pictures.py needs; windows are driven by what they show, so a button that is not there
any more ends the script.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pictures import PASSWORD, ROOT, Window, join, morning, opened

sys.path.insert(0, str(ROOT))  # the helpers of the tests are no installed package

from lanchat.i18n import _, set_language
from tests.lab.netns import Computer, Lab
from tests.support import procs, xvfb
from tests.support.ui_window import UiWindow
from tests.support.waiting import wait_until

# Of the server's window, without the log: with the form for the first account, and without it.
FORM, TOP = "960x590+0+0", "960x430+0+0"
CLIENT_SIZE = "520x560"
# A long message is several texts on the screen: so much of it is looked for.
BROKEN = 10


@dataclass(frozen=True)
class Words:
    """One language: names and what is said."""

    language: str
    server: str
    first: tuple[str, str]
    second: tuple[str, str]
    welcome: str
    answer: str

    def picture(self, name: str) -> str:
        return f"guide-{name}.png" if self.language == "en" else f"guide-{name}-{self.language}.png"


LANGUAGES = (
    Words(
        "en",
        "Office",
        ("anna", "Anna Petrova"),
        ("tom", "Tom Baker"),
        "Good morning! Everything for the new office goes in here.",
        "Here I am. That was quick!",
    ),
    Words(
        "ru",
        "Офис",
        ("anna", "Анна Петрова"),
        ("sergey", "Сергей Иванов"),
        "Доброе утро! Всё про новый офис пишем сюда.",
        "Я здесь. Быстро получилось!",
    ),
)


class Steps:
    """The server's computer and a newcomer's, with what was photographed so far."""

    def __init__(self, words: Words, folder: Path, stack: ExitStack) -> None:
        self.words = words
        self.folder = folder
        self.stack = stack
        self.zone = {"TZ": morning(time.time())}
        lab = stack.enter_context(Lab())
        lan = lab.lan()
        self.place = lab.computer((lan, "192.168.1.10/24"))
        self.newcomer = lab.computer((lan, "192.168.1.40/24"))

    def keep(self, window: Window, name: str, crop: str = "") -> None:
        shot = window.photograph(self.folder / f"{name}.png")
        if crop:
            subprocess.run(["mogrify", "-crop", crop, "+repage", str(shot)], check=True, timeout=30)
        join([shot], self.words.picture(name))

    def take(self) -> None:
        data = self.folder / "server"
        command = [sys.executable, "-m", "lanchat_server", "window", "--data-dir", str(data), "--port", "47400"]
        env = self.zone | {"LANCHAT_LANGUAGE": self.words.language}
        window = self.stack.enter_context(opened([*command, "--name", self.words.server], self.place, data, env))
        wait_until(lambda: self._status(data), 60, "the server runs", interval=0.5)
        time.sleep(2)
        self.keep(window, "first-account", FORM)
        self._run(self.place, "first", "register", *self._account(self.words.first))
        self._run(self.place, "first", "send", "general", self.words.welcome)
        self.keep(window, "server", TOP)
        self._join()

    def _join(self) -> None:
        """The newcomer's way to the conversation."""
        words = self.words
        set_language(words.language)
        accept, make, submit = _("The words are the same: accept"), _("Create an account"), _("Create the account")
        with self._client() as (window, picture):
            window.write("1")  # else the only server is taken before it is photographed
            window.keys("BackSpace")
            window.see(words.server, "item", 30)
            self.keep(picture, "servers")
            window.write("192.168.1.10")
            self.keep(picture, "address")
            window.keys("ctrl+a", "BackSpace")
            window.click(words.server, "item")
            window.see(accept, "TButton", 20)
            self.keep(picture, "words")
            window.click(accept, "TButton")
            window.click(make, "TButton", timeout=20)
            window.see(submit, "TButton")
            for text in (*words.second, PASSWORD, PASSWORD):
                window.write(text)
                window.keys("Tab")
            self.keep(picture, "account")
            window.click(submit, "TButton")
            window.see(words.welcome[:BROKEN], timeout=30)
            window.send(words.answer)
            window.see(words.answer[:BROKEN], timeout=30)
            time.sleep(3)
            self.keep(picture, "chat")

    @contextmanager
    def _client(self) -> Iterator[tuple[UiWindow, Window]]:
        profile = self.folder / "second"
        profile.mkdir(mode=0o700)
        (profile / "settings.toml").write_text(f'language = "{self.words.language}"\ntheme = "light"\n')
        probe = self.folder / "probe"
        argv = [sys.executable, "-m", "tests.support.real_window", "--profile", str(profile), "--probe", str(probe)]
        argv = self.newcomer.argv(*argv, "--geometry", f"{CLIENT_SIZE}+0+0")
        with (
            xvfb.Screen() as screen,
            UiWindow(screen.display, argv, probe, procs.plain_environment(profile, self.zone)) as window,
        ):
            xvfb.xdotool(screen.display, "mousemove", "1279", "899")
            yield window, Window(screen.display, str(window.window))

    def _account(self, names: tuple[str, str]) -> tuple[str, ...]:
        return ("--user", names[0], "--display-name", names[1], "--accept-new")

    def _run(self, place: Computer, profile: str, *command: str) -> None:
        done = procs.run_client(
            list(command), self.folder / profile, env={"LANCHAT_PASSWORD": PASSWORD}, namespace=place.name
        )
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stderr}")

    def _status(self, data: Path) -> bool:
        command = [sys.executable, "-m", "lanchat_server", "status", "--json", "--data-dir", str(data)]
        return subprocess.run(self.place.argv(*command), cwd=ROOT, check=False, capture_output=True).returncode == 0


def main() -> None:
    os.umask(0o022)
    for words in LANGUAGES:
        if words.language in (sys.argv[1:] or ["en", "ru"]):
            with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
                Steps(words, Path(folder), stack).take()


if __name__ == "__main__":
    main()
