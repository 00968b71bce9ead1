"""Objects with a secret do not show it when printed."""

from pathlib import Path

import pytest

from lanchat.app import api
from lanchat.protocol.log.certificates import Certificate
from lanchat.store.identities import StoredDevice
from lanchat.ui.kit.fields.forms import NewAccount
from lanchat_server.config import ServerConfig, Smtp

SECRET = "correct horse battery"


@pytest.mark.parametrize(
    "value",
    [
        api.LoginCommand("anna", SECRET),
        api.RegisterCommand("anna", SECRET, invite_code=SECRET, setup_code=SECRET),
        api.RecoverConfirmCommand("anna", SECRET, SECRET),
        api.ChangePasswordCommand(SECRET, SECRET),
        NewAccount("anna", SECRET, SECRET),
        StoredDevice(bytes(16), 1, "anna", "Anna", bytes(16), SECRET.encode(), Certificate(b"", bytes(64))),
        Smtp("mail.example", 25, "anna", SECRET, "chat@example", "tls"),
        ServerConfig("Office", Path("anna"), f"mysql://anna:{SECRET}@host/chat"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_secret_is_not_shown(value: object) -> None:
    shown = f"{value!r} {value}"
    assert SECRET not in shown
    assert type(value).__name__ in shown
    assert "anna" in shown or isinstance(value, api.ChangePasswordCommand)
