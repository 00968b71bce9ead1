"""A server on a database that an earlier version indexed: it serves at once, and indexes the old records again."""

import sqlite3
from pathlib import Path

from lanchat.protocol import wire
from lanchat_server.store.connection.url import SQLITE_FILE
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient
from tests.support.waiting import wait_until

TEXTS = ("我家在上海东边", "Ёлка у моря", "plain words")


def search_texts(client: RawClient, words: str) -> list[str]:
    answer = client.request(wire.Search(client.rooms["general"], words, 0, 50))
    return [hit.record.body.decode() for hit in answer.hits]


def downgrade_index(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE search SET tokens = ' zzold'")
        connection.execute("DROP TABLE search_state")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()


def test_records_indexed_by_an_earlier_version_are_reindexed(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        with RawClient(server.port) as client:
            client.register("anna")
            for text in TEXTS:
                client.say(client.rooms["general"], text)
        server.stop()
        downgrade_index(tmp_path / "data" / SQLITE_FILE)
        with server.restart() as again, RawClient(again.port, key=client.key) as back:
            back.log_in_by_key()
            back.say(back.rooms["general"], "said at once")
            assert search_texts(back, "at once") == ["said at once"]
            wait_until(lambda: search_texts(back, "елка") == [TEXTS[1]], 30.0, "the old text to be found")
            assert [search_texts(back, words) for words in ("上海", "words", "old")] == [[TEXTS[0]], [TEXTS[2]], []]
