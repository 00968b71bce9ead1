"""`lanchat` at a pseudo-terminal: prompts, passwords, Ctrl-C, chat."""

import codecs
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lanchat.terminal.line_editor import picture
from tests.support.leaks import guard
from tests.support.procs import ROOT, ServerProcess, json_lines, plain_environment, run_client
from tests.support.screen import Screen
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

if sys.platform != "win32":
    import pty
    import termios


class Terminal:
    """A client on a pseudo-terminal. `screen` is all that was written so far."""

    def __init__(
        self,
        args: Sequence[str],
        profile: Path,
        language: str = "en",
        size: tuple[int, int] = (80, 24),
        shell: bool = False,
    ) -> None:
        """`size`: columns and lines. `shell`: the client is a job of an interactive shell."""
        profile.mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, "-m", "lanchat", "--profile", str(profile), *args]
        command = shlex.join(argv) + "\n"
        if shell:
            (profile / "rc").write_text("PS1='$ '; bind 'set enable-bracketed-paste off'\n")
            argv = ["bash", "--noprofile", "--rcfile", str(profile / "rc"), "-i"]
        self.screen = ""
        self._written: list[str] = []
        self._master, self._slave = pty.openpty()
        termios.tcsetwinsize(self._slave, (size[1], size[0]))
        self._process = subprocess.Popen(
            argv,
            cwd=ROOT,
            env=plain_environment(profile, {"TERM": "xterm", "LANG": f"{language}.UTF-8"}),
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            preexec_fn=lambda: os.login_tty(0),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if shell:
            self.type(command)

    def _read(self) -> None:
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        try:
            while octets := os.read(self._master, 4096):
                self._written.append(decode(octets))
                self.screen += self._written[-1]
                self.on_output(self._written[-1])
        except OSError:
            pass

    def on_output(self, text: str) -> None:
        """Called with all that is written."""

    def expect(self, text: str, timeout: float = 30.0) -> None:
        """Wait until this text is on the screen, and forget what stood before its end."""

        def seen() -> bool:
            assert self._process.poll() is None or text in self.screen, self.screen
            return text in self.screen

        try:
            wait_until(seen, timeout, text)
        except TimeoutError:
            raise TimeoutError(f"{text!r} was not shown:\n{self.screen}") from None
        self.screen = self.screen[self.screen.index(text) + len(text) :]

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def type_octets(self, octets: bytes) -> None:
        os.write(self._master, octets)

    def type_secret(self, text: str) -> None:
        """Type text that no output may contain, this terminal's included."""
        guard.word(text, "typed secret")
        self.type(f"{text}\n")

    def echoes(self) -> bool:
        """Whether the terminal echoes input."""
        return bool(termios.tcgetattr(self._slave)[3] & termios.ECHO)

    def wait(self, timeout: float = 20.0) -> int:
        return self._process.wait(timeout)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._slave)
        self._reader.join(5)
        os.close(self._master)
        guard.text("a client at a terminal", "".join(self._written))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server"), name="Office", host="127.0.0.1") as running:
        yield running


@pytest.mark.parametrize(
    ("language", "question", "yes", "password", "again", "done"),
    [
        ("en", "same words? [yes/no]", "yes", "New password:", "once more:", "The account en was created"),
        ("ru", "те же слова? [да/нет]", "да", "Новый пароль:", "тот же:", "Учётная запись ru создана"),
    ],
)
def test_register_prompts_in_the_users_language(
    server: ServerProcess, tmp_path: Path, language: str, question: str, yes: str, password: str, again: str, done: str
) -> None:
    with Terminal(["register", "--user", language, "--server", server.address], tmp_path, language) as terminal:
        terminal.expect(server.address)
        terminal.expect(server.fingerprint)
        terminal.expect(question)
        terminal.type(f"{yes}\n")
        for prompt in (password, again):
            terminal.expect(prompt)
            wait_until(lambda: not terminal.echoes(), 5, "the password is not shown")
            terminal.type_secret("correct horse")
        terminal.expect(done)
        assert terminal.wait() == 0
        assert "correct horse" not in terminal.screen
        assert terminal.echoes()


def test_declined_server_ends_login_with_5(server: ServerProcess, tmp_path: Path) -> None:
    with Terminal(["login", "--user", "anna", "--server", server.address], tmp_path) as terminal:
        terminal.expect("[yes/no]")
        terminal.type("\n")
        terminal.expect("The server was not accepted")
        assert terminal.wait() == 5


