"""A deep picture of objects: plain values that are equal when the objects were in the same state.

Counters that are there to be counted up by refused input are left out by name.
"""

import types
from collections import deque
from collections.abc import Mapping
from typing import Any

# Figures for people and the memory of a clock: they may move when something is refused.
FIGURES = frozenset({"dropped", "counters", "refusals"})
_PLAIN = (int, float, str, bytes, bool, type(None), complex)
_CODE = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.ModuleType, type)


def picture(value: Any, leave_out: frozenset[str] = FIGURES) -> Any:
    """Of our own classes every attribute, of containers every element; of foreign objects (keys) the identity."""
    return _picture(value, leave_out, {})


def _picture(value: Any, leave_out: frozenset[str], seen: dict[int, int]) -> Any:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, _CODE):
        return id(value)
    if id(value) in seen:
        return ("seen", seen[id(value)])
    seen[id(value)] = len(seen)
    if isinstance(value, Mapping):
        return tuple((_picture(key, leave_out, seen), _picture(item, leave_out, seen)) for key, item in value.items())
    if isinstance(value, list | tuple | deque):
        return tuple(_picture(item, leave_out, seen) for item in value)
    if isinstance(value, set | frozenset):
        return tuple(sorted(map(repr, value)))
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if not type(value).__module__.startswith(("lanchat", "tests")):
        return id(value)
    return (type(value).__name__, *_attributes(value, leave_out, seen))


def _attributes(value: Any, leave_out: frozenset[str], seen: dict[int, int]) -> list[tuple[str, Any]]:
    names = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    names += list(getattr(value, "__dict__", {}))
    found = [name for name in dict.fromkeys(names) if name not in leave_out and hasattr(value, name)]
    return [(name, _picture(getattr(value, name), leave_out, seen)) for name in found]
