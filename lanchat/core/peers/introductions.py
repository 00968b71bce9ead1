"""Ends that do not know each other are brought together by one that hears both, while the server is away.

Who hears few others asks one of them for more. That one tells both sides of each other; both send at once, which opens
a path through their firewalls. What is told is believed no more than a roster: the end's own signature and the log's
certificate count.
"""

from collections.abc import Callable
from typing import Any

from lanchat.core.peers.links import PeerLinks
from lanchat.protocol import wire
from lanchat.protocol.datagram.token_bucket import TokenBucket
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.peers import PeerEnd

# Who hears as many is reached by everybody in a few steps.
_ENOUGH = 8
# Ends that are named at a time, 1 KiB each, to both sides.
_AT_ONCE = 4
# Seconds between questions; they grow while nobody new is heard.
_AGAIN, _LONGEST = 5.0, 60.0
# Of one end: questions, and ends that it names, 0.3 ms of checks of signatures each.
_ASKED_RATE, _ASKED_BURST = 0.25, 3.0
_NAMED_RATE, _NAMED_BURST = 1.0, 16.0

Introducing = list[tuple[PeerEnd, list[Any]]]


class _Bounds:
    def __init__(self) -> None:
        self.asked = TokenBucket(_ASKED_RATE, _ASKED_BURST)
        self.named = TokenBucket(_NAMED_RATE, _NAMED_BURST)


class Introductions:
    """Over the links of a client. Methods return whom to send what."""

    def __init__(self, links: PeerLinks, random: Callable[[], float]) -> None:
        """With the server: nobody is asked."""
        self._links = links
        self._random = random
        self._ask_at: float | None = None
        self._wait = _AGAIN
        self._changes = links.changes
        self._bounds: dict[PeerEnd, _Bounds] = {}

    def set_away(self, away: bool, now: float) -> None:
        """Whether the server is away."""
        self._wait = _AGAIN
        self._ask_at = now + _AGAIN * (0.5 + self._random()) if away else None

    def timer(self) -> float | None:
        """When `due` may have something to ask."""
        return self._ask_at

    def due(self, now: float) -> Introducing:
        """A question to one of the few that are heard."""
        if self._ask_at is None or now < self._ask_at:
            return []
        changes, self._changes = self._changes, self._links.changes
        self._wait = min(2 * self._wait, _LONGEST) if changes == self._changes else _AGAIN
        self._ask_at = now + self._wait * (0.8 + 0.4 * self._random())
        live = list(self._links.live_ends(now))
        if not 0 < len(live) < _ENOUGH:
            return []
        asked = live[int(self._random() * len(live))]
        return [(asked, [wire.WantPeers(sorted({end.device for end in live}))])]

    def take(self, end: PeerEnd, frame: wire.WantPeers | wire.Introduce, now: float) -> Introducing:
        """A frame of an end that is heard. Raises ProtocolError."""
        if end not in self._bounds:
            live = self._links.live_ends(now)
            self._bounds = {known: bounds for known, bounds in self._bounds.items() if known in live}
            self._bounds[end] = _Bounds()
        bounds = self._bounds[end]
        if isinstance(frame, wire.WantPeers):
            if bounds.asked.take(now):
                raise ProtocolError("too many introductions")
            return self._bring_together(end, frame, now)
        if bounds.named.take(now):
            raise ProtocolError("too many introductions")
        self._links.meet_untrusted(frame.peer, now)
        return []

    def _bring_together(self, asking: PeerEnd, frame: wire.WantPeers, now: float) -> Introducing:
        known = {*frame.devices, asking.device}
        others = [end for end in self._links.live_ends(now) if end.device not in known]
        first = int(self._random() * len(others))
        introduced: Introducing = []
        for other in [*others[first:], *others[:first]][:_AT_ONCE]:
            introduced.append((asking, [wire.Introduce(self._links.shown(other))]))
            introduced.append((other, [wire.Introduce(self._links.shown(asking))]))
        return introduced
