"""Password recovery by mail, with a real SMTP server: the code, its limits, a pending address."""

import email
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from tests.support.ports import free_port
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient
from tests.support.waiting import wait_until

NEW = "battery staple"


class Mailbox:
    """Mails that the SMTP server accepted: (recipient, text)."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        message = email.message_from_bytes(envelope.content or b"", policy=default)
        assert isinstance(message, EmailMessage)
        self.mails.append((envelope.rcpt_tos[0], message.get_content()))
        return "250 OK"

    def code(self, number: int = 1) -> str:
        """The code in the mail of this number; waits for it."""
        wait_until(lambda: len(self.mails) >= number, 10, "the mail")
        found = re.search(r"Code: (\d{8})", self.mails[number - 1][1])
        assert found, self.mails
        return found[1]


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def server(mailbox: Mailbox, tmp_path: Path) -> Iterator[ServerProcess]:
    """With a mail server; `ann` has an address, `bob` has none."""
    post = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    post.start()
    config = tmp_path / "server.toml"
    config.write_text(
        f'[smtp]\nhost = "127.0.0.1"\nport = {post.port}\nsender = "chat@example.org"\nsecurity = "plain"\n'
    )
    try:
        with ServerProcess(tmp_path / "data", extra=["--config", str(config)]) as process:
            for name, address in (("ann", "ann@example.org"), ("bob", "")):
                with RawClient(process.port) as client:
                    assert isinstance(client.register(name, email=address), wire.LoggedIn)
            yield process
    finally:
        post.stop()


def ask(client: RawClient, operation: Any) -> Any:
    """Done, or the code of the failure."""
    result = client.request(operation)
    return Code(result.code) if isinstance(result, wire.Failure) else result


def test_mailed_code_sets_a_new_password_once(server: ServerProcess, mailbox: Mailbox) -> None:
    with RawClient(server.port) as client:
        assert client.hello().mail
        assert ask(client, wire.Recover("Ann")) == wire.Done()
        code = mailbox.code()
        assert mailbox.mails[0][0] == "ann@example.org"
        typed = f" {code[:4]}-{code[4:]} "
        assert ask(client, wire.RecoverConfirm("ann", typed, NEW)) == wire.Done()
        assert ask(client, wire.RecoverConfirm("ann", code, "another one")) is Code.RECOVERY_INVALID
        assert isinstance(client.log_in("ann", NEW), wire.LoggedIn)
    with RawClient(server.port) as client:
        assert client.log_in("ann").code == Code.BAD_CREDENTIALS


def test_answers_do_not_reveal_accounts_or_addresses(server: ServerProcess, mailbox: Mailbox) -> None:
    with RawClient(server.port) as client:
        client.hello()
        assert [ask(client, wire.Recover(name)) for name in ("bob", "nobody", "ann")] == [wire.Done()] * 3
        assert mailbox.code()
        assert len(mailbox.mails) == 1
        for name in ("ann", "bob", "nobody"):
            assert ask(client, wire.RecoverConfirm(name, "00000000", NEW)) is Code.RECOVERY_INVALID


def test_five_wrong_codes_void_the_valid_one(server: ServerProcess, mailbox: Mailbox) -> None:
    with RawClient(server.port) as client:
        client.hello()
        assert ask(client, wire.Recover("ann")) == wire.Done()
        code = mailbox.code()
    wrong = f"{(int(code) + 1) % 10**8:08d}"
    for _ in range(5):
        with RawClient(server.port) as client:
            client.hello()
            assert ask(client, wire.RecoverConfirm("ann", wrong, NEW)) is Code.RECOVERY_INVALID
    with RawClient(server.port) as client:
        client.hello()
        assert ask(client, wire.RecoverConfirm("ann", code, NEW)) is Code.RECOVERY_INVALID


def test_recovery_mails_are_rate_limited(server: ServerProcess, mailbox: Mailbox) -> None:
    with RawClient(server.port) as client:
        client.hello()
        answers = [client.request(wire.Recover("ann")) for _ in range(6)]
    assert answers[:5] == [wire.Done()] * 5
    assert answers[5].code == Code.TOO_MANY_TRIES
    # A request counts like a wrong password, or five more would be free after half a minute.
    assert answers[5].retry_ms > 3_000


def test_new_address_is_pending_and_old_one_is_notified(server: ServerProcess, mailbox: Mailbox) -> None:
    with RawClient(server.port) as client:
        client.log_in("ann")
        assert ask(client, wire.SetProfile(None, "new@example.org", "a guess of somebody")) is Code.BAD_CREDENTIALS
        assert ask(client, wire.SetProfile(None, "new@example.org", "correct horse")) == wire.Done()
        wait_until(lambda: mailbox.mails, 10, "the mail")
        assert mailbox.mails[0][0] == "ann@example.org"
        assert "new@example.org" in mailbox.mails[0][1]
        profile = client.request(wire.GetProfile())
        assert (profile.email, profile.pending_email) == ("ann@example.org", "new@example.org")
    with RawClient(server.port) as client:
        client.hello()
        assert ask(client, wire.Recover("ann")) == wire.Done()
        code = mailbox.code(2)
        assert mailbox.mails[1][0] == "ann@example.org"
        assert ask(client, wire.RecoverConfirm("ann", code, NEW, revoke_devices=True)) == wire.Done()
        client.log_in("ann", NEW)
        assert client.request(wire.GetProfile()).pending_email == ""
        assert [device.revoked for device in client.request(wire.ListDevices()).devices] == [True, True, False]
