"""Octets that the vectors list as refused are refused, and similar valid ones are accepted."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lanchat.protocol import wire
from lanchat.protocol.datagram.beacon import Advert, decode_answer, decode_probe
from lanchat.protocol.datagram.replay import ReplayWindow
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log import keys
from lanchat.protocol.log.messages import Kind, body_text_untrusted
from lanchat.protocol.log.records import chain_hash, check_head
from lanchat.protocol.text.names import check_password, clean_room_name, clean_user_name
from tests.unit.protocol.test_vectors import octets, vectors
from tests.vectors import exchange
from tests.vectors.refused import SMALL_ORDER

SIGNATURES = vectors("signatures")


def named(entry: dict[str, Any]) -> str:
    return str(entry.get("why", ""))


def test_good_signature_is_valid() -> None:
    good = SIGNATURES["good"]
    keys.check_signature(octets(good["key"]), octets(good["signature"]), octets(SIGNATURES["text"]))


@pytest.mark.parametrize("entry", SIGNATURES["bad"], ids=named)
def test_bad_signature_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        keys.check_signature(octets(entry["key"]), octets(entry["signature"]), octets(SIGNATURES["text"]))


def test_small_order_keys_fit_many_texts_without_the_check() -> None:
    def takes(key: bytes) -> bool:
        return any(lax_takes(key, bytes([number])) for number in range(64))

    assert all(map(takes, SMALL_ORDER[:8]))


def lax_takes(key: bytes, text: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(octets(SIGNATURES["bad"][-1]["signature"]), text)
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize("entry", vectors("frames")["cases"], ids=named)
def test_frames_are_refused_or_decoded_as_listed(entry: dict[str, Any]) -> None:
    if entry["same_as"] is None:
        with pytest.raises(ProtocolError):
            wire.decode_from_client_untrusted(octets(entry["octets"]))
        return
    same = wire.decode_from_client_untrusted(octets(entry["same_as"]))
    assert wire.decode_from_client_untrusted(octets(entry["octets"])) == same


def hashes_of(page: wire.Page, found: Any) -> list[bytes]:
    """The chain hashes of a forward page above the cursor; raises ProtocolError for one that is not of the log."""
    log_id, room = octets(found["log_id"]), found["room"]
    before, seq = octets(found["cursor"]["hash"]), found["cursor"]["seq"]
    hashes = []
    if page.before_hash != before:
        raise ProtocolError("another beginning")
    for record in page.records:
        seq += 1
        if record.seq != seq:
            raise ProtocolError("hole")
        before = chain_hash(log_id, room, before, record)
        hashes.append(before)
    check_head(octets(found["log_key"]), log_id, page.head)
    if (page.head.epoch, page.head.seq, page.head.hash) != (found["epoch"], seq, before):
        raise ProtocolError("not covered by the head")
    return hashes


def page_of(entry: dict[str, Any]) -> wire.Page:
    page = wire.decode_from_server_untrusted(octets(entry["octets"])).result
    assert isinstance(page, wire.Page)
    return page


def test_page_of_several_records_is_accepted() -> None:
    found = vectors("pages")
    page = page_of(found["good"])
    assert [chain.hex() for chain in hashes_of(page, found)] == found["good"]["hashes"]
    assert [record.body is None for record in page.records] == [True, True, False, False, False]


@pytest.mark.parametrize("entry", vectors("pages")["bad"], ids=named)
def test_page_of_another_log_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        hashes_of(page_of(entry), vectors("pages"))


def test_discovery_datagrams_are_decoded() -> None:
    found = vectors("discovery")
    assert decode_probe(octets(found["probe"])) == octets(found["token"])
    fields = found["answer_fields"]
    advert = Advert(octets(fields["log_id"]), fields["fingerprint"], fields["port"], fields["name"])
    assert decode_answer(octets(found["answer"])) == (octets(found["token"]), advert)


@pytest.mark.parametrize("entry", vectors("discovery")["bad_probes"], ids=named)
def test_bad_probe_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        decode_probe(octets(entry["octets"]))


@pytest.mark.parametrize("entry", vectors("discovery")["bad_answers"], ids=named)
def test_bad_answer_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        decode_answer(octets(entry["octets"]))


def test_replay_window_matches_the_vectors() -> None:
    window = ReplayWindow()
    steps = vectors("replay")["steps"]
    assert [window.accept(step["counter"]) for step in steps] == [step["taken"] for step in steps]


@pytest.mark.parametrize("entry", vectors("texts")["bodies"])
def test_bodies_are_accepted_or_refused_as_listed(entry: dict[str, Any]) -> None:
    body = octets(entry["octets"]) * entry["times"]
    if entry["valid"]:
        assert body_text_untrusted(Kind(entry["kind"]), body).encode() == body
    else:
        with pytest.raises(ProtocolError):
            body_text_untrusted(Kind(entry["kind"]), body)


CHECKS: dict[str, Callable[[str], Any]] = {
    "user": clean_user_name,
    "room": clean_room_name,
    "password": check_password,
}


@pytest.mark.parametrize("what", CHECKS)
def test_names_are_accepted_or_refused_as_listed(what: str) -> None:
    found = vectors("texts")["names"][what]
    for name in found["valid"]:
        CHECKS[what](name)
    for name in found["invalid"]:
        with pytest.raises(ProtocolError):
            CHECKS[what](name)


def test_server_replays_the_recorded_exchange() -> None:
    """The client's octets of the file, sent to the real server with the same random octets and a fixed clock."""
    steps = exchange.read(vectors("exchange"))
    replayed = asyncio.run(exchange.replay(steps))
    assert [step.octets for step in replayed] == [step.octets for step in steps]


def test_changed_message_changes_the_exchange() -> None:
    steps = exchange.read(vectors("exchange"))
    broken = [step._replace(octets=step.octets[:-1] + b"?") if is_submit(step) else step for step in steps]
    answers = asyncio.run(exchange.replay(broken[:8]))
    assert answers[7] != steps[7]


def is_submit(step: exchange.Step) -> bool:
    return step.way == exchange.TLS and step.octets[4:6] == b"\x92\x01"


def test_numbers_beyond_json_precision_become_texts() -> None:
    from tests.vectors.values import plain

    assert plain([2**53 - 1, 2**53, -(2**53), True]) == [2**53 - 1, str(2**53), str(-(2**53)), True]


def test_no_vector_has_a_number_above_53_bits() -> None:
    from tests.vectors import make

    def numbers(value: Any) -> list[int]:
        if isinstance(value, dict | list):
            return [found for item in (value.values() if isinstance(value, dict) else value) for found in numbers(item)]
        return [value] if isinstance(value, int) else []

    for name in make.VECTORS:
        assert all(abs(number) < 2**53 for number in numbers(vectors(name)))
