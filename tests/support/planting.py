"""Deliberate faults, wherever they are hunted: how one is written down and switched on.

A fault is a function that returns what to patch; its docstring is what the tables of docs/RELIABILITY.md say. Nothing
else in this project knows of them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# An object, the name of one of its attributes, and what that one is for a while.
Change = tuple[Any, str, Any]
Plant = Callable[[], list[Change]]


def told(plant: Plant) -> str:
    """What this fault is, in one line."""
    return " ".join((plant.__doc__ or "").split()).rstrip(".")


@contextmanager
def patched(*changes: Change) -> Iterator[None]:
    """Attributes that are another for a while; put back in the end."""
    before = [(target, name, getattr(target, name)) for target, name, _ in changes]
    for target, name, value in changes:
        setattr(target, name, value)
    try:
        yield
    finally:
        for target, name, value in reversed(before):
            setattr(target, name, value)
