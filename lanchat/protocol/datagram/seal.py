"""Sealed datagrams, of the UDP relay and between clients: ChaCha20-Poly1305 with a counter as nonce.

    datagram = kind u8 (1: relay, 3: peer) || key_id u32 || counter u64 || ciphertext || tag 16
    nonce    = 0 u32 || counter u64
    AD       = the 13 octets of the header || log_id || log_epoch u32

Each direction has its own key, so a datagram sent back to its sender does not open. Keys of the relay are made by the
server and handed over inside TLS. The counter starts at 0, is never reused under a key, and the key is replaced before
it runs out.
"""

import struct

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from lanchat.protocol.datagram.replay import WINDOW, ReplayWindow
from lanchat.protocol.errors import ProtocolError

RELAY_KIND = 1
KEY_OCTETS = 32
TAG = 16
_HEADER = struct.Struct(">BIQ")
HEADER = _HEADER.size
OVERHEAD = HEADER + TAG
_NONCE = struct.Struct(">IQ")
_EPOCH = struct.Struct(">I")
# Well below what ChaCha20-Poly1305 stands; bounds what one stolen key opens.
PACKETS_PER_KEY = 1 << 20
KEY_LIFETIME = 3600.0
# Datagrams of the old key may still be under way.
OLD_KEY_GRACE = 30.0


class SealLimits(msgspec.Struct, frozen=True):
    """Bounds of session keys; times in seconds. The defaults are those of docs/PROTOCOL.md."""

    packets_per_key: int = PACKETS_PER_KEY
    key_lifetime: float = KEY_LIFETIME
    old_key_grace: float = OLD_KEY_GRACE
    replay_window: int = WINDOW


SEAL_LIMITS = SealLimits()


def key_id_untrusted(datagram: bytes | memoryview, kind: int = RELAY_KIND) -> int:
    """The key id of a datagram of this kind; raises ProtocolError when it is none."""
    if len(datagram) < OVERHEAD or datagram[0] != kind:
        raise ProtocolError("not a relay datagram" if kind == RELAY_KIND else "not a peer's datagram")
    key_id: int = _HEADER.unpack_from(datagram)[1]
    return key_id


class Sealer:
    """Seals one direction under one key."""

    def __init__(
        self,
        key: bytes,
        key_id: int,
        log_id: bytes,
        epoch: int,
        limits: SealLimits = SEAL_LIMITS,
        kind: int = RELAY_KIND,
    ) -> None:
        """`key` has 32 octets and seals nothing else. `counter`, how many datagrams were sealed, begins at 0."""
        self._aead = ChaCha20Poly1305(key)
        self._context = log_id + _EPOCH.pack(epoch)
        self._kind = kind
        self._key_id = key_id
        self._packets = limits.packets_per_key
        self.counter = 0

    @property
    def left(self) -> int:
        """How many datagrams the key still seals."""
        return self._packets - self.counter

    def seal(self, payload: bytes) -> bytes:
        """The datagram; raises OverflowError when the key must be replaced first."""
        counter = self.counter
        if counter >= self._packets:
            raise OverflowError("session key used up")
        self.counter = counter + 1
        header = _HEADER.pack(self._kind, self._key_id, counter)
        return header + self._aead.encrypt(_NONCE.pack(0, counter), payload, header + self._context)


class Opener:
    """Opens one direction under one key, each counter once."""

    def __init__(
        self,
        key: bytes,
        key_id: int,
        log_id: bytes,
        epoch: int,
        limits: SealLimits = SEAL_LIMITS,
        kind: int = RELAY_KIND,
    ) -> None:
        """`key`, 32 octets, and the other values are those of the sealer at the other end; no counter has been seen."""
        self._aead = ChaCha20Poly1305(key)
        self._context = log_id + _EPOCH.pack(epoch)
        self._kind = kind
        self._key_id = key_id
        self._window = ReplayWindow(limits.replay_window)
        # Whether the datagram opened last had the highest counter so far: only then its address counts.
        self.newest = False

    def open_untrusted(self, datagram: bytes) -> bytes:
        """The payload; raises ProtocolError for forged, foreign and repeated datagrams. State changes only when
        the seal holds."""
        if len(datagram) < OVERHEAD:
            raise ProtocolError("datagram too short")
        kind, key_id, counter = _HEADER.unpack_from(datagram)
        if kind != self._kind or key_id != self._key_id:
            raise ProtocolError("datagram of another key")
        header = datagram[:HEADER]
        try:
            payload = self._aead.decrypt(_NONCE.pack(0, counter), datagram[HEADER:], header + self._context)
        except InvalidTag as error:
            raise ProtocolError("seal does not hold") from error
        if not self._window.accept(counter):
            raise ProtocolError("datagram seen before")
        self.newest = counter == self._window.highest
        return payload
