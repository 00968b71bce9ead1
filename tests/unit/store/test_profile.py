"""The profile: pinned servers, device keys, settings; atomic writes, several processes at once."""

import os
import stat
import sys
import tomllib
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from lanchat.core.ports import LocalStoreError
from lanchat.platform.disk.files import aside_names
from lanchat.store.file_lock import locked
from lanchat.store.profile import KnownServer, ProfileStore, StoredDevice, default_profile_directory
from lanchat.store.settings import Settings
from lanchat.wording.problems import details_text
from tests.support.child import Child
from tests.support.local_log import LOG_ID, certificate, key, message

ROOT = Path(__file__).parents[3]
OTHER_LOG = b"another log here"


def server(number: int = 1, **changes: Any) -> KnownServer:
    """Server `number`; servers of different numbers share no value."""
    digit = f"{number:x}"
    known = KnownServer(
        digit * 64, f"Office {number}", f"10.0.0.{number}", 4000 + number, bytes([number]) * 16, b"k" * 32, 5
    )
    return msgspec.structs.replace(known, **changes)


def device(log_id: bytes = LOG_ID, user_id: int = 3) -> StoredDevice:
    return StoredDevice(log_id, user_id, "анна", 'Anna "A" O\'Neil\\', b"d" * 16, bytes(range(32)), certificate(5))


@pytest.fixture
def profile(tmp_path: Path) -> ProfileStore:
    return ProfileStore.open(tmp_path / "home" / "profile")


def reopened(profile: ProfileStore) -> ProfileStore:
    return ProfileStore.open(profile.directory)


# The folder


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_files_are_private(profile: ProfileStore) -> None:
    old = os.umask(0)
    try:
        profile.pin(server())
        profile.save_device(device())
        profile.settings.set("theme", "dark")
        profile.settings.save()
        profile.local_store(LOG_ID, 3).close()
    finally:
        os.umask(old)
    for path in [profile.directory, *profile.directory.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_readable_key_file_is_made_private_again(profile: ProfileStore) -> None:
    profile.save_device(device())
    keys = profile.directory / "devices.toml"
    keys.chmod(0o644)
    assert reopened(profile).device(LOG_ID) == device()
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600


def test_invalid_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalStoreError) as error:
        ProfileStore.open(tmp_path / "file" / "profile")
    assert "\n" not in str(error.value)


def test_default_folder_belongs_to_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_profile_directory().is_absolute()
    if sys.platform == "linux":
        assert default_profile_directory() == tmp_path / "lanchat"


def test_each_account_has_its_own_local_copy(profile: ProfileStore) -> None:
    stores = [profile.local_store(LOG_ID, 1), profile.local_store(LOG_ID, 2), profile.local_store(OTHER_LOG, 1)]
    stores[0].add_outgoing(key(1), message(1), 1)
    assert [len(store.outgoing()) for store in stores] == [1, 0, 0]
    for store in stores:
        store.close()
    store = reopened(profile).local_store(LOG_ID, 1)
    assert len(store.outgoing()) == 1
    store.close()


# Servers


def test_pinned_servers_are_found(profile: ProfileStore) -> None:
    assert profile.servers() == []
    assert profile.known_by_fingerprint("1" * 64) is None
    profile.pin(server(1))
    profile.pin(server(2))
    again = reopened(profile)
    assert again.servers() == [server(1), server(2)]
    assert again.known_by_fingerprint("2" * 64) == server(2)
    assert again.known_by_log(server(1).log_id) == server(1)
    assert again.known_by_log(OTHER_LOG) is None


def test_pinning_again_updates_the_server(profile: ProfileStore) -> None:
    profile.pin(server(1))
    profile.pin(server(2))
    moved = server(1, name="Моря", host="fe80::1", port=65535, log_id=OTHER_LOG)
    profile.pin(moved)
    assert profile.servers() == [moved, server(2)]


def test_another_fingerprint_for_a_known_log_is_not_pinned(profile: ProfileStore) -> None:
    profile.pin(server(1))
    with pytest.raises(LocalStoreError, match="another identity"):
        profile.pin(server(2, log_id=server(1).log_id))
    with pytest.raises(LocalStoreError, match="another identity"):
        profile.pin(server(1, fingerprint="2" * 64))
    assert profile.servers() == [server(1)]
    profile.forget_server("1" * 64)
    profile.pin(server(2, log_id=server(1).log_id))
    assert len(profile.servers()) == 1


