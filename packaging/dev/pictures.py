"""Takes the pictures of the documentation anew:  .venv/bin/python packaging/dev/pictures.py [en|ru]

Nothing in them is drawn by hand. A real server and the computers of some colleagues run in network namespaces, a
conversation is held through the command line, and then real windows, each on a screen of its own, are photographed.
Needs root, Xvfb, xdotool and ImageMagick, as the tests do. Only times, fingerprints and addresses' words differ from
one run to the next.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # the helpers of the tests are no installed package

from tests.lab.netns import Computer, Lab  # noqa: E402
from tests.support import procs, xvfb  # noqa: E402
from tests.support.child import Child  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
OCTETS_MAX = 200_000
GROUND, DARK_GROUND = "#e9edf2", "#0b0e14"
PASSWORD = "correct horse battery staple"  # noqa: S105 - of people who exist for a minute


# --- The conversation ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """A command of one person; none: this person goes away. `name`: how later steps call the message that it stored, as
    `{name}`."""

    who: str
    command: tuple[str, ...] = ()
    name: str = ""


def says(who: str, text: str, name: str = "", room: str = "general", to: str = "") -> Step:
    """A message; `to`: the name of the one that it answers."""
    reply = ("--reply-to", f"{{{to}}}") if to else ()
    return Step(who, ("send", room, text, *reply), name)


def reacts(who: str, to: str, emoji: str, room: str = "general") -> Step:
    return Step(who, ("react", room, f"{{{to}}}", emoji))


@dataclass(frozen=True)
class Story:
    """One language's picture: people (user name: name), what they say before, and what is said while they look."""

    language: str
    server: str
    people: dict[str, str]
    steps: tuple[Step, ...]
    live: tuple[Step, ...]
    second: str  # whose window stands beside Anna's
    typing: str  # what this person is just writing


ENGLISH = Story(
    "en",
    "Office",
    {
        "anna": "Anna Petrova",
        "tom": "Tom Baker",
        "maria": "Maria Rossi",
        "sergey": "Сергей Иванов",
        "olga": "Olga Lind",
    },
    (
        Step("anna", ("create-room", "Hamburg order", "--private")),
        Step("anna", ("invite", "Hamburg order", "tom")),
        Step("anna", ("invite", "Hamburg order", "maria")),
        Step("sergey", ("create-room", "Warehouse")),
        Step("anna", ("join", "Warehouse")),
        Step("tom", ("join", "Warehouse")),
        says("sergey", "Gate 2 is open again", room="Warehouse"),
        says("anna", "The offer went out yesterday", room="Hamburg order"),
        says("olga", "Good morning! The projector is back from repair, it stands in the meeting room.", "projector"),
        reacts("anna", "projector", "🎉"),
        reacts("tom", "projector", "🎉"),
        reacts("sergey", "projector", "👍"),
        says("tom", "Does anybody have the price list for Hamburg?", "prices"),
    ),
    (
        says("anna", "Shared disk, folder Orders, second sheet", "sheet", to="prices"),
        says("tom", "Found it, thank you!"),
        Step("olga"),
        reacts("tom", "sheet", "👍"),
        says("sergey", "Доставка сегодня в 14:00, ворота открою я", "gate"),
        says("anna", "In short: the delivery comes at two, Sergey opens the gate", to="gate"),
        says("anna", "Lunch at noon?", "lunch"),
        Step("anna", ("edit", "general", "{lunch}", "Lunch at one?")),
        reacts("maria", "lunch", "✅"),
        reacts("tom", "lunch", "✅"),
        says("maria", "They ask for twenty more", room="Hamburg order"),
        says("maria", "Shall I confirm?", room="Hamburg order"),
        says("sergey", "Two pallets are left", room="Warehouse"),
        says("maria", "Anna, do you have a minute?", room="@anna"),
        says("tom", "I am in. Where?"),
    ),
    "tom",
    "The place with the terrace, if it does not rain",
)

