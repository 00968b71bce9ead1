"""Members' names are completed with real keys."""

from pathlib import Path

import pytest

from tests.support.ui_window import fake_window

pytestmark = pytest.mark.display


def test_name_of_a_member_is_completed_and_sent(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        window.write("hello @")
        window.see("@bob", "Label")
        window.write("an")
        window.see("@anna", "Label")
        window.probe.wait_gone("@bob", "Label")
        window.keys("Tab")
        window.send("come")
        assert window.wait_command("Send")["text"] == "hello @anna come"
        window.quit()
