"""A server on a database that an earlier version indexed: it serves at once, and finds everything in the end."""

import sqlite3
from pathlib import Path

from lanchat.protocol import wire
from lanchat_server.store.url import SQLITE_FILE
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient
from tests.support.waiting import wait_until

TEXTS = ("我家在上海东边", "Ёлка у моря", "plain words")


def found(client: RawClient, words: str) -> list[str]:
    answer = client.request(wire.Search(client.rooms["general"], words, 0, 50))
    return [hit.record.body.decode() for hit in answer.hits]


def make_old(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE search SET tokens = ' zzold'")
        connection.execute("DROP TABLE search_state")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()


def test_a_log_of_an_earlier_version_is_found_by_the_present_rules(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        with RawClient(server.port) as client:
            client.register("anna")
            for text in TEXTS:
                client.say(client.rooms["general"], text)
        server.stop()
        make_old(tmp_path / "data" / SQLITE_FILE)
        with server.restart() as again, RawClient(again.port, key=client.key) as back:
            back.log_in_by_key()
            back.say(back.rooms["general"], "said at once")
            assert found(back, "at once") == ["said at once"]
            wait_until(lambda: found(back, "елка") == [TEXTS[1]], 30.0, "the old text to be found")
            assert [found(back, words) for words in ("上海", "words", "old")] == [[TEXTS[0]], [TEXTS[2]], []]
