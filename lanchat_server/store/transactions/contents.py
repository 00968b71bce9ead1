"""The part of a transaction that knows which contents of files are here, who names them and who brought them."""

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, delete, exists, select
from sqlalchemy.engine import Connection

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.files import file_body_untrusted
from lanchat.protocol.log.messages import Kind
from lanchat_server.core.model import ContentsRow, NewRecord
from lanchat_server.store.tables import schema
from lanchat_server.store.tables.bulk import StatementBatch, chunks
from lanchat_server.store.transactions.writing import LeaseGuarded

_contents, _uses, _uploads = schema.contents.c, schema.content_uses.c, schema.uploads.c
_ERASE_USES = delete(schema.content_uses).where(
    _uses.room_id == bindparam("room"), _uses.seq.in_(bindparam("seqs", expanding=True))
)


class ContentsWrites(LeaseGuarded):
    """See lanchat_server.core.ports.Transaction."""

    def keep_contents(self, row: ContentsRow, user: int, now_ms: int) -> None:
        """Replaces what was known of them, which is the same."""
        changes = StatementBatch(self._connection)
        changes.put(schema.contents, [(row.root, row.size, row.sha256, row.stored_ms)])
        changes.put(schema.uploads, [(row.root, user, now_ms)])
        changes.send()

    def forget_contents(self, before_ms: int, count: int) -> list[bytes]:
        """Those that came first go first."""
        connection = self._connection
        connection.execute(delete(schema.uploads).where(_uploads.time_ms < before_ms))
        unnamed = (
            select(_contents.root)
            .where(~exists().where(_uses.root == _contents.root), ~exists().where(_uploads.root == _contents.root))
            .order_by(_contents.stored_ms)
            .limit(count)
        )
        roots = list(connection.execute(unnamed).scalars())
        for chunk in chunks(roots):
            connection.execute(delete(schema.contents).where(_contents.root.in_(chunk)))
        return roots


def note_uses(connection: Connection, room: int, records: Sequence[NewRecord]) -> None:
    """These records, which are in the log now, name contents; their authors need no upload for that any more."""
    uses = {
        (root, room, new.record.seq, new.author)
        for new in records
        if new.header.kind is Kind.FILE and new.record.body is not None
        for root in named_contents(new.text)
    }
    if not uses:
        return
    changes = StatementBatch(connection)
    changes.put(schema.content_uses, sorted(uses))
    changes.send()
    for root, _room, _seq, author in uses:
        connection.execute(delete(schema.uploads).where(_uploads.root == root, _uploads.user_id == author))


def erase_uses(connection: Connection, room: int, seqs: Collection[int]) -> None:
    """These records name nothing any more."""
    connection.execute(_ERASE_USES, {"room": room, "seqs": list(seqs)})


def named_contents(body: str) -> set[bytes]:
    """The contents that the body of a message names; none in one that cannot be read."""
    try:
        return {manifest.root for manifest in file_body_untrusted(body).files}
    except ProtocolError:
        return set()
