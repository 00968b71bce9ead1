"""Commands about finding, trusting, logging in, and leaving."""

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.api import CommandError, ErrorKind
from lanchat.app.command_errors import check_search, no_server, not_all_loaded, unreadable
from lanchat.app.commands.replaced import list_replaced, open_replaced
from lanchat.app.login.handshake import GreetedChannel, ServerRefusal
from lanchat.app.login.trust import (
    POLICY,
    Candidate,
    fixed_candidate,
    invited_candidate,
    known_candidate,
    server_view,
    typed_candidate,
)
from lanchat.core.session.states import LinkState
from lanchat.discovery.listing import DiscoveredServer, Key
from lanchat.protocol import wire
from lanchat.protocol.limits import DEVICE_NAME_MAX
from lanchat.protocol.log.keys import private_octets
from lanchat.protocol.problems import Problem
from lanchat.protocol.text.identity import InviteLink, clean_fingerprint
from lanchat.protocol.text.names import inert
from lanchat.store.identities import KnownServer, StoredDevice
from lanchat.transport.driver import EstablishedSession

if TYPE_CHECKING:
    from lanchat.app.account_session import AccountSession
    from lanchat.app.client_state import ClientState

SEARCH_TIME = 2.0


async def discover(client: "ClientState", command: api.DiscoverCommand) -> list[api.Server]:
    """What was found in the time that the command gives. `ServerFound` is emitted once for each server, also when it is
    heard at further addresses."""
    check_search(client.policy)
    entry = client.entry
    told: set[Key] = set()

    def report(server: DiscoveredServer) -> None:
        if server.key not in told:
            told.add(server.key)
            client.emit(api.ServerFound(entry.view(server)))

    found = await entry.discover(command.timeout, report, on_left_out=lambda: client.emit(api.ServersLeftOut()))
    return [entry.view(server) for server in found]


async def connect(client: "ClientState", command: api.ConnectCommand) -> api.Server:
    """Ends the session there is, unless no address is given and it is with the server that is meant. When a known
    server does not answer, the account of this profile goes on with the local copy, and NO_SERVER is raised all the
    same."""
    present = _present(client, command)
    if present is not None:
        return present
    await client.leave()
    client.entry.forget()
    candidate = await _candidate(client, command)
    if (replaced := open_replaced(client, command)) is not None:
        return replaced
    try:
        server = await _look(client, candidate, command)
    except CommandError as error:
        if error.kind is ErrorKind.NO_SERVER:
            _go_on_without(client, candidate)
        raise
    _remember(client)
    return server


async def _look(client: "ClientState", candidate: Candidate, command: api.ConnectCommand) -> api.Server:
    """At the address, or, for a server that this profile knows, wherever discovery sees it now."""
    accept = command.accept_new or bool(candidate.expected)
    try:
        return await client.entry.look(candidate, command.timeout, accept=accept, accept_own=command.accept_own)
    except CommandError as error:
        # Also when another server answers at the known address: whoever took it must not keep people from theirs.
        elsewhere = error.kind in (ErrorKind.NO_SERVER, ErrorKind.IDENTITY)
        moved = await _moved(client, candidate, command.timeout) if elsewhere else None
        if moved is None:
            raise
        return await client.entry.look(moved, command.timeout, accept=accept)


async def _moved(client: "ClientState", candidate: Candidate, timeout: float) -> Candidate | None:
    """The other addresses of a known server."""
    known = client.profile.known_by_fingerprint(candidate.expected) if candidate.expected else None
    if known is None and candidate.via == POLICY and client.policy.discovery:
        with contextlib.suppress(CommandError):
            return await client.entry.search(min(timeout, SEARCH_TIME), candidate.expected)
    if known is None or candidate.via == "invite":
        return None
    for found in await client.entry.discover(min(timeout, SEARCH_TIME)):
        if found.key == (known.log_id, known.fingerprint):
            others = [at for at in (found.address, *found.also) if at != (candidate.host, candidate.port)]
            if others:
                host, port = others[0]
                return replace(candidate, host=host, port=port, via=found.via, also=tuple(others[1:]))
    return None


def _present(client: "ClientState", command: api.ConnectCommand) -> api.Server | None:
    """The server of the account that is connected already, when it is the one that is meant."""
    member = client.member
    if member is None or not member.in_session or command.address or command.invite:
        return None
    if command.fingerprint and clean_fingerprint(command.fingerprint) != member.server.fingerprint:
        return None
    return member.server


async def _candidate(client: "ClientState", command: api.ConnectCommand) -> Candidate:
    if (fixed := client.policy.server) is not None:
        return _fixed(client, fixed, command)
    if command.invite:
        return invited_candidate(command.invite)
    if command.address:
        candidate = typed_candidate(command.address, command.fingerprint)
        return replace(candidate, name=inert(command.name) or candidate.name)
    expected = clean_fingerprint(command.fingerprint) if command.fingerprint else ""
    profile = client.profile
    known = profile.known_by_fingerprint(expected) if expected else profile.last_server()
    if known is None:
        return await client.entry.search(min(command.timeout, SEARCH_TIME), expected)
    return known_candidate(known)


