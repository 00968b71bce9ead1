"""Well-typed frames at random, made from the wire types themselves, with real rooms, people and numbers in them.

What a field is called decides which real values it may get; its type and bounds decide the rest. A new request is sent
as soon as it stands in wire.py.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import inspect

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.limits import BODY_OCTETS_MAX
from lanchat.protocol.log import keys
from lanchat.protocol.log.messages import Header, Kind, Message
from tests.fuzz.mutate import EXTREMES, TEXTS
from tests.support.wire_values import members

LIVE = members(wire.LiveFromClient)
BEFORE_LOGIN = members(wire.BeforeLogin)
AFTER_LOGIN = members(wire.AfterLogin)
# What costs the server a password hash, 30 ms each, comes less often than the rest.
DEAR = frozenset(
    {wire.Register, wire.LoginPassword, wire.RecoverConfirm, wire.ChangePassword, wire.SetProfile, wire.RevokeDevice}
)
# What ends the session: of 80 frames at once one would, and nothing would follow it.
ENDING = frozenset({wire.Logout, wire.RevokeDevice})
PASSWORD = "correct horse"


@dataclass
class World:
    """What is real; shared by all who talk to one server."""

    rooms: list[int] = field(default_factory=list)
    users: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    devices: list[bytes] = field(default_factory=list)
    heads: dict[int, int] = field(default_factory=dict)

    def learn(self, frame: Any) -> None:
        """From what the server says."""
        match frame:
            case wire.RoomChanged(room=room) | wire.Response(result=wire.RoomResult(room=room)):
                self._add(self.rooms, room.id)
            case wire.Users(users=users) | wire.Response(result=wire.UserList(users=users)):
                for user in users:
                    self._add(self.users, user.id)
            case wire.Heads(heads=heads):
                for head in heads:
                    self.heads[head.room] = max(self.heads.get(head.room, 0), head.seq)
            case wire.Records(room=room, head=head) if head is not None:
                self.heads[room] = max(self.heads.get(room, 0), head.seq)

    @staticmethod
    def _add(known: list[int], value: int) -> None:
        if value not in known and len(known) < 200:
            known.append(value)


class Speaker:
    """One device that says anything. `proof` signs what a log-in is to prove; None: it never said hello."""

    def __init__(self, world: World, rng: Random, key: Ed25519PrivateKey) -> None:
        self.world = world
        self.rng = rng
        self.key = key
        self.device = keys.device_id(keys.public_octets(key))
        self.log_id = bytes(16)
        self.bound = b""
        self.run = rng.getrandbits(62)
        self.numbers: dict[int, int] = {}
        self._in_list = False

    # --- Frames -----------------------------------------------------------------------------------------------------

    def live(self) -> Any:
        kinds: list[type] = [*LIVE, wire.Submit, wire.Submit, wire.Nack]
        return self._make(self.rng.choice(kinds))

    def operation(self, logged_in: bool) -> Any:
        """A request's operation: mostly one that has its time, sometimes one that has not."""
        early = self.rng.random() < (0.1 if logged_in else 0.97)
        kind = self.rng.choice(BEFORE_LOGIN if early else AFTER_LOGIN)
        if (kind in DEAR and self.rng.random() < 0.8) or (kind in ENDING and self.rng.random() < 0.9):
            kind = wire.LoginDevice if early else self.rng.choice((wire.ListRooms, wire.History, wire.Subscribe))
        return self._make(kind)

    def _make(self, kind: type) -> Any:
        info = inspect.type_info(kind)
        assert isinstance(info, inspect.StructType)
        return self._struct(info)

    def _struct(self, info: inspect.StructType) -> Any:
        if info.cls is Message:
            return self.message()
        if info.cls is wire.Enrolment:
            return self._enrolment()
        return info.cls(**{item.name: self._field(item.name, _plain(item.type)) for item in info.fields})

    # --- Fields -----------------------------------------------------------------------------------------------------

    def _field(self, name: str, kind: inspect.Type) -> Any:
        real = self._real(name, kind)
        return real if real is not None and self.rng.random() < 0.8 else self._any(name, kind)

    def _real(self, name: str, kind: inspect.Type) -> Any:
        """A value that means something to this server."""
        rng, world = self.rng, self.world
        match name, kind:
            case ("room", inspect.IntType()) if world.rooms:
                return rng.choice(world.rooms)
            case ("user", inspect.IntType()) if world.users:
                return rng.choice(world.users)
            case ("user", inspect.StrType()) if world.names:
                return rng.choice(world.names)
            case ("device", inspect.BytesType()) if world.devices:
                return rng.choice([self.device, rng.choice(world.devices)])
            case ("password" | "old" | "new" | "new_password", inspect.StrType()):
                return PASSWORD
            case ("signature", inspect.BytesType()):
                return self.key.sign(keys.LOGIN_CONTEXT + self.bound)
            case ("versions", inspect.ListType()):
                return [1]
            case ("anchor" | "before" | "received" | "read", inspect.IntType()):
                return rng.randint(1, 3 + max(world.heads.values(), default=0))
        return None

    def _any(self, name: str, kind: inspect.Type) -> Any:
        rng = self.rng
        match kind:
            case inspect.StructType():
                return self._struct(kind)
            case inspect.ListType():
                return self._list(name, kind)
            case inspect.BytesType():
                return rng.randbytes(rng.randint(kind.min_length or 0, min(kind.max_length or 64, 64)))
            case inspect.StrType():
                return rng.choice((*TEXTS, f"name{rng.randrange(50)}", "Ж" * 4000))[: kind.max_length or 4000]
            case inspect.IntType():
                return self._number(kind)
            case inspect.EnumType():
                return rng.choice(list(kind.cls))
            case inspect.BoolType():
                return rng.random() < 0.5
        raise TypeError(kind)

    def _list(self, name: str, kind: inspect.ListType) -> list[Any]:
        """Of any length; a list within a list is short, as many full ones would not fit a frame."""
        bound = kind.max_length or 40
        most = min(bound, self.rng.choice((0, 1, 2, 5, 5 if self._in_list else bound)))
        inner = {"rooms": "room", "devices": "device", "missing": "anchor"}.get(name, name)
        outside, self._in_list = self._in_list, True
        try:
            return [self._field(inner, _plain(kind.item_type)) for _ in range(most)]
        finally:
            self._in_list = outside

    def _number(self, kind: inspect.IntType) -> int:
        low, high = int(kind.ge or 0), int(2**63 - 1 if kind.le is None else kind.le)
        fitting = [number for number in EXTREMES if low <= number <= high]
        return self.rng.choice((*fitting, low, high, self.rng.randint(low, high)))

    # --- What must be signed ----------------------------------------------------------------------------------------

    def message(self) -> Message:
        """Signed as it should be; of a room of ours or of none, in order or not, about something or nothing."""
        rng, world = self.rng, self.world
        room = rng.choice(world.rooms) if world.rooms and rng.random() < 0.9 else self._number(_U63)
        n = self.numbers.get(room, 0) + 1
        if rng.random() < 0.75:
            self.numbers[room] = n
        else:
            n = rng.choice((1, max(1, n - 1), n + 1, n + 70, 2**62, 2**63 - 1))
        kind = rng.choice((Kind.TEXT, Kind.TEXT, *Kind))
        ref = 0 if kind is Kind.TEXT and rng.random() < 0.7 else rng.randint(0, world.heads.get(room, 0) + 2)
        if rng.random() < 0.05:
            ref = 2**63 - 1
        header = Header(room, self.device, self.run, n, kind, ref, self._number(_U63), self._number(_U63))
        octets = encode(header)
        body = self._body(kind)
        signature = self.key.sign(keys.MESSAGE_CONTEXT + self.log_id + octets + keys.sha256(body))
        return Message(octets, body, signature)

    def _body(self, kind: Kind) -> bytes:
        if kind is Kind.DELETE:
            return b"" if self.rng.random() < 0.9 else b"x"
        text = self.rng.choice(("hello", "привет " * 30, "👍", "-👍", "x" * 1000, "ж" * 4000, *TEXTS))
        return text.encode("utf-8", "replace")[:BODY_OCTETS_MAX]

    def _enrolment(self) -> wire.Enrolment:
        key = self.key if self.rng.random() < 0.7 else Ed25519PrivateKey.from_private_bytes(self.rng.randbytes(32))
        proof = key.sign(keys.ENROL_CONTEXT + self.bound)
        return wire.Enrolment(keys.public_octets(key), self.rng.choice(("laptop", *TEXTS))[:256], proof)


_U63 = inspect.IntType(ge=0, le=2**63 - 1)


def _plain(kind: inspect.Type) -> inspect.Type:
    """`Annotated` with a description adds a layer; a union with None is its other part."""
    if isinstance(kind, inspect.Metadata):
        return _plain(kind.type)
    if isinstance(kind, inspect.UnionType):
        return next(_plain(item) for item in kind.types if not isinstance(item, inspect.NoneType))
    return kind
