"""Recovery mails, sent to a real mail server on the loopback address."""

import asyncio
import datetime
import email
import ipaddress
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lanchat import i18n
from lanchat_server import mail
from lanchat_server.config import Smtp
from lanchat_server.mail import Mailer, send_test
from tests.support.ports import free_port
from tests.support.waiting import wait_until

CODE = "31415926"
SENDER = "Чат <chat@example.org>"
Start = Callable[..., Smtp]


def test_failed_test_message_says_why() -> None:
    nobody = Smtp("127.0.0.1", free_port(), "", "", SENDER, "plain")
    i18n.set_language("en")
    assert "127.0.0.1 cannot be reached" in send_test(nobody, "anna@example.org", "Office")
    assert send_test(nobody, "nowhere", "Office") == "This is not an e-mail address"


class Mailbox:
    """Keeps received mails."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 OK"

    def message(self) -> EmailMessage:
        (envelope,) = self.envelopes
        message = email.message_from_bytes(envelope.content or b"", policy=default)
        assert isinstance(message, EmailMessage)
        return message


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def start_mail_server(mailbox: Mailbox) -> Iterator[Start]:
    """Starts a mail server and returns how to reach it."""
    running: list[Controller] = []

    def start(security: str = "plain", user: str = "", password: str = "", **options: Any) -> Smtp:
        port = free_port()
        running.append(Controller(mailbox, hostname="127.0.0.1", port=port, **options))
        running[-1].start()
        return Smtp("127.0.0.1", port, user, password, SENDER, security)

    yield start
    for controller in running:
        controller.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate of 127.0.0.1 in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("mail") / "mail.pem"
    encoding, no_password = serialization.Encoding.PEM, serialization.NoEncryption()
    octets = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, no_password)
    file.write_bytes(octets + made.public_bytes(encoding))
    return file


def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


def send(
    mailer: Mailer, address: str = "ann@example.org", user: str = "Аня", server: str = "Школа № 5", times: int = 1
) -> None:
    async def all_of_them() -> None:
        for _ in range(times):
            await mailer.send_code(address, user, CODE, server, 15)

    try:
        asyncio.run(all_of_them())
    finally:
        mailer.close()


def test_received_mail_is_complete(mailbox: Mailbox, start_mail_server: Start) -> None:
    send(Mailer(start_mail_server()))
    message = mailbox.message()
    assert mailbox.envelopes[0].rcpt_tos == ["ann@example.org"]
    assert mailbox.envelopes[0].mail_from == "chat@example.org"
    assert message["From"] == SENDER
    assert message["To"] == "ann@example.org"
    assert "Школа № 5" in message["Subject"]
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@example.org>")
    assert abs(message["Date"].datetime.timestamp() - time.time()) < 60
    text = message.get_content()
    for part in (CODE, "Аня", "Школа № 5", "15 minutes", "15 мин", "new password", "новый пароль"):
        assert part in text
    # Subjects are shown on locked telephones and written into logs.
    assert CODE not in message["Subject"]


def test_hostile_names_add_no_headers_or_recipients(mailbox: Mailbox, start_mail_server: Start) -> None:
    evil = "x\r\nBcc: all@example.org\r\n\r\nClick here"
    send(Mailer(start_mail_server()), user=evil, server=evil)
    message = mailbox.message()
    assert mailbox.envelopes[0].rcpt_tos == ["ann@example.org"]
    assert message["Bcc"] is None
    assert "\nBcc" not in message.get_content()
    assert "\r\nBcc" not in (mailbox.envelopes[0].content or b"").decode()


@pytest.mark.parametrize(
    "address",
    ["", "ann", "@", "a@b,c@d", "a@b, c@d", "Ann <a@b>", "a@b\r\nBcc: c@d", "a b@c", "a@b;c@d", "group:a@b", '"a@b"@c'],
)
def test_invalid_recipient_address_gets_no_mail(
    mailbox: Mailbox, start_mail_server: Start, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    send(Mailer(start_mail_server()), address=address)
    assert not mailbox.envelopes
    assert "could not be written" in caplog.text
    assert CODE not in caplog.text


def test_mailer_without_configuration_does_nothing() -> None:
    mailer = Mailer(None)
    assert not mailer.enabled
    send(mailer)


def test_starttls_with_login(mailbox: Mailbox, start_mail_server: Start, certificate: Path) -> None:
    seen: list[tuple[bytes, bytes]] = []

    def check(server: Any, session: Any, envelope: Any, mechanism: str, auth: LoginPassword) -> AuthResult:
        seen.append((auth.login, auth.password))
        return AuthResult(success=True)

    smtp = start_mail_server(
        "starttls",
        "chat",
        "secret",
        tls_context=server_tls(certificate),
        require_starttls=True,
        authenticator=check,
        auth_required=True,
    )
    mailer = Mailer(smtp, trusting(certificate))
    assert mailer.enabled
    send(mailer)
    assert CODE in mailbox.message().get_content()
    assert seen == [(b"chat", b"secret")]


def test_implicit_tls(mailbox: Mailbox, start_mail_server: Start, certificate: Path) -> None:
    send(Mailer(start_mail_server("tls", ssl_context=server_tls(certificate)), trusting(certificate)))
    assert CODE in mailbox.message().get_content()


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_untrusted_certificate_is_refused(
    mailbox: Mailbox, start_mail_server: Start, certificate: Path, caplog: pytest.LogCaptureFixture, security: str
) -> None:
    option = "tls_context" if security == "starttls" else "ssl_context"
    send(Mailer(start_mail_server(security, **{option: server_tls(certificate)})))
    assert not mailbox.envelopes
    assert "SSLCertVerificationError" in caplog.text


def test_server_without_starttls_gets_neither_password_nor_mail(
    mailbox: Mailbox, start_mail_server: Start, caplog: pytest.LogCaptureFixture
) -> None:
    send(Mailer(start_mail_server("starttls", "chat", "secret")))
    assert not mailbox.envelopes
    assert "was not sent: SMTPNotSupportedError" in caplog.text


def test_failure_is_logged_without_secrets_and_not_raised(
    mailbox: Mailbox, start_mail_server: Start, certificate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(server: Any, session: Any, envelope: Any, mechanism: str, auth: LoginPassword) -> AuthResult:
        return AuthResult(success=False, handled=False, message="535 no, not secret-password")

    smtp = start_mail_server(
        "starttls", "chat", "secret-password", tls_context=server_tls(certificate), authenticator=refuse
    )
    caplog.set_level(logging.DEBUG, "lanchat_server")
    send(Mailer(smtp, trusting(certificate)))
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name == mail.__name__)
    assert "SMTPAuthenticationError (535)" in ours
    for secret in (CODE, "secret-password", "ann@example.org"):
        assert secret not in ours


def test_unresponsive_mail_server_does_not_block_the_caller(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mailer = Mailer(Smtp("127.0.0.1", silent.getsockname()[1], "", "", SENDER, "plain"), step_timeout=2.0)
        asyncio.run(mailer.send_code("ann@example.org", "ann", CODE, "server", 15))
        assert "was not sent" not in caplog.text  # nobody waited for the end of it
        wait_until(lambda: "was not sent: SMTPServerDisconnected" in caplog.text, 10, "the failure in the log")
        mailer.close()


def test_queue_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mailer = Mailer(Smtp("127.0.0.1", silent.getsockname()[1], "", "", SENDER, "plain"), step_timeout=60.0)

        async def fill() -> None:
            for _ in range(mail.QUEUE_MAX + 10):
                await mailer.send_code("ann@example.org", "Ann", CODE, "School", 15)

        asyncio.run(fill())
    # Nobody listens any more: what waits fails at once.
    mailer.close()
    assert 8 <= caplog.text.count("was dropped") <= 10


def test_failed_mail_does_not_stop_the_next(
    mailbox: Mailbox, start_mail_server: Start, caplog: pytest.LogCaptureFixture
) -> None:
    mailer = Mailer(start_mail_server())

    async def both() -> None:
        # The server refuses an address that does not fit a line; then an ordinary one follows.
        await mailer.send_code("ä" * 30 + "@example.org", "ann", CODE, "server", 15)
        await mailer.send_code("ann@example.org", "ann", CODE, "server", 15)

    asyncio.run(both())
    mailer.close()
    assert mailbox.envelopes[-1].rcpt_tos == ["ann@example.org"]


INJECTED = "Büro =?utf-8?q?x=0D=0ABcc:_thief@example.net?="


def headers_of(message: EmailMessage) -> list[str]:
    """The names of all headers as they are sent."""
    head = message.as_bytes().partition(b"\r\n\r\n")[0]
    return [line.partition(b":")[0].decode().lower() for line in head.split(b"\r\n") if line[:1] not in b" \t"]


@pytest.mark.parametrize(
    "name", [INJECTED, INJECTED.replace("=0D", ""), "=?utf-8?b?eA0KQmNjOiB0QHgueQ==?=", "=?=?x?=?="]
)
def test_server_name_adds_no_header(name: str) -> None:
    message = mail._compose(SENDER, "anna@example.org", f"{name}: your code", "text")
    assert "bcc" not in headers_of(message)
    assert not any(char in str(message["Subject"]) for char in "\r\n")
    assert len(headers_of(message)) == len(set(headers_of(message)))


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        ("=?utf-8?q?x=0D=0ABcc:_thief@example.net?= <chat@example.org>", "anna@example.org"),
        ("Chat\r\nBcc: thief@example.net <chat@example.org>", "anna@example.org"),
        (SENDER, "=?utf-8?q?a=0D=0ABcc=3Athief?=@example.net"),
        (SENDER, "anna@=?utf-8?q?b=0D=0ABcc=3Athief?="),
    ],
)
def test_addresses_add_no_header(sender: str, address: str) -> None:
    try:
        message = mail._compose(sender, address, "Office: your code", "text")
    except ValueError:
        return
    assert "bcc" not in headers_of(message)
