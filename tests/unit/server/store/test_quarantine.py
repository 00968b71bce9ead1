"""The quarantine in the database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.protocol.log.messages import decode_header_untrusted
from lanchat_server.core.limits import usage
from lanchat_server.core.model import QuarantinedMessage, QuarantineSize
from tests.support.rig import make_author
from tests.support.stores import Database, databases, general, room

ROOM = 77
AUTHORS = {user: make_author(user) for user in (4, 5)}


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    yield from databases(request, tmp_path, request.param)


def kept(user: int, text: str, room: int = 0, by: int = 9) -> QuarantinedMessage:
    message = AUTHORS[user].message(text, room=room)
    return QuarantinedMessage(message, decode_header_untrusted(message.header), user, by, 1_700_000_000_000)


def size(*rows: QuarantinedMessage) -> QuarantineSize:
    octets = (usage.message_octets(len(row.message.header), len(row.message.body)) for row in rows)
    return QuarantineSize(len(rows), sum(octets))


def test_messages_are_kept_counted_and_released(database: Database) -> None:
    store = database.open()
    here = general(store).id
    one, two = kept(4, "привет, мир 🎂", here), kept(4, "two", here)
    other = kept(5, "other", here)
    with store.transaction() as tx:
        assert tx.quarantine_sizes() == {}
        tx.quarantine([two, one, other])
    with store.transaction() as tx:
        tx.quarantine([one])
        assert tx.quarantine_sizes() == {4: size(one, two), 5: size(other)}
        assert tx.quarantined([two.header.key, one.header.key]) == [one, two]
    assert sorted(store.quarantined(), key=lambda row: row.author) == [one, two, other]
    store.close()
    store = database.open()
    assert store.snapshot().quarantined == 3
    with store.transaction() as tx:
        tx.release_quarantined([one.header.key, other.header.key])
        assert tx.quarantined([one.header.key]) == []
    assert store.quarantined() == [two]


def test_deleted_room_releases_its_messages(database: Database) -> None:
    store = database.open()
    with store.transaction() as tx:
        tx.add_room(room(store, ROOM, "kitchen"))
        tx.quarantine([kept(4, "x", ROOM)])
    with store.transaction() as tx:
        tx.delete_rooms([ROOM])
    assert store.quarantined() == []