def test_undecodable_answers_are_one_error_line(server: ServerProcess, tmp_path: Path) -> None:
    login = ["login", "--user", "anna", "--server", server.address]
    with Terminal(login, tmp_path / "question") as terminal:
        terminal.expect("same words? [yes/no]")
        terminal.type_octets(b"caf\xe9\n")
        terminal.expect("lanchat: Standard input is not UTF-8 text\r\n")
        assert terminal.wait() == 1
        assert "Traceback" not in terminal.screen
    with Terminal([*login, "--accept-new"], tmp_path / "password") as terminal:
        terminal.expect("Password:")
        terminal.type_octets(b"caf\xe9\n")
        terminal.expect("lanchat: Standard input is not UTF-8 text\r\n")
        assert terminal.wait() == 1
        assert terminal.echoes()


def test_ctrl_c_at_prompts_restores_echo(server: ServerProcess, tmp_path: Path) -> None:
    argv = ["register", "--user", "anna", "--server", server.address]
    with Terminal(argv, tmp_path) as terminal:
        terminal.expect("[yes/no]")
        terminal.type("\x03")
        assert terminal.wait() == 130
        assert "Traceback" not in terminal.screen
    with Terminal([*argv, "--accept-new"], tmp_path) as terminal:
        terminal.expect("New password:")
        wait_until(lambda: not terminal.echoes(), 5, "the password is not shown")
        terminal.type("\x03")
        assert terminal.wait() == 130
        assert "Traceback" not in terminal.screen
        assert terminal.echoes()


def test_password_prompt_outlasts_the_login_timeout(server: ServerProcess, tmp_path: Path) -> None:
    """The server ends a connection without log-in after 10 s; the client reconnects after the prompt."""
    with Terminal(["register", "--user", "slow", "--server", server.address, "--accept-new"], tmp_path) as terminal:
        terminal.expect("New password:")
        with pytest.raises(subprocess.TimeoutExpired):
            terminal.wait(11)
        terminal.type_secret("correct horse")
        terminal.expect("once more:")
        terminal.type_secret("correct horse")
        terminal.expect("was created")
        assert terminal.wait() == 0


def test_chat_keeps_the_input_line_beside_incoming_messages(server: ServerProcess, tmp_path: Path) -> None:
    password = {"LANCHAT_PASSWORD": "correct horse"}
    for name in ("talker", "friend"):
        argv = ["register", "--user", name, "--server", server.address, "--accept-new"]
        assert run_client(argv, tmp_path / name, env=password).returncode == 0
    with Terminal(["chat", "general"], tmp_path / "talker") as terminal:
        terminal.expect("/help lists the commands")
        terminal.type("good morning\n")
        terminal.expect("talker: good morning")
        terminal.type("half a line")
        terminal.expect("half a line")
        assert run_client(["send", "general", "hello back"], tmp_path / "friend").returncode == 0
        terminal.expect("friend: hello back")
        terminal.expect("> half a line")
        terminal.type(" is finished\n")
        terminal.expect("talker: half a line is finished")
        terminal.type("/quit\n")
        assert terminal.wait() == 0
        assert terminal.echoes()
    rows = json_lines(run_client(["history", "general", "--json"], tmp_path / "friend").stdout)
    assert [row["text"] for row in rows][-3:] == ["good morning", "hello back", "half a line is finished"]


@pytest.mark.parametrize(("key", "code"), [("\x04", 0), ("\x03", 130)])
def test_ctrl_d_and_ctrl_c_end_chat(server: ServerProcess, tmp_path: Path, key: str, code: int) -> None:
    name = f"leaver{code}"
    argv = ["register", "--user", name, "--server", server.address, "--accept-new"]
    assert run_client(argv, tmp_path, env={"LANCHAT_PASSWORD": "correct horse"}).returncode == 0
    with Terminal(["chat", "general"], tmp_path) as terminal:
        terminal.expect("/help lists the commands")
        terminal.expect("> ")
        terminal.type(key)
        assert terminal.wait() == code
        assert "Traceback" not in terminal.screen
        assert terminal.echoes()


def test_missing_display_error_names_the_chat_command(tmp_path: Path) -> None:
    done = run_client([], tmp_path)
    assert done.returncode == 1
    assert "lanchat chat" in done.stderr
    assert done.stderr.count("\n") == 1


# --- A line longer than the terminal is wide -------------------------------------------------------------------------

WIDE = "a line that is wider than the terminal, with 日本語 and é and 👍 at the margin " + "and on and on " * 8


