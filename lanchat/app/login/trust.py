"""Which server, and whether it is the right one: what discovery says is a hint, the pinned fingerprint decides.

A server is pinned when a person compared the words, an invite link or a fingerprint was given, or a script said that it
trusts on first use. A server that stands where a known one stood and shows another key is never gone on with.
"""

import msgspec
from msgspec.structs import replace

from lanchat.app.api import Server, Trust
from lanchat.app.command_errors import changed_identity, mistyped, other_identity
from lanchat.core.ports import LocalStoreError
from lanchat.discovery.listing import DiscoveredServer
from lanchat.platform.network.interfaces import invited_hosts
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.identity import (
    DEFAULT_PORT,
    InviteLink,
    clean_fingerprint,
    fingerprint_words,
    make_invite,
    parse_address,
    parse_invite_untrusted,
)
from lanchat.protocol.text.names import inert
from lanchat.store.identities import KnownServer
from lanchat.store.profile import ProfileStore
from lanchat.transport.tls import TlsChannel

# Where the address is from when an administrator set the server.
POLICY = "policy"


class Candidate(msgspec.Struct, frozen=True):
    """An address to look at, with others of the same server (`also`). `expected`: the fingerprint that it must show,
    else empty. `log_id` as discovery said."""

    host: str
    port: int
    name: str
    via: str
    expected: str = ""
    log_id: bytes | None = None
    also: tuple[tuple[str, int], ...] = ()

    @property
    def address(self) -> str:
        """`host:port` as people read and type it, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def places(self) -> list["Candidate"]:
        """One for each address."""
        return [replace(self, host=host, port=port, also=()) for host, port in ((self.host, self.port), *self.also)]


def typed_candidate(address: str, fingerprint: str) -> Candidate:
    """Of a typed address. Raises CommandError."""
    try:
        host, port = parse_address(address, DEFAULT_PORT)
        return Candidate(host, port, host, "typed", clean_fingerprint(fingerprint) if fingerprint else "")
    except ProtocolError as error:
        raise mistyped(error) from error


def invited_candidate(link: str) -> Candidate:
    """Of an invite link, which is trusted as it stands. Raises CommandError."""
    try:
        invite = parse_invite_untrusted(link)
    except ProtocolError as error:
        raise mistyped(error) from error
    return Candidate(invite.host, invite.port, invite.host, "invite", invite.fingerprint, also=invite.also)


def fixed_candidate(fixed: InviteLink, known: KnownServer | None) -> Candidate:
    """Of the server that an administrator set: where this profile saw it last (`known`), and where the policy says."""
    places = dict.fromkeys(((fixed.host, fixed.port), *fixed.also))
    name = fixed.host
    if known is not None:
        places = dict.fromkeys(((known.host, known.port), *places))
        name = known.name
    (host, port), *also = places
    return Candidate(host, port, name, POLICY, fixed.fingerprint, also=tuple(also))


def known_candidate(known: KnownServer) -> Candidate:
    """A pinned server at its last address; it must show the pinned fingerprint."""
    return Candidate(known.host, known.port, known.name, "known", known.fingerprint, known.log_id)


def found_candidate(found: DiscoveredServer, expected: str = "") -> Candidate:
    """A discovered server at the address that it is listed with, without its others. `expected`: the fingerprint that
    it must show, empty for any."""
    return Candidate(found.host, found.port, found.name, found.via, expected, found.log_id)


def judge(profile: ProfileStore, candidate: Candidate, fingerprint: str) -> Trust:
    """What this profile makes of the fingerprint that was shown. Raises CommandError for a changed key, and for one
    that is not the expected."""
    trust = profile.trust(candidate.host, candidate.port, candidate.name, fingerprint, candidate.log_id)
    if candidate.via == POLICY and fingerprint == candidate.expected and trust == Trust.CHANGED.value:
        return Trust.NEW  # the administrator's word stands above what was pinned at this address before
    if trust == Trust.CHANGED.value:
        raise changed_identity(candidate.name)
    if candidate.expected and fingerprint != candidate.expected:
        raise other_identity(candidate.name)
    return Trust(trust)


def pin(
    profile: ProfileStore, candidate: Candidate, channel: TlsChannel, welcome: wire.Welcome, now_ms: int
) -> KnownServer:
    """Trust this server from now on, or renew what is known of it. Raises CommandError when its log or its log key is
    another server's."""
    assert channel.fingerprint is not None
    known = profile.known_by_fingerprint(channel.fingerprint)
    if known is not None and known.log_key != welcome.log_key:
        raise changed_identity(candidate.name)
    other = profile.known_by_log(welcome.log_id)
    if other is not None and other.fingerprint != channel.fingerprint:
        raise changed_identity(candidate.name)
    accepted_ms = known.accepted_ms if known is not None else now_ms
    name = inert(welcome.server_name) or candidate.name
    fresh = KnownServer(
        channel.fingerprint, name, candidate.host, candidate.port, welcome.log_id, welcome.log_key, accepted_ms
    )
    try:
        if fresh != known:
            profile.pin(fresh)
        profile.set_last(channel.fingerprint)
    except LocalStoreError:
        if known is None:
            raise
        # It is trusted already; where it is now is found again without the file.
    return fresh


def server_view(candidate: Candidate, fingerprint: str, trust: Trust, name: str = "") -> Server:
    """As window and command line see it."""
    words = fingerprint_words(fingerprint)
    invite = ""
    if trust is Trust.PINNED:
        hosts = invited_hosts(candidate.host)
        invite = make_invite(hosts[0], candidate.port, fingerprint, hosts[1:])
    name = name or candidate.name
    return Server(name, candidate.host, candidate.port, fingerprint, words, candidate.via, trust, invite)


def found_view(profile: ProfileStore, found: DiscoveredServer) -> Server:
    """A discovered server; what it says of its fingerprint is compared with what is pinned, and proves nothing."""
    trust = Trust(profile.trust(found.host, found.port, found.name, found.fingerprint, found.log_id))
    known = profile.known_by_fingerprint(found.fingerprint)
    return server_view(found_candidate(found), found.fingerprint, trust, known.name if known is not None else "")
