"""Files: bodies of messages, the hash tree over contents, names for a disk, the parts of a connection for files."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.errors import ProtocolError, TooLong
from lanchat.protocol.limits import BODY_OCTETS_MAX, CHUNK_OCTETS, CHUNKS_ASKED_MAX, FILE_CHUNKS_MAX, FRAME_MAX
from lanchat.protocol.log import files
from lanchat.protocol.log.files import Manifest, encode_file_body, file_body_untrusted
from lanchat.protocol.log.messages import Header, Kind, body_text_untrusted, make_message
from lanchat.protocol.text.file_names import UNNAMED, numbered_file_name, safe_file_name
from lanchat.protocol.wire import bulk
from tests.support.wire_values import members
from tests.vectors import make
from tests.vectors.files import contents, leaves_of, manifest_of
from tests.vectors.values import plain

VECTORS: dict[str, Any] = json.loads((make.FOLDER / "files.json").read_text(encoding="utf-8"))
SMALL = manifest_of(contents(5))


# --- Bodies ------------------------------------------------------------------------------------------------------


def test_body_of_the_vectors_is_read() -> None:
    body = file_body_untrusted(VECTORS["body"])
    assert (body.text, [found.name for found in body.files]) == ("Here they are", ["picture.png", "отчёт за май.pdf"])
    assert body.files[1] == manifest_of(contents(CHUNK_OCTETS + 3), "отчёт за май.pdf", "application/pdf")
    assert encode_file_body(body.text, body.files) == VECTORS["body"]


@pytest.mark.parametrize("bad", VECTORS["bad_bodies"], ids=lambda bad: bad["why"])
def test_bad_body_is_refused(bad: dict[str, str]) -> None:
    with pytest.raises(ProtocolError):
        body_text_untrusted(Kind.FILE, bad["body"].encode())


def test_text_may_be_empty_and_the_signature_covers_the_manifests() -> None:
    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    header = Header(1, b"d" * 16, 1, 1, Kind.FILE, 0, 0, 1)
    message = make_message(key, b"l" * 16, header, encode_file_body("", [SMALL]))
    assert file_body_untrusted(message.body) == files.FileBody("", (SMALL,))
    other = make_message(key, b"l" * 16, header, encode_file_body("", [manifest_of(contents(6))]))
    assert other.signature != message.signature


def test_body_that_is_too_long_is_refused_by_name() -> None:
    named = Manifest("я" * 127, 5, "text/plain", b"r" * 32, b"s" * 32)
    body = encode_file_body("ж" * 4000, [named] * 32)
    assert len(body.encode()) > BODY_OCTETS_MAX
    with pytest.raises(TooLong):
        body_text_untrusted(Kind.FILE, body.encode())


def test_lone_surrogate_is_not_encoded() -> None:
    with pytest.raises(ProtocolError):
        encode_file_body("\ud800", [SMALL])


# --- The hash tree -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", VECTORS["contents"], ids=lambda found: found["size"])
def test_leaves_and_root_match_the_vectors(found: dict[str, Any]) -> None:
    octets = contents(found["size"])
    leaves, root = leaves_of(octets), bytes.fromhex(found["root"])
    assert (leaves.hex(), files.root_hash(len(octets), leaves)) == (found["leaves"], root)
    files.check_leaves(root, len(octets), leaves)
    for number in range(1, files.chunk_count(len(octets)) + 1):
        chunk = octets[(number - 1) * CHUNK_OCTETS : number * CHUNK_OCTETS]
        files.check_chunk(leaves, len(octets), number, chunk)
        with pytest.raises(ProtocolError):
            files.check_chunk(leaves, len(octets), number, chunk[:-1] + bytes([chunk[-1] ^ 1]))
        with pytest.raises(ProtocolError):
            files.check_chunk(leaves, len(octets), number, chunk[:-1])


@pytest.mark.parametrize(
    ("size", "leaves"),
    [(5, b""), (6, SMALL.root), (0, leaves_of(contents(5))), (5, leaves_of(contents(5)) * 2), (-1, b"")],
)
def test_leaves_that_do_not_fit_are_refused(size: int, leaves: bytes) -> None:
    with pytest.raises(ProtocolError):
        files.check_leaves(SMALL.root, size, leaves)


@pytest.mark.parametrize("number", [0, 3, -1])
def test_there_is_no_such_chunk(number: int) -> None:
    with pytest.raises(ProtocolError):
        files.chunk_octets(CHUNK_OCTETS + 1, number)


# --- Names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\a.txt", "a.txt"),
        ("folder/", "folder"),
        ("..", UNNAMED),
        ("", UNNAMED),
        ("\u200e\u200b", "__"),
        (".bashrc", "bashrc"),
        ("CON", "_CON"),
        ("nul .txt", "_nul .txt"),
        ("com\u00b9.txt", "_com\u00b9.txt"),
        ("console.txt", "console.txt"),
        ("a:stream", "a_stream"),
        ("end. . ", "end"),
        ("a\x00b\nc", "a_b_c"),
        ("cod\u202egpj.exe", "cod_gpj.exe"),
        ("x" * 300 + ".tar", "x" * 251 + ".tar"),
        ("я" * 200 + ".pdf", "я" * 125 + ".pdf"),
        ("счёт 5.pdf", "счёт 5.pdf"),
    ],
)
def test_name_is_one_in_a_folder(given: str, made: str) -> None:
    assert safe_file_name(given) == made


def test_second_file_of_a_name_is_numbered_before_its_suffix() -> None:
    assert numbered_file_name("report.pdf", 2) == "report (2).pdf"
    assert numbered_file_name("README", 3) == "README (3)"
    long = numbered_file_name("x" * 251 + ".tar", 2)
    assert (len(long), long[-8:]) == (255, " (2).tar")


# --- Connections for files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", VECTORS["frames"], ids=lambda entry: entry["name"])
def test_frames_match_the_vectors(entry: dict[str, Any]) -> None:
    to_server = entry["direction"] == "to server"
    decode = wire.decode_bulk_from_client_untrusted if to_server else wire.decode_bulk_from_server_untrusted
    frame = decode(bytes.fromhex(entry["octets"]))
    assert plain(frame) == entry["fields"]
    assert encode(frame).hex() == entry["octets"]


def test_each_frame_has_a_vector() -> None:
    every = {member.__name__ for union in (wire.BulkFromClient, wire.BulkFromServer) for member in members(union)}
    assert {entry["name"] for entry in VECTORS["frames"]} == every


def test_stream_of_the_vectors_is_a_frame_and_a_chunk() -> None:
    stream = bytes.fromhex(VECTORS["stream"])
    length, number = wire.part_head_untrusted(stream[: bulk.PART_HEAD_OCTETS])
    end = bulk.PART_HEAD_OCTETS + length
    assert number == 0
    assert wire.decode_bulk_from_server_untrusted(stream[bulk.PART_HEAD_OCTETS : end]) == wire.TransferDone()
    assert wire.part_head_untrusted(stream[end : end + 8]) == (5, 1)
    assert stream[end + 8 :] == contents(5)


@pytest.mark.parametrize(
    ("length", "number"),
    [(0, 0), (0, 1), (CHUNK_OCTETS + 1, 1), (bulk.BULK_FRAME_MAX + 1, 0), (1, FILE_CHUNKS_MAX + 1)],
)
def test_part_of_no_reader_is_refused(length: int, number: int) -> None:
    with pytest.raises(ProtocolError):
        wire.part_head_untrusted(wire.part_head(length, number))


def test_longest_leaves_fit_a_frame() -> None:
    frame = wire.OfferContents(b"r" * 32, files.FILE_OCTETS_MAX, b"s" * 32, bytes(files.LEAVES_OCTETS_MAX))
    octets = wire.pack_bulk(frame)
    assert len(octets) <= bulk.BULK_FRAME_MAX + bulk.PART_HEAD_OCTETS <= FRAME_MAX
    assert wire.decode_bulk_from_client_untrusted(octets[8:]) == frame


def test_more_chunks_at_once_are_not_asked_for() -> None:
    most = wire.GetChunks(1, 1, b"r" * 32, 1, CHUNKS_ASKED_MAX)
    assert wire.decode_bulk_from_client_untrusted(encode(most)) == most
    with pytest.raises(ProtocolError):
        wire.decode_bulk_from_client_untrusted(encode(wire.GetChunks(1, 1, b"r" * 32, 1, CHUNKS_ASKED_MAX + 1)))


def test_ticket_is_not_printed() -> None:
    assert "t" * 8 not in repr(wire.UseTicket(b"t" * 32)) + repr(wire.TransferTicket(b"t" * 32, 1, 1))