def _fixed(client: "ClientState", fixed: InviteLink, command: api.ConnectCommand) -> Candidate:
    """The server that an administrator set, also at a typed address. Raises CommandError when another one is meant."""
    meant = clean_fingerprint(command.fingerprint) if command.fingerprint else fixed.fingerprint
    invited = invited_candidate(command.invite) if command.invite else None
    if meant != fixed.fingerprint or (invited is not None and invited.expected != fixed.fingerprint):
        raise CommandError(ErrorKind.REFUSED, Problem.SERVER_FIXED, file=client.policy.file)
    if invited is not None:
        return invited
    if command.address:
        return typed_candidate(command.address, fixed.fingerprint)
    return fixed_candidate(fixed, client.profile.known_by_fingerprint(fixed.fingerprint))


def _go_on_without(client: "ClientState", candidate: Candidate) -> None:
    """The server does not answer, but this profile has an account there: read the local copy, go on trying."""
    profile = client.profile
    known = profile.known_by_fingerprint(candidate.expected) if candidate.expected else None
    if known is None and not candidate.expected:
        places = (known for known in profile.servers() if (known.host, known.port) == (candidate.host, candidate.port))
        known = next(places, None)
    device = profile.device(known.log_id) if known is not None else None
    if known is not None and device is not None:
        server = server_view(known_candidate(known), known.fingerprint, api.Trust.PINNED)
        client.remember(known, device, server, None)


def _remember(client: "ClientState") -> "AccountSession | None":
    """Log in by itself where this profile has a device key."""
    entry = client.entry
    if entry.known is None or entry.server is None:
        return None
    device = client.profile.device(entry.known.log_id)
    if device is None:
        return None
    return client.remember(entry.known, device, entry.server, entry.take_greeted())


async def accept_identity(client: "ClientState", command: api.AcceptIdentityCommand) -> api.ServerOffer:
    """Connects anew: the connection that showed the fingerprint was closed. Raises CommandError IDENTITY when another
    one is shown now."""
    await client.entry.accept(clean_fingerprint(command.fingerprint), client.limits.login_timeout)
    if client.member is None:
        _remember(client)
    return _offer(client)


async def start_anew(client: "ClientState", command: api.StartAnewCommand) -> api.ServerOffer:
    """As `accept_identity`, for the server that `ChangedIdentity` was about. REFUSED where an administrator set the
    server."""
    if client.policy.server is not None:
        raise CommandError(ErrorKind.REFUSED, Problem.SERVER_FIXED, file=client.policy.file)
    await client.leave()
    await client.entry.start_anew(clean_fingerprint(command.fingerprint), client.limits.login_timeout)
    _remember(client)
    return _offer(client)


async def get_offer(client: "ClientState", command: api.GetOfferCommand) -> api.ServerOffer:
    """Raises CommandError NO_SERVER when no accepted server was reached in time."""
    fingerprint = clean_fingerprint(command.fingerprint) if command.fingerprint else ""
    try:
        async with asyncio.timeout(command.timeout):
            await client.entry.welcomed(fingerprint)
    except TimeoutError:
        raise no_server() from None
    return _offer(client)


def _offer(client: "ClientState") -> api.ServerOffer:
    entry = client.entry
    assert entry.welcome is not None
    assert entry.server is not None
    remembered = client.member.device.user_name if client.member is not None else ""
    welcome = entry.welcome
    return api.ServerOffer(entry.server, welcome.registration, welcome.mail, remembered, welcome.setup)


# --- Logging in -------------------------------------------------------------------------------------------------------


async def login(client: "ClientState", command: api.LoginCommand) -> api.Account:
    """Makes a new device key for this account. The session that was there ends once the server has let the new one
    in."""

    def operation(enrolment: wire.Enrolment) -> wire.LoginPassword:
        return wire.LoginPassword(command.user, command.password, enrolment)

    return await _enrol(client, operation, remember=command.remember)


async def register(client: "ClientState", command: api.RegisterCommand) -> api.Account:
    """As `login`, with an account that is made in the same step."""

    def operation(enrolment: wire.Enrolment) -> wire.Register:
        return wire.Register(
            command.user,
            command.password,
            enrolment,
            command.email,
            command.display_name,
            command.invite_code,
            command.setup_code,
        )

    return await _enrol(client, operation, remember=command.remember)


async def _enrol(client: "ClientState", operation: Any, *, remember: bool) -> api.Account:
    """Make a device key, log in with it, and become its account."""
    key = Ed25519PrivateKey.generate()
    greeted = await client.entry.fresh_greeted(client.limits.login_timeout)
    request = operation(greeted.enrolment(key, device_name()))
    async with asyncio.timeout(client.limits.login_timeout):
        logged_in = await _try(client, greeted, lambda: greeted.log_in(request))
    known, server = client.entry.known, client.entry.server
    assert known is not None
    assert server is not None
    device = _stored_device(known, logged_in, key)
    if remember:
        client.profile.save_device(device)
    await client.leave()
    established = EstablishedSession(greeted.channel, greeted.welcome, logged_in)
    return client.enter(known, device, server, established, keep=remember).account()


