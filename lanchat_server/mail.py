"""The mails that this server writes: a code for somebody who forgot the password, and word to an address that is to be
replaced by another one.

Whoever asks for a code learns nothing of whether the mail is delivered: `send_code` puts it in line and returns, one
thread hands it in later, and a failure is only logged, without address, code or password. The text is in both
languages, as the server does not know the reader's.
"""

import contextlib
import logging
import queue
import smtplib
import socket
import ssl
import threading
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid, parseaddr

from lanchat.i18n import _
from lanchat.i18n.os_errors import os_error_text
from lanchat.protocol.text.names import inert
from lanchat_server.config import MAIL_ADDRESS, Smtp

_log = logging.getLogger(__name__)

# Seconds that one step of the exchange with the mail server may take.
STEP_TIMEOUT = 10.0
# Attacker: asks for codes in other people's names (the throttle lets few through). Honest need: a handful a day.
# Memory: some 2 KiB each.
QUEUE_MAX = 64

_SUBJECT = "{server}: your code / ваш код"
_TEXT = """\
Somebody, probably you, asked for a new password for the account {user} on the chat server {server}.

Code: {code}

It is valid for {minutes} minutes. If it was not you, do nothing: the password stays as it is. Give this code to nobody.


Кто-то (скорее всего, вы) попросил новый пароль для учётной записи {user} на сервере чата {server}.

Код: {code}

Он действует {minutes} мин. Если это были не вы, ничего не делайте: пароль останется прежним. Никому не сообщайте код.
"""

_CHANGE_TEXT = """\
The account {user} on the chat server {server} is to have another e-mail address: {email}

It takes the place of this one in {hours} hours. If it was not you, set a new password before: that drops the new
address. Ask the administrator to shut out devices that you do not have any more.


Для учётной записи {user} на сервере чата {server} указан другой адрес электронной почты: {email}

Он заменит этот адрес через {hours} ч. Если это были не вы, задайте до этого новый пароль: тогда новый адрес не
будет принят. Попросите администратора отключить устройства, которых у вас больше нет.
"""
_TEST_SUBJECT = "{server}: test message / проверочное сообщение"
_TEST_TEXT = """\
This message shows that the chat server {server} can send e-mail. Nothing needs to be done.


Это сообщение показывает, что сервер чата {server} может отправлять почту. Делать ничего не нужно.
"""
_CHANGE_SUBJECT = "{server}: another e-mail address / другой адрес почты"


