"""The first account made in the server's window: the form, its error messages, concurrent registrations."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lanchat.protocol import wire
from lanchat.protocol.text.identity import parse_invite_untrusted
from tests.support.procs import json_lines, plain_environment
from tests.support.raw import RawClient
from tests.support.waiting import wait_until
from tests.support.xvfb import focus, key, type_text, wait_for_window
from tests.ui.test_server_window import Open, Report, Window, is_running, open_window

__all__ = ["open_window"]
pytestmark = pytest.mark.display

PASSWORD = "long enough"
# Places in the Tab order: theme, stop, about, link, copy, name, password, again, create.
NAME_FIELD = 6
TEXTS = {
    "en": ("The password needs 8", "The two passwords differ", "is the administrator of this server"),
    "ru": ("В пароле", "Пароли", "администратор этого сервера"),
}


def focus_field(window: Window, tabs: int) -> None:
    focus(window.display, wait_for_window(window.display, "Office"))
    key(window.display, *["Tab"] * tabs)


def fill_in(window: Window, *texts: str) -> None:
    """Fills in the fields from the one with the keyboard on; Return at the end."""
    for number, text in enumerate(texts):
        if number:
            key(window.display, "Tab")
        key(window.display, "ctrl+a")
        if text:
            type_text(window.display, text)
        else:
            key(window.display, "BackSpace")
    key(window.display, "Return")


def shows_label(text: str) -> "object":
    return lambda facts: any(text in label for label in facts["labels"])


def accounts(data: Path) -> list[dict[str, object]]:
    argv = [sys.executable, "-m", "lanchat_server", "users", "list", "--json", "--data-dir", str(data)]
    done = subprocess.run(argv, env=plain_environment(data), capture_output=True, text=True, timeout=60, check=True)
    return json_lines(done.stdout)


def has_form(facts: Report) -> bool:
    return any("set-up code" in label or "кодом" in label for label in facts["labels"])


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("ru", "dark")])
def test_form_shows_errors_beside_fields_and_makes_the_administrator(
    open_window: Open, tmp_path: Path, language: str, theme: str
) -> None:
    short, differ, done = TEXTS[language]
    window = open_window(LANCHAT_LANGUAGE=language, LANCHAT_THEME=theme)
    facts = window.wait(lambda now: len(now["entries"]) == 5, "the form is there")
    focus_field(window, NAME_FIELD)
    fill_in(window, "anna", "short")
    window.wait(shows_label(short), "the password is too short")  # type: ignore[arg-type]
    fill_in(window, PASSWORD, "something else")  # from the password, where the keyboard is
    window.wait(shows_label(differ), "the passwords differ")  # type: ignore[arg-type]
    fill_in(window, PASSWORD)  # from the field of the repetition
    facts = window.wait(shows_label(f"anna {done}" if language == "en" else done), "it is made")  # type: ignore[arg-type]
    facts = window.wait(lambda now: len(now["entries"]) == 2, "the form is gone")
    assert not has_form(facts)
    (user,) = accounts(tmp_path / "data")
    assert (user["name"], user["role"]) == ("anna", "administrator")


def test_form_disappears_with_the_first_account(open_window: Open, tmp_path: Path) -> None:
    window = open_window()
    window.wait(lambda now: len(now["entries"]) == 5, "the form is there")
    facts = window.wait(is_running, "it runs")
    client = RawClient(parse_invite_untrusted(facts["entries"][0]).port)
    assert isinstance(client.register("bob"), wire.LoggedIn)
    window.wait(lambda now: len(now["entries"]) == 2 and not has_form(now), "the form is gone")
    (user,) = accounts(tmp_path / "data")
    assert (user["name"], user["role"]) == ("bob", "administrator")


def test_one_of_concurrent_first_accounts_is_administrator(open_window: Open, tmp_path: Path) -> None:
    window = open_window()
    facts = window.wait(lambda now: len(now["entries"]) == 5, "the form is there")
    client = RawClient(parse_invite_untrusted(facts["entries"][0]).port)
    focus_field(window, NAME_FIELD)
    fill_in(window, "anna", PASSWORD)
    key(window.display, "Tab")
    type_text(window.display, PASSWORD)
    argv = [sys.executable, "-m", "lanchat_server", "users", "add", "carl", "--data-dir", str(tmp_path / "data")]
    environment = plain_environment(tmp_path, {"LANCHAT_PASSWORD": PASSWORD})
    with ThreadPoolExecutor(3) as pool:
        pool.submit(subprocess.run, argv, env=environment, capture_output=True, timeout=60)
        pool.submit(client.register, "bob")
        pool.submit(key, window.display, "Return")
    facts = window.wait(
        lambda now: (
            any("administrator" in label and "code" not in label for label in now["labels"]) or not has_form(now)
        ),
        "it says who is the administrator",
    )
    users = wait_until(lambda: accounts(tmp_path / "data"), 20, "the accounts are there")
    (administrator,) = (user["name"] for user in users if user["role"] == "administrator")
    if any("anna is the administrator" in label for label in facts["labels"]):
        assert administrator == "anna"
    else:
        assert administrator != "anna"