RUSSIAN = Story(
    "ru",
    "Офис",
    {
        "anna": "Анна Петрова",
        "tom": "Tom Baker",
        "maria": "Мария Кузнецова",
        "sergey": "Сергей Иванов",
        "olga": "Ольга Белова",
    },
    (
        Step("anna", ("create-room", "Заказ в Гамбург", "--private")),
        Step("anna", ("invite", "Заказ в Гамбург", "sergey")),
        Step("anna", ("invite", "Заказ в Гамбург", "maria")),
        Step("sergey", ("create-room", "Склад")),
        Step("anna", ("join", "Склад")),
        Step("maria", ("join", "Склад")),
        says("sergey", "Вторые ворота снова работают", room="Склад"),
        says("anna", "Предложение ушло вчера", room="Заказ в Гамбург"),
        says("olga", "Доброе утро! Проектор починили, он стоит в переговорной.", "projector"),
        reacts("anna", "projector", "🎉"),
        reacts("sergey", "projector", "🎉"),
        reacts("maria", "projector", "👍"),
        says("sergey", "У кого есть прайс для Гамбурга?", "prices"),
    ),
    (
        says("anna", "Общий диск, папка «Заказы», второй лист", "sheet", to="prices"),
        says("sergey", "Нашёл, спасибо!"),
        Step("olga"),
        reacts("sergey", "sheet", "👍"),
        says("tom", "The delivery comes at two today", "gate"),
        says("anna", "Сергей, машина придёт в 14:00: откроете ворота?", to="gate"),
        says("anna", "Обедаем в двенадцать?", "lunch"),
        Step("anna", ("edit", "general", "{lunch}", "Обедаем в час?")),
        reacts("maria", "lunch", "✅"),
        reacts("sergey", "lunch", "✅"),
        says("maria", "Просят ещё двадцать штук", room="Заказ в Гамбург"),
        says("maria", "Подтвердить?", room="Заказ в Гамбург"),
        says("maria", "Осталось два поддона", room="Склад"),
        says("maria", "Анна, есть минута?", room="@anna"),
        says("sergey", "Я за. Где?"),
    ),
    "sergey",
    "Там, где терраса, если не будет дождя",
)


