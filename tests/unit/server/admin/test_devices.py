"""Administration commands for accounts, devices and registration codes, on a database without a running server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lanchat.i18n import set_language
from lanchat.protocol import wire
from lanchat.protocol.codes import Code, Role
from lanchat.protocol.log.keys import device_id
from lanchat.terminal.exits import CliError
from lanchat_server.admin.run import Refused
from lanchat_server.cli.administration import rfc3339
from lanchat_server.cli.main import run
from lanchat_server.cli.users import new_account
from lanchat_server.config import ServerConfig, load
from lanchat_server.core.model import DeviceRow, RoomKeyRow
from lanchat_server.store import open_store
from tests.support.administration import ask, find
from tests.support.rig import Rig, make_author
from tests.support.stores import added, general, member

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
    anna = find(config, "anna")
    (device,) = ask(config, wire.ListDevices(user=anna), wire.DeviceList).devices
    assert (device.id.hex(), device.name, device.revoked, device.online) == (DEVICE, "laptop", False, False)
    with pytest.raises(Refused) as caught:
        ask(config, wire.RevokeDevice(bytes(16)), wire.Done)
    assert caught.value.code is Code.NOT_FOUND
    ask(config, wire.RevokeDevice(device.id), wire.Done)
    assert ask(config, wire.ListDevices(user=anna), wire.DeviceList).devices[0].revoked


@pytest.mark.parametrize("how", ["device", "account"])
def test_rooms_get_new_keys_when_somebody_is_shut_out(config: ServerConfig, how: str) -> None:
    """What a device keeps of the old ones opens nothing that is said after the server's next start."""
    store = open_store(None, config.data_dir)
    store.take_lease("test", 1)
    anna = next(user.id for user in store.snapshot().users if user.name == "Anna")
    with store.transaction() as tx:
        tx.add_members([member(general(store).id, anna)])
        tx.set_room_key(RoomKeyRow(general(store).id, 4, b"r" * 32, 10**15))
    store.close()
    shut_out = wire.RevokeDevice(bytes.fromhex(DEVICE))
    if how == "account":
        shut_out = wire.DisableAccount(find(config, "anna"), True)
    ask(config, shut_out, object)
    store = open_store(None, config.data_dir)
    (key,) = store.snapshot().room_keys
    store.close()
    assert key.number == 5
    assert key.key != b"r" * 32


def test_time_that_no_calendar_holds_is_none() -> None:
    """As a restored backup may say."""
    assert [rfc3339(moment) for moment in (0, 1234, 2**63 - 1, 10**15)] == [
        None, "1970-01-01T00:00:01.234Z", None, None
    ]  # fmt: skip


@pytest.mark.parametrize("id", ["", DEVICE[:7], "0" * 8, "ffffffff"])
def test_ambiguous_device_id_is_refused(config: ServerConfig, id: str) -> None:
    assert run(["users", "revoke-device", "anna", id, "--data-dir", str(config.data_dir)]) == 1
    assert not ask(config, wire.ListDevices(user=find(config, "anna")), wire.DeviceList).devices[0].revoked


def test_codes_are_listed_and_voided(config: ServerConfig) -> None:
    assert ask(config, wire.ListInvites(), wire.InviteList).invites == []
    ask(config, wire.CreateInvite(3, 86_400), wire.InviteCode)
    (invite,) = ask(config, wire.ListInvites(), wire.InviteList).invites
    assert (invite.creator, invite.uses_left) == (0, 3)
    with pytest.raises(Refused):
        ask(config, wire.VoidInvite(bytes(16)), wire.Done)
    ask(config, wire.VoidInvite(invite.id), wire.Done)
    assert ask(config, wire.ListInvites(), wire.InviteList).invites == []


def test_commands_print_their_results(config: ServerConfig, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ["--data-dir", str(config.data_dir), "--language", "en"]

    def printed(*words: str) -> str:
        assert run(["users", *words, *folder]) == 0
        return capsys.readouterr().out

    assert printed("devices", "anna").startswith(f"{DEVICE}  laptop  last seen ")
    assert printed("revoke-device", "anna", DEVICE[:8]) == f"The device {DEVICE} is shut out\n"
    assert "  laptop  shut out, last seen" in printed("devices", "anna")
    printed("invite-code", "--uses", "2")
    listed = json.loads(printed("invite-codes", "--json"))
    assert "  2 uses left, until " in printed("invite-codes")
    assert printed("void-code", listed["id"][:8]) == f"The code {listed['id']} is void\n"
    assert printed("invite-codes") == ""


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        ({"user": "x" * 33}, "Имя пользователя"),
        ({"user": ""}, "Имя пользователя"),
        ({"display_name": "x" * 65}, "64"),
        ({"email": "nowhere"}, "адрес почты"),
        ({"password": "short"}, "не меньше 8"),
        ({"password": "x" * 600}, "Пароль слишком длинный"),
    ],
)
def test_invalid_new_account_is_reported_in_the_chosen_language(
    russian: None, arguments: dict[str, Any], printed: str
) -> None:
    with pytest.raises(CliError, match=printed):
        new_account(**({"user": "olga", "password": "long enough", "role": Role.MEMBER} | arguments))
