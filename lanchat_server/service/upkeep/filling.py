"""Brings the search up to what was committed, a part in each transaction, so that messages never wait for long."""

from lanchat_server.core.accounts.changes import DirectoryChange, together
from lanchat_server.core.ports import Store, Transaction
from lanchat_server.service.work.writer import Writer

# Records in a part: some 10 ms of the writer.
_PART = 200
# Parts that somebody waits for. More than that wait only after a start; until they are indexed, the search has less.
PARTS_MAX = 32


async def index_appended(writer: Writer, store: Store) -> None:
    """What is committed when this is called is in the search afterwards, where it is at most PARTS_MAX parts. Costs
    nothing when it is there already. Raises StoreError."""
    marks = store.indexing
    goal = marks.appended
    for _ in range(PARTS_MAX):
        if marks.indexed >= goal:
            return
        await writer.transact(_index_part)


def _index_part(tx: Transaction) -> DirectoryChange[None]:
    tx.index_appended(_PART)
    return together(None)
