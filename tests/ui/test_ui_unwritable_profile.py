"""The window with a profile on a full or read-only disk."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.procs import ServerProcess, run_client
from tests.support.small_disk import fill, make_room, needs_root, read_only, small_disk
from tests.ui.test_ui_real_server import make_profile, open_window

pytestmark = [pytest.mark.display, needs_root]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


@pytest.mark.parametrize(("spoil", "reason"), [(fill, "the disk is full"), (read_only, "it may not be written")])
def test_window_shows_stored_messages_and_reports_the_failure(
    display: str, tmp_path: Path, disk: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    with ServerProcess(tmp_path / "server", name="Office") as server:
        folder = make_profile(server, disk / "anna", "anna", "Anna")
        assert run_client(["send", "general", "said before"], folder).returncode == 0
        (folder / "settings.toml").write_text('language = "en"\ntheme = "light"\n')
        spoil(disk)
        with open_window(display, folder, geometry="", probe=tmp_path / "probe") as window:
            window.see("said before", "item", timeout=15)
            window.send("kept here")
            window.see(reason)
            window.see("said before", "item")
            make_room(disk)
            window.keys("Return")
            window.see("kept here", "item", timeout=15)
            window.quit()
        shown = run_client(["history", "general", "--json"], folder)
        assert "kept here" in shown.stdout
