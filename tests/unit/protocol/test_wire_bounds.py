"""Every text, octet string and list of a frame has a bound of its own, besides that of the frame."""

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest

from lanchat.protocol import wire
from lanchat.protocol.log import certificates, messages

KINDS = (wire.FromClient, wire.FromServer, messages.Header, certificates.CertificateBody)


def unbounded(kind: Any, path: str, seen: set[Any]) -> Iterator[str]:
    """The places in a type that have no bound."""
    match kind:
        case msgspec.inspect.StructType():
            if kind.cls not in seen:
                seen.add(kind.cls)
                for field in kind.fields:
                    yield from unbounded(field.type, f"{kind.cls.__name__}.{field.name}", seen)
        case msgspec.inspect.UnionType():
            for part in kind.types:
                yield from unbounded(part, path, seen)
        case msgspec.inspect.ListType():
            if kind.max_length is None:
                yield path
            yield from unbounded(kind.item_type, path, seen)
        case msgspec.inspect.StrType() | msgspec.inspect.BytesType():
            if kind.max_length is None:
                yield path
        case msgspec.inspect.IntType():
            if kind.ge is None or kind.le is None:
                yield path
        case msgspec.inspect.FloatType():
            if kind.gt is None or kind.le is None:
                yield path
        case msgspec.inspect.DictType() | msgspec.inspect.AnyType() | msgspec.inspect.RawType():
            yield path


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_in_a_frame_is_bounded(kind: Any) -> None:
    assert list(unbounded(msgspec.inspect.type_info(kind), "", set())) == []


def test_unbounded_type_is_found() -> None:
    class Inner(msgspec.Struct):
        names: list[str]
        number: int

    class Outer(msgspec.Struct):
        inner: Inner | None

    found = list(unbounded(msgspec.inspect.type_info(Outer), "", set()))
    assert found == ["Inner.names", "Inner.names", "Inner.number"]
    assert get_args(wire.FromServer)
