"""A member that forges messages, and former members: over the real protocol, counted by what was stored or received."""

import dataclasses
import time
from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.messages import Header, Kind, Message, decode_header_untrusted, make_message
from tests.attacks.forgeries import dropped_count, wait_for_drops
from tests.attacks.outcome import Outcome
from tests.attacks.recording_client import RecordingClient, udp_socket
from tests.support.raw import RawClient

# What a session may hand in at once, so that nothing is refused for its rate.
_BATCH = 20


def messages_of_others(watcher: RecordingClient, count: int, seed: int = 1) -> Outcome:
    """Messages that look like somebody else's: his header with one field changed, his body changed, his signature bent;
    `count` of them. His own message is stored afterwards under the very number that was forged."""
    outcome = Outcome("messages in another member's name", 0)
    with RawClient(watcher.port) as anna, RawClient(watcher.port) as mallory:
        anna.register(f"anna{seed}")
        mallory.register(f"mallory{seed}")
        room = anna.rooms["general"]
        real = anna.message(room, "mine")
        before = watcher.counter("stored")
        for forged in _altered(real, mallory, Random(seed), count):
            mallory.send(wire.Submit([forged]))
            outcome.attempts += 1
            if outcome.attempts % 50 == 0:  # who is silent for too long is taken for dead
                assert [client.request(wire.GetProfile()) for client in (watcher, anna)]
            answer = mallory.wait_for(wire.Decided | wire.Busy)
            while isinstance(answer, wire.Busy):
                mallory.send(wire.Submit([forged]))
                answer = mallory.wait_for(wire.Decided | wire.Busy)
            code = answer.receipts[0].code
            outcome.expect(code in _REFUSALS, f"refused with {code}")
            outcome.accepted += answer.receipts[0].seq > 0
        outcome.accepted += watcher.counter("stored") - before
        anna.send(wire.Submit([real]))
        receipt = anna.wait_for(wire.Decided).receipts[0]
        outcome.expect(receipt.seq > 0, "the author's own message was refused after its forgeries")
    return outcome


_REFUSALS = {Code.BAD_SIGNATURE, Code.UNKNOWN_DEVICE, Code.NOT_A_MEMBER, Code.BAD_TEXT, Code.UNSUPPORTED_KIND}


