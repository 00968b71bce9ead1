"""Classes of MySQL and MariaDB errors: above all whether a failed COMMIT may have been carried out."""

import threading
from pathlib import Path

import pytest
from mysql.connector import errorcode
from mysql.connector.errors import DatabaseError
from sqlalchemy.exc import DBAPIError

from lanchat_server.core.ports import CommitFailed, CommitUnknown
from lanchat_server.store import open_store
from lanchat_server.store.connection import errors
from lanchat_server.store.connection.engine import DatabaseTimeouts
from lanchat_server.store.connection.errors import commit_error, is_lost
from lanchat_server.store.connection.url import parse_url
from tests.support.mariadb import MariaDB
from tests.support.stores import user
from tests.support.waiting import patient, wait_until

ADDRESS = parse_url("mysql://anna:secret@127.0.0.1/chat", Path("/nowhere"))


def failure(number: int) -> DBAPIError:
    return DBAPIError("COMMIT", None, DatabaseError(msg="Got error 5 during COMMIT", errno=number))


# ER_ERROR_DURING_COMMIT of a Galera node that lost the others, what Group Replication says, lost connections.
@pytest.mark.parametrize("number", [1180, 3100, 3101, 1047, 1053, 1317, 1836, 1927, 2006, 2013, 3024, 3572, 4031, 9999])
def test_commit_may_have_been_carried_out(number: int) -> None:
    assert isinstance(commit_error(failure(number), ADDRESS), CommitUnknown)


@pytest.mark.parametrize("number", [1205, 1213, 1290])
def test_commit_was_rolled_back(number: int) -> None:
    assert isinstance(commit_error(failure(number), ADDRESS), CommitFailed)


@pytest.mark.parametrize("number", [1047, 1053, 1158, 1161, 1927, 2006, 2013, 2055, 3024, 4031])
def test_connection_is_lost(number: int) -> None:
    assert is_lost(failure(number))


@pytest.mark.parametrize("number", [1022, 1062, 1146, 1180, 1205, 1213, 1290, 1317])
def test_connection_is_still_usable(number: int) -> None:
    assert not is_lost(failure(number))


NAMES = {
    "_DUPLICATES": ("ER_DUP_KEY", "ER_DUP_ENTRY", "ER_DUP_ENTRY_WITH_KEY_NAME"),
    "_GONE": ("ER_NO_DB_ERROR", "ER_BAD_DB_ERROR", "ER_NO_SUCH_TABLE"),
    "_WRONG_PASSWORD": ("ER_ACCESS_DENIED_ERROR", "ER_ACCESS_DENIED_NO_PASSWORD_ERROR"),
    "_NO_RIGHTS": (
        "ER_DBACCESS_DENIED_ERROR",
        "ER_TABLEACCESS_DENIED_ERROR",
        "ER_COLUMNACCESS_DENIED_ERROR",
        "ER_SPECIFIC_ACCESS_DENIED_ERROR",
        "ER_PROCACCESS_DENIED_ERROR",
        "ER_CANT_CREATE_USER_WITH_GRANT",
    ),
    "_UNREACHABLE": (
        "CR_SOCKET_CREATE_ERROR",
        "CR_CONNECTION_ERROR",
        "CR_CONN_HOST_ERROR",
        "CR_IPSOCK_ERROR",
        "CR_UNKNOWN_HOST",
        "CR_WRONG_HOST_INFO",
    ),
    "_NOT_LET_IN": (
        "ER_CON_COUNT_ERROR",
        "ER_HOST_IS_BLOCKED",
        "ER_HOST_NOT_PRIVILEGED",
        "ER_TOO_MANY_USER_CONNECTIONS",
        "ER_USER_LIMIT_REACHED",
    ),
    "_LOST": (
        "ER_UNKNOWN_COM_ERROR",
        "ER_SERVER_SHUTDOWN",
        "ER_SHUTDOWN_COMPLETE",
        "ER_ABORTING_CONNECTION",
        "ER_NEW_ABORTING_CONNECTION",
        "ER_NET_READ_ERROR",
        "ER_NET_READ_INTERRUPTED",
        "ER_NET_ERROR_ON_WRITE",
        "ER_NET_WRITE_INTERRUPTED",
        "CR_SERVER_GONE_ERROR",
        "CR_SERVER_LOST",
        "CR_COMMANDS_OUT_OF_SYNC",
        "CR_MALFORMED_PACKET",
        "CR_INVALID_CONN_HANDLE",
        "CR_SERVER_LOST_EXTENDED",
        "ER_QUERY_TIMEOUT",
        "ER_CLIENT_INTERACTION_TIMEOUT",
    ),
    "_ROLLED_BACK": ("ER_LOCK_WAIT_TIMEOUT", "ER_LOCK_DEADLOCK", "ER_OPTION_PREVENTS_STATEMENT"),
    "_DISK": ("ER_RECORD_FILE_FULL", "ER_OPTION_PREVENTS_STATEMENT", "ER_READ_ONLY_MODE"),
}
# Of MariaDB and older MySQL alone, so not among the names of the connector: ER_CONNECTION_KILLED, ER_NORMAL_SHUTDOWN;
# ER_DISK_FULL.
MARIADB = {"_LOST": {1927, 1077}, "_DISK": {1021}}


@pytest.mark.parametrize("list_", NAMES)
def test_each_error_number_has_a_name(list_: str) -> None:
    assert {getattr(errorcode, name) for name in NAMES[list_]} | MARIADB.get(list_, set()) == getattr(errors, list_)


@pytest.mark.mariadb
class TestCommitRefusedByMariaDB:
    """Nothing is stored afterwards, and the store continues."""

    def test_global_read_lock_fails_the_commit(self, tmp_path: Path) -> None:
        with MariaDB() as server:
            store = open_store(server.create_database("chat"), tmp_path, timeouts=DatabaseTimeouts(lock=1))
            store.take_lease("test", 1)
            locked = store._engine.connect()

            def lock_before_commit() -> None:
                with store.transaction() as tx:
                    tx.add_user(user("Anna"))
                    # Waits for statements that are under way, not for transactions.
                    locked.exec_driver_sql("FLUSH TABLES WITH READ LOCK")

            with pytest.raises(CommitFailed):
                lock_before_commit()
            locked.exec_driver_sql("UNLOCK TABLES")
            locked.close()
            assert store.snapshot().users == []
            with store.transaction() as tx:
                tx.add_user(user("Anna"))
            store.close()

    def test_read_only_server_fails_the_commit(self, tmp_path: Path) -> None:
        with MariaDB() as server:
            server.create_database("chat")
            server.execute("CREATE USER chat@'127.0.0.1' IDENTIFIED BY 'pass-of-chat'")
            server.execute("GRANT ALL ON chat.* TO chat@'127.0.0.1'")
            store = open_store(server.url("chat", "chat", "pass-of-chat"), tmp_path)
            store.take_lease("test", 1)
            setting = threading.Thread(target=lambda: server.execute("SET GLOBAL read_only = 1"))

            def set_before_commit() -> None:
                with store.transaction() as tx:
                    tx.add_user(user("Anna"))
                    setting.start()
                    wait_until(
                        lambda: server.execute("SELECT @@GLOBAL.read_only") in ([(1,)], [("1",)]),
                        patient(20),
                        "the server is read-only",
                    )

            with pytest.raises(CommitFailed):
                set_before_commit()
            setting.join(20)
            server.execute("SET GLOBAL read_only = 0")
            assert store.snapshot().users == []
            store.close()
