"""Writes the tables of docs/PROTOCOL.md from the code: `python -m tests.vectors.tables`."""

import enum
import json
import textwrap
from typing import Any

import msgspec
from msgspec import inspect

from lanchat.protocol import wire
from lanchat.protocol.codec import decoder
from lanchat.protocol.log.certificates import CertificateBody
from lanchat.protocol.log.files import FileBody
from lanchat.protocol.log.messages import Header
from lanchat.protocol.log.peers import PeerBody
from lanchat.protocol.log.statements import AccountBody, RevocationsBody, RoomBody, StatementKind
from lanchat_server.core.sequencing.sequencer import FORGERIES
from tests.support.marked import DOCS, replaced
from tests.vectors import exchange, limits, outcomes
from tests.vectors.examples import structs
from tests.vectors.make import FOLDER

DOCUMENT = DOCS / "PROTOCOL.md"

_NOTATION = """\
Types: `u63` is an integer from 0 to 2^63 − 1, `text ≤ 256` counts characters, `octets` without a sign are exactly so
many, `[x]` is an array, `?` after a name marks an element that may be missing at the end. It is then what stands behind
`=`, else 0, false, empty or nil. A type with a capital is one of the structures or enumerations below."""
_ENUMS = (wire.RoomKind, wire.HistoryPolicy, wire.Role, wire.PresenceState, wire.Registration, wire.Setup)


def filled(text: str) -> str:
    """The document with its marked places written anew; raises ValueError when a mark is not there."""
    parts = {
        "frames": _frames,
        "codes": _codes,
        "outcomes": outcomes.outcomes_table,
        "gaps": outcomes.gaps_table,
        "targets": outcomes.targets_table,
        "fixed limits": lambda: limits.table(limits.FIXED, "above it"),
        "announced limits": lambda: limits.table(limits.ANNOUNCED, "above it"),
        "server limits": lambda: limits.table(limits.SERVER, "above it"),
        "reference client": lambda: limits.table(limits.REFERENCE, "because of"),
        "exchange": _exchange,
    }
    for name, write in parts.items():
        text = replaced(text, name, write())
    return text


def _exchange() -> str:
    """The steps of the exchange's vectors."""
    found = json.loads((FOLDER / "exchange.json").read_text(encoding="utf-8"))
    lines = []
    for step in found["steps"]:
        other = exchange.TO_CLIENT if step["sender"] == exchange.TO_SERVER else exchange.TO_SERVER
        name = "sealed " + _in_datagram(step["payload"]) if step["way"] == exchange.UDP else _step_name(step)
        lines.append(f"{step['sender']} → {other}, {step['way']}: {name}")
        lines += [f"    {line}" for line in textwrap.wrap(step["octets"], 2 * _OCTETS_A_LINE)]
        if step["way"] == exchange.UDP:
            lines.append(f"  payload {step['payload']}")
    return "\n".join(["```", *lines, "```"])


_OCTETS_A_LINE = 50


def _step_name(step: dict[str, Any]) -> str:
    inside = step["fields"].get("operation") or step["fields"].get("result")
    if inside is None:
        return f"{step['name']}"
    union = wire.Operation if step["name"] == "Request" else wire.Result
    name = next(kind.__name__ for kind in structs(union) if kind.__struct_config__.tag == inside["tag"])
    return f"{step['name']}({step['fields']['id']}, {name})"


def _in_datagram(payload: str) -> str:
    (frame,) = decoder(list[wire.Ping | wire.Pong])(bytes.fromhex(payload))
    return type(frame).__name__


def _frames() -> str:
    senders = [
        ("client, UDP or TLS", wire.LiveFromClient),
        ("server, UDP or TLS", wire.LiveFromServer),
        ("server, TLS", wire.EventFromServer),
        ("client, TLS", wire.Request),
        ("server, TLS", wire.Response | wire.Failure),
    ]
    operations = [("before log-in", wire.BeforeLogin), ("after log-in", wire.AfterLogin)]
    parts = [
        _NOTATION,
        "### Frames",
        _table("sent by", senders),
        "### Operations of a `Request`",
        _table("when", operations),
        "### Results of a `Response`",
        _table("", [("", wire.Result)]),
        "### Frames between peers",
        _table("", [("", wire.PeerFrame)]),
        "### Frames of a connection for files",
        _table("sent by", [("client", wire.BulkFromClient), ("server", wire.BulkFromServer)]),
        "### Structures inside",
        _structures(),
        "### Enumerations",
        _enumerations(),
    ]
    return "\n\n".join(parts)


def _table(column: str, unions: list[tuple[str, Any]]) -> str:
    lines = [_row("tag", "name", column, "fields", "what it says"), _row("---", "---", "---", "---", "---")]
    for what, union in unions:
        lines += [
            _row(str(kind.__struct_config__.tag), f"`{kind.__name__}`", what, _fields(kind), _meaning(kind))
            for kind in structs(union)
        ]
    return "\n".join(lines if column else map(_without_third, lines))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _without_third(line: str) -> str:
    cells = line.split(" | ")
    return " | ".join([*cells[:2], *cells[3:]])


