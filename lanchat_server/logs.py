"""The server's log: lines for people or JSON objects, on stderr, without secrets.

A password travels in database URLs, and libraries put those into their messages; so every finished line passes through
`redact`, whoever wrote it. What a stranger chose (names, addresses) is made inert, so that nobody writes lines of ours.
"""

import json
import logging
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime

from lanchat.protocol.text.names import inert

# user:password@ in a URL, also in one that was taken for a path: there two slashes are one. The password may hold
# anything but white space; the last @ before the host ends it.
_URL_PASSWORD = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*:[/\\]+[^\s:/@\\]*:)[^\s]*@(?P<tail>[^\s@]*)", re.IGNORECASE)
# password=…, "password": "…" and their like, as libraries print settings. A quotation ends with its line: one that a
# stranger opened must not reach the quotation mark before a secret further down.
_NAMED_SECRET = re.compile(
    r"(?P<head>\b(?:password|passwd|passphrase|secret|token)\b[\"']?\s*[:=]\s*)(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s,;)}\]]+)",
    re.IGNORECASE,
)
LINE_MAX = 8192
# Shorter ones would black out words of every line.
_SECRET_MIN = 4
_secrets: list[str] = []
# Libraries that tell each step at the level of information, and what they may tell instead.
_TALKATIVE = {"zeroconf": logging.ERROR, "alembic": logging.WARNING, "mysql.connector": logging.WARNING}


def keep_secret(secrets: Iterable[str]) -> None:
    """From now on `redact` hides these texts wherever they stand, the longest first."""
    found = {secret for secret in secrets if len(secret) >= _SECRET_MIN}
    found |= {repr(secret)[1:-1] for secret in found}
    _secrets[:] = sorted(found | set(_secrets), key=len, reverse=True)


def redact(text: str) -> str:
    """The text without known secrets, and without passwords in URLs and in settings."""
    for secret in _secrets:
        text = text.replace(secret, "***")
    text = _URL_PASSWORD.sub(r"\g<head>***@\g<tail>", text)
    return _NAMED_SECRET.sub(r"\g<head>***", text)


def _moment(record: logging.LogRecord) -> str:
    day = datetime.fromtimestamp(record.created, UTC)
    return day.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TextFormatter(logging.Formatter):
    """`2026-01-31T12:34:56.789Z INFO logger: message`; a traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """The message has no secrets and no control characters in it, and LINE_MAX characters at most."""
        message = inert(redact(record.getMessage()), LINE_MAX)
        line = f"{_moment(record)} {record.levelname} {record.name}: {message}"
        return line + _indented(record, self)


class JsonFormatter(logging.Formatter):
    """One object a line: time, level, logger, message, and `trace` after an exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Message and trace have no secrets in them; the message has LINE_MAX characters at most."""
        values = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage())[:LINE_MAX],
        }
        if record.exc_info:
            values["trace"] = redact(self.formatException(record.exc_info))
        return json.dumps(values, ensure_ascii=False)


def _indented(record: logging.LogRecord, formatter: logging.Formatter) -> str:
    if not record.exc_info:
        return ""
    trace = redact(formatter.formatException(record.exc_info))
    return "".join(f"\n    {line}" for line in trace.splitlines())


def configure(json: bool, level: str) -> None:
    """Send everything of this level (debug, info, warning, error) and above to stderr, from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if json else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in _TALKATIVE.items():
        logging.getLogger(name).setLevel(max(least, root.level))
