"""The search's own parts: damage that can be repeated, corpora that stay small, figures that add up."""

from pathlib import Path
from random import Random

import msgspec
import pytest

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.errors import ProtocolError
from tests.fuzz import __main__ as command
from tests.fuzz import corpus, seeds
from tests.fuzz.mutate import mutate
from tests.fuzz.picture import picture
from tests.fuzz.scan import brackets, scan
from tests.fuzz.target import Target, attempt
from tests.fuzz.targets import TARGETS
from tests.fuzz.valid import AFTER_LOGIN, BEFORE_LOGIN, LIVE, Speaker, World
from tests.support import marked
from tests.support.fake_log import key_of


def test_mutation_is_deterministic_per_seed() -> None:
    frame = seeds.frames("to server")[0]
    chains = [[mutate(frame, Random(seed)) for seed in range(200)] for _ in range(2)]
    assert chains[0] == chains[1]
    assert len(set(chains[0])) > 150


def test_mutation_often_keeps_the_structure() -> None:
    """Else nothing behind the first octets is ever reached."""
    frames = seeds.frames("to server")
    damaged = [mutate(frame, Random(seed)) for frame in frames for seed in range(40)]
    decoded = 0
    for octets in damaged:
        try:
            msgspec.msgpack.decode(octets)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, ValueError):
            continue
        decoded += octets not in frames
    assert decoded > len(damaged) / 3


def _depth(value: object) -> int:
    inner = [*value.keys(), *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return 1 + max(map(_depth, inner), default=0) if isinstance(value, dict | list) else 0


def _texts(value: object) -> list[bytes]:
    if isinstance(value, str):
        return [value.encode()]
    inner = [item for pair in value.items() for item in pair] if isinstance(value, dict) else value
    return [text for item in inner for text in _texts(item)] if isinstance(inner, list) else []


def test_scan_finds_depth_and_texts() -> None:
    frames = [*seeds.frames("to server"), *seeds.frames("to client")]
    wide = [{"a" * 40: [1, -1, 2**40, 0.5, None, True, "b" * 300, b"c" * 70_000]}, list(range(20)), {"x": "y" * 70_000}]
    for octets in [
        *frames,
        msgspec.msgpack.encode(wide),
        msgspec.msgpack.encode("a"),
        msgspec.msgpack.encode([[[]], []]),
    ]:
        value = msgspec.msgpack.decode(octets)
        assert scan(octets) == (_depth(value), _texts(value))
        assert scan(octets + b"\xa1\xff").is_text


def test_scan_reports_undecodable_input() -> None:
    assert scan(b"\x91" * 500).depth == 500
    assert not scan(b"\x92\x01\xa1\xff").is_text
    assert not scan(b"\x93\x01\xa3\xed\xa0\x80").is_text
    assert scan(b"\x92\xc4\x01\xff\xd6\x01abcd").texts == []
    assert (brackets(b"a = [[{}], []]"), brackets(b"]]["), brackets(b"")) == (3, 1, 0)


def test_unexpected_errors_are_raised() -> None:
    def run(octets: bytes) -> None:
        if octets:
            raise ProtocolError if octets == b"refused" else KeyError

    target = Target("example", run, ProtocolError, list)
    assert (attempt(target, b""), attempt(target, b"refused")) == (True, False)
    with pytest.raises(KeyError):
        attempt(target, b"x")


def test_picture_distinguishes_states() -> None:
    reader = wire.FrameReader()
    before = picture(reader)
    assert picture(reader) == before
    reader.feed_untrusted(b"\0")
    assert picture(reader) != before


def test_minimised_corpus_keeps_inputs_with_new_coverage() -> None:
    target = TARGETS["invite-link"]
    link = target.seeds()[0]
    many = [link, *(link.replace(b"office", b"office%d" % number) for number in range(50)), b"", b"x", b"y"]
    kept = corpus.minimised(target, many)
    assert 2 <= len(kept) <= 4
    assert any(attempt(target, octets) for octets in kept)


def test_figures_accumulate_in_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = tmp_path / "doc.md"
    document.write_text("<!-- fuzzing: written by hand -->\n<!-- end of fuzzing -->\n", encoding="utf-8")
    monkeypatch.setattr(marked, "RELIABILITY", document)
    for _ in range(2):
        known = command.read_table()
        command.add(known, "address", command.Figures(1_000_000, 30, 7, 1))
        command.write_table(known)
    assert command.read_table() == {"address": command.Figures(2_000_000, 60, 7, 2)}
    assert "| all | 2,000,000 | 60 | 7 | 2 |" in document.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", [*LIVE, *BEFORE_LOGIN, *AFTER_LOGIN], ids=lambda kind: kind.__name__)
def test_every_client_frame_can_be_generated(kind: type) -> None:
    world = World([1, 2], [1, 2], ["anna"], [b"d" * 16], {1: 5})
    speaker = Speaker(world, Random(1), key_of(1))
    for _ in range(30):
        frame = speaker._make(kind)
        sent = frame if kind in LIVE else wire.Request(1, frame)
        assert wire.decode_from_client_untrusted(encode(sent)) == sent
