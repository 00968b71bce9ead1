"""TLS and UDP over loopback, and DNS-SD on the network, by the code that client and server use."""

import asyncio
import hashlib
import socket
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from lanchat.checks.runner import CheckFailed, Finding, SelfCheck
from lanchat.i18n import _, ngettext
from lanchat.platform.disk.files import create_private
from lanchat.platform.entropy import SYSTEM_ENTROPY
from lanchat.protocol.datagram.seal import KEY_OCTETS, Opener, Sealer
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import DATAGRAM_MAX
from lanchat.protocol.wire import Ping, Pong, pack_frame
from lanchat.transport.certificates import private_pem, self_signed, server_context
from lanchat.transport.tls import ChannelClosed, open_channel

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncZeroconf

_HOST = "127.0.0.1"
# Seconds for an answer of this computer to itself.
_ANSWER_TIMEOUT = 5.0
# Seconds in which a service is registered and found; it takes 2.
_FOUND_TIMEOUT = 10.0
# Not that of servers: no client of the network lists what is registered here.
CHECK_SERVICE = "_lanchat-check._tcp.local."
_TOKEN = 1
_DATAGRAMS = 16


def network_checks() -> list[SelfCheck]:
    """Those of both programs, in the order in which they are run."""
    return [
        SelfCheck("tls", "TLS", check_tls),
        SelfCheck("udp", "UDP", check_udp),
        SelfCheck("mdns", "mDNS", check_mdns),
    ]


# --- TLS --------------------------------------------------------------------------------------------------------------


def check_tls() -> Finding:
    """A handshake over loopback with a certificate made for it, its pin compared, and a frame in each direction."""
    with tempfile.TemporaryDirectory(prefix="lanchat-check-") as folder:
        return asyncio.run(_check_tls(Path(folder)))


async def _check_tls(folder: Path) -> Finding:
    key = Ed25519PrivateKey.generate()
    certificate = self_signed(key)
    create_private(folder / "key", private_pem(key))
    create_private(folder / "certificate", certificate.public_bytes(Encoding.PEM))
    pin = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
    context = server_context(folder / "certificate", folder / "key")

    server = await asyncio.get_running_loop().create_server(_PongSender, _HOST, 0, ssl=context)
    try:
        await _shake_hands(server.sockets[0].getsockname()[1], pin)
    finally:
        server.close()
    text = _("handshake over loopback, own certificate recognized by its pin; TLS 1.3 of {library}")
    return Finding(text.format(library=ssl.OPENSSL_VERSION), {"version": ssl.OPENSSL_VERSION})


class _PongSender(asyncio.Protocol):
    """The server's end: answers the one frame that it knows."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._came = b""

    def data_received(self, data: bytes) -> None:
        self._came += data
        if self._came == pack_frame(Ping(_TOKEN)) and isinstance(self._transport, asyncio.Transport):
            self._transport.write(pack_frame(Pong(_TOKEN)))


async def _shake_hands(port: int, pin: str) -> None:
    try:
        channel = await open_channel(_HOST, port, _ANSWER_TIMEOUT)
        try:
            if channel.fingerprint != pin:
                raise CheckFailed(_("the certificate that came is not the one that was made"))
            channel.send(Ping(_TOKEN))
            async with asyncio.timeout(_ANSWER_TIMEOUT):
                if await channel.read() != pack_frame(Pong(_TOKEN))[4:]:
                    raise CheckFailed(_("another frame came than was sent"))
        finally:
            channel.abort()
    except TimeoutError:
        raise CheckFailed(_("no answer over loopback")) from None
    except (ProtocolError, ChannelClosed) as error:
        raise CheckFailed(_("the connection broke off: {error}").format(error=error)) from None


# --- UDP --------------------------------------------------------------------------------------------------------------


def check_udp() -> Finding:
    """Sealed datagrams over loopback in both directions, the largest too; a forged and a repeated one are refused."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        for sock in (one, other):
            sock.bind((_HOST, 0))
            sock.settimeout(_ANSWER_TIMEOUT)
        for sender, receiver in ((one, other), (other, one)):
            _exchange(sender, receiver)
    text = ngettext(
        "{count} sealed datagram over loopback, a forged and a repeated one refused",
        "{count} sealed datagrams over loopback, a forged and a repeated one refused",
        2 * _DATAGRAMS,
    )
    return Finding(text.format(count=2 * _DATAGRAMS), {"datagrams": 2 * _DATAGRAMS})


