"""An administrator's commands about accounts, devices and registration codes, on a database that no server has, and in
words."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.i18n import set_language
from lanchat.protocol.log.keys import device_id
from lanchat_server.admin.run import AdminError, run_admin
from lanchat_server.cli.main import run
from lanchat_server.config import ServerConfig, load
from lanchat_server.core.model import DeviceRow
from lanchat_server.store import open_store
from tests.support.rig import Rig, make_author
from tests.support.stores import added

KEY = b"k" * 32
DEVICE = device_id(KEY).hex()


@pytest.fixture
def config(tmp_path: Path) -> ServerConfig:
    store = open_store(None, tmp_path)
    store.take_lease("test", 1)
    (anna,) = added(store, "Anna")
    certificate = Rig().directory.devices[make_author(1).device].certificate
    with store.transaction() as tx:
        tx.add_device(DeviceRow(bytes.fromhex(DEVICE), anna.id, KEY, "laptop", 1000, 2000, 0, certificate))
    store.close()
    return load({"data_dir": tmp_path}, environment={})


@pytest.fixture
def russian() -> Iterator[None]:
    set_language("ru")
    yield
    set_language("en")


def test_devices_are_listed_and_revoked(config: ServerConfig) -> None:
    (row,) = run_admin(config, "users.devices", {"user": "anna"})
    assert (row["id"], row["name"], row["revoked"]) == (DEVICE, "laptop", False)
    for id in ("", DEVICE[:7], "0" * 8, "ffffffff"):
        with pytest.raises(AdminError):
            run_admin(config, "users.revoke_device", {"user": "anna", "id": id})
    assert run_admin(config, "users.revoke_device", {"user": "anna", "id": DEVICE[:8]})["revoked"]
    assert run_admin(config, "users.devices", {"user": "anna"})[0]["revoked"]


def test_codes_are_listed_and_voided(config: ServerConfig) -> None:
    assert run_admin(config, "users.invites", {}) == []
    run_admin(config, "users.invite", {"uses": 3, "days": 1})
    (row,) = run_admin(config, "users.invites", {})
    assert (row["creator"], row["uses_left"]) == (None, 3)
    with pytest.raises(AdminError):
        run_admin(config, "users.void_invite", {"id": "00000000"})
    run_admin(config, "users.void_invite", {"id": row["id"][:8]})
    assert run_admin(config, "users.invites", {}) == []


def test_commands_say_what_they_did(config: ServerConfig, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ["--data-dir", str(config.data_dir), "--language", "en"]

    def said(*words: str) -> str:
        assert run(["users", *words, *folder]) == 0
        return capsys.readouterr().out

    assert said("devices", "anna").startswith(f"{DEVICE}  laptop  last seen ")
    assert said("revoke-device", "anna", DEVICE[:8]) == f"The device {DEVICE} is shut out\n"
    assert "  laptop  shut out, last seen" in said("devices", "anna")
    said("invite-code", "--uses", "2")
    listed = json.loads(said("invite-codes", "--json"))
    assert "  2 uses left, until " in said("invite-codes")
    assert said("void-code", listed["id"][:8]) == f"The code {listed['id']} is void\n"
    assert said("invite-codes") == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"user": "x" * 33}, "Имя пользователя"),
        ({"user": ""}, "Имя пользователя"),
        ({"display_name": "x" * 65}, "64"),
        ({"email": "nowhere"}, "адрес почты"),
        ({"password": "short"}, "не меньше 8"),
        ({"password": "x" * 600}, "Пароль слишком длинный"),
    ],
)
def test_says_in_the_readers_language_what_is_wrong_with_a_new_account(
    config: ServerConfig, russian: None, arguments: dict[str, str], said: str
) -> None:
    with pytest.raises(AdminError, match=said):
        run_admin(config, "users.add", {"user": "olga", "password": "long enough", "role": "member"} | arguments)
