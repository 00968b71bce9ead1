"""Links to other clients: opened from both ends at once, kept open by one small datagram each 20 s, known to be there.

What the server named (`take_roster`) is reached with a sealed datagram at once: both ends know each other's key. Who is
met otherwise sends an open datagram first, and is answered with one. Nothing is answered that does not come from a
device of this log; an address is followed only when a sealed datagram came from there.

    waiting   nothing was heard: datagrams to every address that is known, at growing distances
    live      heard within DEAD_AFTER: one datagram each KEEP_ALIVE seconds to where it was heard from
    dead      silent since: as waiting

Pure: the clock and random octets are handed in, datagrams are taken out with `take_datagrams`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from lanchat.core.timers import earliest
from lanchat.protocol import wire
from lanchat.protocol.codec import decoder, encode
from lanchat.protocol.datagram.peering import (
    LINK_KIND,
    LINK_LIMITS,
    OPEN_KIND,
    RANDOM_OCTETS,
    link_keys,
    seal_open,
    unseal_open_untrusted,
)
from lanchat.protocol.datagram.seal import Opener, Sealer, key_id_untrusted
from lanchat.protocol.datagram.token_bucket import TokenBucket
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import DATAGRAM_MAX, PEER_ADDRESSES_MAX, PEERS_MAX
from lanchat.protocol.log.certificates import Certificate, CertificateBody, open_certificate_untrusted
from lanchat.protocol.log.keys import public_octets
from lanchat.protocol.log.peers import PeerBody, PeerEnd, PeerInfo, open_peer_untrusted, sign_peer

# Firewalls forget a path after 30 s without a datagram.
KEEP_ALIVE = 20.0
# Two datagrams of the other end may be lost.
DEAD_AFTER = 50.0
# Tries to reach an end of which nothing was heard: both ends begin at about the same time.
_TRIES = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0)
# Of open datagrams: checks of signatures take 0.2 ms. An office that starts at once brings one from each neighbour.
_OPEN_RATE, _OPEN_BURST = 20.0, 100.0
# Datagrams of one link, honest ones are a handful a second.
_LINK_RATE, _LINK_BURST = 200.0, 400.0
# Two computers with two processes each, and their last starts: who starts often takes no place of others.
ENDS_OF_USER_MAX = 8
_EMPTY = encode([])
# Of an end that is introduced: it fits a datagram with its certificate.
_ADDRESSES_TOLD = 4


class PeerIdentity(msgspec.Struct, frozen=True):
    """Who this client is to its peers. `boot`, `exchange_key`: drawn for this start, 63 random bits and 32 random
    octets."""

    log_id: bytes
    log_key: bytes
    device_key: Ed25519PrivateKey
    boot: int
    exchange_key: bytes


class Link:
    """One other end. `user`: whose it is. `address`: where it was heard last; None: not yet."""

    def __init__(self, body: PeerBody, user: int, sealer: Sealer, opener: Opener, receive_id: int) -> None:
        """Nothing was sent or heard."""
        self.body = body
        # What shows to others who it is.
        self.info: PeerInfo | None = None
        self.certificate: Certificate | None = None
        self.user = user
        self.sealer = sealer
        self.opener = opener
        self.receive_id = receive_id
        self.addresses: list[wire.PeerAddress] = []
        self.address: wire.PeerAddress | None = None
        self.warm = False
        # The other end may not know of this one: what is tried are open datagrams.
        self.introduce = False
        self.heard_at: float | None = None
        self.sent_at: float | None = None
        self.send_at: float | None = None
        self.tries = 0
        self.bucket = TokenBucket(_LINK_RATE, _LINK_BURST)

    def live(self, now: float) -> bool:
        """Whether it was heard a moment ago."""
        return self.heard_at is not None and now < self.heard_at + DEAD_AFTER

    def targets(self, now: float) -> list[wire.PeerAddress]:
        """Where a datagram goes."""
        return [self.address] if self.address is not None and self.live(now) else self.addresses


Datagram = tuple[wire.PeerAddress, bytes]
Received = tuple[PeerEnd, int, bytes]


class PeerLinks:
    """The links of one start of a client. `counters`: datagrams that were dropped, by reason."""

    def __init__(
        self,
        identity: PeerIdentity,
        *,
        now_ms: Callable[[], int],
        random: Callable[[int], bytes],
        refuses: Callable[[CertificateBody], bool],
    ) -> None:
        """`now_ms`: the time of the log as well as it is known; `random(n)`: fresh octets; `refuses`: whether a
        device of this certificate is not talked to (revoked, disabled)."""
        self._identity = identity
        self._private = X25519PrivateKey.from_private_bytes(identity.exchange_key)
        self._now_ms = now_ms
        self._random = random
        self._refuses = refuses
        public = public_octets(identity.device_key)
        body = PeerBody(
            identity.log_id,
            CertificateBody(identity.log_id, 1, public, "", "", 0, 0).device,
            identity.boot,
            self._private.public_key().public_bytes_raw(),
            now_ms(),
        )
        self.end = body.end
        self.info: PeerInfo = sign_peer(identity.device_key, body)
        self.counters: Counter[str] = Counter()
        # Counts changes of who is heard.
        self.changes = 0
        self._certificate: Certificate | None = None
        self._secret: bytes | None = None
        self._links: dict[PeerEnd, Link] = {}
        self._by_id: dict[int, Link] = {}
        self._away = False
        self._opens = TokenBucket(_OPEN_RATE, _OPEN_BURST)
        # When an end counts as dead, unless it is heard before.
        self._deaths: dict[PeerEnd, float] = {}
        # To be sent, in order.
        self.datagrams: list[Datagram] = []

    # --- What is known ------------------------------------------------------------------------------------------------

    def live_ends(self, now: float) -> dict[PeerEnd, int]:
        """Ends that are heard, with their users; those first whose links are kept open in any case."""
        live = [(end, link) for end, link in self._links.items() if link.live(now)]
        return {end: link.user for end, link in sorted(live, key=lambda entry: not entry[1].warm)}

    def ends(self) -> list[tuple[PeerEnd, int, float | None]]:
        """All that are known, with their users and when they were heard last."""
        return [(end, link.user, link.heard_at) for end, link in self._links.items()]

    def use_certificate(self, certificate: Certificate, secret: bytes) -> None:
        """This device's own, newest one, and the secret of the log."""
        self._certificate, self._secret = certificate, secret

    # --- Who there is -------------------------------------------------------------------------------------------------

    def take_roster(self, peers: Iterable[wire.Peer], now: float, *, complete: bool) -> None:
        """What the server said. `complete`: others need not be kept open any longer."""
        named: set[PeerEnd] = set()
        for peer in peers:
            try:
                link = self._know_untrusted(peer.info, peer.certificate)
            except ProtocolError as error:
                self.counters[str(error)] += 1
                continue
            if link is not None:
                named.add(link.body.end)
                link.warm = peer.warm
                link.addresses = _usable(peer.addresses)
                self._begin(link, now)
        for end, link in self._links.items() if complete else ():
            link.warm = link.warm and end in named

    def _know_untrusted(self, info: PeerInfo, certificate: Certificate) -> Link | None:
        """The link to that end, new or not; None for this end itself. Raises ProtocolError."""
        identity = self._identity
        owner = open_certificate_untrusted(identity.log_key, identity.log_id, certificate)
        if owner.imported or owner.not_after_ms < self._now_ms() or self._refuses(owner):
            raise ProtocolError("peer without a right")
        body = open_peer_untrusted(owner.public_key, identity.log_id, info)
        if body.end == self.end:
            return None
        known = self._links.get(body.end)
        if known is None:
            keys = link_keys(self._private, body.exchange_key, identity.log_id, self.end, body.end)
            if keys.receive_id in self._by_id:
                raise ProtocolError("two links of one key id")
            self._make_place(owner.user)
            sealer = Sealer(keys.send, keys.send_id, identity.log_id, 0, LINK_LIMITS, LINK_KIND)
            opener = Opener(keys.receive, keys.receive_id, identity.log_id, 0, LINK_LIMITS, LINK_KIND)
            known = self._links[body.end] = Link(body, owner.user, sealer, opener, keys.receive_id)
            self._by_id[keys.receive_id] = known
        elif known.body != body:
            raise ProtocolError("two keys of one end")
        known.info, known.certificate = info, certificate
        return known

    def shown(self, end: PeerEnd) -> wire.Peer:
        """An end that is known, as others are told of it: first where it was heard."""
        link = self._links[end]
        assert link.info is not None
        assert link.certificate is not None
        addresses = [*([link.address] if link.address is not None else []), *link.addresses]
        return wire.Peer(link.info, link.certificate, list(dict.fromkeys(addresses))[:_ADDRESSES_TOLD], False)

    def meet_untrusted(self, peer: wire.Peer, now: float) -> None:
        """Somebody who hears that end says where it is, and told it of this one. Raises ProtocolError."""
        link = self._know_untrusted(peer.info, peer.certificate)
        if link is not None and not link.live(now):
            addresses = [*_usable(peer.addresses), *link.addresses]
            link.addresses = list(dict.fromkeys(addresses))[:PEER_ADDRESSES_MAX]
            link.tries = 0
            link.send_at = now if link.addresses else None

    def _make_place(self, user: int) -> None:
        """The one that was heard longest ago, or never, gives way: of this user, when he has many."""
        links = list(self._links.values())
        own = [link for link in links if link.user == user]
        among = own if len(own) >= ENDS_OF_USER_MAX else links if len(links) >= PEERS_MAX else []
        if among:
            self._drop(min(among, key=lambda link: (link.heard_at is not None, link.heard_at or 0.0)))

    def _drop(self, link: Link) -> None:
        del self._links[link.body.end]
        del self._by_id[link.receive_id]
        self.changes += self._deaths.pop(link.body.end, None) is not None

    def drop_refused(self, refused: Callable[[PeerEnd, int], bool]) -> None:
        """End the links of devices and users that lost their right."""
        for link in [link for end, link in self._links.items() if refused(end, link.user)]:
            self._drop(link)

    def _begin(self, link: Link, now: float) -> None:
        """Try its addresses, when the link is to be open."""
        if (link.warm or self._away) and not link.live(now) and link.addresses:
            link.tries = 0
            link.send_at = now

    def set_away(self, away: bool, now: float) -> None:
        """Whether the server is away: then every link is to be open, and the other end may have started anew since."""
        if away is self._away:
            return
        self._away = away
        for link in self._links.values():
            link.introduce = away and not link.live(now)
            self._begin(link, now)

    # --- Receiving ----------------------------------------------------------------------------------------------------

    def receive_untrusted(self, address: wire.PeerAddress, datagram: bytes, now: float) -> Received | None:
        """From which end and user it is and what is in it, None for what carries nothing. Never raises: what breaks a
        rule is counted."""
        try:
            if len(datagram) > DATAGRAM_MAX or not datagram:
                raise ProtocolError("datagram too long")
            if datagram[0] == OPEN_KIND:
                self._take_open(address, datagram, now)
                return None
            return self._take_sealed(address, datagram, now)
        except ProtocolError as error:
            self.counters[str(error)] += 1
            return None

    def _take_sealed(self, address: wire.PeerAddress, datagram: bytes, now: float) -> Received | None:
        link = self._by_id.get(key_id_untrusted(datagram, LINK_KIND))
        if link is None:
            raise ProtocolError("unknown key")
        payload = link.opener.open_untrusted(datagram)
        if link.bucket.take(now):
            raise ProtocolError("too many datagrams of a peer")
        first = not link.live(now)
        self.changes += first
        link.heard_at = now
        self._deaths[link.body.end] = now + DEAD_AFTER
        if link.opener.newest:
            link.address = address
        link.introduce = False
        # The other end learns at once that the path is open both ways, and later that it still is.
        if first or (not self._kept(link) and now >= (link.sent_at or 0.0) + KEEP_ALIVE / 2):
            link.send_at = now
        return None if payload == _EMPTY else (link.body.end, link.user, payload)

    def _take_open(self, address: wire.PeerAddress, datagram: bytes, now: float) -> None:
        if self._secret is None or self._certificate is None:
            raise ProtocolError("no secret yet")
        content: wire.OpenLink = _decode_open(unseal_open_untrusted(self._secret, self._identity.log_id, datagram))
        if self._opens.take(now):
            raise ProtocolError("too many open datagrams")
        if content.to != self.end.device:
            raise ProtocolError("open datagram for another device")
        link = self._know_untrusted(content.info, content.certificate)
        if link is None or link.live(now):
            return
        link.addresses = [address, *(known for known in link.addresses if known != address)][:PEER_ADDRESSES_MAX]
        if content.answer:
            link.tries = 0
            link.send_at = now
        else:
            # Whoever began sends the first sealed datagram: an open one may be somebody else's copy.
            self._send_open(link, address, answer=True)

    # --- Sending ------------------------------------------------------------------------------------------------------

    def send(self, end: PeerEnd, payload: bytes, now: float) -> bool:
        """Seal and send to a live end; False when it is not live."""
        link = self._links.get(end)
        if link is None or not link.live(now):
            return False
        self._send(link, payload, now)
        return True

    def _send(self, link: Link, payload: bytes, now: float) -> None:
        for address in link.targets(now):
            self.datagrams.append((address, link.sealer.seal(payload)))
        link.sent_at = now
        link.send_at = now + KEEP_ALIVE if self._kept(link) else None

    def _send_open(self, link: Link, address: wire.PeerAddress, *, answer: bool) -> None:
        if self._secret is None or self._certificate is None:
            return
        content = encode(wire.OpenLink(self.info, self._certificate, link.body.device, answer))
        random = self._random(RANDOM_OCTETS)
        self.datagrams.append((address, seal_open(self._secret, self._identity.log_id, random, content)))

    def take_datagrams(self) -> list[Datagram]:
        """What is to be sent, in order; each is handed out once."""
        datagrams, self.datagrams = self.datagrams, []
        return datagrams

    # --- Time ---------------------------------------------------------------------------------------------------------

    def timer(self) -> float | None:
        """When `handle_timer` is due: something is to be sent, or an end has been silent for too long."""
        return earliest(*(link.send_at for link in self._links.values()), *self._deaths.values())

    def handle_timer(self, now: float) -> None:
        """Send what is due."""
        alive = {end: at for end, at in self._deaths.items() if at > now}
        self.changes += len(alive) != len(self._deaths)
        self._deaths = alive
        for link in self._links.values():
            if link.send_at is not None and link.send_at <= now:
                self._keep_open(link, now)

    def _keep_open(self, link: Link, now: float) -> None:
        if link.introduce:
            for address in link.addresses:
                self._send_open(link, address, answer=False)
        self._send(link, _EMPTY, now)
        if self._kept(link) and not link.live(now):
            link.tries = min(link.tries + 1, len(_TRIES) - 1)
            # While the server is away an end that starts is let in by a firewall only just after a datagram to it.
            link.send_at = now + min(_TRIES[link.tries], KEEP_ALIVE if self._away else _TRIES[-1])

    def _kept(self, link: Link) -> bool:
        """Whether this end keeps it open; else it only answers."""
        return link.warm or self._away


_decode_open = decoder(wire.OpenLink)


def _usable(addresses: Sequence[wire.PeerAddress]) -> list[wire.PeerAddress]:
    """Those that a datagram may be sent to: of one computer, not of many."""
    return [address for address in addresses if len(address.host) in (4, 16) and not _is_of_many(address.host)]


def _is_of_many(host: bytes) -> bool:
    """Multicast, broadcast, or no address at all."""
    multicast = host[0] >= 224 if len(host) == 4 else host[0] == 0xFF
    return multicast or not any(host) or (host[0] == 0 and len(host) == 4)
