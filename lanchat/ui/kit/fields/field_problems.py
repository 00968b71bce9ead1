"""What is wrong with what stands in a field of a form."""

import enum
from typing import NamedTuple


class FieldName(enum.Enum):
    """A field of a form, for what is wrong with what stands in it."""

    ADDRESS = enum.auto()
    USER = enum.auto()
    DISPLAY_NAME = enum.auto()
    PASSWORD = enum.auto()
    AGAIN = enum.auto()
    EMAIL = enum.auto()
    INVITE_CODE = enum.auto()
    SETUP_CODE = enum.auto()
    RECOVERY_CODE = enum.auto()


class FieldProblem(NamedTuple):
    """What is wrong, in plain words, and the field that it is about."""

    text: str
    field: FieldName
