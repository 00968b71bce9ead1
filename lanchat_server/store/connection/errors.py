"""What went wrong in the database, as one line for a person that says what to do.

MySQL and MariaDB errors are told apart by number: the connector's exception classes differ between its variants.
"""

import shutil
from pathlib import Path
from sqlite3 import (
    SQLITE_BUSY,
    SQLITE_CANTOPEN,
    SQLITE_CORRUPT,
    SQLITE_FULL,
    SQLITE_IOERR,
    SQLITE_NOTADB,
    SQLITE_READONLY,
)

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from lanchat.i18n import _
from lanchat.i18n.os_errors import os_error_text
from lanchat_server.core.ports import (
    CommitConflict,
    CommitFailed,
    CommitUnknown,
    StoreError,
    StoreRefused,
    StoreUnreachable,
)
from lanchat_server.store.connection.url import DatabaseAddress

# Numbers of MySQL and MariaDB servers (1000 to 1999, and from 3000) and of clients (2000 to 2999). Their names and
# meanings: "Server Error Message Reference" and "Client Error Message Reference" in the MySQL 8.4 manual, "MariaDB
# Error Code Reference" in MariaDB's.
_NO_DATABASE = 1049  # ER_BAD_DB_ERROR
# ER_NO_DB_ERROR, ER_BAD_DB_ERROR, ER_NO_SUCH_TABLE
_GONE = frozenset({1046, 1049, 1146})
# ER_DUP_KEY, ER_DUP_ENTRY, ER_DUP_ENTRY_WITH_KEY_NAME
_DUPLICATES = frozenset({1022, 1062, 1586})
# ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR
_WRONG_PASSWORD = frozenset({1045, 1698})
# ER_…ACCESS_DENIED_ERROR: database, table, column, specific, procedure; ER_CANT_CREATE_USER_WITH_GRANT
_NO_RIGHTS = frozenset({1044, 1142, 1143, 1227, 1370, 1410})
# CR_SOCKET_CREATE_ERROR, CR_CONNECTION_ERROR, CR_CONN_HOST_ERROR, CR_IPSOCK_ERROR, CR_UNKNOWN_HOST, CR_WRONG_HOST_INFO
_UNREACHABLE = frozenset({2001, 2002, 2003, 2004, 2005, 2009})
# ER_CON_COUNT_ERROR, ER_HOST_IS_BLOCKED, ER_HOST_NOT_PRIVILEGED, ER_TOO_MANY_USER_CONNECTIONS, ER_USER_LIMIT_REACHED
_NOT_LET_IN = frozenset({1040, 1129, 1130, 1203, 1226})
# ER_UNKNOWN_COM_ERROR: also what a node of a cluster says that has lost the others ("WSREP has not yet prepared node
# for application use"); a new connection may lead to another node.
_NOT_READY = 1047
_LOST = frozenset(
    {
        _NOT_READY,
        # ER_SERVER_SHUTDOWN, ER_NORMAL_SHUTDOWN, ER_SHUTDOWN_COMPLETE
        *(1053, 1077, 1079),
        # ER_ABORTING_CONNECTION, ER_NEW_ABORTING_CONNECTION
        *(1152, 1184),
        # ER_NET_READ_ERROR, ER_NET_READ_INTERRUPTED, ER_NET_ERROR_ON_WRITE, ER_NET_WRITE_INTERRUPTED
        *(1158, 1159, 1160, 1161),
        # ER_CONNECTION_KILLED, of MariaDB
        1927,
        # CR_SERVER_GONE_ERROR, CR_SERVER_LOST, CR_COMMANDS_OUT_OF_SYNC, CR_MALFORMED_PACKET, CR_INVALID_CONN_HANDLE,
        # CR_SERVER_LOST_EXTENDED
        *(2006, 2013, 2014, 2027, 2048, 2055),
        # What the connector calls an answer that did not come in time; ER_CLIENT_INTERACTION_TIMEOUT
        *(3024, 4031),
    }
)
# ER_LOCK_DEADLOCK: also what a cluster says when a transaction of another node changed the same rows and came first
_CONFLICT = 1213
# After COMMIT: nothing of the transaction is there. Everything else is taken as unknown, which costs a look.
_ROLLED_BACK = frozenset(
    {
        # ER_LOCK_WAIT_TIMEOUT: a lock on all commits, as of a backup (tests/unit/server/store/test_commit_errors.py)
        1205,
        # ER_LOCK_DEADLOCK: "InnoDB rolls back the entire transaction" (MySQL manual, "InnoDB Error Handling"); in a
        # Galera cluster what certification refused (MariaDB manual, "MariaDB Galera Cluster - Known Limitations")
        _CONFLICT,
        # ER_OPTION_PREVENTS_STATEMENT: read_only was set meanwhile (tests/unit/server/store/test_commit_errors.py)
        1290,
        # Not ER_ERROR_DURING_COMMIT (1180): in a cluster cut in two, the other part may have it and commit. Nor what
        # Group Replication says (3100, 3101), for the same reason.
    }
)
# ER_DISK_FULL, ER_RECORD_FILE_FULL, ER_OPTION_PREVENTS_STATEMENT (read_only), ER_READ_ONLY_MODE
_DISK = frozenset({1021, 1114, 1290, 1836})
# Octets that SQLite needs beside the file to open it: its index of the log in shared memory, and a page of the log.
_ROOM_MIN = 128 * 1024


