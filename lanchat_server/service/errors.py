"""Errors of the service."""

from lanchat.i18n import _
from lanchat.protocol.wire import Code
from lanchat_server.core.ports import StoreError


class StartError(Exception):
    """The server cannot start or go on; one line for a person that says what to do."""


class Refused(Exception):
    """A request is answered with Failure. `text` is for logs, in English; `retry` seconds until it may work."""

    def __init__(self, code: Code, text: str, retry: float = 0.0) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.retry = retry


def overloaded() -> StoreError:
    """The bounded line before the database is full."""
    return StoreError(_("Too much waits for the database: try again later"))
