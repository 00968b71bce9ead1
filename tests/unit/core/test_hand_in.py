"""What is carried for others is handed in again until it is decided: soon when the server was busy, else ever later."""

from lanchat.core.config import ClientConfig
from lanchat.core.context import CoreContext
from lanchat.core.peers.carried import Carried, CarriedMessages
from lanchat.core.peers.handing_in import HandIn
from lanchat.protocol import wire
from lanchat.protocol.limits import Limits
from lanchat.protocol.log.messages import Header, Kind, MessageKey, make_message
from tests.support.fake_log import LOG_ID, device_of, key_of
from tests.support.memory_local import MemoryLocalStore

KEY = key_of(3)


class Carrier:
    """Carries five messages of somebody else; the server is there from 0.0 on."""

    def __init__(self) -> None:
        self.context = CoreContext(ClientConfig())
        self.carried = CarriedMessages(MemoryLocalStore())
        self.hand_in = HandIn(self.context, self.carried, lambda _key: False, lambda: 0.5)
        headers = [Header(1, device_of(KEY), 9, n, Kind.TEXT, 0, 5, n) for n in range(1, 6)]
        self.carried.add([Carried(header, make_message(KEY, LOG_ID, header, "hello"), 3) for header in headers])
        self.hand_in.begin_session(Limits(), 5)

    def handed_in(self, now: float) -> int:
        """How many messages are handed in at this time."""
        self.context.at(now)
        self.hand_in.settle()
        frames = [output.frame for output in self.context.take_outputs()]
        return sum(len(frame.messages) for frame in frames if isinstance(frame, wire.Submit))


def test_undecided_messages_are_handed_in_again_at_growing_distances() -> None:
    carrier = Carrier()
    handed = [now for now in range(2, 100) if carrier.handed_in(float(now))]
    assert handed == [2, 7, 17, 37, 77]


def test_messages_that_a_busy_server_did_not_take_are_handed_in_soon() -> None:
    carrier = Carrier()
    assert carrier.handed_in(2.0) == 5
    carrier.hand_in.busy([wire.NotTaken(1, device_of(KEY), 9, 2, 4)], 2.5)
    assert carrier.hand_in.timer() == 2.5
    assert carrier.handed_in(2.4) == 0
    assert carrier.handed_in(2.6) == 3
    carrier.carried.remove([MessageKey(1, device_of(KEY), 9, n) for n in range(2, 5)])
    assert carrier.handed_in(7.7) == 2
