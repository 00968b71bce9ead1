"""Values that hold secrets: what they print as, in a log or a traceback, does not show them."""

from typing import ClassVar

import msgspec


class RedactedStruct(msgspec.Struct, frozen=True):
    """Base of such values; `concealed` names the fields that are left out of `repr`."""

    concealed: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        """The class with its fields by name, without those in `concealed`."""
        shown = (name for name in self.__struct_fields__ if name not in self.concealed)
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"
