"""Values as they stand in the vectors: structures by field name, octets in hex, numbers of enumerations, numbers of
more than 53 bits as texts: many readers of JSON corrupt them."""

import enum
from typing import Any

import msgspec

SAFE_MAX = 2**53 - 1


def plain(value: Any) -> Any:
    """What JSON can hold of it."""
    match value:
        case msgspec.Struct():
            tag = value.__struct_config__.tag
            fields = {name: plain(getattr(value, name)) for name in value.__struct_fields__}
            return fields if tag is None else {"tag": tag, **fields}
        case bytes():
            return value.hex()
        case enum.Enum():
            return value.value
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case int() if abs(value) > SAFE_MAX:
            return str(value)
    return value
