"""Before log-in: hello, then one of log in by device, by password, register, recover. Strictly one after the other.

Everything that is signed covers log, certificate and the challenge of this connection, so nobody can use it elsewhere.
"""

from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat import __version__
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import PROTOCOL_VERSION
from lanchat.protocol.log import keys
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.wire import Failure, Goodbye, Request, Response, decode_from_server_untrusted
from lanchat.transport.tls import TlsChannel

# What we are, for whoever looks at a server; nothing follows from it.
_PROGRAM = f"lanchat {__version__}"


class ServerRefusal(Exception):
    """The server answered a request with a failure."""

    def __init__(self, failure: Failure) -> None:
        """`failure`: as the server sent it, with the code and when a new try may work; also made of a `Goodbye`."""
        super().__init__(failure.text)
        self.failure = failure


class VersionMismatch(ProtocolError):
    """The server does not speak ours."""


class GreetedChannel(msgspec.Struct):
    """A channel to a server whose identity was accepted, and what it said of itself."""

    channel: TlsChannel
    welcome: wire.Welcome
    numbers: int

    async def ask(self, operation: wire.BeforeLogin) -> Any:
        """The result of a request. Raises ServerRefusal, ChannelClosed, ProtocolError."""
        self.numbers += 1
        return await _ask(self.channel, self.numbers, operation)

    async def greet_again(self) -> None:
        """A challenge serves one try. Raises as `ask`."""
        self.welcome = _check_welcome(await self.ask(_hello()))

    def bound(self, context: bytes) -> bytes:
        """What a proof of possession covers."""
        assert self.channel.fingerprint is not None
        fingerprint = bytes.fromhex(self.channel.fingerprint)
        return context + self.welcome.log_id + fingerprint + self.welcome.challenge

    def enrolment(self, key: Ed25519PrivateKey, name: str) -> wire.Enrolment:
        """Shows that we have this new device key."""
        return wire.Enrolment(keys.public_octets(key), name, key.sign(self.bound(keys.ENROL_CONTEXT)))

    async def log_in(self, operation: wire.Register | wire.LoginPassword) -> wire.LoggedIn:
        """Register or log in with a new device. Raises as `ask`."""
        return await self._log_in(operation, keys.device_id(operation.enrolment.public_key))

    async def _log_in(self, operation: wire.BeforeLogin, device: bytes) -> wire.LoggedIn:
        self.channel.raise_limit()
        result = await self.ask(operation)
        if not isinstance(result, wire.LoggedIn) or result.device != device:
            raise ProtocolError("another answer than to a log-in")
        return result

    async def log_in_device(
        self, device: bytes, key: Ed25519PrivateKey, certificate: Certificate | None = None
    ) -> wire.LoggedIn:
        """Log in by possession of an enrolled key. `certificate`: for a server that has lost what it knew of the
        device. Raises as `ask`."""
        signature = key.sign(self.bound(keys.LOGIN_CONTEXT))
        return await self._log_in(wire.LoginDevice(device, signature, certificate), device)


async def greet(channel: TlsChannel) -> GreetedChannel:
    """Say hello to a server whose identity was accepted. Raises ServerRefusal, ChannelClosed, ProtocolError."""
    return GreetedChannel(channel, _check_welcome(await _ask(channel, 1, _hello())), 1)


def _hello() -> wire.Hello:
    return wire.Hello([PROTOCOL_VERSION], _PROGRAM)


def _check_welcome(result: Any) -> wire.Welcome:
    if not isinstance(result, wire.Welcome) or result.version != PROTOCOL_VERSION:
        raise VersionMismatch("another protocol version")
    return result


async def _ask(channel: TlsChannel, number: int, operation: wire.BeforeLogin) -> Any:
    channel.send(Request(number, operation))
    while True:
        frame = decode_from_server_untrusted(await channel.read())
        match frame:
            case Response() if frame.id == number:
                return frame.result
            case Failure() if frame.id == number:
                raise ServerRefusal(frame)
            case Goodbye():
                raise ServerRefusal(Failure(number, frame.code or wire.Code.UNAVAILABLE, frame.text))
            case _:
                # Nothing else is sent before log-in; what a later version may send is passed over.
                continue