def test_last_server_is_remembered(profile: ProfileStore) -> None:
    assert profile.last_server() is None
    profile.pin(server(1))
    profile.pin(server(2))
    assert profile.last_server() is None
    profile.set_last("2" * 64)
    assert reopened(profile).last_server() == server(2)
    profile.pin(server(3))
    assert profile.last_server() == server(2)
    profile.forget_server("2" * 64)
    assert profile.last_server() is None
    assert profile.servers() == [server(1), server(3)]


@pytest.mark.parametrize(
    ("host", "port", "fingerprint", "log_id", "expected"),
    [
        ("10.0.0.1", 4001, "1" * 64, None, "pinned"),
        ("elsewhere", 9, "1" * 64, OTHER_LOG, "pinned"),
        ("10.0.0.2", 4002, "1" * 64, None, "pinned"),
        ("10.0.0.1", 4001, "f" * 64, None, "changed"),
        ("10.0.0.1", 4001, "f" * 64, OTHER_LOG, "changed"),
        ("elsewhere", 9, "f" * 64, server(1).log_id, "changed"),
        ("10.0.0.1", 4002, "f" * 64, None, "new"),
        ("10.0.0.2", 4001, "f" * 64, None, "new"),
        ("elsewhere", 9, "f" * 64, OTHER_LOG, "new"),
        ("0:0:0:0:0:0:0:1", 4003, "f" * 64, None, "changed"),
        ("[::1]", 4003, "f" * 64, None, "changed"),
        ("SHIP.local.", 4004, "f" * 64, None, "changed"),
    ],
)
def test_trust_depends_on_address_fingerprint_and_log(
    profile: ProfileStore, host: str, port: int, fingerprint: str, log_id: bytes | None, expected: str
) -> None:
    for known in (server(1), server(2), server(3, host="::1"), server(4, host="ship.local")):
        profile.pin(known)
    assert profile.trust(host, port, "Office 1", fingerprint, log_id) == expected


def test_server_with_a_known_name_is_detected(profile: ProfileStore) -> None:
    profile.pin(server(1))
    assert profile.trust("elsewhere", 9, "Office 1", "f" * 64) == "new"
    assert profile.same_name("Office 1", "f" * 64)
    assert profile.same_name("OFFICE １", "f" * 64)
    assert not profile.same_name("Office 1", "1" * 64)
    assert not profile.same_name("Office 2", "f" * 64)


@pytest.mark.parametrize(
    "bad",
    [
        {"fingerprint": "zz" * 32},
        {"fingerprint": "A" * 64},
        {"fingerprint": "a" * 64 + "\n"},
        {"log_id": b"short"},
        {"port": 0},
        {"accepted_ms": -1},
    ],
)
def test_value_that_would_not_read_back_is_refused(profile: ProfileStore, bad: dict[str, object]) -> None:
    profile.pin(server(2))
    with pytest.raises(LocalStoreError):
        profile.pin(server(1, **bad))
    assert profile.servers() == [server(2)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=80), host=st.text(max_size=40))
def test_any_text_is_read_back(profile: ProfileStore, name: str, host: str) -> None:
    odd = server(1, name=name, host=host)
    profile.pin(odd)
    assert profile.servers() == [odd]
    assert profile.trust(host, odd.port, name, "f" * 64) == "changed"


# Devices


def test_one_device_per_log_is_stored(profile: ProfileStore) -> None:
    assert profile.device(LOG_ID) is None
    profile.save_device(device())
    profile.save_device(device(OTHER_LOG))
    assert reopened(profile).device(LOG_ID) == device()
    profile.save_device(device(user_id=9))
    assert profile.device(LOG_ID) == device(user_id=9)
    profile.forget_device(LOG_ID)
    profile.forget_device(LOG_ID)
    assert profile.device(LOG_ID) is None
    assert reopened(profile).device(OTHER_LOG) == device(OTHER_LOG)


def test_private_key_is_not_shown(profile: ProfileStore) -> None:
    assert "private_key" not in repr(device())
    assert str(device().private_key)[2:8] not in repr(device())


@pytest.mark.parametrize("file", ["devices.toml", "servers.toml"])
@pytest.mark.parametrize(
    "broken",
    [b"\xff\xfe", b"devices = 3\nservers = 3", b"[[devices]]\nlog_id='AA=='\n[[servers]]\nname='x'", b"a = [" * 9000],
)
def test_broken_file_is_set_aside_and_reported(profile: ProfileStore, file: str, broken: bytes) -> None:
    profile.save_device(device())
    profile.pin(server())
    path = profile.directory / file
    path.write_bytes(broken)
    ask = profile.servers if file == "servers.toml" else lambda: profile.device(LOG_ID)
    with pytest.raises(LocalStoreError, match="set aside") as error:
        ask()
    assert "\n" not in str(error.value)
    assert [aside.read_bytes() for aside in aside_names(path)] == [broken]
    assert not ask()
    assert bool(profile.servers()) != bool(profile.device(LOG_ID))


