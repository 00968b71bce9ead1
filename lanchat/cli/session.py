"""A command's connection to the network: profile, client, identity of the server, log-in; and its events.

The order is always the same. The server's identity is settled before a password is asked for or sent. A profile that
is enrolled logs in by itself; another one may log in for this one command with `--user` and a password.
"""

import asyncio
import contextlib
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Callable
from typing import Protocol, TypeVar

from lanchat.app import api
from lanchat.app.cleaning import cleaned
from lanchat.app.command_errors import undecided
from lanchat.cli.profile import profile_directory
from lanchat.i18n import _
from lanchat.protocol.datagram.beacon import DISCOVERY_PORT
from lanchat.protocol.problems import ProblemDetails
from lanchat.protocol.text.names import name_key
from lanchat.terminal.exits import FAILED, IDENTITY, NO_SERVER, REFUSED, CliError
from lanchat.terminal.output import OutputWriter, shown
from lanchat.terminal.prompts import PasswordSource, agree, has_terminal
from lanchat.wording.problems import details_text, error_text

T = TypeVar("T")
CONNECT_TIMEOUT = 10.0  # seconds, also for the steps of a log-in
LIVE_TIMEOUT = 30.0  # seconds until every room is complete: a first start reads history
CLOSE_TIMEOUT = 5.0  # seconds for a goodbye; then the program ends without it


class ClientInterface(Protocol):
    """The part of `lanchat.app.client.Client` that commands use."""

    async def call(self, command: api.Command[T]) -> T:
        """The command's result; raises CommandError."""

    async def close(self) -> None:
        """Ends the session. A device that was not to be remembered is revoked, when the server is there."""


ClientFactory = Callable[[Namespace, Callable[[api.Event], None]], ClientInterface]


def real_client(options: Namespace, on_event: Callable[[api.Event], None]) -> ClientInterface:
    """A client on the profile that the options name. Raises CliError."""
    from lanchat.app.client import Client as NetworkClient
    from lanchat.core.policy import NO_POLICY
    from lanchat.core.ports import LocalStoreError
    from lanchat.store.profile import ProfileStore

    try:
        profile = ProfileStore.open(profile_directory(options))
    except LocalStoreError as error:
        raise CliError(FAILED, error_text(error)) from None
    port, policy = options.discovery_port or DISCOVERY_PORT, options.policy or NO_POLICY
    return NetworkClient(profile, on_event, discovery_port=port, use_udp=not options.no_udp, policy=policy)


class Deadline:
    """How long a command may wait in all: `--timeout`, else each step's own default."""

    def __init__(self, timeout: float | None) -> None:
        """`timeout`: seconds from now on; None: each step has its own default."""
        self._end = None if timeout is None else time.monotonic() + timeout

    def left(self, default: float) -> float:
        """Seconds for the next step; never quite 0, so that an answer which is there already is taken."""
        return default if self._end is None else max(0.05, self._end - time.monotonic())


