"""Whether rows from outside can be a LAN Chat database: raises ValueError with a short reason when they cannot.

Types and ranges were checked before (see dump.row_type); this is about what the rows mean. References between tables
are left to the database.
"""

from typing import Any

from sqlalchemy import Table

from lanchat.i18n import _
from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.keys import device_id
from lanchat.protocol.log.messages import Header, decode_header_untrusted
from lanchat.protocol.log.records import Record, chain_hash, genesis_hash
from lanchat_server.core.model import RoomState
from lanchat_server.store.tables import rows, schema

Values = dict[str, Any]


class ConsistencyCheck:
    """Fed all rows, rooms before records, records in order; `finish` at the end."""

    def __init__(self, log_id: bytes) -> None:
        """`log_id`: of the log that the rows are to belong to; the chain hashes of its rooms begin with it."""
        self._log_id = log_id
        self._heads: dict[int, tuple[int, bytes]] = {}
        self._reached: dict[int, tuple[int, bytes]] = {}
        self._checks = {
            schema.users: self._user,
            schema.devices: self._device,
            schema.rooms: self._room,
            schema.records: self._record,
        }

    def check(self, table: Table, row: tuple[Any, ...]) -> None:
        """Take the next row, in the order of the table's columns. Tables whose rows mean nothing by themselves pass."""
        check = self._checks.get(table)
        if check is not None:
            check(dict(zip(table.columns.keys(), row, strict=True)))

    def finish(self) -> None:
        """Raise ValueError unless the records of every room reach its head."""
        if self._reached != self._heads:
            raise ValueError(_("records are missing"))

    def _user(self, row: Values) -> None:
        Role(row["role"])
        _check_name(row)

    def _device(self, row: Values) -> None:
        if device_id(row["public_key"]) != row["id"]:
            raise ValueError(_("a device that is not its key"))

    def _room(self, row: Values) -> None:
        RoomKind(row["kind"])
        HistoryPolicy(row["history"])
        if RoomState(row["state"]) >= RoomState.DELETED and row["head_seq"]:
            raise ValueError(_("records of a deleted room"))
        _check_name(row)
        self._heads[row["id"]] = (row["head_seq"], row["head_hash"])
        self._reached[row["id"]] = (0, genesis_hash(self._log_id, row["id"]))

    def _record(self, row: Values) -> None:
        room = row["room_id"]
        if room not in self._reached:
            raise ValueError(_("a record of no room"))
        before, hash_before = self._reached[room]
        if row["seq"] != before + 1:
            raise ValueError(_("records are missing"))
        _check_header(row)
        record = _record(row)
        if record.body_hash != row["body_hash"] or chain_hash(self._log_id, room, hash_before, record) != row["hash"]:
            raise ValueError(_("a record was altered"))
        self._reached[room] = (row["seq"], row["hash"])


def _check_name(row: Values) -> None:
    is_room = "kind" in row
    key = rows.room_name_key(row["id"], row["name"], row["kind"]) if is_room else rows.key_octets(row["name"])
    if key != row["name_key"]:
        raise ValueError(_("a name that is not its key"))


def _check_header(row: Values) -> None:
    try:
        header: Header = decode_header_untrusted(row["header"])
    except ProtocolError as error:
        raise ValueError(_("a record was altered")) from error
    if (*header.key, header.kind, header.ref) != tuple(
        row[name] for name in ("room_id", "device_id", "run", "n", "kind", "ref_seq")
    ):
        raise ValueError(_("a record was altered"))


def _record(row: Values) -> Record:
    common = (row["seq"], row["time_ms"], row["header"], row["signature"])
    if row["body"] is None:
        return Record(*common, None, row["body_hash"])
    return Record(*common, row["body"].encode())
