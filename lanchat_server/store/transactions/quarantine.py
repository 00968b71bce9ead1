"""The part of a transaction that keeps messages for an administrator."""

from collections.abc import Collection, Sequence

from sqlalchemy import LargeBinary, cast, delete, func, select

from lanchat.protocol.log.messages import MessageKey
from lanchat_server.core.limits import usage
from lanchat_server.core.model import QuarantinedMessage, QuarantineSize
from lanchat_server.store.tables import rows, schema
from lanchat_server.store.tables.bulk import find_rows, insert_rows
from lanchat_server.store.transactions.writing import LeaseGuarded

_table = schema.quarantine.c
_KEY = ("room_id", "device_id", "run", "n")
_OTHERS = ("author_id", "brought_id", "brought_ms", "header", "signature", "body")
# Characters of a text count as octets only where it is cast.
_SIZES = select(
    _table.author_id,
    func.count(),
    func.sum(func.length(_table.header)),
    func.sum(func.length(cast(_table.body, LargeBinary()))),
).group_by(_table.author_id)


class QuarantineWrites(LeaseGuarded):
    """See lanchat_server.core.ports.Transaction."""

    def quarantine_sizes(self) -> dict[int, QuarantineSize]:
        """One statement; counted as `usage.message_octets`."""
        sizes = {}
        for author, count, headers, bodies in self._connection.execute(_SIZES):
            octets = usage.message_octets(int(headers), int(bodies)) + usage.RECORD_OCTETS * (count - 1)
            sizes[author] = QuarantineSize(count, octets)
        return sizes

    def quarantine(self, messages: Sequence[QuarantinedMessage]) -> None:
        """One look, one insert."""
        known = {row.header.key for row in self.quarantined([message.header.key for message in messages])}
        values = [rows.quarantine_values(message) for message in messages if message.header.key not in known]
        insert_rows(self._connection, schema.quarantine, values)

    def quarantined(self, keys: Collection[MessageKey]) -> list[QuarantinedMessage]:
        """CHUNK of them in a statement."""
        found = find_rows(self._connection, "quarantine", _KEY, _OTHERS, keys)
        return sorted((rows.quarantined(row[1:]) for row in found), key=lambda row: row.header.key)

    def release_quarantined(self, keys: Collection[MessageKey]) -> None:
        """A statement for each: an administrator names few."""
        for room, device, run, n in keys:
            this = (_table.room_id == room, _table.device_id == device, _table.run == run, _table.n == n)
            self._connection.execute(delete(schema.quarantine).where(*this))