def test_byte_order_mark_is_ignored(profile: ProfileStore) -> None:
    profile.save_device(device())
    profile.pin(server())
    for name in ("devices.toml", "servers.toml"):
        path = profile.directory / name
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert reopened(profile).device(LOG_ID) == device()
    assert reopened(profile).servers() == [server()]


def test_broken_file_is_not_overwritten(profile: ProfileStore) -> None:
    path = profile.directory / "devices.toml"
    path.write_bytes(b"broken")
    with pytest.raises(LocalStoreError, match="set aside"):
        profile.save_device(device())
    profile.save_device(device())
    assert profile.device(LOG_ID) == device()
    assert [aside.read_bytes() for aside in aside_names(path)] == [b"broken"]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_yields_another_identity(profile: ProfileStore, data: st.DataObject) -> None:
    """A file that differs by anything raises and is set aside."""
    profile.save_device(device())
    profile.pin(server())
    path = profile.directory / data.draw(st.sampled_from(["devices.toml", "servers.toml"]))
    octets = path.read_bytes()
    at = data.draw(st.integers(0, len(octets) - 1))
    rest = data.draw(st.sampled_from([b"", octets[at:], octets[at + 1 :]]))
    damaged = octets[:at] + data.draw(st.binary(max_size=4)) + rest
    path.write_bytes(damaged)
    if damaged == octets:
        assert profile.device(LOG_ID) == device()
        assert profile.servers() == [server()]
        return
    with pytest.raises(LocalStoreError, match="set aside"):
        assert (profile.device(LOG_ID), profile.servers()) is None
    assert aside_names(path)[-1].read_bytes() == damaged


# Settings


def test_settings_are_stored(profile: ProfileStore) -> None:
    first = profile.settings
    assert (first.get("language", ""), first.get("theme", ""), first.get("geometry", ""), first.last_room(LOG_ID)) == (
        "",
        "",
        "",
        0,
    )
    first.set("language", "ru")
    first.set("geometry", "900x600+10+20")
    first.set_last_room(LOG_ID, 4)
    first.set_last_room(OTHER_LOG, 5)
    assert first.get("language", "") == "ru"
    assert reopened(profile).settings.get("language", "") == ""
    first.save()
    again = reopened(profile).settings
    assert (again.get("language", ""), again.get("theme", ""), again.get("geometry", "")) == ("ru", "", "900x600+10+20")
    assert (again.last_room(LOG_ID), again.last_room(OTHER_LOG)) == (4, 5)
    assert again.notice is None


def test_two_processes_do_not_overwrite_each_other_s_settings(profile: ProfileStore) -> None:
    one, two = profile.settings, reopened(profile).settings
    one.set("language", "ru")
    one.set_last_room(LOG_ID, 4)
    two.set("theme", "dark")
    two.set_last_room(OTHER_LOG, 5)
    one.save()
    two.save()
    one.save()
    for settled in (two, reopened(profile).settings):
        assert (settled.get("language", ""), settled.get("theme", "")) == ("ru", "dark")
        assert (settled.last_room(LOG_ID), settled.last_room(OTHER_LOG)) == (4, 5)


def test_unknown_and_hand_written_lines_are_kept(profile: ProfileStore) -> None:
    path = profile.directory / "settings.toml"
    path.write_text('future = {a = [1, 2.5, true, 2024-01-02]}\ntheme = "light"\nlanguage = 7\n', encoding="utf-8")
    known = reopened(profile).settings
    assert (known.get("theme", ""), known.get("language", "")) == ("light", "")
    known.set("theme", "dark")
    known.save()
    written = tomllib.loads(path.read_text(encoding="utf-8"))
    assert written["theme"] == "dark"
    assert written["language"] == 7
    assert list(written["future"]["a"])[:3] == [1, 2.5, True]


