"""Frames by which clients give a log back that its server has lost: of an older copy, or of an empty database."""

from typing import Annotated

import msgspec

from lanchat.protocol.codec import U32, U63, Key16
from lanchat.protocol.limits import PAGE_CERTIFICATES_MAX, PAGE_RECORDS_MAX, STATEMENTS_MAX
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.records import Head, Record
from lanchat.protocol.log.statements import Statement
from lanchat.protocol.wire.base import MANY, Frame
from lanchat.protocol.wire.statements import Member

_AUTHORS = msgspec.Meta(max_length=PAGE_CERTIFICATES_MAX)


class RoomMembers(msgspec.Struct, array_like=True, frozen=True):
    """The list that a room's statement has the hash of."""

    room: U63
    members: Annotated[list[Member], MANY]


class GiveStatements(Frame, frozen=True, tag=70):
    """What the log said before, with the lists that belong to it. `revoked`: all revoked devices. `certificates`: of
    devices whose messages the client keeps. Answered by Done; what the log did not sign is passed over."""

    statements: Annotated[list[Statement], msgspec.Meta(max_length=STATEMENTS_MAX)]
    members: Annotated[list[RoomMembers], msgspec.Meta(max_length=STATEMENTS_MAX)] = []
    revoked: Annotated[list[Key16], MANY] = []
    certificates: Annotated[list[Certificate], _AUTHORS] = []


class OfferRecords(Frame, frozen=True, tag=71):
    """The client keeps the records `first` up to `head.seq` of this room. Answered by RecordsWanted."""

    head: Head
    first: U63


class GiveRecords(Frame, frozen=True, tag=72):
    """Consecutive records of a room, from the number that was wanted. They are taken with the frame whose last record
    is that of `head`, which the log signed before. `certificates`: of their authors. Answered by RecordsWanted."""

    room: U63
    records: Annotated[list[Record], msgspec.Meta(max_length=PAGE_RECORDS_MAX)]
    head: Head | None = None
    certificates: Annotated[list[Certificate], _AUTHORS] = []


class RecordsWanted(Frame, frozen=True, tag=60):
    """`first`: the first number that this client is asked for; 0: none, and `retry_ms` says when to offer again, 0 for
    not at all. `forked`: the log has other records than the client."""

    first: U63
    retry_ms: U32 = 0
    forked: bool = False
