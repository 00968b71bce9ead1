"""The golden vectors hold: every octet is decoded, verified and encoded again, and each frame has one."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from lanchat.protocol import wire
from lanchat.protocol.codec import decoder, encode
from lanchat.protocol.datagram.peering import LINK_KIND, LINK_LIMITS, link_keys, seal_open, unseal_open_untrusted
from lanchat.protocol.datagram.seal import Opener, Sealer
from lanchat.protocol.log import keys
from lanchat.protocol.log.certificates import Certificate, open_certificate_untrusted
from lanchat.protocol.log.messages import Kind, Message, body_text_untrusted, check_author, decode_header_untrusted
from lanchat.protocol.log.peers import PeerBody, PeerInfo, open_peer_untrusted
from lanchat.protocol.log.records import Head, Record, chain_hash, check_head, genesis_hash
from lanchat.protocol.log.statements import Statement, devices_hash, members_hash, open_statement_untrusted
from lanchat.protocol.text.identity import InviteLink, fingerprint_words, make_invite, parse_invite_untrusted
from lanchat.protocol.text.names import name_key
from lanchat_server.core.peers import peer_secret
from tests.support.wire_values import members
from tests.vectors import make, tables
from tests.vectors.values import plain

octets = bytes.fromhex


def vectors(name: str) -> Any:
    return json.loads((make.FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", make.VECTORS)
def test_files_equal_the_output_of_the_script(name: str) -> None:
    assert (make.FOLDER / f"{name}.json").read_text(encoding="utf-8") == make.text_of(name)


def test_every_file_is_made_by_the_script() -> None:
    assert {path.stem for path in make.FOLDER.glob("*.json")} == set(make.VECTORS)


def test_keys_match_the_vectors() -> None:
    found = vectors("keys")
    log_id, challenge = octets(found["log_id"]), octets(found["challenge"])
    for key in (found["device"], found["log"]):
        private = keys.private_key(octets(key["private"]))
        assert keys.public_octets(private).hex() == key["public"]
    public = octets(found["device"]["public"])
    assert keys.device_id(public).hex() == found["device"]["id"]
    proof = (log_id, octets(found["fingerprint"]), challenge)
    keys.check_signature(public, octets(found["enrolment_signature"]), keys.ENROL_CONTEXT, *proof)
    keys.check_signature(public, octets(found["login_signature"]), keys.LOGIN_CONTEXT, *proof)
    assert fingerprint_words(found["fingerprint"]) == found["fingerprint_words"]
    for link, place in found["invites"].items():
        invite = InviteLink(place["host"], place["port"], found["fingerprint"])
        assert parse_invite_untrusted(link) == invite
        assert make_invite(*invite) == link
    assert {name: name_key(name) for name in found["name_keys"]} == found["name_keys"]


def test_messages_match_the_vectors() -> None:
    found = vectors("messages")
    assert {said["fields"]["kind"] for said in found["messages"]} == set(Kind)
    for said in found["messages"]:
        message = decoder(Message)(octets(said["octets"]))
        assert message == Message(octets(said["header"]), octets(said["body"]), octets(said["signature"]))
        assert encode(message).hex() == said["octets"]
        header = decode_header_untrusted(message.header)
        assert plain(header) == said["fields"]
        assert encode(header) == message.header
        assert body_text_untrusted(header.kind, message.body) == said["text"]
        body_hash = keys.sha256(message.body)
        check_author(octets(found["public_key"]), octets(found["log_id"]), message.header, body_hash, message.signature)


def test_records_and_heads_match_the_vectors() -> None:
    found = vectors("records")
    log_id, room = octets(found["log_id"]), found["room"]
    chain = genesis_hash(log_id, room)
    assert chain.hex() == found["genesis"]
    erased = 0
    for place, entry in enumerate(found["records"], start=1):
        record = decoder(Record)(octets(entry["octets"]))
        assert plain(record) == entry["fields"]
        assert encode(record).hex() == entry["octets"]
        assert record.seq == place
        chain = chain_hash(log_id, room, chain, record)
        assert chain.hex() == entry["hash"]
        erased += record.body is None
        check_author(
            octets(vectors("messages")["public_key"]), log_id, record.header, record.body_hash, record.signature
        )
    assert erased == 1
    hashes = [found["genesis"], chain.hex()]
    for entry, expected in zip(found["heads"], hashes, strict=True):
        head = decoder(Head)(octets(entry["octets"]))
        assert plain(head) == entry["fields"]
        assert encode(head).hex() == entry["octets"]
        check_head(octets(found["log_key"]), log_id, head)
        assert head.hash.hex() == expected


def test_certificates_match_the_vectors() -> None:
    found = vectors("certificates")
    for entry in found["certificates"]:
        certificate = decoder(Certificate)(octets(entry["octets"]))
        assert encode(certificate).hex() == entry["octets"]
        body = open_certificate_untrusted(octets(found["log_key"]), octets(found["log_id"]), certificate)
        assert plain(body) == entry["fields"]
        assert body.device.hex() == entry["device"]


def test_statements_match_the_vectors() -> None:
    found = vectors("statements")
    for entry in found["statements"]:
        statement = decoder(Statement)(octets(entry["octets"]))
        assert encode(statement).hex() == entry["octets"]
        body = open_statement_untrusted(octets(found["log_key"]), octets(found["log_id"]), statement)
        assert plain(body) == entry["fields"]
    members = [(member["user"], int(member["first_seq"])) for member in found["members"]]
    assert members_hash(members).hex() == members_hash(reversed(members)).hex() == found["members_hash"]
    assert devices_hash(map(octets, found["revoked"])).hex() == found["devices_hash"]


def test_peers_match_the_vectors() -> None:
    found = vectors("peers")
    log_id = octets(found["log_id"])
    one, other = (decoder(PeerBody)(octets(end["octets"])) for end in found["ends"])
    assert [plain(body) for body in (one, other)] == [end["fields"] for end in found["ends"]]
    public = keys.public_octets(keys.private_key(b"d" * 32))
    assert open_peer_untrusted(public, log_id, decoder(PeerInfo)(octets(found["info"]))) == one
    private = [X25519PrivateKey.from_private_bytes(octets(end["private"])) for end in found["ends"]]
    for_one = link_keys(private[0], other.exchange_key, log_id, one.end, other.end)
    for_other = link_keys(private[1], one.exchange_key, log_id, other.end, one.end)
    assert (for_one.send, for_one.receive) == (for_other.receive, for_other.send)
    assert [for_one.send.hex(), for_one.send_id] == list(found["send"].values())
    assert [for_one.receive.hex(), for_one.receive_id] == list(found["receive"].values())
    opener = Opener(for_other.receive, for_other.receive_id, log_id, 0, LINK_LIMITS, LINK_KIND)
    assert opener.open_untrusted(octets(found["there"])) == encode([])
    secret = peer_secret(keys.private_key(octets(found["log_private"])), log_id)
    assert secret.hex() == found["secret"]
    assert unseal_open_untrusted(secret, log_id, octets(found["open"])).hex() == found["content"]
    assert seal_open(secret, log_id, octets(found["random"]), octets(found["content"])).hex() == found["open"]


def test_sealed_datagrams_match_the_vectors() -> None:
    found = vectors("seal")
    assert {entry["epoch"] for entry in found["datagrams"]} == {2, 3}
    for entry in found["datagrams"]:
        context = (octets(found["key"]), found["key_id"], octets(found["log_id"]), entry["epoch"])
        assert Opener(*context).open_untrusted(octets(entry["datagram"])).hex() == entry["payload"]
        sealer = Sealer(*context)
        sealer.counter = entry["counter"]
        assert sealer.seal(octets(entry["payload"])).hex() == entry["datagram"]


DECODE = {
    "to server": wire.decode_from_client_untrusted,
    "to client": wire.decode_from_server_untrusted,
    "to peer": decoder(wire.PeerFrame),
}


@pytest.mark.parametrize("entry", vectors("frames")["frames"], ids=lambda entry: entry["name"])
def test_frames_match_the_vectors(entry: dict[str, Any]) -> None:
    frame = DECODE[entry["direction"]](octets(entry["octets"]))
    assert plain(frame) == entry["fields"]
    assert encode(frame).hex() == entry["octets"]


def test_each_frame_has_a_vector() -> None:
    unions = (wire.FromClient, wire.FromServer, wire.Operation, wire.Result, wire.PeerFrame)
    every = {member.__name__ for union in unions for member in members(union)} - {"Request", "Response"}
    assert {entry["name"] for entry in vectors("frames")["frames"]} == every


def test_stream_and_datagram_contain_the_same_frames() -> None:
    found = vectors("frames")
    stream = wire.FrameReader().feed_untrusted(octets(found["stream"]))
    frames = wire.decode_server_datagram_untrusted(octets(found["datagram"]))
    assert [wire.decode_from_server_untrusted(frame) for frame in stream] == frames
    assert b"".join(map(wire.pack_frame, frames)).hex() == found["stream"]
    assert wire.encode_datagram(frames).hex() == found["datagram"]


def test_documented_tables_are_current() -> None:
    text = tables.DOCUMENT.read_text(encoding="utf-8")
    assert tables.filled(text) == text, "python -m tests.vectors.tables"


def test_tables_list_every_frame_and_code() -> None:
    text = tables.filled(tables.DOCUMENT.read_text(encoding="utf-8"))
    unions = (wire.FromClient, wire.FromServer, wire.Operation, wire.Result)
    for union in unions:
        for member in members(union):
            assert f"| {member.__struct_config__.tag} | `{member.__name__}` |" in text
    for code in wire.Code:
        assert f"| {code.value} | `{code.name}` |" in text


@pytest.mark.parametrize("text", ["", "<!-- frames: a -->\nno end"])
def test_document_without_marks_raises_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="mark"):
        tables.filled(text)
