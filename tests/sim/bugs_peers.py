"""Deliberate faults of what clients do among each other. Hunted in runs with peers (world.PEERS_FROM)."""

from collections.abc import Iterable
from typing import Any

from lanchat.core.events import MessagesCarried
from lanchat.core.peers.carried import Carried, CarriedMessages
from lanchat.core.peers.handing_in import HandIn
from lanchat.core.peers.hearsay import StatementExchange
from lanchat.core.peers.links import PeerLinks
from lanchat.core.peers.peers import Peers, PeerStart
from lanchat.core.peers.records import RecordExchange
from lanchat.core.peers.talk import PeerTalk
from lanchat.core.people.statements import KnownStatements
from lanchat.core.rooms.copies import RoomCopies
from lanchat.core.rooms.delivery import DeliveryCursor
from lanchat.protocol.log.messages import MessageKey
from tests.sim.peers import PeerPaths
from tests.sim.scene import USERS
from tests.support.memory_local import MemoryLocalStore
from tests.support.planting import Change


def carried_not_durable() -> list[Change]:
    """What is carried for others is kept in memory alone."""
    return [(MemoryLocalStore, "add_carried", lambda self, items: None)]


def shown_before_carried() -> list[Change]:
    """A message of a peer is shown, and stored a little later."""

    def settle(self: PeerTalk) -> bool:
        taken, self._taken = self._taken, []
        fresh = [item for item, _end, _hops in taken if self._carried.wants(item.header.key)]
        if fresh:
            items = tuple((item.header, item.message, item.author) for item in fresh)
            self._core_context.emit(MessagesCarried(items))
        return bool(fresh)

    return [(PeerTalk, "settle", settle)]


def everybody_is_a_member() -> list[Change]:
    """Nobody looks who is in a room before a message of it is handed on or shown."""
    return [(KnownStatements, "members", lambda self, room: dict.fromkeys(USERS, 1))]


def decided_is_taken_again() -> list[Change]:
    """What was decided is carried anew when a peer still has it."""
    return [
        (CarriedMessages, "note_decided", lambda self, keys: None),
        (CarriedMessages, "note_stored", lambda self, key: key in self._items),
    ]


def nothing_is_handed_in() -> list[Change]:
    """What is carried for others stays where it is when the server is back."""
    return [(HandIn, "settle", lambda self: None)]


def handed_in_once() -> list[Change]:
    """What the server did not answer is not handed in again."""
    honest = HandIn._waiting

    def waiting(self: HandIn) -> list[Carried]:
        return [item for item in honest(self) if item.header.key not in self._handed]

    return [(HandIn, "_waiting", waiting), (HandIn, "begin_session", _begin_session_remembering())]


def _begin_session_remembering() -> Any:
    honest = HandIn.begin_session

    def begin(self: HandIn, *arguments: Any) -> None:
        handed = dict(self._handed)
        honest(self, *arguments)
        self._handed |= handed

    return begin


def carriers_wait_for_what_came_before() -> list[Change]:
    """A carrier hands in only what follows on a number that is decided."""
    honest = HandIn._waiting

    def follows(carried: CarriedMessages, key: MessageKey) -> bool:
        before = key._replace(n=key.n - 1)
        return key.n == 1 or (not carried.wants(before) and carried.get(before) is None)

    def waiting(self: HandIn) -> list[Carried]:
        return [item for item in honest(self) if follows(self._carried, item.header.key)]

    return [(HandIn, "_waiting", waiting)]


def own_messages_are_left_to_the_outbox() -> list[Change]:
    """One's own message is not handed in although the outbox has lost it."""
    honest = HandIn._waiting

    def waiting(self: HandIn) -> list[Carried]:
        lost: Iterable[Carried] = honest(self)
        own = self._core_context.own_device  # type: ignore[attr-defined]
        return [item for item in lost if item.header.device != own]

    made = Peers.__init__

    def init(self: Peers, core_context: Any, links: Any, *others: Any) -> None:
        core_context.own_device = links.end.device
        made(self, core_context, links, *others)

    return [(HandIn, "_waiting", waiting), (Peers, "__init__", init)]


def one_key_for_every_start() -> list[Change]:
    """The key of a start is the same for all starts of a device."""

    def start(self: PeerPaths, certificate: Any) -> PeerStart:
        random = self._world.random
        number = len(self._world.profiles)
        return PeerStart(number, bytes([number]) * 32, random.randbytes, certificate)

    return [(PeerPaths, "start", start)]


def records_go_to_anybody() -> list[Change]:
    """Who asks for records of a room need not be in it."""
    return [(RecordExchange, "_first", lambda self, room, user: 1)]


def records_of_peers_are_told_again() -> list[Change]:
    """What peers brought is told once more when the server is back."""
    honest = RoomCopies.take

    def take(self: RoomCopies, room: int, records: list[Any], head: Any) -> bool:
        note, DeliveryCursor.note = DeliveryCursor.note, lambda self, event: None  # type: ignore[method-assign]
        try:
            return honest(self, room, records, head)
        finally:
            DeliveryCursor.note = note  # type: ignore[method-assign]

    return [(RoomCopies, "take", take)]


def links_to_those_without_a_right() -> list[Change]:
    """A link is opened to a device that is known to be revoked, or whose account is disabled."""
    made = PeerLinks.__init__

    def init(self: PeerLinks, *arguments: Any, **named: Any) -> None:
        made(self, *arguments, **{**named, "refuses": lambda owner: False})

    return [(PeerLinks, "__init__", init)]


def statements_go_to_anybody() -> list[Change]:
    """Who asks for statements is told of every room."""
    made = StatementExchange.__init__

    def init(self: StatementExchange, statements: Any, store: Any, _is_shared: Any) -> None:
        made(self, statements, store, lambda room, user: True)

    return [(StatementExchange, "__init__", init)]


BUGS = (
    statements_go_to_anybody,
    links_to_those_without_a_right,
    records_go_to_anybody,
    records_of_peers_are_told_again,
    carried_not_durable,
    shown_before_carried,
    everybody_is_a_member,
    decided_is_taken_again,
    nothing_is_handed_in,
    handed_in_once,
    carriers_wait_for_what_came_before,
    own_messages_are_left_to_the_outbox,
    one_key_for_every_start,
)
