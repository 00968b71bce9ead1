"""Deliberate faults of sealed datagrams: numbers, windows, keys, addresses."""

from typing import Any

from lanchat.protocol.datagram import seal
from lanchat.protocol.datagram.replay import ReplayWindow
from lanchat.protocol.errors import ProtocolError
from lanchat_server.service.net.datagrams import DatagramRelay
from tests.support.planting import Change


def nonce_reused() -> list[Change]:
    """A key's counter begins anew after 64 datagrams."""
    honest = seal.Sealer.seal

    def sealed(self: seal.Sealer, payload: bytes) -> bytes:
        self.counter %= 64
        return honest(self, payload)

    return [(seal.Sealer, "seal", sealed)]


def no_replay_window() -> list[Change]:
    """A datagram opens as often as it comes."""
    return [(ReplayWindow, "accept", lambda self, number: True)]


def replay_window_off_by_one() -> list[Change]:
    """The replay window takes a number that has just left it."""

    def accept(self: ReplayWindow, number: int) -> bool:
        ahead = number - self._highest
        if ahead > 0:
            self._seen = ((self._seen << ahead) | 1) & self._mask if ahead < self._size else 1
            self._highest = number
            return True
        behind = -ahead
        if behind > self._size or self._seen >> behind & 1:
            return False
        self._seen |= 1 << behind
        return True

    return [(ReplayWindow, "accept", accept)]


def key_grace_never_ends() -> list[Change]:
    """A key that was replaced opens for ever."""
    return [(DatagramRelay, "_drop_key", lambda self, channel, key_id: None)]


def keys_outlive_their_session() -> list[Change]:
    """The key of a session that ended still opens."""
    return [(DatagramRelay, "close_channel", lambda self, session: self._by_session.pop(session, None))]


def key_ids_may_meet() -> list[Change]:
    """A new key takes an id that another session's key has."""
    return [(DatagramRelay, "uses", lambda self, key_id: False)]


def address_learnt_before_the_seal() -> list[Change]:
    """Answers go to whoever sent a datagram under a known key's number, whether or not its seal holds."""
    honest = DatagramRelay._handle

    def handle(self: DatagramRelay, datagram: bytes, address: Any) -> None:
        try:
            known = self._by_key.get(seal.key_id_untrusted(datagram))
        except ProtocolError:
            known = None
        if known is not None:
            known[0].address = address
        honest(self, datagram, address)

    return [(DatagramRelay, "_handle", handle)]


BUGS = (
    nonce_reused,
    no_replay_window,
    replay_window_off_by_one,
    key_grace_never_ends,
    keys_outlive_their_session,
    key_ids_may_meet,
    address_learnt_before_the_seal,
)
