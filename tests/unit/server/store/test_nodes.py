"""Which node of a cluster is used: addresses with several hosts, the order of attempts, nodes that are not ready."""

import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mysql.connector.errors import Error, InterfaceError, OperationalError, ReadTimeoutError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from lanchat_server.core.ports import StoreError
from lanchat_server.store import open_store
from lanchat_server.store.connection import connector
from lanchat_server.store.connection.connector import NOT_READY, DatabaseConnection, connect
from lanchat_server.store.connection.engine import is_present, make_engine, note_lost
from lanchat_server.store.connection.errors import explain
from lanchat_server.store.connection.nodes import AVOIDANCE, DatabaseHost, NodeChoice
from lanchat_server.store.connection.url import HOSTS_MAX, parse_url
from tests.support.mariadb import MariaDB
from tests.support.ports import free_port

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z]{1,8}){0,2}", fullmatch=True)
HOSTS = st.one_of(NAMES, st.ip_addresses().map(str))
PORTS = st.one_of(st.none(), st.integers(1, 65535))


class TestAddresses:
    def test_hosts_are_parsed_in_order(self) -> None:
        address = parse_url("mysql://anna:a@b,c@h1:3306,[fe80::1%25eth0]:3307,h3/chat?ssl_ca=/ca.pem", Path())
        assert address.hosts == (
            DatabaseHost("h1", 3306),
            DatabaseHost("fe80::1%eth0", 3307),
            DatabaseHost("h3", 3306, says_port=False),
        )
        assert (address.user, address.password, address.name) == ("anna", "a@b,c", "chat")
        assert str(address) == "mysql://anna@h1:3306,[fe80::1%eth0]:3307,h3/chat"
        assert address.with_database("").hosts == address.hosts

    def test_one_host_needs_no_name(self) -> None:
        address = parse_url("mysql://anna:secret@/chat?unix_socket=/run/socket", Path())
        assert (address.host, str(address)) == ("localhost", "mysql://anna@localhost/chat")

    def test_repeated_hosts_are_explained(self) -> None:
        with pytest.raises(StoreError, match=f"each host of a cluster once, {HOSTS_MAX} at most"):
            parse_url("mysql://anna:secret@h1,h2,h1/chat", Path())

    @given(st.lists(st.tuples(HOSTS, PORTS), min_size=1, max_size=HOSTS_MAX, unique_by=lambda host: host[0]))
    def test_any_hosts_are_read_as_written(self, hosts: list[tuple[str, int | None]]) -> None:
        written = ",".join(str(DatabaseHost(name, port or 3306, bool(port))) for name, port in hosts)
        address = parse_url(f"mysql://anna:secret@{written}/chat", Path())
        assert [(host.name, host.port) for host in address.hosts] == [(name, port or 3306) for name, port in hosts]
        assert str(address) == f"mysql://anna@{written}/chat"


