"""Sealed datagrams under watch: no number of a key is sealed twice, none is opened twice, no key outlives its grace."""

from typing import Any

from lanchat.protocol.datagram import seal
from tests.support.rig import LOG_ID

# Between a deadline and the timer that keeps it.
_SLACK = 0.1


class Sealing:
    """Of one run. Makes the openers of both sides."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self._sealed: dict[tuple[bytes, bytes], int] = {}
        self._replaced: dict[int, float] = {}

    def sealed(self, direction: bytes, datagram: bytes) -> None:
        """A datagram goes out."""
        self._world.clock.note(datagram)
        key, number = (direction, datagram[1:5]), int.from_bytes(datagram[5:13], "big")
        if number <= self._sealed.get(key, -1):
            raise self._world.fail_now("nonce", f"key {key[1].hex()} seals {number} again")
        self._sealed[key] = number

    def opener(self, key: bytes, key_id: int, epoch: int) -> "WatchedOpener":
        return WatchedOpener(self._world, key, key_id, LOG_ID, epoch, self._world.scene.seal)

    def replaced(self, key_id: int) -> None:
        """A session has another key from now on."""
        self._replaced[key_id] = self._world.clock.now

    def check_relay(self, server: Any) -> None:
        """Keys that were replaced open nothing once their grace is over, and those of ended sessions nothing at all."""
        now, relay = self._world.clock.now, server.service.connections.relay
        if now < server.loop.asleep_until + _SLACK:
            return
        latest = now - self._world.scene.seal.old_key_grace - _SLACK
        for key_id, (channel, _) in relay._by_key.items():
            if self._replaced.get(key_id, latest) < latest:
                raise self._world.fail_now("key", f"key {key_id:x} still opens, though it was replaced long ago")
            if channel.session not in relay._by_session:
                raise self._world.fail_now("key", f"key {key_id:x} still opens, though its session ended")


class WatchedOpener(seal.Opener):
    """Each number once."""

    def __init__(self, world: Any, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._world = world
        self._opened: set[bytes] = set()

    def open_untrusted(self, datagram: bytes) -> bytes:
        payload = super().open_untrusted(datagram)
        number = bytes(datagram[5:13])
        if number in self._opened:
            raise self._world.fail_now("replay", f"datagram {number.hex()} opens twice")
        self._opened.add(number)
        return payload
