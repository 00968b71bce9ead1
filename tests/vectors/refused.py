"""Vectors of what a reader must refuse, beside what is like it and must be taken."""

from typing import Any

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.datagram.beacon import Advert, encode_answer, encode_probe
from lanchat.protocol.datagram.replay import WINDOW
from lanchat.protocol.log import keys
from lanchat.protocol.log.messages import Header, Kind, make_message
from lanchat.protocol.log.records import Head, Record, blanked, chain_hash, genesis_hash, sign_head
from tests.vectors import examples

# The points of small order as a public key may write them: of order 1, 2, 4, 4, 8, 8, 8, 8, then the same with numbers
# that are not reduced, or with the sign of a zero.
_P = 2**255 - 19
_Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SIGN = 1 << 255
SMALL_ORDER = [
    number.to_bytes(32, "little")
    for number in (
        *(1, _P - 1, 0, _SIGN, _Y8, _Y8 | _SIGN, _P - _Y8, (_P - _Y8) | _SIGN),
        *(_P, _P + 1, _P | _SIGN, (_P + 1) | _SIGN, 1 | _SIGN, (_P - 1) | _SIGN),
    )
]
# The identity with a factor of zero: a reader that takes the keys above finds it good for one text in eight at least.
LAX_SIGNATURE = (1).to_bytes(32, "little") + bytes(32)


def signature_vectors() -> dict[str, Any]:
    """Of the text "lanchat"."""
    text, key = b"lanchat", examples.DEVICE_KEY
    good, public = key.sign(text), keys.public_octets(key)
    other = keys.public_octets(examples.LOG_KEY)
    order = 2**252 + 27742317777372353535851937790883648493
    factor = int.from_bytes(good[32:], "little") + order
    return {
        "text": text,
        "good": {"key": public, "signature": good},
        "bad": [
            {"why": "another octet", "key": public, "signature": good[:-1] + bytes([good[-1] ^ 1])},
            {"why": "another key", "key": other, "signature": good},
            {
                "why": "a factor that is not reduced",
                "key": public,
                "signature": good[:32] + factor.to_bytes(32, "little"),
            },
            {"why": "63 octets", "key": public, "signature": good[:-1]},
            {"why": "key of 31 octets", "key": public[:-1], "signature": good},
            *({"why": "key of small order", "key": item, "signature": LAX_SIGNATURE} for item in SMALL_ORDER),
        ],
    }


def frame_cases() -> list[dict[str, Any]]:
    """Frames to the server; those to be taken have the octets that they are the same as."""
    ping = encode(wire.Ping(7))
    head, body, signature = b"h", b"b", b"s" * 64
    taken = [
        ("as it is", ping, ping),
        ("an element more", encode([3, 7, {"new": [1]}]), ping),
        ("a number written longer than needed", b"\x92\x03\xcf" + (7).to_bytes(8, "big"), ping),
    ]
    refused = [
        ("octets behind it", ping + b"\x00"),
        ("nothing", b""),
        ("cut off", ping[:-1]),
        ("unknown tag", encode([99, 7])),
        ("tag of a server's frame", encode([21, 7])),
        ("an element less", encode([3])),
        ("a text for a number", encode([3, "7"])),
        ("a number below 0", encode([3, -1])),
        ("a number of 64 bits", encode([3, 2**63])),
        ("a float for a number", encode([3, 7.0])),
        ("a map", encode({"tag": 3, "token": 7})),
        ("unknown operation", encode([64, 1, [99]])),
        ("text for octets", encode([1, [["h", body, signature]]])),
        ("signature of 63 octets", encode([1, [[head, body, signature[:-1]]]])),
        ("more entries than may be", encode([2, 1, [1] * 33])),
    ]
    return [
        *({"why": why, "octets": octets, "same_as": same} for why, octets, same in taken),
        *({"why": why, "octets": octets, "same_as": None} for why, octets in refused),
    ]


# Pages


