"""Frames about statements (protocol/log/statements.py) and the lists that they are about."""

from typing import Annotated

import msgspec

from lanchat.protocol.codec import U63, Key16, Positive
from lanchat.protocol.limits import STATEMENTS_MAX
from lanchat.protocol.log.statements import Statement
from lanchat.protocol.wire.base import MANY, Frame, Place

# --- Events, server to client -----------------------------------------------------------------------------------------


class Statements(Frame, frozen=True, tag=41):
    """New statements that the client may see. What it was not told of in time it asks for with `ListStatements`."""

    statements: Annotated[list[Statement], msgspec.Meta(max_length=STATEMENTS_MAX)]


# --- Requests and results ---------------------------------------------------------------------------------------------


class ListStatements(Frame, frozen=True, tag=53):
    """Statements with a number above `above` (0: all): about accounts, one's rooms and public ones, rooms that were
    deleted while one was a member, and revoked devices. Answered by StatementList."""

    above: U63
    after: Place = b""


class ListRevoked(Frame, frozen=True, tag=54):
    """All devices that were revoked, by id. Answered by RevokedList."""

    after: Place = b""


class Member(msgspec.Struct, array_like=True, frozen=True):
    """A user in a room, and the lowest number that this user may read there."""

    user: Positive
    first_seq: Positive


class StatementList(Frame, frozen=True, tag=24):
    """`number`: with `next` empty, the client has everything up to there. `next`: where the next page begins."""

    statements: Annotated[list[Statement], MANY]
    number: U63
    next: Place = b""


class RevokedList(Frame, frozen=True, tag=25):
    """Device ids."""

    devices: Annotated[list[Key16], MANY]
    next: Place = b""
