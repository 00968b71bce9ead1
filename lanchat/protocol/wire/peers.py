"""Frames about peers: what a client announces, whom the server names to it, and what opens a link between two."""

from typing import Annotated

import msgspec

from lanchat.protocol.codec import U32, U63, Key16, Key32, Positive, Signature, decoder
from lanchat.protocol.limits import BODY_OCTETS_MAX, DATAGRAM_FRAMES_MAX, PEER_ADDRESSES_MAX, PEERS_MAX, RECORDS_MAX
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.messages import HEADER_MAX, Message
from lanchat.protocol.log.peers import PeerInfo
from lanchat.protocol.log.records import Head, Record
from lanchat.protocol.log.statements import Statement
from lanchat.protocol.wire.base import Frame
from lanchat.protocol.wire.statements import Member

Host = Annotated[bytes, msgspec.Meta(min_length=4, max_length=16)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class PeerAddress(msgspec.Struct, array_like=True, frozen=True):
    """Where datagrams of a peer may be sent. `host`: 4 octets (IPv4) or 16 (IPv6); another length is no address."""

    host: Host
    port: Port


class Peer(msgspec.Struct, array_like=True, frozen=True):
    """Another client of the log. `addresses`: hints, likely ones first. `warm`: the link to it is kept open; others are
    opened when the server is away."""

    info: PeerInfo
    certificate: Certificate
    addresses: Annotated[list[PeerAddress], msgspec.Meta(max_length=PEER_ADDRESSES_MAX)]
    warm: bool


class AnnouncePeer(Frame, frozen=True, tag=55):
    """This client takes datagrams of peers at `port`, on `hosts` of its computer. Answered by Roster; others of the
    roster hear of it."""

    info: PeerInfo
    port: Port
    hosts: Annotated[list[Host], msgspec.Meta(max_length=PEER_ADDRESSES_MAX - 1)]


class Roster(Frame, frozen=True, tag=26):
    """The peers of this client: all of them."""

    peers: Annotated[list[Peer], msgspec.Meta(max_length=PEERS_MAX)]


class PeersChanged(Frame, frozen=True, tag=42):
    """Further peers, or other addresses of known ones."""

    peers: Annotated[list[Peer], msgspec.Meta(max_length=PEERS_MAX)]


class OpenLink(msgspec.Struct, array_like=True, frozen=True):
    """Content of an open datagram. `to`: the device that is meant. `answer`: it answers one."""

    info: PeerInfo
    certificate: Certificate
    to: Key16
    answer: bool


# --- Between peers, sealed ------------------------------------------------------------------------------------------

# Of a run: as many numbers as an author may have carried fit one mask.
MASK_OCTETS = 64
HOPS_MAX = 8
PIECE_OCTETS = 1000
# Of a page of records; one that has one record may be larger than others.
RECORDS_OCTETS_MAX = 1 << 16


class MessageName(msgspec.Struct, array_like=True, frozen=True):
    """The name of a message."""

    room: U63
    device: Key16
    run: U63
    n: Positive


class Carry(Frame, frozen=True, tag=1):
    """Messages that are not stored yet, for the other end to keep and to hand on. `hops`: how many ends they came
    through."""

    messages: Annotated[list[Message], msgspec.Meta(max_length=8)]
    hops: Annotated[int, msgspec.Meta(ge=0, le=HOPS_MAX)]


class Digest(Frame, frozen=True, tag=2):
    """Of all that this end carries of rooms that both are in. Answered by RoomDigests when it differs. `stored`: of how
    far it has the log of these rooms, 0: it has the server for that. Answered by Stored when it differs. `said`: of the
    statements that both may know, 0: it tells none. Answered by WantStatements when it differs, by an end that has the
    server by a Digest."""

    digest: U63
    stored: U32 = 0
    said: U32 = 0


class RoomDigest(msgspec.Struct, array_like=True, frozen=True):
    """Of what is carried of a room."""

    room: U63
    digest: U63


class RoomDigests(Frame, frozen=True, tag=3):
    """Of rooms that both are in and of which something is carried. Answered by Holds for those that differ."""

    rooms: Annotated[list[RoomDigest], msgspec.Meta(max_length=48)]


class HeldRun(msgspec.Struct, array_like=True, frozen=True):
    """Numbers of one run that are held: bit i of `mask` (octet i / 8, lowest bit first) is number `first` + i."""

    device: Key16
    run: U63
    first: Positive
    mask: Annotated[bytes, msgspec.Meta(max_length=MASK_OCTETS)]


class Holds(Frame, frozen=True, tag=4):
    """What this end carries of a room, or a part of it. `answer`: the other is to say what it holds as well."""

    room: U63
    runs: Annotated[list[HeldRun], msgspec.Meta(max_length=10)]
    answer: bool


class Want(Frame, frozen=True, tag=5):
    """Messages that the other end holds. Answered by Carry."""

    names: Annotated[list[MessageName], msgspec.Meta(max_length=16)]


class WantAuthors(Frame, frozen=True, tag=6):
    """Devices of authors whose certificates are not here. Answered by PeerCertificates."""

    devices: Annotated[list[Key16], msgspec.Meta(max_length=16)]


class PeerCertificates(Frame, frozen=True, tag=7):
    """Certificates that the log signed."""

    certificates: Annotated[list[Certificate], msgspec.Meta(max_length=1)]


class OfferMessage(Frame, frozen=True, tag=8):
    """A message that does not fit a datagram: all but its body, which has `octets`. `hops`: as of Carry."""

    header: Annotated[bytes, msgspec.Meta(max_length=HEADER_MAX)]
    signature: Signature
    body_hash: Key32
    octets: Annotated[int, msgspec.Meta(ge=1, le=BODY_OCTETS_MAX)]
    hops: Annotated[int, msgspec.Meta(ge=0, le=HOPS_MAX)]


class WantPiece(Frame, frozen=True, tag=9):
    """A part of the body of a message that was offered. Answered by Piece."""

    name: MessageName
    offset: Annotated[int, msgspec.Meta(ge=0, le=BODY_OCTETS_MAX)]


class Piece(Frame, frozen=True, tag=10):
    """What stands from `offset` on, as much as fits a piece."""

    name: MessageName
    offset: Annotated[int, msgspec.Meta(ge=0, le=BODY_OCTETS_MAX)]
    octets: Annotated[bytes, msgspec.Meta(max_length=PIECE_OCTETS)]


class RoomReach(msgspec.Struct, array_like=True, frozen=True):
    """How far the log of a room is here."""

    room: U63
    seq: Positive


class Stored(Frame, frozen=True, tag=11):
    """Rooms that both are in, and how far this end has their log. Answered by WantHead where it has more."""

    rooms: Annotated[list[RoomReach], msgspec.Meta(max_length=48)]


class WantHead(Frame, frozen=True, tag=12):
    """The newest head of a room. Answered by StoredHead."""

    room: U63


class StoredHead(Frame, frozen=True, tag=13):
    """A head that the log signed."""

    head: Head


class WantRecords(Frame, frozen=True, tag=14):
    """Records from `first` to `last`, as many as make a page: what stands in it from `offset` on. Answered by
    RecordsPiece."""

    room: U63
    first: Positive
    last: Positive
    offset: Annotated[int, msgspec.Meta(ge=0, le=RECORDS_OCTETS_MAX)]


class RecordsPiece(Frame, frozen=True, tag=15):
    """A part of a page: the msgpack of an array of records, `total` octets."""

    room: U63
    first: Positive
    total: Annotated[int, msgspec.Meta(ge=1, le=RECORDS_OCTETS_MAX)]
    offset: Annotated[int, msgspec.Meta(ge=0, le=RECORDS_OCTETS_MAX)]
    octets: Annotated[bytes, msgspec.Meta(max_length=PIECE_OCTETS)]


class WantPeers(Frame, frozen=True, tag=16):
    """Other ends than those of these devices, while the server is away. Answered by Introduce, to both sides."""

    devices: Annotated[list[Key16], msgspec.Meta(max_length=16)]


class Introduce(Frame, frozen=True, tag=17):
    """An end that this one hears, and that is told of the other one now. `warm` says nothing."""

    peer: Peer


class WantMissed(Frame, frozen=True, tag=18):
    """Records that the server has sent and that did not come. Answered by Missed for each that is there and fits."""

    room: U63
    missing: Annotated[list[Positive], msgspec.Meta(max_length=8)]


class Missed(Frame, frozen=True, tag=19):
    """A record of a room."""

    room: U63
    record: Record


class WantStatements(Frame, frozen=True, tag=20):
    """Statements with higher numbers that this end may know. Answered by Told, for some of them."""

    number: U63


# Of a list in one datagram, with its statement.
MEMBERS_TOLD, DEVICES_TOLD = 24, 24


class Told(Frame, frozen=True, tag=21):
    """A statement, with a part of its list: of the members of a room, MEMBERS_TOLD at a time in the order of the users,
    or of revoked devices, DEVICES_TOLD at a time."""

    statement: Statement
    part: Annotated[int, msgspec.Meta(ge=0, le=65535)]
    members: Annotated[list[Member], msgspec.Meta(max_length=MEMBERS_TOLD)] = []
    devices: Annotated[list[Key16], msgspec.Meta(max_length=DEVICES_TOLD)] = []


PeerFrame = (
    Carry | Digest | RoomDigests | Holds | Want | WantAuthors | PeerCertificates | OfferMessage | WantPiece | Piece
    | Stored | WantHead | StoredHead | WantRecords | RecordsPiece | WantPeers | Introduce
    | WantMissed | Missed | WantStatements | Told
)  # fmt: skip
decode_peer_datagram_untrusted = decoder(Annotated[list[PeerFrame], msgspec.Meta(max_length=DATAGRAM_FRAMES_MAX)])
decode_peer_records_untrusted = decoder(Annotated[list[Record], msgspec.Meta(max_length=RECORDS_MAX)])