def _exchange(sender: socket.socket, receiver: socket.socket) -> None:
    key, log_id = SYSTEM_ENTROPY.token_bytes(KEY_OCTETS), SYSTEM_ENTROPY.token_bytes(16)
    sealer, opener = Sealer(key, 1, log_id, 1), Opener(key, 1, log_id, 1)
    room = DATAGRAM_MAX - len(Sealer(key, 1, log_id, 1).seal(b""))
    for number in range(_DATAGRAMS):
        payload = bytes([number]) * (room if number == 0 else number)
        came = _sent(sender, receiver, sealer.seal(payload))
        forged = came[:-1] + bytes([came[-1] ^ 1])
        if _opened(opener, forged) is not None or _opened(opener, came) != payload:
            raise CheckFailed(_("the seal does not hold"))
        if _opened(opener, came) is not None:
            raise CheckFailed(_("a repeated datagram was opened again"))


def _sent(sender: socket.socket, receiver: socket.socket, datagram: bytes) -> bytes:
    """What came of it. Raises CheckFailed."""
    sender.sendto(datagram, receiver.getsockname())
    try:
        while True:
            came, address = receiver.recvfrom(DATAGRAM_MAX + 1)
            if address == sender.getsockname():
                return came
    except TimeoutError:
        raise CheckFailed(_("no datagram comes back over loopback; a firewall may block UDP")) from None


def _opened(opener: Opener, datagram: bytes) -> bytes | None:
    try:
        return opener.open_untrusted(datagram)
    except ProtocolError:
        return None


# --- DNS-SD -----------------------------------------------------------------------------------------------------------


def check_mdns() -> Finding:
    """A service registered and found by multicast on one network interface at least."""
    return asyncio.run(_check_mdns())


async def _check_mdns() -> Finding:
    from lanchat.discovery import mdns
    from lanchat.protocol.datagram.beacon import Advert

    key = SYSTEM_ENTROPY.token_bytes(16)
    advert = Advert(key, SYSTEM_ENTROPY.token_bytes(32).hex(), 9, f"check-{key[:4].hex()}")
    announcer = mdns.Announcer(advert, CHECK_SERVICE)
    troubles: dict[str, str] = {}
    seen: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def trouble(place: mdns.MdnsEndpoint, error: Exception) -> None:
        troubles[str(place)] = str(error) or type(error).__name__

    async def watch(station: "AsyncZeroconf", place: mdns.MdnsEndpoint) -> None:
        def found(heard: Advert, host: str, source: mdns.Source) -> None:
            if heard.log_id == advert.log_id and heard.fingerprint == advert.fingerprint and not seen.done():
                seen.set_result(str(place))

        await mdns.Watcher(place, found, lambda source: None, CHECK_SERVICE).run(station)

    tasks = [asyncio.create_task(mdns.keep_stations(serve, trouble)) for serve in (announcer.announce, watch)]
    try:
        async with asyncio.timeout(_FOUND_TIMEOUT):
            place = await seen
    except TimeoutError:
        raise CheckFailed(_mdns_failure(troubles)) from None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=1.0)
    text = _("a service was registered and found by multicast on {interface}")
    return Finding(text.format(interface=place), {"interface": place})


def _mdns_failure(troubles: dict[str, str]) -> str:
    if troubles:
        reasons = "; ".join(f"{place}: {reason}" for place, reason in sorted(troubles.items()))
        return _("multicast cannot be used ({reasons})").format(reasons=reasons)
    return _("a registered service was not found: multicast does not come through, or there is no network")