def _fields(kind: type) -> str:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return ", ".join(
        f"`{field.name}`{'' if field.required else '?'} {_type(field.type)}{_default(field)}" for field in info.fields
    )


def _default(field: inspect.Field) -> str:
    """What stands for an element that is missing, unless it is 0, false, empty or nil."""
    value = field.default
    if field.required or value in (inspect.NODEFAULT, 0, b"", "", None):
        return ""
    if isinstance(value, enum.Enum):
        return f" = {value.name}"
    return f" = {value:g}" if isinstance(value, float) else f" = {value}"


def _type(kind: inspect.Type) -> str:
    match kind:
        case inspect.StructType():
            return kind.cls.__name__
        case inspect.UnionType() if any(isinstance(member, inspect.NoneType) for member in kind.types):
            return " or nil".join([*(_type(member) for member in kind.types if not _is_nil(member)), ""])
        case inspect.UnionType():
            return "one of the table below"
        case inspect.ListType() | inspect.VarTupleType():
            return f"[{_type(kind.item_type)}]" + ("" if kind.max_length is None else f" ≤ {kind.max_length}")
        case inspect.EnumType():
            return kind.cls.__name__
        case inspect.BytesType():
            exact = kind.min_length == kind.max_length
            return f"octets {'' if exact else '≤ '}{kind.max_length}"
        case inspect.StrType():
            return "text" + ("" if kind.max_length is None else f" ≤ {kind.max_length}")
        case inspect.IntType():
            return _integer(kind.ge, kind.le)
        case inspect.FloatType():
            return f"float > {kind.gt}"
        case inspect.BoolType():
            return "bool"
    raise TypeError(kind)


def _is_nil(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.NoneType)


def _integer(low: int | None, high: int | None) -> str:
    known = {(0, 2**63 - 1): "u63", (1, 2**63 - 1): "u63 ≥ 1", (0, 2**32 - 1): "u32", (1, 2**31 - 1): "u31 ≥ 1"}
    known[-(2**63), 2**63 - 1] = "i64"
    return known.get((low or 0, high or 0)) or f"{low}…{high}"


def _meaning(kind: type) -> str:
    """The docstring, when it has one of its own."""
    text = " ".join((kind.__doc__ or "").split())
    return "" if text == _inherited(kind) else text.replace("|", "\\|")


def _inherited(kind: type) -> str:
    return " ".join((kind.__bases__[0].__doc__ or "").split())


def _structures() -> str:
    found: dict[str, type[msgspec.Struct]] = {"Header": Header, "CertificateBody": CertificateBody}
    found |= {
        body.__name__: body for body in (AccountBody, RoomBody, RevocationsBody, PeerBody, FileBody, wire.OpenLink)
    }
    for union in (wire.FromClient, wire.FromServer, wire.PeerFrame, FileBody):
        _collect(inspect.type_info(union), found)
    lines = [_row("name", "fields", "what it is"), _row("---", "---", "---")]
    lines += [_row(f"`{name}`", _fields(found[name]), _meaning(found[name])) for name in sorted(found)]
    return "\n".join(lines)


def _collect(kind: inspect.Type, found: dict[str, type[msgspec.Struct]]) -> None:
    """Structures without a tag, wherever they stand in a frame."""
    match kind:
        case inspect.StructType():
            if kind.tag is None:
                found[kind.cls.__name__] = kind.cls
            for field in kind.fields:
                _collect(field.type, found)
        case inspect.UnionType():
            for member in kind.types:
                _collect(member, found)
        case inspect.ListType() | inspect.VarTupleType():
            _collect(kind.item_type, found)


def _enumerations() -> str:
    kinds = (Header.__annotations__["kind"], *_ENUMS, StatementKind)
    lines = [_row("name", "values"), _row("---", "---")]
    return "\n".join([*lines, *(_row(f"`{kind.__name__}`", _members(kind)) for kind in kinds)])


def _members(kind: type[enum.IntEnum]) -> str:
    return ", ".join(f"{member.value} {member.name}" for member in kind)


_NO_DECISIONS = frozenset(int(code) for code in FORGERIES)


def _codes() -> str:
    lines = [_row("code", "name", "refuses"), _row("---", "---", "---")]
    for code in wire.Code:
        refused = "a request" if code < 100 else "a message, for ever" if code < 200 else "a request; a message waits"
        if code in _NO_DECISIONS:
            refused = "a message; no decision"
        lines.append(_row(str(code.value), f"`{code.name}`", refused))
    return "\n".join(lines)


if __name__ == "__main__":
    DOCUMENT.write_text(filled(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
