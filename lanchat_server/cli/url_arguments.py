"""Database URLs as arguments of commands, typed or from files: what is typed can be read by others of the computer."""

import argparse

from lanchat.i18n import _
from lanchat.i18n.os_errors import os_error_text
from lanchat.terminal.arguments import file_path
from lanchat_server import config


def url_or_file(text: str) -> str:
    """The URL, or what `@FILE` holds, for argparse. A complaint does not repeat the URL: a password may be in it."""
    if text.startswith("@"):
        return url_in_file(text[1:])
    try:
        return config.database_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(_("must be {expected}").format(expected=error)) from None


def url_in_file(file: str) -> str:
    """The database URL in the first line of a file, for argparse."""
    try:
        lines = file_path(file).read_text(encoding="utf-8-sig").splitlines()
        return config.database_url(lines[0] if lines else "")
    except OSError as error:
        reason = os_error_text(error)
        raise argparse.ArgumentTypeError(_("cannot read {file}: {reason}").format(file=file, reason=reason)) from None
    except ValueError as error:  # UnicodeDecodeError is one, too
        expected = error if not isinstance(error, UnicodeError) else _("UTF-8 text")
        raise argparse.ArgumentTypeError(_("must be {expected}").format(expected=expected)) from None
