"""The real window asks the desktop for notifications, and a click on one opens its room."""

import os
import sys
from pathlib import Path

import pytest

from tests.support.ui_window import UiWindow, fake_window
from tests.support.waiting import wait_until
from tests.ui.test_ui_text_fields import open_account_menu

pytestmark = pytest.mark.display


def open_window(display: str, folder: Path) -> tuple[UiWindow, Path]:
    """A window, and what its desktop's command was told to show; each notification is clicked at once."""
    log, command = folder / "log", folder / "bin" / "notify-send"
    command.parent.mkdir()
    command.write_text(
        f"#!{sys.executable}\nimport sys\n"
        f"with open({str(log)!r}, 'a') as log: print(*sys.argv[-2:], sep=' | ', file=log)\nprint('default')\n"
    )
    command.chmod(0o700)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    return fake_window(display, folder / "profile", env={"PATH": path}), log


def test_click_on_a_notification_opens_its_room(display: str, tmp_path: Path) -> None:
    window, log = open_window(display, tmp_path)
    with window:
        window.see("Everything is up to date")
        window.send("!say bob seen here")
        window.send("!tell 4 bob Lunch & more")
        window.see("ops — LAN Chat")
        assert log.read_text() == "Bob Lee in ops | Lunch &amp; more\n"


def test_do_not_disturb_is_chosen_in_the_menu_and_kept(display: str, tmp_path: Path) -> None:
    window, log = open_window(display, tmp_path)
    settings = tmp_path / "profile" / "settings.toml"
    with window:
        window.see("Everything is up to date")
        open_account_menu(window)
        window.choose("Do not disturb")
        window.send("!tell 4 bob Lunch")
        window.see("Bob Lee: Lunch", "item")
        assert not log.exists()
    wait_until(lambda: "no_notifications = true" in settings.read_text(), 8, "it is kept")