def page_vectors() -> dict[str, Any]:
    """A forward page of five records from 2, the third of which is the edit of a text that was deleted, and pages that
    are like it."""
    records = _chain()
    page = [link[0] for link in records[1:]]
    before, end = records[0][1], records[-1][1]
    head = sign_head(
        examples.LOG_KEY, examples.LOG_ID, examples.EPOCH, examples.ROOM, page[-1].seq, end, page[-1].time_ms
    )
    good = wire.Page(examples.ROOM, page, before, head, [examples.certificate()])
    edit = page[1]
    hashless = Record(edit.seq, edit.time_ms, edit.header, edit.signature, None)
    other_text = Record(page[0].seq, page[0].time_ms, page[0].header, page[0].signature, b"another text")
    old = Head(examples.EPOCH - 1, head.room, head.seq, head.hash, head.time_ms, head.signature)
    bad = {
        "a hole": wire.Page(examples.ROOM, [page[0], *page[2:]], before, head, []),
        "another hash before it": wire.Page(examples.ROOM, page, end, head, []),
        "another text": wire.Page(examples.ROOM, [other_text, *page[1:]], before, head, []),
        "erased body without its hash": wire.Page(examples.ROOM, [page[0], hashless, *page[2:]], before, head, []),
        "a head of another epoch": wire.Page(examples.ROOM, page, before, old, []),
        "a head for fewer records": wire.Page(examples.ROOM, page[:-1], before, head, []),
    }
    return {
        "log_id": examples.LOG_ID,
        "log_key": examples.LOG_PUBLIC,
        "epoch": examples.EPOCH,
        "room": examples.ROOM,
        "cursor": {"seq": 1, "hash": before},
        "good": {"octets": encode(wire.Response(5, good)), "hashes": [chain for _, chain in records[1:]]},
        "bad": [{"why": why, "octets": encode(wire.Response(5, item))} for why, item in bad.items()],
    }


def _chain() -> list[tuple[Record, bytes]]:
    """Records 1 to 6 of a room, with their chain hashes: record 6 deleted record 2, which record 3 had edited."""
    texts = [(Kind.TEXT, 0, "one"), (Kind.TEXT, 0, "two"), (Kind.EDIT, 2, "too"), (Kind.TEXT, 1, "four")]
    texts += [(Kind.REACTION, 4, "👍"), (Kind.DELETE, 2, "")]
    links, before = [], genesis_hash(examples.LOG_ID, examples.ROOM)
    for seq, (kind, ref, text) in enumerate(texts, start=1):
        header = Header(examples.ROOM, examples.DEVICE, examples.RUN, seq, kind, ref, examples.TIME_MS, seq)
        said = make_message(examples.DEVICE_KEY, examples.LOG_ID, header, text)
        record = Record(seq, examples.TIME_MS + seq, said.header, said.signature, said.body)
        before = chain_hash(examples.LOG_ID, examples.ROOM, before, record)
        links.append((blanked(record) if seq in (2, 3) else record, before))
    return links


# Datagrams


def discovery_vectors() -> dict[str, Any]:
    """Probes and answers of the beacon."""
    token = bytes(range(16))
    advert = Advert(examples.LOG_ID, examples.FINGERPRINT, 47400, "Büro")
    probe, answer = encode_probe(token), encode_answer(token, advert)
    name = len(answer) - len("Büro".encode())
    bad_probes = {
        "an octet less": probe[:-1],
        "an octet more": probe + b"\0",
        "padding": probe[:-1] + b"\1",
        "another version": probe[:4] + b"\2" + probe[5:],
        "an answer": probe[:5] + b"\2" + probe[6:],
        "another magic": b"lcbn" + probe[4:],
    }
    bad_answers = {
        "octets behind the name": answer + b"\0",
        "a name that is cut off": answer[:-1],
        "port 0": answer[: name - 3] + b"\0\0" + answer[name - 1 :],
        "a name that is not UTF-8": answer[:name] + b"\xff" * (len(answer) - name),
        "another version": answer[:4] + b"\2" + answer[5:],
    }
    return {
        "token": token,
        "probe": probe,
        "answer": answer,
        "answer_fields": {"log_id": advert.log_id, "fingerprint": advert.fingerprint, "port": 47400, "name": "Büro"},
        "bad_probes": [{"why": why, "octets": octets} for why, octets in bad_probes.items()],
        "bad_answers": [{"why": why, "octets": octets} for why, octets in bad_answers.items()],
    }