class ScreenTerminal(Terminal):
    """A client on a terminal whose screen is modelled."""

    def __init__(
        self, args: Sequence[str], profile: Path, columns: int = 40, lines: int = 24, shell: bool = False
    ) -> None:
        self.model = Screen(columns, lines)
        self._lock = threading.Lock()
        super().__init__(args, profile, size=(columns, lines), shell=shell)

    def on_output(self, text: str) -> None:
        with self._lock:
            self.model.write(text)

    def resize(self, columns: int, lines: int) -> None:
        with self._lock:
            self.model.resize(columns, lines)
        termios.tcsetwinsize(self._slave, (lines, columns))
        os.killpg(self._process.pid, signal.SIGWINCH)

    def expect_line(self, before: str, after: str, *above: str) -> None:
        """Wait until the line is shown once, at the end, the cursor between its parts, `above` before it."""
        last = ""

        def right() -> bool:
            nonlocal last
            with self._lock:
                model = self.model
                wanted = picture("> ", before + after, len(before), model.columns)
                rows = [row.rstrip() for row in wanted.rows]
                first = model.row - wanted.row
                last = "\n".join([*model.text, f"cursor {model.row} {model.column}; wanted {wanted}"])
                return (
                    first >= 0
                    and model.text[first : first + len(rows)] == rows
                    and model.column == wanted.column
                    and not any(model.text[first + len(rows) :])
                    and not any(row.startswith("> ") and row in rows for row in model.text[:first])
                    and all(any(part in row for row in model.text[:first]) for part in above)
                )

        try:
            wait_until(right, 30, "the line and the cursor")
        except TimeoutError:
            raise TimeoutError(last) from None


@pytest.fixture
def friend_profile(server: ServerProcess, tmp_path: Path) -> Path:
    """Profiles "talker" and "friend"; the latter is returned."""
    for name in ("talker", "friend"):
        argv = ["register", "--user", f"{name}{time.time_ns()}", "--server", server.address, "--accept-new"]
        assert run_client(argv, tmp_path / name, env={"LANCHAT_PASSWORD": "correct horse"}).returncode == 0
    return tmp_path / "friend"


LEFT = "\x1b[D"


def test_incoming_message_keeps_wide_input_line_and_cursor(friend_profile: Path, tmp_path: Path) -> None:
    with ScreenTerminal(["chat", "general"], tmp_path / "talker") as window:
        window.expect("/help lists the commands")
        window.type(WIDE + LEFT * 30)
        window.expect_line(WIDE[:-30], WIDE[-30:])
        for text in ("hello", "x" * 300, "日本" * 30):
            assert run_client(["send", "general", text], friend_profile).returncode == 0
            window.expect_line(WIDE[:-30], WIDE[-30:], text[:20])
        window.type("X")
        window.expect_line(WIDE[:-30] + "X", WIDE[-30:])
        window.type("\x1b[200~one\ntwo\tthree\x1b[201~")
        window.expect_line(WIDE[:-30] + "Xone\ntwo\tthree", WIDE[-30:])
        assert run_client(["send", "general", "and again"], friend_profile).returncode == 0
        window.expect_line(WIDE[:-30] + "Xone\ntwo\tthree", WIDE[-30:], "and again")
        window.type("\x1b[B\x05" + "\x7f" * len(WIDE + "Xone two three") + "/quit\n")
        assert window.wait() == 0
        assert window.echoes()


def test_resized_terminal_redraws_the_input_line(friend_profile: Path, tmp_path: Path) -> None:
    with ScreenTerminal(["chat", "general"], tmp_path / "talker", 60) as window:
        window.expect("/help lists the commands")
        window.type(WIDE + LEFT * 30)
        window.expect_line(WIDE[:-30], WIDE[-30:])
        for columns, lines in ((35, 24), (100, 24), (41, 15), (60, 24)):
            window.resize(columns, lines)
            window.expect_line(WIDE[:-30], WIDE[-30:])
            assert run_client(["send", "general", f"at {columns}"], friend_profile).returncode == 0
            window.expect_line(WIDE[:-30], WIDE[-30:], f"at {columns}")


def test_suspended_chat_resumes_with_its_input_line(friend_profile: Path, tmp_path: Path) -> None:
    """As a shell does it: the conversation in a process group of its own, stopped by Ctrl-Z, brought back by `fg`."""
    with ScreenTerminal(["chat", "general"], tmp_path / "talker", shell=True) as window:
        window.expect("/help lists the commands")
        window.type(WIDE + LEFT * 30)
        window.expect_line(WIDE[:-30], WIDE[-30:])
        window.type("\x1a")
        window.expect("Stopped")
        window.expect("$ ")
        assert run_client(["send", "general", "meanwhile"], friend_profile).returncode == 0
        window.type("fg\n")
        window.expect_line(WIDE[:-30], WIDE[-30:], "meanwhile")
        assert run_client(["send", "general", "afterwards"], friend_profile).returncode == 0
        window.expect_line(WIDE[:-30], WIDE[-30:], "afterwards")