class CliSession:
    """One client, its events in order, and what was settled with the server."""

    def __init__(self, options: Namespace, output: OutputWriter, make_client: ClientFactory) -> None:
        """`make_client` is called once, here, with what takes the events; what it raises is raised."""
        # Why nothing new can be stored here, when that is so.
        self.unwritable: ProblemDetails | None = None
        # What has been told about the local copy: a state may have the same reason.
        self.notices: set[ProblemDetails] = set()
        self.options = options
        self.output = output
        self.deadline = Deadline(options.timeout)
        self.events: asyncio.Queue[api.Event] = asyncio.Queue()
        self.server: api.Server | None = None
        self.live_heads: dict[int, int] = {}  # of rooms that are complete, known before their event is read
        # What is told of transfers; events of it are dropped while nobody takes them.
        self.on_progress: Callable[[api.TransferProgress], None] | None = None
        self.client = make_client(options, self._on_event)

    def _on_event(self, event: api.Event) -> None:
        if isinstance(event, api.TransferProgress):
            if self.on_progress is not None:
                self.on_progress(event)
            return
        if isinstance(event, api.RoomLive):
            self.live_heads[event.room] = event.head
        elif isinstance(event, api.Notice) and event.details not in self.notices:
            self.notices.add(event.details)
            self.output.warn(details_text(event.details))
        elif isinstance(event, api.LineRefused) and not event.made_here:
            self.output.warn(
                _("A message that waited was not sent: {reason}").format(reason=details_text(event.details))
            )
        self.events.put_nowait(event)

    async def call(self, command: api.Command[T]) -> T:
        """The command's result; raises api.CommandError."""
        return await self.client.call(cleaned(command))

    async def connect(self) -> api.ServerOffer:
        """Find the server, settle its identity. Raises CommandError, CliError."""
        options = self.options
        self.server = server = await self.call(
            api.ConnectCommand(
                address=options.server,
                invite=options.invite,
                fingerprint=options.fingerprint,
                accept_new=options.accept_new,
                timeout=self.deadline.left(CONNECT_TIMEOUT),
            )
        )
        if server.trust is not api.Trust.PINNED:
            await self._accept(server)
        offer: api.ServerOffer = await self.call(
            api.GetOfferCommand(self.deadline.left(CONNECT_TIMEOUT), server.fingerprint)
        )
        return offer

    async def _accept(self, server: api.Server) -> None:
        # Before it is trusted nothing is asked of it; its name is known only when it announced itself.
        name, address = shown(server.name), f"{server.host}:{server.port}"
        if not has_terminal():
            text = _(
                "The server {name} at {address} is not known to this profile. Compare its fingerprint {fingerprint} and"
                " use --fingerprint, --invite or --accept-new"
            )
            raise CliError(IDENTITY, text.format(name=name, address=address, fingerprint=server.fingerprint))
        warn = self.output.warn
        warn(_("New server: {name} at {address}").format(name=name, address=address))
        warn(_("Its words: {words}").format(words=server.words))
        warn(_("Fingerprint: {fingerprint}").format(fingerprint=server.fingerprint))
        if not await agree(_("Does the server show the same words?")):
            raise CliError(IDENTITY, _("The server was not accepted"))
        await self.call(api.AcceptIdentityCommand(server.fingerprint))

    async def log_in(self) -> api.ServerOffer:
        """Connect and log in, for a command that needs an account. Raises CommandError, CliError."""
        offer = await self.connect()
        user = self.options.user
        if offer.remembered:
            if user and name_key(user) != name_key(offer.remembered):
                text = _("This profile belongs to {user}: log out first, or use another --profile")
                raise CliError(REFUSED, text.format(user=shown(offer.remembered)))
        elif user:
            password = await PasswordSource(self.options.password_file).password()
            await self.call(api.LoginCommand(user, password, remember=False))
        else:
            raise CliError(REFUSED, _("Not logged in: use lanchat login or lanchat register"))
        return offer

    async def go_live(self) -> api.Account:
        """Log in and wait until every room is complete. Raises CommandError, CliError."""
        await self.log_in()
        return await self.wait_live()

    async def wait_live(self) -> api.Account:
        """Wait until every room is complete. Raises CommandError."""
        account: api.Account = await self.call(api.WaitLiveCommand(self.deadline.left(LIVE_TIMEOUT)))
        return account

    async def go_live_or_away(self) -> bool:
        """As `go_live`, but False when this profile has to do without: the server is away, or nothing new can be stored
        here. It knows its account and its rooms. Raises CommandError, CliError."""
        try:
            await self.go_live()
        except api.CommandError as error:
            if error.kind is api.ErrorKind.LOCAL and await self._remembers_rooms():
                self.unwritable = error.details
                return False
            if error.kind not in (api.ErrorKind.NO_SERVER, api.ErrorKind.OFFLINE, api.ErrorKind.TIMEOUT):
                raise
            if not await self._remembers_rooms():
                raise CliError(NO_SERVER, error_text(error)) from error
            return False
        return True

    def note_away(self) -> None:
        """Why there may be more than what is shown."""
        if self.unwritable is not None:
            self.output.note(details_text(self.unwritable))
        else:
            self.output.note(_("The server is away: this is what this computer knows"))

    async def _remembers_rooms(self) -> bool:
        try:
            return any(room.joined for room in await self.call(api.ListRoomsCommand()))
        except api.CommandError:
            return False

    async def room(self, name: str) -> api.RoomView:
        """The room that the person named; raises CommandError, CliError when the person is not in it."""
        room: api.RoomView = await self.call(api.FindRoomCommand(name))
        if not room.joined:
            shown_name = shown(room.name)
            text = _("You are not in {room}: use lanchat join {room}").format(room=shown_name)
            raise CliError(REFUSED, text)
        return room

    async def wait_stored(self, id: str, timeout: float) -> int | ProblemDetails:
        """The number of a message that was handed in, or why it has none after `timeout` seconds at most: then it stays
        in the outbox. Raises CommandError when it was refused."""
        try:
            return await self.call(api.WaitDecidedCommand(id, timeout))
        except api.CommandError as error:
            if error.kind is api.ErrorKind.TIMEOUT:
                return error.details
            if error.kind is api.ErrorKind.OFFLINE:
                return undecided()
            raise

    async def people(self) -> dict[int, api.Person]:
        """Everybody with an account, by id."""
        return {person.user_id: person for person in await self.call(api.ListPeopleCommand())}


@contextlib.asynccontextmanager
async def opened(options: Namespace, output: OutputWriter, make_client: ClientFactory) -> AsyncIterator[CliSession]:
    """A session that is closed at the end, within a bounded time."""
    session = CliSession(options, output, make_client)
    try:
        yield session
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await session.client.close()
