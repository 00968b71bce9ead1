"""No secret in any log: what tests know to be secret is looked for in all that our processes and this one write.

`guard` is the one watch of a test run; tests/conftest.py asks it after each test. Secrets come from where they are made
or handed over: passwords in a process's environment or in a database URL, what the wire client registers, logs in and
signs with, session and room keys, the server's private keys. What a command prints because it was asked for it (a
registration code, a recovery code) is a secret for the server's log, not for that command's own output.
"""

import base64
import contextlib
import json
import logging
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

# Shorter ones appear by chance.
_LENGTH_MIN = 7
# Keys of the sessions of a test or two; older ones are no longer looked for.
_KEYS_MAX = 400
_VARIABLES = ("PASSWORD", "DATABASE")
_URL_PASSWORD = re.compile(r"^[a-z+]+://[^:/@]*:(?P<password>[^@]*)@")
# A private key of 32 octets, and how a server keeps it: PEM, whose body has it at its end.
_PEM_BODY = re.compile(r"-----BEGIN PRIVATE KEY-----\s*(\S+)\s*-----END")

Lines = Callable[[], Sequence[str]]


class Watch:
    """Secrets, and texts to look for them in; each text is looked through once."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self._codes: dict[str, str] = {}
        self._keys: deque[tuple[str, str]] = deque(maxlen=_KEYS_MAX)
        self._growing: list[tuple[str, Lines, list[int]]] = []
        self._texts: list[tuple[str, str, bool]] = []

    # --- Secrets ---------------------------------------------------------------------------------------------------

    def word(self, secret: str, what: str) -> None:
        """A password."""
        if len(secret) >= _LENGTH_MIN:
            self._words |= dict.fromkeys((secret, json.dumps(secret)[1:-1]), what)

    def code(self, secret: str, what: str) -> None:
        """What a command may print because it was asked for it, and no log."""
        if len(secret) >= _LENGTH_MIN:
            self._codes[secret] = what

    def operation(self, operation: object) -> None:
        """What a request has in it."""
        for field in ("password", "new_password", "old", "new"):
            self.word(getattr(operation, field, ""), field)
        for field in ("code", "invite_code"):
            self.code(getattr(operation, field, ""), field)

    def key(self, octets: bytes, what: str) -> None:
        """A key, in every way in which somebody might print it."""
        forms = {octets.hex(), octets.hex().upper(), repr(octets)[2:-1]}
        forms |= {encode(octets).decode().rstrip("=") for encode in (base64.b64encode, base64.urlsafe_b64encode)}
        # A log of JSON lines doubles what is a backslash in the other forms.
        forms |= {json.dumps(form)[1:-1] for form in forms}
        self._keys += [(form, what) for form in sorted(forms)]

    def environment(self, env: Mapping[str, str] | None) -> None:
        """Passwords that a process is given."""
        for name, value in (env or {}).items():
            if name.startswith("LANCHAT_") and any(part in name for part in _VARIABLES):
                self.url(value) if "://" in value else self.word(value, name)

    def url(self, url: str) -> None:
        """The password in a database URL."""
        if found := _URL_PASSWORD.match(url):
            self.word(found["password"], "database password")

    def key_files(self, folder: Path) -> None:
        """A server's private keys."""
        for file in folder.glob("*.key"):
            if found := _PEM_BODY.search(file.read_text(encoding="utf-8")):
                self.word(found[1], file.name)
                self.key(base64.b64decode(found[1])[-32:], file.name)

    @contextlib.contextmanager
    def forgetting(self) -> Iterator[None]:
        """Words and codes that become known within are forgotten after it: one test's password is another's text."""
        words, codes = dict(self._words), dict(self._codes)
        yield
        self._words, self._codes = words, codes

    # --- Texts -------------------------------------------------------------------------------------------------------

    def follow(self, name: str, lines: Lines) -> None:
        """A text that grows line by line."""
        self._growing.append((name, lines, [0]))

    def text(self, name: str, text: str | bytes | None, *, asked_for: bool = False) -> None:
        """A text that is complete; `asked_for`: it may have codes in it."""
        if text:
            self._texts.append((name, text if isinstance(text, str) else text.decode(errors="replace"), asked_for))

    def findings(self) -> list[str]:
        """Each secret in what was written since the last call, and where."""
        found = []
        for name, text, asked_for in self._new():
            codes = {} if asked_for else self._codes
            for secret, what in [*self._words.items(), *codes.items(), *self._keys]:
                if secret in text:
                    line = next((line for line in text.splitlines() if secret in line), secret)
                    found.append(f"{what} in what {name} wrote: {line[:300]}")
        return found

    def _new(self) -> Iterator[tuple[str, str, bool]]:
        texts, self._texts = self._texts, []
        yield from texts
        for name, lines, seen in self._growing:
            fresh = lines()[seen[0] :]
            seen[0] += len(fresh)
            if fresh:
                yield name, "\n".join(fresh), False


class Listener(logging.Handler):
    """What this process itself logs, for a watch."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        self._watch.text(f"logger {record.name}", self.format(record))


def recording(run: Callable[..., Any], watch: Watch) -> Callable[..., Any]:
    """`subprocess.run`, whose output and environment the watch gets to know."""

    def recorded(*args: Any, **options: Any) -> Any:
        watch.environment(options.get("env"))
        done = run(*args, **options)
        name = str(done.args)[:200]
        watch.text(name, done.stdout, asked_for=True)
        watch.text(name, done.stderr)
        return done

    return recorded


guard = Watch()
