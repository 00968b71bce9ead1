"""Hypothesis strategies for wire types, from their own annotations: any value that the protocol allows."""

from typing import Any

import hypothesis.strategies as st
import msgspec
from msgspec import inspect

# Well-formed Unicode: msgpack strings are UTF-8, which has no lone surrogates.
_CHARACTERS = st.characters(exclude_categories=["Cs"])
# Enough to meet every branch; the upper bounds themselves are tested one by one.
_LONG = 40
_MANY = 3


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a Struct, a union, or an annotated type."""
    return _strategy(inspect.type_info(kind))


def _strategy(kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.StructType():
            return _struct(kind)
        case inspect.UnionType():
            return st.one_of([_strategy(member) for member in kind.types])
        case inspect.ListType():
            return st.lists(_strategy(kind.item_type), max_size=min(_MANY, _or(kind.max_length, _MANY)))
        case inspect.TupleType():
            return st.tuples(*map(_strategy, kind.item_types))
        case inspect.BytesType():
            low = kind.min_length or 0
            return st.binary(min_size=low, max_size=max(low, min(_LONG, _or(kind.max_length, _LONG))))
        case inspect.StrType():
            return st.text(_CHARACTERS, max_size=min(_LONG, _or(kind.max_length, _LONG)))
        case inspect.IntType():
            return st.integers(_or(kind.ge, -(2**63)), _or(kind.le, 2**63 - 1))
        case inspect.FloatType():
            return st.floats(min_value=0.5, allow_nan=False)
        case inspect.EnumType():
            return st.sampled_from(list(kind.cls))
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
    raise TypeError(kind)


def _struct(kind: inspect.StructType) -> st.SearchStrategy[Any]:
    made: st.SearchStrategy[Any] = st.builds(
        kind.cls, **{field.name: _strategy(_unwrapped(field.type)) for field in kind.fields}
    )
    return made


def _unwrapped(kind: inspect.Type) -> inspect.Type:
    """`Annotated` with a description adds a layer."""
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def _or(bound: Any, otherwise: int) -> int:
    return otherwise if bound is None else int(bound)


def members(union: Any) -> list[type[msgspec.Struct]]:
    """The structs of a union."""
    info = inspect.type_info(union)
    types = info.types if isinstance(info, inspect.UnionType) else (info,)
    return [member.cls for member in types if isinstance(member, inspect.StructType)]