def test_values_of_another_type_are_the_default(profile: ProfileStore) -> None:
    path = profile.directory / "settings.toml"
    path.write_text("language = true\nlast_rooms = 3\nsize = 1\nwide = 1.0\n", encoding="utf-8")
    known = reopened(profile).settings
    assert known.get("language", "") == ""
    assert known.last_room(LOG_ID) == 0
    assert known.get("size", 5) == 1
    assert known.get("size", False) is False
    assert known.get("wide", 5) == 5
    known.set_last_room(LOG_ID, 8)
    known.save()
    assert reopened(profile).settings.last_room(LOG_ID) == 8


@pytest.mark.parametrize("broken", [b"\xff", b"a = ", b"a = 1\na = 2", b"a=" + b"[" * 5000, b"# " + b"x" * (1 << 20)])
def test_broken_settings_are_set_aside_and_reported_once(profile: ProfileStore, broken: bytes) -> None:
    path = profile.directory / "settings.toml"
    path.write_bytes(broken)
    first = reopened(profile).settings
    assert "set aside as settings.toml.corrupt-1" in details_text(first.notice)
    assert first.get("language", "") == ""
    assert path.with_name("settings.toml.corrupt-1").read_bytes() == broken
    first.set("language", "ru")
    first.save()
    again = reopened(profile).settings
    assert again.notice is None
    assert again.get("language", "") == "ru"


def test_settings_saved_by_notepad_are_read(profile: ProfileStore) -> None:
    (profile.directory / "settings.toml").write_bytes('theme = "dark"\r\nlanguage = "ru"\r\n'.encode("utf-8-sig"))
    again = reopened(profile).settings
    assert (again.get("theme", ""), again.get("language", ""), again.notice) == ("dark", "ru", None)


def test_settings_in_utf_16_are_set_aside_and_reported(profile: ProfileStore) -> None:
    (profile.directory / "settings.toml").write_bytes('theme = "dark"'.encode("utf-16"))
    assert "UTF-16" in details_text(reopened(profile).settings.notice)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(octets=st.one_of(st.binary(max_size=60), st.text("abt=[]{}'\"\n#.1é- ", max_size=60).map(str.encode)))
def test_any_settings_file_is_read_or_set_aside(tmp_path: Path, octets: bytes) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(octets)
    found = Settings(path, tmp_path / "lock")
    found.set("theme", "dark")
    found.save()
    again = Settings(path, tmp_path / "lock")
    assert again.get("theme", "") == "dark"
    assert again.notice is None
    path.unlink()


VALUES = st.recursive(
    st.one_of(st.text(), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.dictionaries(st.text(max_size=20), VALUES, max_size=5))
def test_any_value_is_read_back(tmp_path: Path, values: dict[str, Any]) -> None:
    path = tmp_path / "settings.toml"
    path.unlink(missing_ok=True)
    first = Settings(path, tmp_path / "lock")
    for name, value in values.items():
        first.set(name, value)
    first.save()
    again = Settings(path, tmp_path / "lock")
    assert {name: again.get(name, value) for name, value in values.items()} == values


# Several processes

WRITER = """
import sys
from pathlib import Path
from tests.unit.store.test_profile import ProfileStore, device, server
number = int(sys.argv[2])
profile = ProfileStore.open(Path(sys.argv[1]))
for turn in range(10):
    profile.pin(server(number, accepted_ms=turn))
    profile.set_last(server(number).fingerprint)
    profile.save_device(device(bytes([number]) * 16, turn + 1))
    assert profile.known_by_fingerprint(server(number).fingerprint) == server(number, accepted_ms=turn)
    profile.settings.set(f"turn{number}", turn)
    profile.settings.save()
"""


def test_concurrent_writers_lose_nothing(profile: ProfileStore) -> None:
    children = [
        Child([sys.executable, "-c", WRITER, str(profile.directory), str(number)], cwd=ROOT) for number in (1, 2, 3)
    ]
    try:
        while any(child.returncode is None for child in children):
            assert len({known.fingerprint for known in profile.servers()}) <= 3
        assert [child.wait(5) for child in children] == [0, 0, 0], [child.transcript() for child in children]
    finally:
        for child in children:
            if child.returncode is None:
                child.kill()
    assert {known.accepted_ms for known in profile.servers()} == {9}
    assert len(profile.servers()) == 3
    assert profile.last_server() is not None
    found = reopened(profile)
    for number in (1, 2, 3):
        assert found.device(bytes([number]) * 16) == device(bytes([number]) * 16, 10)
        assert found.settings.get(f"turn{number}", -1) == 9


def test_lock_timeout_is_reported(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with locked(lock), pytest.raises(LocalStoreError, match="keeps"), locked(lock, timeout=0.05):
        pytest.fail("two holders")
    with locked(lock, timeout=0.05):
        pass