def error_number(error: BaseException) -> int:
    """The database's number of an error: MySQL's errno, or SQLite's primary result code; 0 when it has none."""
    original = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(original, "sqlite_errorcode", None)
    if code is not None:
        return int(code) & 0xFF
    number = getattr(original, "errno", None)
    return number if isinstance(number, int) else 0


def is_duplicate(error: SQLAlchemyError) -> bool:
    """A unique key was there already."""
    original = getattr(error, "orig", None)
    if hasattr(original, "sqlite_errorcode"):
        return getattr(original, "sqlite_errorname", "") in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")
    return error_number(error) in _DUPLICATES


def is_missing_database(error: SQLAlchemyError) -> bool:
    """The server is there, the database is not."""
    return error_number(error) == _NO_DATABASE


def lacks_rights(error: SQLAlchemyError) -> bool:
    """The account may not do what the statement does."""
    return not _is_sqlite(error) and error_number(error) in _NO_RIGHTS


def is_missing_table(error: SQLAlchemyError) -> bool:
    """A table of ours, or the whole database, is not there."""
    return not _is_sqlite(error) and error_number(error) in _GONE


def is_conflict(error: SQLAlchemyError) -> bool:
    """Another transaction came first, and nothing of this one is stored: the same once more may go well."""
    return not _is_sqlite(error) and error_number(error) == _CONFLICT


def is_rolled_back(error: SQLAlchemyError) -> bool:
    """For COMMIT itself: the database says that nothing was stored. SQLite: "Response To Errors Within A Transaction"
    (lang_transaction.html) and sqlite3_busy_handler's page; what is left of the transaction is rolled back by us."""
    number = error_number(error)
    return number in (SQLITE_BUSY, SQLITE_FULL) if _is_sqlite(error) else number in _ROLLED_BACK


def is_lost(error: SQLAlchemyError) -> bool:
    """The connection is of no more use."""
    if _is_sqlite(error):
        return False
    number = error_number(error)
    return number in _LOST or number not in range(1000, 2000) or getattr(error, "connection_invalidated", False)


def _is_sqlite(error: SQLAlchemyError) -> bool:
    return hasattr(getattr(error, "orig", None), "sqlite_errorcode")


def store_error(error: SQLAlchemyError, address: DatabaseAddress, secret: str = "") -> StoreError:
    """For reading and for opening. `secret`: a password in the statement."""
    kind, number = StoreError, error_number(error)
    if not address.is_sqlite:
        kind = StoreUnreachable if number in _UNREACHABLE else kind
        kind = StoreRefused if number in _WRONG_PASSWORD | _NO_RIGHTS | _NOT_LET_IN else kind
    return kind(explain(error, address, secret))


