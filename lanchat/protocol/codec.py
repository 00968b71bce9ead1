"""msgpack on top of msgspec: the only place where octets become typed values.

Structs travel as arrays with a leading tag where a union needs one. A reader ignores elements that it does not know
at the end of an array, so a later version may append fields with defaults.
"""

from typing import Annotated, Any, TypeVar

import msgspec

from lanchat.protocol.errors import ProtocolError

T = TypeVar("T")

Key16 = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
Key32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
U32 = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
# 63 bits: every database stores it in a signed BIGINT.
U63 = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
# Differences.
I64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]

_encoder = msgspec.msgpack.Encoder()
encode = _encoder.encode


class Decoder(msgspec.Struct, frozen=True):
    """A typed msgpack decoder whose only error is ProtocolError."""

    inner: Any

    def __call__(self, octets: bytes | memoryview) -> Any:
        """The typed value of `octets`. Raises ProtocolError for anything but one whole value of the type within its
        bounds."""
        try:
            return self.inner.decode(octets)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
            raise ProtocolError("not a valid encoding") from error


def decoder(kind: Any) -> Decoder:
    """A decoder for `kind`, a Struct or a union of tagged Structs."""
    return Decoder(msgspec.msgpack.Decoder(kind))
