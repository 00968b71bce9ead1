"""Errors of the service."""

from lanchat.i18n import _
from lanchat_server.core.ports import StoreError


class StartError(Exception):
    """The server cannot start or go on; one line for a person that says what to do."""


def overloaded() -> StoreError:
    """The bounded line before the database is full."""
    return StoreError(_("Too much waits for the database: try again later"))