def _stored_device(known: KnownServer, logged_in: wire.LoggedIn, key: Ed25519PrivateKey) -> StoredDevice:
    user, octets = logged_in.user, private_octets(key)
    return StoredDevice(
        known.log_id, user.id, user.name, user.display_name, logged_in.device, octets, logged_in.certificate
    )


async def _try(client: "ClientState", greeted: GreetedChannel, attempt: Any) -> Any:
    """One request before log-in. After a refusal the connection stays, with a new challenge."""
    try:
        return await attempt()
    except ServerRefusal:
        with contextlib.suppress(Exception):
            await greeted.greet_again()
            client.entry.keep(greeted)
        raise
    except BaseException:
        greeted.channel.abort()
        raise


def device_name() -> str:
    """What this computer is called, for the list of devices."""
    return inert(socket.gethostname(), DEVICE_NAME_MAX).strip() or "computer"


async def recover(client: "ClientState", command: api.RecoverCommand) -> None:
    """Sent before log-in, to the accepted server. Raises CommandError INVALID when there is none."""
    await _before_login(client, wire.Recover(command.user))


async def recover_confirm(client: "ClientState", command: api.RecoverConfirmCommand) -> None:
    """As `recover`. The account's sessions end; a log-in with the new password is a command of its own."""
    await _before_login(
        client, wire.RecoverConfirm(command.user, command.code, command.new_password, command.revoke_devices)
    )


async def _before_login(client: "ClientState", operation: wire.BeforeLogin) -> None:
    greeted = await client.entry.fresh_greeted(client.limits.login_timeout)
    async with asyncio.timeout(client.limits.login_timeout):
        answer = await _try(client, greeted, lambda: greeted.ask(operation))
    if not isinstance(answer, wire.Done):
        greeted.channel.abort()
        raise unreadable()
    client.entry.keep(greeted)


async def wait_live(client: "ClientState", command: api.WaitLiveCommand) -> api.Account:
    """Ends early when waiting is of no use: the local copy cannot be written (LOCAL), the server refuses the device or
    has too many sessions of the account (REFUSED). Where rooms are stopped, for the server has another history, the
    account is the result all the same."""
    member = client.logged_in()
    stopped = (LinkState.FORKED, LinkState.RESYNCING)

    def crowded() -> bool:
        # It is tried again, but a person should know why nothing happens, and who waits should not.
        return member.driver.turned_away == wire.Code.TOO_MANY_SESSIONS

    def settled() -> bool:
        return (
            client.unwritable is not None
            or crowded()
            or member.core.state in (LinkState.LIVE, LinkState.REFUSED, *stopped)
        )

    done = await member.wait_for(settled, command.timeout)
    if (unwritable := client.unwritable) is not None:
        raise CommandError(ErrorKind.LOCAL, unwritable)
    if not done:
        if member.in_session:
            raise not_all_loaded()
        raise no_server(f"{member.server.host}:{member.server.port}")
    if crowded():
        raise CommandError(ErrorKind.REFUSED, wire.Code.TOO_MANY_SESSIONS)
    if member.core.state is LinkState.REFUSED:
        raise CommandError(ErrorKind.REFUSED, member.state.reason or Problem.SERVER_REFUSED, member.refusal)
    return member.account()


async def logout(client: "ClientState", command: api.LogoutCommand) -> None:
    """Needs the server (OFFLINE without it), unless that has refused this device: then the key is forgotten here
    alone."""
    member = client.logged_in()
    if member.core.state is not LinkState.REFUSED:
        await member.ask(wire.Logout())
    client.profile.forget_device(member.device.log_id)
    await client.leave()


async def disconnect(client: "ClientState", command: api.DisconnectCommand) -> None:
    """Also forgets the server: `login` needs another `connect` first."""
    await client.leave()
    client.entry.forget()


def _in_turn(handler: Any) -> Any:
    """One at a time: two that connect at once would close each other's connections."""

    async def handle(client: "ClientState", command: Any) -> Any:
        async with client.turn:
            return await handler(client, command)

    return handle


HANDLERS: dict[type, Any] = {
    api.DiscoverCommand: discover,
    api.ConnectCommand: _in_turn(connect),
    api.AcceptIdentityCommand: _in_turn(accept_identity),
    api.StartAnewCommand: _in_turn(start_anew),
    api.ListReplacedCommand: list_replaced,
    api.GetOfferCommand: get_offer,
    api.LoginCommand: _in_turn(login),
    api.RegisterCommand: _in_turn(register),
    api.RecoverCommand: _in_turn(recover),
    api.RecoverConfirmCommand: _in_turn(recover_confirm),
    api.WaitLiveCommand: wait_live,
    api.LogoutCommand: _in_turn(logout),
    api.DisconnectCommand: _in_turn(disconnect),
}