class Clock:
    """Seconds that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


A, B, C = (DatabaseHost(name, 3306) for name in "abc")


class TestChoice:
    def test_present_node_is_tried_first(self) -> None:
        nodes = NodeChoice([A, B, C])
        assert nodes.candidates() == [A, B, C]
        nodes.taken(B)
        assert nodes.candidates() == [B, A, C]

    def test_nodes_that_failed_are_tried_last(self) -> None:
        clock = Clock()
        nodes = NodeChoice([A, B, C], clock)
        nodes.failed(A)
        assert nodes.candidates() == [B, C, A]
        clock.now += 1
        nodes.failed(B)
        assert nodes.candidates() == [C, A, B]
        clock.now += AVOIDANCE
        assert nodes.candidates() == [A, B, C]

    def test_node_that_works_again_is_trusted_at_once(self) -> None:
        nodes = NodeChoice([A, B])
        nodes.failed(A)
        nodes.taken(A)
        assert nodes.candidates() == [A, B]

    def test_generation_changes_with_the_node_only(self) -> None:
        nodes = NodeChoice([A, B])
        assert [nodes.taken(host) for host in (A, A, B, B, A)] == [0, 0, 1, 1, 2]


class FakeConnection(DatabaseConnection):
    """A connection that was never made; it answers from a table. `behind`: seconds that the first read takes."""

    def __init__(self, answers: dict[str, list[tuple[Any, ...]]], behind: int = 0) -> None:
        self.answers = answers
        self.behind = behind
        self.asked: list[str] = []
        self._read_timeout = 5

    def cmd_query(self, query: Any, *_: Any, **__: Any) -> Any:
        self.asked.append(query)

    def rows(self, question: str) -> list[tuple[Any, ...]]:
        self.asked.append(question)
        if question == "SELECT 1 FROM DUAL" and self.behind > (self.read_timeout or 0):
            raise ReadTimeoutError(errno=3024)
        return self.answers.get(question, [])

    def shutdown(self) -> None:
        pass

    close = shutdown


WSREP_ON = "SHOW GLOBAL VARIABLES LIKE 'wsrep_on'"
WSREP_READY = "SHOW GLOBAL STATUS LIKE 'wsrep_ready'"


class TestReadiness:
    @pytest.mark.parametrize("answers", [{}, {WSREP_ON: [("wsrep_on", "OFF")], WSREP_READY: [("wsrep_ready", "OFF")]}])
    def test_server_without_a_cluster_is_ready(self, answers: dict[str, list[tuple[Any, ...]]]) -> None:
        connection = FakeConnection(answers)
        assert not connector._check_node(connection, 2)
        assert connection.asked == [WSREP_ON]

    @pytest.mark.parametrize("ready", [[("wsrep_ready", "OFF")], []])
    def test_node_that_lost_the_others_is_not_ready(self, ready: list[tuple[Any, ...]]) -> None:
        with pytest.raises(OperationalError) as refused:
            connector._check_node(FakeConnection({WSREP_ON: [("wsrep_on", "ON")], WSREP_READY: ready}), 2)
        assert refused.value.errno == NOT_READY

    def test_first_read_waits_for_what_the_cluster_has_committed(self) -> None:
        connection = FakeConnection({WSREP_ON: [("wsrep_on", "ON")], WSREP_READY: [("wsrep_ready", "ON")]})
        connector._check_node(connection, 2)
        assert connection.asked[2:] == [
            "SET SESSION wsrep_sync_wait = 1",
            "SELECT 1 FROM DUAL",
            "SET SESSION wsrep_sync_wait = DEFAULT",
        ]


class TestAttempts:
    """`connect` with nodes that answer, or fail with a number."""

    @staticmethod
    def play(
        monkeypatch: pytest.MonkeyPatch,
        nodes: NodeChoice,
        states: dict[str, int],
        behind: dict[str, int] | None = None,
        alone: tuple[str, ...] = (),
    ) -> tuple[list[str], Any]:
        """The hosts that were tried; the connection, or the number of the error. `behind`: seconds, by host; `alone`:
        those without a cluster."""
        tried: list[str] = []

        def attempt(arguments: dict[str, Any]) -> DatabaseConnection:
            tried.append(arguments["host"])
            if number := states.get(arguments["host"], 0):
                raise InterfaceError("no", errno=number)
            answers = {WSREP_ON: [("wsrep_on", "ON")], WSREP_READY: [("wsrep_ready", "ON")]}
            answers = {} if arguments["host"] in alone else answers
            return FakeConnection(answers, (behind or {}).get(arguments["host"], 0))

        monkeypatch.setattr(connector, "_open", attempt)
        monkeypatch.setattr(connector, "_read_ahead", lambda _connection: None)
        monkeypatch.setattr(connector, "_give_up_unconfirmed", lambda _connection: None)
        try:
            return tried, connect(nodes, {"user": "anna"})
        except Error as error:
            return tried, error.errno

    @pytest.mark.parametrize("number", [2003, 2013, 3024, 1040, 1047, 1053, 1205, 1129, -1])
    def test_next_node_is_tried(self, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        nodes = NodeChoice([A, B, C])
        tried, made = self.play(monkeypatch, nodes, {"a": number})
        assert (tried, made.host, made.generation) == (["a", "b"], B, 1)
        assert self.play(monkeypatch, nodes, {"a": number})[0] == ["b"]

    @pytest.mark.parametrize("number", [1044, 1045, 1049, 1698])
    def test_what_all_nodes_would_say_is_said_at_once(self, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        assert self.play(monkeypatch, NodeChoice([A, B]), {"a": number}) == (["a"], number)

    def test_server_by_itself_is_used_alone_and_never_beside_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As an older copy, what was acknowledged by the other one is not there."""
        assert self.play(monkeypatch, NodeChoice([A]), {}, alone=("a",))[1].host == A
        nodes = NodeChoice([A, B, C])
        tried, made = self.play(monkeypatch, nodes, {"a": 2003}, alone=("b",))
        assert (tried, made.host) == (["a", "b", "c"], C)
        assert self.play(monkeypatch, NodeChoice([A, B]), {"a": 2003}, alone=("b",)) == (["a", "b"], NOT_READY)

    def test_error_of_the_last_node_is_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.play(monkeypatch, NodeChoice([A, B]), {"a": 2003, "b": NOT_READY}) == (["a", "b"], NOT_READY)

    def test_node_that_is_behind_is_passed_while_another_one_is_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        nodes = NodeChoice([A, B, C])
        tried, made = self.play(monkeypatch, nodes, {}, {"a": 3, "b": 3})
        assert (tried, made.host) == (["a", "b", "c"], C)
        assert made.read_timeout == 5

    def test_node_that_is_behind_is_waited_for_when_all_are(self, monkeypatch: pytest.MonkeyPatch) -> None:
        nodes = NodeChoice([A, B, C])
        tried, made = self.play(monkeypatch, nodes, {"a": 2003}, {"b": 6, "c": 3})
        assert (tried, made.host) == (["a", "b", "c", "b", "c"], C)
        assert self.play(monkeypatch, NodeChoice([A, B]), {"a": 2003}, {"b": 6}) == (["a", "b", "b"], 3024)

    def test_node_that_is_behind_does_not_count_as_failed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Else one that is cut off would be tried before it, which takes long."""
        nodes = NodeChoice([A, B])
        self.play(monkeypatch, nodes, {"a": 2003}, {"b": 6})
        assert nodes.candidates() == [B, A]

    def test_connections_to_another_node_are_gone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        nodes = NodeChoice([A, B])
        _tried, older = self.play(monkeypatch, nodes, {})
        assert older.is_present
        _tried, newer = self.play(monkeypatch, nodes, {"a": 2003})
        assert newer.is_present  # the first one still works
        older.note_lost()
        _tried, newer = self.play(monkeypatch, nodes, {})
        assert (newer.host, newer.is_present, older.is_present) == (B, True, False)
        with pytest.raises(OperationalError) as refused:
            older.ping()
        assert refused.value.errno == 2006
        older.note_lost()  # says nothing about the node that is in use now
        assert nodes.candidates() == [B, A]


def test_node_that_is_not_ready_is_explained() -> None:
    address = parse_url("mysql://anna:secret@h1,h2/chat", Path())
    error = SQLAlchemyError()
    error.orig = OperationalError("WSREP", errno=NOT_READY)  # type: ignore[attr-defined]
    from lanchat_server.store.connection.errors import _explain_mysql

    assert "has lost the others, or is not ready yet" in _explain_mysql(NOT_READY, address, "")
    assert "secret" not in explain(error, address)


@pytest.mark.mariadb
class TestHostsOfOneServer:
    """One server that answers, beside hosts where nobody does."""

    @pytest.fixture(autouse=True)
    def node(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The server counts as a node of a cluster, which waits for nobody."""
        monkeypatch.setattr(connector, "_check_node", lambda *_arguments: True)

    def test_hosts_that_do_not_answer_are_passed(self, mariadb: MariaDB, mariadb_url: str, tmp_path: Path) -> None:
        silent = socket.create_server(("127.0.0.1", 0))
        hosts = f"127.0.0.1:{free_port()},127.0.0.1:{silent.getsockname()[1]},127.0.0.1:{mariadb.port}"
        url = mariadb_url.replace(f"127.0.0.1:{mariadb.port}", hosts)
        with silent:
            store = open_store(url, tmp_path)
            store.take_lease("test", 1)
            with store.transaction() as tx:
                tx.renew_lease()
            assert [room.name for room in store.snapshot().rooms] == ["general"]
            nodes = store.address.nodes
            assert nodes is not None
            assert nodes.candidates()[0].port == mariadb.port
            store.close()

    def test_pooled_connections_follow_a_change_of_the_node(self, mariadb: MariaDB, mariadb_url: str) -> None:
        hosts = f"127.0.0.1:{mariadb.port},localhost:{mariadb.port}"
        address = parse_url(mariadb_url.replace(f"127.0.0.1:{mariadb.port}", hosts), Path())
        engine = make_engine(address)
        with engine.connect() as first:
            first.execute(text("SELECT 1"))
            note_lost(first)
            with engine.connect() as second:
                assert is_present(second)
                assert not is_present(first)
        with engine.connect() as third:  # never the first one
            assert is_present(third)
        engine.dispose()

    def test_threads_agree_on_the_node(self) -> None:
        nodes = NodeChoice([A, B, C])
        threads = [threading.Thread(target=nodes.taken, args=(host,)) for host in (A, B, C) * 20]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert nodes.taken(nodes.candidates()[0]) == nodes.generation
