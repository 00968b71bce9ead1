"""`lanchat --check`: what the client needs of this computer, each used once."""

import sqlite3
import tempfile
from pathlib import Path

from lanchat.checks.network import network_checks
from lanchat.checks.runner import CHECK_TIMEOUT, CheckFailed, Finding, SelfCheck, run_checks
from lanchat.checks.window import window_check
from lanchat.core.ports import LocalStoreError
from lanchat.i18n import _
from lanchat.store.database import Database
from lanchat.terminal.output import OutputWriter
from lanchat.wording.problems import error_text

_SAMPLE = b"written"
_PASSWORD = b"correct horse battery staple"
# Argon2id's least work (libsodium): that it is right is what is checked, not how long it takes.
_PASSES, _MEMORY = 1, 8192 * 1024


def check(as_json: bool, timeout: float | None) -> int:
    """Runs all checks; the exit code. `timeout`: seconds for each."""
    checks = [
        *network_checks(),
        SelfCheck("sqlite", "SQLite", check_sqlite),
        SelfCheck("argon2", "Argon2", check_argon2),
        window_check("lanchat", needed=True),
    ]
    return run_checks(checks, OutputWriter(as_json), timeout or CHECK_TIMEOUT)


def check_sqlite() -> Finding:
    """A row written durably in a scratch folder, and read after the file was opened again."""
    with tempfile.TemporaryDirectory(prefix="lanchat-check-") as folder:
        try:
            _write_and_read(Path(folder, "check.sqlite3"))
        except LocalStoreError as error:
            raise CheckFailed(error_text(error)) from None
    text = _("written durably and read again in a scratch folder; SQLite {version}")
    return Finding(text.format(version=sqlite3.sqlite_version), {"version": sqlite3.sqlite_version})


def _write_and_read(path: Path) -> None:
    written = Database(path)
    try:
        written.write(lambda connection: connection.execute("INSERT INTO rooms VALUES (1, ?)", (_SAMPLE,)))
    finally:
        written.close()
    read = Database(path)
    try:
        found = read.read(lambda connection: connection.execute("SELECT * FROM rooms").fetchall())
    finally:
        read.close()
    if [tuple(row) for row in found] != [(1, _SAMPLE)]:
        raise CheckFailed(_("what was written is not there any more"))


def check_argon2() -> Finding:
    """A password's hash made and recognized, and another password refused."""
    import nacl
    from nacl import bindings
    from nacl.exceptions import InvalidkeyError

    kind = bindings.crypto_pwhash_ALG_ARGON2ID13
    stored = bindings.crypto_pwhash_str_alg(_PASSWORD, _PASSES, _MEMORY, kind)
    try:
        bindings.crypto_pwhash_str_verify(stored, _PASSWORD)
    except InvalidkeyError:
        raise CheckFailed(_("the right password is refused")) from None
    try:
        bindings.crypto_pwhash_str_verify(stored, _PASSWORD + b"r")
    except InvalidkeyError:
        pass
    else:
        raise CheckFailed(_("a wrong password is taken"))
    text = _("a password recognized and a wrong one refused; PyNaCl {version}")
    return Finding(text.format(version=nacl.__version__), {"version": nacl.__version__})