class Mailer:
    """Hands mails to the configured server, one after the other; without a configuration it sends none.

    `context` is for tests and private certificate authorities; by default the system's authorities are trusted and
    the server's name is checked.
    """

    def __init__(
        self, smtp: Smtp | None, context: ssl.SSLContext | None = None, step_timeout: float = STEP_TIMEOUT
    ) -> None:
        """`smtp` None: mails are dropped. `step_timeout`: seconds for a step of the exchange with the mail server. The
        thread begins with the first mail."""
        self._smtp = smtp
        self._context = context
        self._step_timeout = step_timeout
        self._closing = False
        self._queue: queue.Queue[EmailMessage | None] = queue.Queue(QUEUE_MAX)
        self._thread: threading.Thread | None = None

    @property
    def enabled(self) -> bool:
        """Whether mails can be sent at all."""
        return self._smtp is not None

    async def send_code(self, address: str, user: str, code: str, server_name: str, minutes: int) -> None:
        """Put the mail in line and return at once; never raises and never tells whether it can be delivered."""
        values = {"user": inert(user), "code": code, "server": inert(server_name), "minutes": str(minutes)}
        self._put(address, _SUBJECT, _TEXT, values)

    async def send_change(self, address: str, user: str, email: str, server_name: str, hours: int) -> None:
        """As `send_code`: to the present `address`, that `email` takes its place in so many hours."""
        values = {"user": inert(user), "email": inert(email), "server": inert(server_name), "hours": str(hours)}
        self._put(address, _CHANGE_SUBJECT, _CHANGE_TEXT, values)

    def _put(self, address: str, subject: str, text: str, values: dict[str, str]) -> None:
        if self._smtp is None:
            return
        try:
            message = _compose(self._smtp.sender, address, subject.format(**values), text.format(**values))
            self._queue.put_nowait(message)
        except (ValueError, MessageError) as error:
            _log.warning("a mail could not be written: %s", type(error).__name__)
        except queue.Full:
            _log.warning("a mail was dropped: %d wait already", QUEUE_MAX)
        else:
            self._start()

    def close(self, timeout: float = STEP_TIMEOUT) -> None:
        """Send what is in line, for at most `timeout` seconds."""
        if self._thread is None:
            return
        self._closing = True
        with contextlib.suppress(queue.Full):  # then the thread is awake and sees that it is the end
            self._queue.put_nowait(None)
        self._thread.join(timeout)
        self._thread = None

    def _start(self) -> None:
        if self._thread is None:
            # A daemon: a mail server that hangs must not keep this server from ending.
            self._thread = threading.Thread(target=self._run, name="mail", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while (message := self._queue.get()) is not None:
            self._try(message)
            if self._closing and self._queue.empty():
                return

    def _try(self, message: EmailMessage) -> None:
        try:
            self._deliver(message)
        except smtplib.SMTPResponseException as error:
            _log.warning("a mail was not sent: %s (%d)", type(error).__name__, error.smtp_code)
        except (OSError, smtplib.SMTPException) as error:
            _log.warning("a mail was not sent: %s", type(error).__name__)
        except Exception as error:  # a library's surprise must not end the thread; its text may hold the mail
            _log.error("a mail was not sent: %s", type(error).__name__)

    def _deliver(self, message: EmailMessage) -> None:
        assert self._smtp is not None
        with self._connect(self._smtp) as server:
            if self._smtp.user:
                server.login(self._smtp.user, self._smtp.password)
            server.send_message(message)

    def _connect(self, smtp: Smtp) -> smtplib.SMTP:
        name = _own_name()
        if smtp.security == "tls":
            return smtplib.SMTP_SSL(smtp.host, smtp.port, name, timeout=self._step_timeout, context=self._tls())
        server = smtplib.SMTP(smtp.host, smtp.port, name, timeout=self._step_timeout)
        if smtp.security == "starttls":
            try:
                server.starttls(context=self._tls())
            except BaseException:
                server.close()
                raise
        return server

    def _tls(self) -> ssl.SSLContext:
        return self._context or ssl.create_default_context()


def send_test(smtp: Smtp, address: str, server_name: str, context: ssl.SSLContext | None = None) -> str:
    """Hand in a message that asks nothing. Why it was not taken, as one line for a person; empty: it was. Waits for the
    mail server, up to STEP_TIMEOUT for each step: not for an event loop."""
    server = inert(server_name)
    try:
        subject, text = _TEST_SUBJECT.format(server=server), _TEST_TEXT.format(server=server)
        Mailer(smtp, context)._deliver(_compose(smtp.sender, address, subject, text))
    except smtplib.SMTPAuthenticationError as error:
        return _("The mail server refuses user name or password ({code}).").format(code=error.smtp_code)
    except smtplib.SMTPRecipientsRefused:
        return _("The mail server does not take messages for this address.")
    except smtplib.SMTPResponseException as error:
        return _("The mail server refused the message ({code}).").format(code=error.smtp_code)
    except smtplib.SMTPException as error:
        return _("The mail server does not do what is set: {reason}").format(reason=type(error).__name__)
    except ssl.SSLError:
        return _("The encrypted connection to the mail server failed: is its certificate good, and the port right?")
    except OSError as error:
        text = _("The mail server {host} cannot be reached: {reason}")
        return text.format(host=smtp.host, reason=os_error_text(error))
    except (ValueError, MessageError):
        return _("This is not an e-mail address")
    return ""


def _compose(sender: str, address: str, subject: str, text: str) -> EmailMessage:
    """The mail; raises ValueError or MessageError when an address is none."""
    if not MAIL_ADDRESS.fullmatch(address):
        raise ValueError("not an e-mail address")
    message = EmailMessage(policy=SMTP)
    # As it is: what looks like an encoded word (RFC 2047) would be decoded, line breaks and all.
    message["Subject"] = subject.replace("=?", "= ?")
    message["From"] = sender
    message["To"] = Address(addr_spec=address)
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain=parseaddr(sender)[1].rpartition("@")[2] or "localhost")
    # RFC 3834: no out-of-office answer comes back.
    message["Auto-Submitted"] = "auto-generated"
    if any(char in value for value in message.values() for char in "\r\n"):
        raise ValueError("a line break in a header")
    message.set_content(text)
    return message


def _own_name() -> str:
    """What to say in EHLO. smtplib would ask the name service, which takes its time on a network without one."""
    name = socket.gethostname()
    return name if "." in name else "[127.0.0.1]"
