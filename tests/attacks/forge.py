"""Forgeries of a recorded datagram, without its keys. Pure: everything is drawn from what is handed in."""

from collections.abc import Iterator, Sequence
from random import Random

from lanchat.protocol.datagram import seal
from tests.attacks.recording_client import Recording

_APPENDED = (1, 2, 15, 16, 17, 64)


def bit_flipped(datagram: bytes) -> Iterator[bytes]:
    """With one bit the other way, at every position."""
    for place in range(len(datagram) * 8):
        forged = bytearray(datagram)
        forged[place >> 3] ^= 1 << (place & 7)
        yield bytes(forged)


def resized(datagram: bytes) -> Iterator[bytes]:
    """Cut short at every length, and with something appended, or inserted before the tag."""
    for length in range(len(datagram)):
        yield datagram[:length]
    for count in _APPENDED:
        for filler in (bytes(count), b"\xff" * count, datagram[:count]):
            yield datagram + filler
            yield datagram[: -seal.TAG] + filler + datagram[-seal.TAG :]


def spliced(datagram: bytes, others: Sequence[bytes]) -> Iterator[bytes]:
    """Its beginning with the end of another one, cut at every field's edge and all through the header."""
    for other in others:
        if other == datagram:
            continue
        edges = {*range(1, seal.HEADER + 1), len(datagram) - seal.TAG, len(datagram) // 2}
        for edge in sorted(edges):
            for forged in (datagram[:edge] + other[edge:], datagram[:edge] + other[-(len(datagram) - edge) :]):
                if forged not in (datagram, other):
                    yield forged


def with_other_counters(datagram: bytes, random: Random, count: int) -> Iterator[bytes]:
    """Under other counters: what a replay past the window would need."""
    for number in {*range(8), *(random.getrandbits(64) for _ in range(count))}:
        forged = datagram[:5] + number.to_bytes(8, "big") + datagram[seal.HEADER :]
        if forged != datagram:
            yield forged


def scrambled(datagram: bytes, random: Random, count: int) -> Iterator[bytes]:
    """With up to eight octets changed anywhere, or all of the sealed part replaced."""
    for number in range(count):
        forged = bytearray(datagram)
        if number % 4:
            for _ in range(random.randint(1, 8)):
                forged[random.randrange(len(forged))] ^= random.randint(1, 255)
        else:
            forged[seal.HEADER :] = random.randbytes(len(datagram) - seal.HEADER)
        if forged != datagram:
            yield bytes(forged)


def sealed_with_other_keys(payload: bytes, tape: Recording, random: Random, count: int) -> Iterator[bytes]:
    """What was said, sealed anew with keys that are not the session's: those who know the log and the key's number."""
    for number in range(count):
        counter = random.choice((number, random.randrange(seal.PACKETS_PER_KEY)))
        yield _sealed(random.randbytes(32), tape, tape.log_id, tape.epoch, counter, payload)


def sealed_for_other_contexts(tape: Recording, payload: bytes, counter: int, up: bool) -> Iterator[bytes]:
    """Sealed with the session's own keys, but for another log, another epoch, the other direction."""
    keys = tape.keys
    yield _sealed(keys.to_client if up else keys.to_server, tape, tape.log_id, tape.epoch, counter, payload)
    for key in (keys.to_server, keys.to_client):
        for log_id, epoch in (
            (bytes(16), tape.epoch),
            (tape.log_id[:-1] + bytes([tape.log_id[-1] ^ 1]), tape.epoch),
            (tape.log_id, tape.epoch + 1),
            (tape.log_id, tape.epoch - 1),
        ):
            yield _sealed(key, tape, log_id, epoch, counter, payload)


def _sealed(key: bytes, tape: Recording, log_id: bytes, epoch: int, counter: int, payload: bytes) -> bytes:
    sealer = seal.Sealer(key, tape.keys.key_id, log_id, epoch)
    sealer.counter = counter
    return sealer.seal(payload)