def _altered(real: Message, mallory: RawClient, random: Random, count: int) -> Iterator[Message]:
    header: Header = decode_header_untrusted(real.header)
    changes: list[dict[str, Any]] = [
        {"n": 2}, {"n": 2**40}, {"run": header.run ^ 1}, {"lamport": 99}, {"sent_ms": 5}, {"ref": 1},
        {"kind": Kind.REACTION}, {"kind": Kind.DELETE}, {"kind": Kind.EDIT}, {"room": 2**50},
    ]  # fmt: skip
    for number in range(count):
        match number % 4:
            case 0:
                change = changes[number // 4 % len(changes)]
                yield Message(encode(msgspec.structs.replace(header, **change)), real.body, real.signature)
            case 1:
                yield Message(real.header, f"never said {number}".encode(), real.signature)
            case 2:
                signature = bytearray(real.signature)
                signature[random.randrange(64)] ^= 1 << random.randrange(8)
                yield Message(real.header, real.body, bytes(signature))
            case _:
                # Signed with a key of his own, under the other's device.
                yield make_message(mallory.key, mallory.welcome.log_id, header, "signed by another")


def messages_of_another_log(watcher: RecordingClient) -> Outcome:
    """His own messages, signed for another log."""
    outcome = Outcome("messages signed for another log", 4)
    with RawClient(watcher.port) as mallory:
        mallory.register("elsewhere")
        header = Header(mallory.rooms["general"], mallory.device, 5, 1, Kind.TEXT, 0, 1, 1)
        for log_id in (bytes(16), bytes(15) + b"\1", mallory.welcome.log_id[::-1], b"\xff" * 16):
            mallory.send(wire.Submit([make_message(mallory.key, log_id, header, "from elsewhere")]))
            outcome.accepted += mallory.wait_for(wire.Decided).receipts[0].seq > 0
    return outcome


def two_bodies_under_one_number(watcher: RecordingClient, count: int) -> Outcome:
    """Two properly signed bodies under one number, in one datagram, one after the other, from two sessions at once."""
    outcome = Outcome("two bodies under one number", count)
    with RawClient(watcher.port) as one, RawClient(watcher.port, key=one.key) as two:
        one.register("janus")
        two.log_in_by_key()
        room, log_id = one.rooms["general"], one.welcome.log_id
        before = one.request(wire.Subscribe([room])).heads[0].seq
        for n in range(1, count + 1):
            if n % 25 == 0:
                assert [client.request(wire.GetProfile()) for client in (watcher, two)]
            header = Header(room, one.device, 9, n, Kind.TEXT, 0, 1, n)
            first, second = (make_message(one.key, log_id, header, f"{text} {n}") for text in ("black", "white"))
            if n % 3 == 0:
                one.send(wire.Submit([first, second]))
            elif n % 3 == 1:
                one.send(wire.Submit([first]))
                one.send(wire.Submit([second]))
            else:
                one.send(wire.Submit([first]))
                two.send(wire.Submit([second]))
            seqs = _stored_numbers(one, two, [first, second], n)
            outcome.expect(len(seqs) == 1, f"number {n} was stored as {seqs}")
        stored = watcher_texts(one, room, before)
        outcome.accepted = len(stored) - count
        outcome.expect(len({text.split()[1] for text in stored}) == count, "a number is missing or there twice")
    return outcome


def _stored_numbers(one: RawClient, two: RawClient, messages: list[Message], n: int) -> set[int]:
    """Where number `n` was stored, as two answers say; offers both again when there was no time for them."""
    found: list[int] = []
    while len(found) < 2:
        for client in (one, two):
            try:
                frame = client.receive(0.05)
            except TimeoutError:
                continue
            if isinstance(frame, wire.Decided):
                found += [receipt.seq for receipt in frame.receipts if receipt.n == n]
            elif isinstance(frame, wire.Busy):
                time.sleep(frame.retry_ms / 1000)
                client.send(wire.Submit(messages))
    return set(found)


def watcher_texts(client: RawClient, room: int, after: int) -> list[str]:
    """What is stored in a room above a number."""
    texts: list[str] = []
    while True:
        page = client.request(wire.History(room, after + 1, True, 200))
        if not page.records:
            return texts
        texts += [record.body.decode() for record in page.records]
        after = page.records[-1].seq


# --- No longer a member ----------------------------------------------------------------------------------------------


@dataclasses.dataclass
class _FormerMember:
    """A former member with the old keys, and the attempts; `told` counts what was received or changed."""

    outcome: Outcome
    client: RecordingClient
    room: int

    def attempt_everything(self, secret: str) -> None:
        client, room = self.client, self.room
        for operation in (
            wire.History(room, 1, True, 200),
            wire.Search(room, secret, 0, 10),
            wire.ListMembers(room),
            wire.ListCursors(room),
            wire.JoinRoom(room),
            wire.InviteUser(room, client.user_id),
            wire.SetHistoryPolicy(room, wire.HistoryPolicy.EVERYTHING),
            wire.ArchiveRooms([room], True),
            wire.DeleteRooms([room], "correct horse"),
        ):
            self._attempt(not isinstance(client.request(operation), wire.Failure), f"{operation} was answered")
        self._attempt(client.request(wire.Subscribe([room])) != wire.Subscribed([], []), "subscribed")
        self._attempt(bool(client.request(wire.Search(0, secret, 0, 10)).hits), "found it by searching everywhere")
        client.send(wire.Submit([client.message(room, "still here")]))
        # The answer comes by datagram, as his path is open.
        receipts = [
            receipt for frame in client.frames() if isinstance(frame, wire.Decided) for receipt in frame.receipts
        ]
        self._attempt(not receipts or receipts[0].code != Code.NOT_A_MEMBER, f"his message was not refused: {receipts}")
        client.send_datagram(wire.Nack(room, [1, 2, 3]), wire.Nack(room, []))
        client.send(wire.Nack(room, [1, 2, 3]))
        client.send_datagram(wire.Cursors([wire.Cursor(room, 3, 3)]))

    def received_frames(self) -> list[object]:
        """Frames that speak of the room, by either way, once everything on its way is here."""
        assert self.client.request(wire.GetProfile())
        frames = self.client.frames() + self.client.events
        self.client.events = []
        kinds = wire.Records | wire.RoomCursors | wire.RoomKey | wire.MembersChanged | wire.RoomChanged
        found: list[object] = [frame for frame in frames if isinstance(frame, kinds) and _room_of(frame) == self.room]
        for frame in frames:
            if isinstance(frame, wire.Heads):
                found += [head for head in frame.heads if head.room == self.room]
        return found

    def _attempt(self, worked: bool, what: str) -> None:
        self.outcome.attempts += 1
        self.outcome.accepted += worked
        self.outcome.expect(not worked, what)


def _room_of(frame: object) -> int:
    room = getattr(frame, "room", 0)
    return int(getattr(room, "id", room))


def removed_member(watcher: RecordingClient) -> Outcome:
    """A member who was removed from a private room, with his session, his subscription and its keys of before."""
    outcome = Outcome("a removed member, with all keys of before", 0)
    with RecordingClient(watcher.port) as owner, RecordingClient(watcher.port) as gone:
        owner.register("owner")
        gone.register("gone")
        room = owner.request(wire.CreateRoom("den", wire.RoomKind.PRIVATE, wire.HistoryPolicy.EVERYTHING)).room.id
        owner.request(wire.InviteUser(room, gone.user_id))
        old = gone.request(wire.Subscribe([room])).keys[0]
        owner.request(wire.Subscribe([room]))
        gone.send_datagram(wire.Ping(1))
        owner.say(room, "before")
        departed = _FormerMember(outcome, gone, room)
        outcome.expect(bool(departed.received_frames()), "as a member he heard nothing: this shows nothing")
        assert owner.request(wire.RemoveUser(room, gone.user_id)) == wire.Done()
        new = owner.wait_for(wire.RoomKey)
        gone.wait_for(wire.RoomGone)
        departed.received_frames()
        outcome.expect(new.key != old.key and new.number > old.number, "the room's key is still the old one")
        outcome.expect(owner.say(room, "afterwards").seq > 0, "the owner cannot write")
        departed.attempt_everything("afterwards")
        heard = departed.received_frames()
        outcome.accepted += len(heard)
        outcome.expect(not heard, f"he heard {heard}")
    return outcome


def revoked_device(watcher: RecordingClient) -> Outcome:
    """A device that was revoked: a thief with its key and its session keys."""
    outcome = Outcome("a revoked device, with all keys of before", 0)
    port = watcher.port
    with RecordingClient(port) as phone, RecordingClient(port) as laptop, RawClient(port) as friend:
        phone.register("robbed")
        laptop.log_in("robbed")
        friend.register("friend")
        room = phone.rooms["general"]
        phone.send_datagram(wire.Ping(1))
        phone.frames()
        kept = phone.message(room, "signed before, sent by a thief")
        assert laptop.request(wire.RevokeDevice(phone.device)) == wire.Done()
        outcome.expect(phone.wait_for(wire.Goodbye).code == Code.DEVICE_REVOKED, "no word that it was revoked")
        stored, opened, lost = watcher.counter("stored"), watcher.counter("udp_in"), dropped_count(watcher)
        with udp_socket(port) as sock:
            datagrams = [
                phone.sealed(wire.Submit([kept])),
                phone.sealed(wire.Ping(5)),
                phone.sealed(wire.Nack(room, [1])),
            ]
            for datagram in datagrams:
                sock.send(datagram)
            wait_for_drops(watcher, lost + len(datagrams))
        outcome.attempts += len(datagrams)
        outcome.accepted += watcher.counter("udp_in") - opened
        with RawClient(port, key=phone.key) as thief:
            _refused(outcome, thief.log_in_by_key(), "it logged in by its key")
            _refused(outcome, thief.log_in("robbed"), "its key was enrolled again")
        friend.send(wire.Submit([kept]))
        _refused(outcome, friend.wait_for(wire.Decided).receipts[0], "what it signed was taken from somebody else")
        outcome.accepted += watcher.counter("stored") - stored
        try:
            phone.request(wire.ListRooms())
            outcome.expect(False, "its session goes on")
        except (EOFError, OSError, ProtocolError):
            outcome.attempts += 1
    return outcome


def _refused(outcome: Outcome, answer: object, what: str) -> None:
    outcome.attempts += 1
    worked = isinstance(answer, wire.LoggedIn) or getattr(answer, "seq", 0) > 0
    outcome.accepted += worked
    outcome.expect(not worked, what)
