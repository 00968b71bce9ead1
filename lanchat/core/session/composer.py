"""Making messages: numbers per room and run, Lamport time, signature."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.core.ports import LogReader, OutboxItem, OutboxStore
from lanchat.protocol.log import keys
from lanchat.protocol.log.messages import Header, Kind, decode_header_untrusted, make_message

# A header carries 63 bits; a member who signs the highest value must not stop the others from sending.
_LAMPORT_MAX = 2**63 - 1


class MessageBuilder:
    """One device in one run."""

    def __init__(self, key: Ed25519PrivateKey, run: int, log_id: bytes, store: OutboxStore) -> None:
        """`key`: the device's private key. `run`: that of all messages made here. `store` keeps them before they are
        sent."""
        self.device = keys.device_id(keys.public_octets(key))
        self._key = key
        self._run = run
        self._log_id = log_id
        self._store = store
        self._numbers: dict[int, int] = {}
        self._lamport = 0

    def compose(self, room: int, kind: Kind, body: str, ref: int, now_ms: int) -> OutboxItem:
        """A signed message in the outbox. Raises ProtocolError for a body that breaks the limits, LocalStoreError;
        then no number was used."""
        n = self._numbers.get(room, 0) + 1
        lamport = min(self._lamport + 1, _LAMPORT_MAX)
        header = Header(room, self.device, self._run, n, kind, ref, now_ms, lamport)
        message = make_message(self._key, self._log_id, header, body)
        item = self._store.add_outgoing(header.key, message, now_ms)
        self._numbers[room] = n
        self._lamport = lamport
        return item

    def saw(self, header: Header) -> None:
        """Lamport's rule: what is made from now on comes later."""
        self._lamport = max(self._lamport, header.lamport)

    def read_store(self, log: LogReader, rooms: list[int]) -> None:
        """Go on above what the local copy and the outbox have seen last. Raises LocalStoreError."""
        for room in rooms:
            span = log.span(room)
            if span is not None:
                for record in log.records(room, span.cursor, span.cursor):
                    self.saw(decode_header_untrusted(record.header))
        for item in self._store.outgoing():
            self.saw(decode_header_untrusted(item.message.header))
