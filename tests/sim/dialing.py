"""One connection of a simulated client process: reaching a server, logging in, and the frames of its session.

As in lanchat/app/login, a try ends with a session or says that it failed; a second try may run beside a session that is
silent.
"""

from typing import TYPE_CHECKING, Any

from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log import keys
from lanchat.protocol.wire import FrameReader, Goodbye, decode_from_server_untrusted, pack_frame
from tests.sim.network import Way
from tests.sim.server import FINGERPRINT, Link
from tests.sim.signing import signing_key

if TYPE_CHECKING:
    from tests.sim.client import Process

CONNECT_TIMEOUT = 4.0
LOGIN_TIMEOUT = 10.0


class Dial:
    """`beside`: while another session lives. Nothing happens once it is `over`."""

    def __init__(self, process: "Process", *, beside: bool) -> None:
        self.beside = beside
        self.link: Link | None = None
        self.welcome: wire.Welcome | None = None
        self.over = False
        self._process = process
        self._clock = process.clock
        self._world = process.world
        self._reader = FrameReader()
        self._logged_in = False

    def begin(self) -> None:
        network, number = self._world.network, self._process.profile.number
        reachable = network.passes(number, Way.UP) and network.passes(number, Way.DOWN)
        self._clock.after(network.delay() * 2 if reachable else CONNECT_TIMEOUT, self._reach, reachable)

    def _reach(self, reachable: bool) -> None:
        process = self._process
        if self.over or process.sleeps(self._reach, reachable):
            return
        server = self._world.server_to_reach() if reachable else None
        if server is None:
            self._fail()
            return
        self.link = server.accept(process.profile.number, self._arrived, self._lost)
        if not self.beside:
            process.core.opened(self._clock.now)
        self.write(wire.Request(1, wire.Hello([1], "sim")))
        self._clock.after(LOGIN_TIMEOUT, self._login_timed_out)
        process.pump()

    def _login_timed_out(self) -> None:
        if not self.over and not self._logged_in and not self._process.sleeps(self._login_timed_out):
            self._fail()

    def _fail(self, code: int = 0) -> None:
        self.hang_up()
        self._process.dial_failed(self, code)

    def hang_up(self, *, power: bool = False) -> None:
        """Close. `power`: the network says nothing of it."""
        self.over = True
        if power:
            self.die()
        elif self.link is not None:
            self.link.up.reset()

    def die(self) -> None:
        """Nothing passes any more, and nobody is told."""
        if self.link is not None:
            self.link.dead = True
            self.link.up.vanish()
            self.link.down.vanish()

    def _lost(self) -> None:
        """The server closed."""
        if self.over or self._process.sleeps(self._lost):
            return
        if self._logged_in:
            self.hang_up()
            self._process.session_lost(self)
        else:
            self._fail()

    def write(self, frame: Any) -> None:
        if self.link is not None:
            self.link.up.write(pack_frame(frame))

    def _arrived(self, octets: bytes) -> None:
        if self.over or self._process.sleeps(self._arrived, octets):
            return
        try:
            for encoded in self._reader.feed_untrusted(octets):
                frame = decode_from_server_untrusted(encoded)
                if self._logged_in:
                    self._process.receive(frame)
                else:
                    self._handshake(frame)
                if self.over:
                    return
        except ProtocolError as error:
            raise self._world.fail_now("protocol", f"{self._process.name}: {error}") from error
        self._process.wake()

    def _handshake(self, frame: Any) -> None:
        result = frame.result if isinstance(frame, wire.Response) else frame
        match result:
            case wire.Welcome():
                self._log_in(result)
            case wire.LoggedIn():
                self._logged_in = True
                self._process.take_session(self, result)
            case wire.Failure() | Goodbye():
                self._world.counters[f"log-in: {wire.Code(result.code).name if result.code else 'goodbye'}"] += 1
                self._fail(result.code)

    def _log_in(self, welcome: wire.Welcome) -> None:
        self.welcome = welcome
        proof = keys.LOGIN_CONTEXT + welcome.log_id + bytes.fromhex(FINGERPRINT) + welcome.challenge
        author = self._process.profile.author
        self.write(wire.Request(2, wire.LoginDevice(author.device, signing_key(author.key).sign(proof))))
