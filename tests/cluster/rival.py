"""Somebody at another node who changes rows that the server changes with each batch, until it is killed.

python -m tests.cluster.rival URL
"""

import contextlib
import sys
import time
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from lanchat_server.store.connection.engine import make_engine
from lanchat_server.store.connection.url import parse_url

# Twenty times a second: a batch takes some milliseconds.
PAUSE = 0.05
CHANGES = (
    "UPDATE lease SET taken_ms = taken_ms + 1",
    "UPDATE rooms SET created_ms = created_ms + 1",
    "UPDATE used SET amount = amount + 0 WHERE what < 0",
)


def main(url: str) -> None:
    engine = make_engine(parse_url(url, Path()))
    while True:
        with contextlib.suppress(SQLAlchemyError), engine.connect() as connection, connection.begin():
            for change in CHANGES:
                connection.execute(text(change))
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(sys.argv[1])
