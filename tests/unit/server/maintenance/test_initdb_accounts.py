"""From where the account that `init-db` makes may connect."""

from pathlib import Path

import pytest

from lanchat_server.maintenance.initdb import _hosts
from lanchat_server.store.connection.url import parse_url

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("localhost", LOOPBACK),
        ("", LOOPBACK),
        ("[::1]:3307", LOOPBACK),
        ("db.example", ("%",)),
        ("db1,db2", ("%",)),
        ("localhost,db2", (*LOOPBACK, "%")),
        ("127.0.0.1:3306,127.0.0.1:3307", LOOPBACK),
    ],
)
def test_account_connects_from_where_the_server_is(place: str, expected: tuple[str, ...]) -> None:
    assert _hosts(parse_url(f"mysql://anna:secret@{place}/chat", Path())) == expected
