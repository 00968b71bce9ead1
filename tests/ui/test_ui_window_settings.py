"""Window settings persist between runs, also with two windows on one profile."""

from pathlib import Path

import pytest

from lanchat.store.identities import KnownServer
from lanchat.store.profile import ProfileStore
from lanchat.store.settings import Settings
from lanchat.ui.settings.memory import WindowSettings

LOG = bytes(range(16))


@pytest.fixture
def profile_folder(tmp_path: Path) -> Path:
    profile = ProfileStore.open(tmp_path / "profile")
    profile.pin(KnownServer("ab" * 32, "Office", "192.168.1.10", 45454, LOG, b"k" * 32, 1))
    profile.set_last("ab" * 32)
    return tmp_path / "profile"


def open_settings(profile_folder: Path) -> WindowSettings:
    return WindowSettings(ProfileStore.open(profile_folder))


def test_empty_profile_has_default_settings(tmp_path: Path) -> None:
    fresh = open_settings(tmp_path / "fresh")
    assert (fresh.language, fresh.theme, fresh.geometry, fresh.text_size) == ("", "", "", 0)
    assert fresh.remembered() is None
    assert fresh.last_room() == 0
    fresh.keep_room(3)
    fresh.save()
    assert open_settings(tmp_path / "fresh").last_room() == 0


def test_settings_persist(profile_folder: Path) -> None:
    first = open_settings(profile_folder)
    first.language, first.theme, first.geometry, first.text_size = "ru", "dark", "800x600+1+2", 4
    first.keep_room(17)
    first.save()
    again = open_settings(profile_folder)
    assert (again.language, again.theme, again.geometry, again.text_size) == ("ru", "dark", "800x600+1+2", 4)
    assert again.last_room() == 17


def test_drafts_persist_until_sent(profile_folder: Path) -> None:
    first = open_settings(profile_folder)
    first.keep_drafts(1, {1: "half a thought\nin two lines 👍", 2: "другой"})
    first.save()
    second = open_settings(profile_folder)
    assert second.drafts(1) == {1: "half a thought\nin two lines 👍", 2: "другой"}
    assert second.drafts(2) == {}
    second.keep_drafts(1, {2: "другой"})
    second.save()
    assert open_settings(profile_folder).drafts(1) == {2: "другой"}


def test_two_windows_on_one_profile_merge_their_settings(profile_folder: Path) -> None:
    one, two = open_settings(profile_folder), open_settings(profile_folder)
    one.theme = "dark"
    one.keep_drafts(1, {1: "mine"})
    one.save()
    two.language = "ru"
    two.keep_drafts(2, {1: "theirs"})
    two.save()
    again = open_settings(profile_folder)
    assert (again.theme, again.language) == ("dark", "ru")
    assert again.drafts(1) == {1: "mine"}
    assert again.drafts(2) == {1: "theirs"}


def test_invalid_entries_are_set_aside_and_others_kept(profile_folder: Path) -> None:
    drafts = f"drafts_{LOG.hex()}_1"
    written = f'''
text_size = 99
theme = "dark"
[last_rooms]
{LOG.hex()} = 17
bad = 1.5
worse = {10**30}
[{drafts}]
1 = "kept"
"²" = "a digit that is no number"
"{"9" * 5000}" = "no room"
2 = 3
3 = "{"x" * 100_000}"
'''
    (profile_folder / "settings.toml").write_text(written, encoding="utf-8")
    first = open_settings(profile_folder)
    assert (first.theme, first.text_size, first.last_room()) == ("dark", 0, 17)
    assert first.drafts(1) == {1: "kept"}
    assert all(name in first.notice for name in ("drafts", "last", "text_size"))
    first.save()
    again = open_settings(profile_folder)
    assert again.notice == ""
    assert again.drafts(1) == {1: "kept"}
    aside = Settings(profile_folder / "settings.toml", profile_folder / "lock").get("set_aside", dict[str, object]())
    assert aside["text_size"] == 99
    assert aside["last_rooms"] == {"bad": 1.5, "worse": 10**30}


def test_setting_repaired_by_another_window_is_kept(profile_folder: Path) -> None:
    (profile_folder / "settings.toml").write_text('theme = "solarized"\n')
    one, two = open_settings(profile_folder), open_settings(profile_folder)
    two.theme = "dark"
    two.save()
    one.save()
    assert open_settings(profile_folder).theme == "dark"


def test_settings_reread_from_disk_are_validated(profile_folder: Path) -> None:
    drafts = f"drafts_{LOG.hex()}_1"
    window = open_settings(profile_folder)
    (profile_folder / "settings.toml").write_text(
        f'text_size = 999\nmaximised = 1\ngeometry = "wide"\ntheme = "pink"\nlanguage = 7\n'
        f'[last_rooms]\n{LOG.hex()} = -3\n[{drafts}]\n1 = 5\nx = "no room"\n2 = "kept"\n',
        encoding="utf-8",
    )
    window.keep_drafts(2, {1: "mine"})
    window.save()  # reads what the others wrote
    assert (window.text_size, window.maximised, window.geometry) == (0, False, "")
    assert (window.theme, window.language, window.last_room()) == ("", "", 0)
    assert window.drafts(1) == {2: "kept"}
    assert window.drafts(2) == {1: "mine"}


@pytest.mark.parametrize(
    ("line", "usable"),
    [
        ('language = ""', True),
        ('language = "ru"', True),
        ('language = "RU"', False),
        ("language = true", False),
        ('theme = "dark"', True),
        ('theme = ["dark"]', False),
        ('geometry = "10x10+-3-4"', True),
        ('geometry = "0x10"', False),
        ("text_size = -2", True),
        ("text_size = -3", False),
        ("text_size = 1.0", False),
        ("text_size = true", False),
        ("maximised = false", True),
        ("maximised = 0", False),
        ("last_rooms = 3", False),
        ("[last_rooms]\nx = 9223372036854775807", True),
        ("[last_rooms]\nx = -1", False),
        ("[last_rooms]\nx = true", False),
        ('[drafts_a_1]\n9999999999999999999 = "text"', True),
        ('[drafts_a_1]\n99999999999999999999 = "text"', False),
        ('[drafts_a_1]\n"１" = "text"', False),
        ("[drafts_a_1]\n1 = 2", False),
        ("drafts_a_1 = 2", False),
        ("anybody = [1979-05-27]", True),
    ],
)
def test_unusable_entries_are_reported(profile_folder: Path, line: str, usable: bool) -> None:
    (profile_folder / "settings.toml").write_text(line, encoding="utf-8")
    assert (open_settings(profile_folder).notice == "") == usable