def morning(now: float) -> str:
    """A time zone in which it is between nine and ten: people in the pictures say good morning."""
    east = (9 - int(now // 3600)) % 24
    return f"<office>{-east if east <= 12 else 24 - east}"


# --- The people ------------------------------------------------------------------------------------------------------


class Office:
    """A server, a computer for each person of a story, and what they have said so far."""

    def __init__(self, story: Story, folder: Path, stack: ExitStack) -> None:
        self.story = story
        self._folder = folder
        self._stack = stack
        self._messages: dict[str, str] = {}
        self._last: dict[str, Any] = {}
        self._zone = {"TZ": morning(time.time())}
        lab = stack.enter_context(Lab())
        lan = lab.lan()
        self.place = lab.computer((lan, "192.168.1.10/24"))
        self._newcomer = lab.computer((lan, "192.168.1.40/24"))
        addresses = (f"192.168.1.{number}/24" for number in range(21, 40))
        self._computers = {user: lab.computer((lan, next(addresses))) for user in story.people}
        self.server = stack.enter_context(
            procs.ServerProcess(folder / "server", name=story.server, port=47400, discovery_port=47474, **self.at)
        )
        code = ["--setup-code", self.server.setup_code]
        for user, name in story.people.items():
            self.run(user, "register", "--user", user, "--display-name", name, "--accept-new", *code)
            code = []  # it makes the first account alone
        self._online = {user: self._listen(user) for user in story.people if user not in ("anna", story.second)}

    @property
    def at(self) -> dict[str, Any]:
        return {"namespace": self.place.name, "env": self._zone}

    def run(self, user: str, *command: str) -> dict[str, Any]:
        """One command of one person; the first object of its answer."""
        done = procs.run_client(
            [*command, "--json"],
            self._folder / user,
            env={"LANCHAT_PASSWORD": PASSWORD},
            namespace=self._computers[user].name,
        )
        if done.returncode:
            raise RuntimeError(f"{user}: {command}: {done.stderr}")
        return next(iter(procs.json_lines(done.stdout)), {})

    def _listen(self, user: str) -> procs.ClientProcess:
        arguments = ["listen", "general", "--json"]
        name = self._computers[user].name
        return self._stack.enter_context(procs.ClientProcess(arguments, self._folder / user, namespace=name))

    def play(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if not step.command:
                self._leaves(step.who)
                continue
            self._last = self.run(step.who, *(part.format(**self._messages) for part in step.command))
            if step.name:
                self._messages[step.name] = str(self._last["seq"])

    def _leaves(self, user: str) -> None:
        """Not before the server knows that this person has received what was said."""
        listening = self._online.pop(user)
        listening.wait_for(lambda event: event.get("seq") == self._last["seq"])
        time.sleep(2)  # receipts go out once a second
        listening.stop()

    def wait_until_read(self, readers: Sequence[str]) -> None:
        """The last message of the conversation stands in the windows of these people."""

        def all_read() -> bool:
            done = procs.run_client(
                ["receipts", "general", str(self._last["seq"]), "--json"],
                self._folder / self.story.second,
                namespace=self._computers[self.story.second].name,
            )
            rows = procs.json_lines(done.stdout)
            return {row["user"] for row in rows if row["read"]} >= set(readers)

        wait_until(all_read, 30, "the windows show what was said", interval=0.3)

    def window(
        self, user: str, size: str, theme: str = "light", place: Computer | None = None, until: ExitStack | None = None
    ) -> "Window":
        """Somebody's window, open until `until`, or everything, ends."""
        profile = self._folder / user
        profile.mkdir(mode=0o700, exist_ok=True)
        settings = f'language = "{self.story.language}"\ntheme = "{theme}"\ngeometry = "{size}+0+0"\n'
        (profile / "settings.toml").write_text(settings)
        command = [sys.executable, "-m", "lanchat", "--profile", str(profile)]
        shown = opened(command, place or self._computers[user], profile, self._zone)
        return (until or self._stack).enter_context(shown)

    def newcomer(self, size: str) -> "Window":
        return self.window("newcomer", size, place=self._newcomer)

    def server_window(self) -> "Window":
        """The same server with its window, in the place of the one without."""
        self.server.stop()
        data = self._folder / "server"
        command = [sys.executable, "-m", "lanchat_server", "window", "--data-dir", str(data), "--port", "47400"]
        command += ["--name", self.story.server]
        window = self._stack.enter_context(
            opened(command, self.place, data, self._zone | {"LANCHAT_LANGUAGE": self.story.language})
        )
        wait_until(lambda: self._users_online() >= len(self._online), 90, "everybody is back", interval=0.5)
        return window

    def _users_online(self) -> int:
        command = [sys.executable, "-m", "lanchat_server", "status", "--json"]
        command += ["--data-dir", str(self._folder / "server")]
        done = subprocess.run(
            self.place.argv(*command), cwd=ROOT, check=False, capture_output=True, text=True, timeout=30
        )
        return len(json.loads(done.stdout)["users_online"]) if done.returncode == 0 else 0


# --- Windows and pictures of them ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """A window on a screen of its own, which no window manager decorates."""

    display: str
    id: str

    def focus(self) -> None:
        xvfb.focus(self.display, self.id)

    def key(self, *names: str) -> None:
        xvfb.key(self.display, *names)

    def write(self, text: str) -> None:
        xvfb.type_text(self.display, text)

    def photograph(self, path: Path) -> Path:
        """A picture of it, once two in a row are the same."""
        other = path.with_suffix(".other.png")
        for _try in range(40):
            self._take(path)
            time.sleep(0.9)  # a blinking cursor: on for 0.6 s, off for 0.3 s
            self._take(other)
            if path.read_bytes() == other.read_bytes():
                return path
        raise TimeoutError("the window does not come to rest")

    def _take(self, path: Path) -> None:
        shot = [
            "import",
            "-display",
            self.display,
            "-window",
            self.id,
            "-strip",
            "-define",
            "png:exclude-chunks=date,time",
        ]
        subprocess.run([*shot, str(path)], check=True, timeout=30)


@contextmanager
def opened(command: Sequence[str], place: Computer, home: Path, env: dict[str, str]) -> Iterator[Window]:
    """Runs a program with a window; both screen and program end with the block."""
    with xvfb.Screen() as screen:
        everything = procs.plain_environment(home, {"DISPLAY": screen.display, "LC_CTYPE": "C.UTF-8"} | env)
        with Child(place.argv(*command), env=everything, cwd=ROOT) as program:
            try:
                window = Window(screen.display, xvfb.wait_for_window(screen.display, "LAN Chat", 30))
            except TimeoutError as error:
                raise RuntimeError(program.transcript()) from error
            xvfb.xdotool(screen.display, "mousemove", "1279", "899")
            window.focus()
            yield window


def join(shots: Sequence[Path], picture: str, ground: str = GROUND) -> None:
    """Windows side by side on one ground, as small as a palette makes it."""
    target = PICTURES / picture
    command = ["convert"]
    edge = "#b8c0cc" if ground == GROUND else "#3a4250"
    for shot in shots:
        command += ["(", str(shot), "-bordercolor", edge, "-border", "1", "-bordercolor", ground, "-border", "14", ")"]
    command += ["-background", ground, "-gravity", "center", "+append", "-bordercolor", ground, "-border", "10"]
    command += ["+dither", "-colors", "255", "-strip", "-define", "png:compression-level=9", f"PNG8:{target}"]
    subprocess.run(command, check=True, timeout=60)
    octets = target.stat().st_size
    print(f"{target.relative_to(ROOT)}: {octets:,} octets")
    if octets > OCTETS_MAX:
        raise RuntimeError(f"{picture} is too large")


def take(story: Story, folder: Path) -> None:
    """All pictures of one language."""
    suffix = "" if story.language == "en" else f"-{story.language}"
    with ExitStack() as stack:
        office = Office(story, folder, stack)
        office.play(story.steps)
        with ExitStack() as both:  # a second window of the same profile would only show the first one
            windows = [office.window(user, "690x640", until=both) for user in ("anna", story.second)]
            office.play(story.live)
            for window in windows:
                window.focus()
            office.wait_until_read(["anna"])
            windows[1].write(story.typing)
            shots = [window.photograph(folder / f"{number}.png") for number, window in enumerate(windows)]
            join(shots, f"chat{suffix}.png")
        dark = office.window("anna", "1000x640", "dark")
        join([dark.photograph(folder / "dark.png")], f"chat-dark{suffix}.png", DARK_GROUND)
        newcomer = office.newcomer("520x560")
        newcomer.write("1")  # else the only server is taken before it is photographed
        newcomer.key("BackSpace")
        time.sleep(4)
        shots = [newcomer.photograph(folder / "servers.png")]
        newcomer.key("Return")
        time.sleep(2)
        shots.append(newcomer.photograph(folder / "words.png"))
        join(shots, f"login{suffix}.png")
        join([office.server_window().photograph(folder / "server.png")], f"server-window{suffix}.png")


def main() -> None:
    os.umask(0o022)
    PICTURES.mkdir(exist_ok=True)
    wanted = sys.argv[1:] or ["en", "ru"]
    for story in (ENGLISH, RUSSIAN):
        if story.language in wanted:
            with tempfile.TemporaryDirectory() as folder:
                take(story, Path(folder))


if __name__ == "__main__":
    main()