def statement_error(error: SQLAlchemyError, address: DatabaseAddress) -> CommitFailed:
    """For a statement inside a transaction: it cannot have been committed."""
    return (CommitConflict if is_conflict(error) else CommitFailed)(explain(error, address))


def commit_error(error: SQLAlchemyError, address: DatabaseAddress) -> CommitFailed | CommitUnknown:
    """For COMMIT itself. Without the database's own word that nothing was stored, nobody knows."""
    if is_rolled_back(error):
        return statement_error(error, address)
    return CommitUnknown(explain(error, address))


def explain(error: SQLAlchemyError, address: DatabaseAddress, secret: str = "") -> str:
    """One line, without any part of a password."""
    reason = _reason(error)
    if _shares_text(reason, address.password) or _shares_text(reason, secret):
        reason = _("what it says is not shown, as it quotes a password")
    if _is_sqlite(error) or address.is_sqlite:
        return _explain_sqlite(error, address, reason)
    return _explain_mysql(error_number(error), address, reason)


def _shares_text(text: str, secret: str) -> bool:
    """Whether four or more characters of the secret stand in the text; of a shorter one, all."""
    return any(secret[start : start + 4] in text for start in range(max(len(secret) - 3, min(len(secret), 1))))


def file_problem(path: Path, error: OSError) -> str:
    """A file could not be made or opened."""
    return _("Cannot open {path}: {reason}").format(path=path, reason=os_error_text(error))


def _explain_sqlite(error: SQLAlchemyError, address: DatabaseAddress, reason: str) -> str:
    texts = {
        SQLITE_NOTADB: _("{path} is not a LAN Chat database"),
        SQLITE_CORRUPT: _("The database {path} is damaged: restore a backup"),
        SQLITE_FULL: _("No space left for the database {path}"),
        SQLITE_READONLY: _("No right to write to the database {path}"),
        SQLITE_CANTOPEN: _("Cannot open the database {path}"),
        SQLITE_BUSY: _("Another program has locked the database {path}"),
    }
    number = error_number(error)
    text = texts.get(SQLITE_FULL if number == SQLITE_IOERR and _has_no_room(address) else number)
    if text is None:
        return _("Database {path}: {reason}").format(path=address, reason=reason)
    return text.format(path=address)


def _has_no_room(address: DatabaseAddress) -> bool:
    """Whether the disk is full: of a file in shared memory SQLite does not say why it could not be made larger."""
    try:
        return address.path is not None and shutil.disk_usage(address.path.parent).free < _ROOM_MIN
    except OSError:
        return False


def _explain_mysql(number: int, address: DatabaseAddress, reason: str) -> str:
    cases = (
        (_WRONG_PASSWORD, _("{database} refuses this user or password. Correct the database URL")),
        (
            {_NO_DATABASE},
            _("The database {name} does not exist at {database}: create it with `lanchat-server init-db`"),
        ),
        (_NO_RIGHTS, _("User {user} lacks rights on {database}: run `lanchat-server init-db` with --admin-url")),
        (_UNREACHABLE, _("No database server answers at {database}: start it, or correct the database URL")),
        (_NOT_LET_IN, _("{database} takes no connection: {reason}")),
        (
            {_NOT_READY},
            _("{database} is no node of a Galera cluster, or one that has lost the others, or is not ready yet"),
        ),
        (_LOST, _("The connection to {database} broke")),
        (_DISK, _("{database} cannot write: {reason}")),
    )
    text = next((text for numbers, text in cases if number in numbers), _("{database}: {reason}"))
    return text.format(database=address, name=address.name, user=address.user, reason=reason)


def _reason(error: SQLAlchemyError) -> str:
    original = getattr(error, "orig", None) or error
    return " ".join(str(original).split())[:200]
