"""Real clients behind intercepting relays: clients that chat, and what they do with each injected datagram. The
injected datagrams are in forgeries.py and replays.py.

A datagram is accepted when it opens though the server did not just send it for the first time. Nothing else may have an
effect: at the end the log and every copy of it are read offline (tests/chaos/audit.py), and no client logged a warning.
"""

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from unittest.mock import patch

from lanchat.core.config import ClientConfig
from lanchat.protocol import wire
from lanchat.protocol.datagram import seal
from tests.attacks.intercepting_relay import CountedRelay, InterceptingRelay
from tests.attacks.outcome import Outcome
from tests.attacks.recording_client import Recording, kinds_of
from tests.chaos.audit import Audit
from tests.chaos.crowd import LIMITS, ClientCrowd, CrowdClient
from tests.support.procs import ServerProcess

# More than a flight of these waits for the client to have dealt with it, so that its socket buffer loses none: the
# system counts up to 4 KiB for a datagram, and its least buffer has 208 KiB.
_FLIGHT = 25
# Seconds on a computer that is not busy; `until` allows more on another.
_PATIENCE = 20.0


class Victim:
    """A client at the end of its cable."""

    def __init__(self, person: CrowdClient, cable: InterceptingRelay, crowd: ClientCrowd, outcome: Outcome) -> None:
        self.person = person
        self.cable = cable
        self._until = crowd.until
        self.outcome = outcome
        self.dropped: Counter[str] = Counter()

    @property
    def relay(self) -> CountedRelay:
        """Of its present session."""
        assert self.person.client.member is not None
        relay = self.person.client.member.driver._udp
        assert isinstance(relay, CountedRelay)
        return relay

    @property
    def key_id(self) -> int:
        """The number of its newest keys."""
        return self.relay.keys[-1].key_id

    async def settle(self) -> None:
        """Until it has dealt with everything that was sent to it. Raises TimeoutError."""
        what = f"{self.person.name} deals with each datagram"
        await self._until(lambda: self.relay.processed >= self.cable.sent, _PATIENCE, what)

    def received(self) -> list[bytes]:
        """What the server has sent to it under its newest keys."""
        return self._of_newest_keys(self.cable.down)

    def sent(self) -> list[bytes]:
        """What it has sent under its newest keys."""
        return self._of_newest_keys(self.cable.up)

    def _of_newest_keys(self, datagrams: list[bytes]) -> list[bytes]:
        return [datagram for datagram in datagrams if seal.key_id_untrusted(datagram) == self.key_id]

    def tape(self) -> Recording:
        """Both, and the keys."""
        return Recording(self.relay.keys[-1], *self.relay.context, self.sent(), self.received())

    def received_every_kind(self) -> bool:
        """That of people who chat on a network that loses nothing."""
        heard = {kind for each in kinds_of(self.tape()) for kind in each}
        return heard >= {wire.Records, wire.Decided, wire.Heads, wire.RoomCursors, wire.Pong}

    @contextlib.asynccontextmanager
    async def dropping(self, *reasons: str) -> AsyncIterator[None]:
        """Each datagram that comes to it within and not straight from the server is an attempt, and must be dropped for
        one of `reasons`."""
        await self.settle()
        relay, cable, outcome = self.relay, self.cable, self.outcome
        before, opened, came = relay.refused(), relay.opened - cable.delivered, cable.sent - cable.delivered
        yield
        await self.settle()
        dropped, count = relay.refused() - before, cable.sent - cable.delivered - came
        self.dropped += dropped
        outcome.attempts += count
        outcome.accepted += max(0, relay.opened - cable.delivered - opened)
        outcome.expect(self.relay is relay, "the session ended")
        outcome.expect(dropped.total() == count, f"{count} datagrams, and {dropped}")
        outcome.expect(dropped.keys() <= set(reasons), f"dropped for other reasons than {reasons}: {dropped}")

    async def inject_datagrams(self, datagrams: Iterable[bytes], *reasons: str) -> None:
        """Send these as if they were the server's; each must be dropped for one of `reasons`."""
        async with self.dropping(*reasons):
            for number, datagram in enumerate(datagrams, 1):
                self.cable.inject(datagram)
                if number % _FLIGHT == 0:
                    await self.settle()

    async def inject_from_other_addresses(self, datagrams: Sequence[bytes]) -> None:
        """Send these from other addresses than the server's: another port, and the same port of another host. They must
        not even be looked at."""
        for source in ("127.0.0.1", 0), ("127.7.7.9", self.cable.port):
            await self._throw_from(source, datagrams)

    async def _throw_from(self, source: tuple[str, int], datagrams: Sequence[bytes]) -> None:
        await self.settle()
        relay, noise = self.relay, "not a relay datagram"
        too_many, before = relay.processed - self.cable.sent, relay.dropped[noise]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(source)
            for datagram in datagrams:
                sock.sendto(datagram, self.cable.client)
        # What comes behind them, from the right address, is dealt with after them.
        self.cable.inject(b"the last one")
        await self._until(lambda: relay.dropped[noise] > before, _PATIENCE, "the last one is dealt with")
        self.outcome.attempts += len(datagrams)
        self.outcome.accepted += relay.processed - self.cable.sent - too_many


