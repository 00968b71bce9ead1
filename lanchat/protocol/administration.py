"""Accounts, rooms and sessions as administrators see them: on the wire and in windows."""

from typing import Annotated

import msgspec

from lanchat.protocol.codec import U32, U63, Positive
from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind

_Short = Annotated[str, msgspec.Meta(max_length=256)]


class AccountDetails(msgspec.Struct, array_like=True, frozen=True):
    """An account as administrators see it. `devices`: those that are not revoked. `last_seen_ms` 0: never."""

    id: Positive
    name: _Short
    display_name: _Short
    email: _Short
    role: Role
    disabled: bool
    created_ms: U63
    last_seen_ms: U63
    devices: U32


class RoomSummary(msgspec.Struct, array_like=True, frozen=True):
    """A room as administrators see it. `creator` 0: the server. `messages`: the number of its newest record."""

    id: U63
    name: _Short
    kind: RoomKind
    creator: U63
    created_ms: U63
    members: U32
    messages: U63
    archived: bool
    history: HistoryPolicy = HistoryPolicy.EVERYTHING


class SessionDetails(msgspec.Struct, array_like=True, frozen=True):
    """Somebody who is connected: by which device, from which address, since when. `by_udp`: datagrams reach the server;
    else everything goes over TLS. `away`: nobody is at that computer."""

    user: Positive
    device: _Short
    address: _Short
    since_ms: U63
    by_udp: bool
    away: bool