def replay_vectors() -> dict[str, Any]:
    """Counters in the order of arrival, each of a datagram that opens, and whether it is taken."""
    steps = [
        *((0, True), (0, False), (1, True), (5, True), (3, True), (3, False), (5, False)),
        *((WINDOW + 4, True), (5, False), (4, False), (6, True), (WINDOW + 5, True), (5, False), (2, False)),
        *((1 << 19, True), ((1 << 19) - WINDOW, False), ((1 << 19) - WINDOW + 1, True)),
    ]
    return {"window": WINDOW, "steps": [{"counter": counter, "taken": taken} for counter, taken in steps]}


# Texts

_TEXTS: list[tuple[Kind, bytes, int, bool]] = [
    *(
        (Kind.TEXT, text.encode(), 1, True)
        for text in ("a", "tab\tand\nline", " a ", "Grüße, мир 😀", "x\u200by", "👩\u200d🚀")
    ),
    *((Kind.TEXT, text.encode(), 1, True) for text in ("\u200fשלום", "n\u0303o", "\ufeffa", "\U00100000")),
    *((Kind.TEXT, b"x", 4000, True), (Kind.TEXT, b"x", 4001, False)),
    *((Kind.TEXT, "😀".encode(), 4000, True), (Kind.TEXT, "😀".encode(), 4001, False)),
    *((Kind.TEXT, text.encode(), 1, False) for text in ("", "  \n", "\u200b", "\u2060 \ufe0f", "\u2800", "\u3164")),
    *((Kind.TEXT, text.encode(), 1, False) for text in ("a\rb", "a\r\nb", "a\0b", "a\x1b[31mb", "a\x7fb", "a\x85b")),
    *((Kind.TEXT, f"a{char}b".encode(), 1, False) for char in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"),
    *((Kind.TEXT, octets, 1, False) for octets in (b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"a\xf0\x9f\x98")),
    *((Kind.EDIT, b"a", 1, True), (Kind.EDIT, b"", 1, False)),
    *((Kind.DELETE, b"", 1, True), (Kind.DELETE, b"a", 1, False)),
    *((Kind.REACTION, text.encode(), 1, True) for text in ("👍", "-👍", "ok", "--")),
    *((Kind.REACTION, text.encode(), 1, False) for text in ("", "-", "- ", "-\u200b", "a\nb", "a\tb")),
    *((Kind.REACTION, b"x", 16, True), (Kind.REACTION, b"x", 17, False)),
]
NAMES = {
    "user": (
        ["anna", "Анна", "a.b-c_d", "x" * 32, "安娜"],
        ["", " ", "a b", "x" * 33, "a\u202eb", "an\u200dna", "a/b", "💡"],
    ),
    "room": (["general", "Plan B 💡", "x" * 64], ["", "@here", "#room", "x" * 65, "a\nb", "\u0301a", "\u200b"]),
    "password": (["8 signs!", "пароль12", "x" * 512], ["", "7 signs", "x" * 513, "e\u0301" * 7, "7 signs\u202c"]),
}


def text_vectors() -> dict[str, Any]:
    """A body is `octets`, `times` over."""
    return {
        "bodies": [
            {"kind": kind, "octets": octets, "times": times, "valid": valid} for kind, octets, times, valid in _TEXTS
        ],
        "names": {what: {"valid": valid, "invalid": invalid} for what, (valid, invalid) in NAMES.items()},
    }