class Conversation:
    """Several victims. `config` is that of the last one."""

    def __init__(self, crowd: ClientCrowd, cables: Sequence[InterceptingRelay], outcome: Outcome) -> None:
        pairs = zip(crowd.people, cables, strict=True)
        self.crowd = crowd
        self.victims = [Victim(person, cable, crowd, outcome) for person, cable in pairs]

    @classmethod
    @contextlib.asynccontextmanager
    async def at(
        cls, server: ServerProcess, folder: Path, outcome: Outcome, size: int, config: ClientConfig
    ) -> "AsyncIterator[Conversation]":
        """Everybody is in."""
        crowd = ClientCrowd(folder, size=size)
        crowd.people[-1].client.config = config
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(patch("lanchat.transport.driver.UdpRelay", CountedRelay))
            cables = [await stack.enter_async_context(InterceptingRelay(server.port)) for _ in crowd.people]
            stack.push_async_callback(crowd.close)
            for person, cable in zip(crowd.people, cables, strict=True):
                await person.enter(server, cable.address)
            yield cls(crowd, cables, outcome)

    async def chat(self) -> None:
        """Everybody says something and has what the others said. Raises TimeoutError."""
        for person in self.crowd.people:
            await person.say()
        await self.crowd.all_shown(_PATIENCE)

    async def record(self, *victims: Victim) -> None:
        """Until each of these has heard by datagram what a server says to people who chat. Raises TimeoutError."""
        await self.chat()
        for victim in victims:
            await self.crowd.until(
                victim.received_every_kind, _PATIENCE, f"{victim.person.name} hears every kind of frame"
            )

    async def by_datagram(self, victim: Victim, after: CountedRelay | None = None) -> None:
        """Until this one has a session whose datagrams get through, not that of `after`. Raises TimeoutError."""

        def opens() -> bool:
            member = victim.person.client.member
            return member is not None and member.core._link.udp_open and member.driver._udp is not after

        await self.crowd.until(opens, _PATIENCE, f"{victim.person.name} hears by datagram")


Attack = Callable[[Conversation], Awaitable[None]]


def run_attack(
    folder: Path, outcome: Outcome, attack: Attack, size: int = 2, config: ClientConfig | None = None
) -> None:
    """A server of its own, a conversation of `size`, the attack; then chat goes on, and nobody's copy has suffered."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "server.toml").write_text(LIMITS)
    with ServerProcess(folder / "data", extra=["--config", str(folder / "server.toml")]) as server:

        async def everything() -> list[CrowdClient]:
            people = Conversation.at(server, folder, outcome, size, config or ClientConfig())
            async with people as conversation:
                await attack(conversation)
                for victim in conversation.victims:
                    await conversation.by_datagram(victim)
                await conversation.chat()
                dropped = sum((victim.dropped for victim in conversation.victims), Counter[str]())
                outcome.seen = ", ".join(f"{why}: {count:,}" for why, count in dropped.most_common())
                return conversation.crowd.people

        with _logged_warnings() as troubles:
            people = asyncio.run(everything())
        server.stop()
    outcome.expect(not troubles, f"a client logged {troubles[:3]}")
    outcome.faults += Audit(None, folder / "data").check(people).faults


@contextlib.contextmanager
def _logged_warnings() -> Iterator[list[str]]:
    """What is logged meanwhile as a warning or worse; the event loop logs what a callback died of."""
    found: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        yield found
    finally:
        logging.getLogger().removeHandler(handler)
