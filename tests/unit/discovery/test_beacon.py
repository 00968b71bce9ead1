"""The beacon's datagrams, the TXT record, the answer limit and the list of found servers, without sockets or clock."""

import asyncio
import logging
from ipaddress import IPv4Interface
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanchat.discovery.listing import ANSWER_LIFETIME, GOODBYE_GRACE, SERVERS_MAX, DiscoveredServer, ServerList
from lanchat.platform.network.interfaces import Interface, broadcast_addresses, serving
from lanchat.protocol.datagram.beacon import (
    ANSWER_SIZE_MAX,
    DEFAULT_NAME,
    LABEL_OCTETS_MAX,
    NAME_OCTETS_MAX,
    PROBE_SIZE,
    SERVICE_TYPE,
    TOKEN_SIZE,
    Advert,
    clean_name,
    decode_answer,
    decode_probe,
    decode_txt,
    encode_answer,
    encode_probe,
    encode_txt,
    service_label,
)
from lanchat.protocol.errors import ProtocolError
from lanchat_server.service.net.beacon import (
    ANSWERS_PER_SECOND,
    ANSWERS_PER_SECOND_TOTAL,
    SAME_ROUND,
    SOURCES_MAX,
    AnswerLimiter,
    Beacon,
)

TOKEN = bytes(range(TOKEN_SIZE))
ADVERT = Advert(bytes(range(100, 116)), "0123456789abcdef" * 4, 4242, "Büro 2.0")

tokens = st.binary(min_size=TOKEN_SIZE, max_size=TOKEN_SIZE)
adverts = st.builds(
    Advert,
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    st.integers(1, 65535),
    st.text(),
)


def hexdump(text: str) -> bytes:
    return bytes.fromhex("".join(text.split()))


class TestDatagrams:
    def test_encoding_matches_the_documentation(self) -> None:
        assert encode_probe(TOKEN) == hexdump("4c43424e 01 01" + TOKEN.hex()) + bytes(234)
        assert (
            encode_answer(TOKEN, ADVERT)
            == hexdump("4c43424e 01 02" + TOKEN.hex() + ADVERT.log_id.hex() + ADVERT.fingerprint + "1092 09")
            + "Büro 2.0".encode()
        )

    @given(tokens, adverts)
    def test_decoding_inverts_encoding(self, token: bytes, advert: Advert) -> None:
        assert decode_probe(encode_probe(token)) == token
        echoed, decoded = decode_answer(encode_answer(token, advert))
        assert echoed == token
        assert decoded == Advert(advert.log_id, advert.fingerprint, advert.port, clean_name(advert.name))

    @given(adverts)
    def test_answer_is_smaller_than_its_probe(self, advert: Advert) -> None:
        assert len(encode_answer(TOKEN, advert)) <= ANSWER_SIZE_MAX < PROBE_SIZE == len(encode_probe(TOKEN))

    @given(st.binary(max_size=2 * PROBE_SIZE) | st.binary(min_size=PROBE_SIZE, max_size=PROBE_SIZE))
    def test_random_octets_raise_protocol_error(self, octets: bytes) -> None:
        for decode in (decode_probe, decode_answer):
            with pytest.raises(ProtocolError):
                decode(octets)

    @given(adverts, st.data())
    def test_truncated_or_extended_answer_is_refused(self, advert: Advert, data: st.DataObject) -> None:
        octets = encode_answer(TOKEN, advert)
        cut = data.draw(st.integers(0, len(octets) - 1))
        more = data.draw(st.binary(min_size=1, max_size=300))
        for broken in (octets[:cut], octets + more):
            with pytest.raises(ProtocolError):
                decode_answer(broken)

    @given(adverts, st.integers(0, 8 * 22 - 1), st.integers(1, 300))
    def test_changed_probe_is_refused(self, advert: Advert, bit: int, length: int) -> None:
        octets = bytearray(encode_probe(TOKEN))
        octets[bit // 8] ^= 1 << bit % 8
        if bit < 48:  # magic, version, kind
            with pytest.raises(ProtocolError):
                decode_probe(bytes(octets))
        else:
            assert decode_probe(bytes(octets)) != TOKEN
        if length != PROBE_SIZE:
            with pytest.raises(ProtocolError, match="another size"):
                decode_probe((encode_probe(TOKEN) * 2)[:length])

    @given(st.integers(22, PROBE_SIZE - 1), st.integers(1, 255))
    def test_nonzero_padding_is_refused(self, position: int, octet: int) -> None:
        octets = bytearray(encode_probe(TOKEN))
        octets[position] = octet
        with pytest.raises(ProtocolError, match="padding"):
            decode_probe(bytes(octets))

    @given(adverts, st.data())
    def test_flipped_bit_raises_only_protocol_error(self, advert: Advert, data: st.DataObject) -> None:
        octets = bytearray(encode_answer(TOKEN, advert))
        bit = data.draw(st.integers(0, 8 * len(octets) - 1))
        octets[bit // 8] ^= 1 << bit % 8
        try:
            decoded = decode_answer(bytes(octets))
        except ProtocolError:
            return
        in_the_name = bit >= 8 * (ANSWER_SIZE_MAX - NAME_OCTETS_MAX)  # where two broken characters look the same
        assert in_the_name or decoded != decode_answer(encode_answer(TOKEN, advert))

    @pytest.mark.parametrize(
        ("octets", "reason"),
        [
            (encode_answer(TOKEN, ADVERT).replace(b"LCBN", b"LCBM"), "not a beacon"),
            (encode_answer(TOKEN, ADVERT).replace(b"LCBN\x01", b"LCBN\x02"), "another version"),
            (encode_answer(TOKEN, ADVERT).replace(b"LCBN\x01\x02", b"LCBN\x01\x01"), "another kind"),
            (encode_answer(TOKEN, ADVERT).replace(b"\x10\x92", b"\x00\x00"), "without a port"),
            (encode_answer(TOKEN, ADVERT)[:-9] + b"\xffBu\x80ro1.0", "broken name"),
            (encode_answer(TOKEN, ADVERT)[:-1], "name length"),
        ],
    )
    def test_refusals_have_reasons(self, octets: bytes, reason: str) -> None:
        with pytest.raises(ProtocolError, match=reason):
            decode_answer(octets)


class TestNames:
    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("", DEFAULT_NAME),
            ("  \t", "\ufffd"),
            ("a\x1b[31mb", "a\ufffd[31mb"),
            ("\u202eevil", "\ufffdevil"),
            ("x" * 100, "x" * 64),
            ("я" * 64, "я" * 32),
            ("\ud800", "\ufffd"),
        ],
    )
    def test_received_name_is_cleaned(self, name: str, shown: str) -> None:
        assert clean_name(name) == shown

    @given(st.text())
    def test_every_name_makes_a_label(self, name: str) -> None:
        label = service_label(name)
        assert 0 < len(label.encode()) <= LABEL_OCTETS_MAX
        assert "." not in label

    @pytest.mark.parametrize("name", ["Büro 2.0", ".", "a.b.c", "Школа №5", "_tcp", "📎 desk", "A\\B", 'say "hi"'])
    def test_unusual_names_survive_dns_sd(self, name: str) -> None:
        assert decode(encode_txt(ADVERT), label=service_label(name)).name == name

    def test_label_of_dns_sd_subtypes_is_avoided(self) -> None:
        assert service_label("_sub") == "sub"


def decode(txt: dict[str, str], port: int | None = 4242, label: str = "x") -> Advert:
    return decode_txt({key.encode(): value.encode() for key, value in txt.items()}, port, label)


class TestTxtRecord:
    def test_keys_match_the_documentation(self) -> None:
        assert encode_txt(ADVERT) == {
            "txtvers": "1",
            "proto": "1",
            "id": "6465666768696a6b6c6d6e6f70717273",
            "fp": "0123456789abcdef" * 4,
        }
        assert SERVICE_TYPE == "_lanchat-relay._tcp.local."

    def test_unknown_keys_are_ignored(self) -> None:
        assert decode({**encode_txt(ADVERT), "new": "1"}, label="x").log_id == ADVERT.log_id

    @pytest.mark.parametrize(
        "change",
        [
            {"txtvers": "2"},
            {"proto": "2"},
            {"proto": ""},
            {"id": "00"},
            {"id": "  " + "00" * 15},
            {"fp": "g" * 64},
            {"fp": "é" * 32},
            {"fp": "ab" * 31 + "\t\n"},
        ],
    )
    def test_other_values_are_refused(self, change: dict[str, str]) -> None:
        with pytest.raises(ProtocolError):
            decode({**encode_txt(ADVERT), **change})

    @pytest.mark.parametrize("key", [b"id", b"fp"])
    def test_missing_value_is_refused(self, key: bytes) -> None:
        txt: dict[bytes, bytes | None] = {name.encode(): value.encode() for name, value in encode_txt(ADVERT).items()}
        with pytest.raises(ProtocolError):
            decode_txt(txt | {key: None}, 47474, "x")

    @pytest.mark.parametrize("port", [None, 0])
    def test_missing_port_is_refused(self, port: int | None) -> None:
        with pytest.raises(ProtocolError):
            decode(encode_txt(ADVERT), port)

    @given(st.dictionaries(st.sampled_from([b"txtvers", b"proto", b"id", b"fp"]), st.none() | st.binary()))
    def test_random_records_raise_protocol_error(self, txt: dict[bytes, bytes | None]) -> None:
        with pytest.raises(ProtocolError):
            decode_txt(txt, 4242, "x")


class TestAnswerLimiter:
    def test_answers_to_one_address_are_limited(self) -> None:
        limiter = AnswerLimiter()
        given = [limiter.admit("10.0.0.1", bytes([n]), n / 8) for n in range(24)]
        assert given == ([True] * 5 + [False] * 3) * 3
        assert limiter.admit("10.0.0.2", b"x", 2.9)

    @given(st.lists(st.tuples(st.sampled_from("ab"), st.binary(max_size=1), st.floats(0, 0.4)), max_size=60))
    def test_limit_holds_in_every_interval_of_a_second(self, probes: list[tuple[str, bytes, float]]) -> None:
        limiter, now, answers = AnswerLimiter(), 0.0, {"a": [], "b": []}  # type: ignore[var-annotated]
        for host, token, pause in probes:
            now += pause
            if limiter.admit(host, token, now):
                answers[host].append(now)
        for moments in answers.values():
            for first, last in zip(moments, moments[ANSWERS_PER_SECOND:], strict=False):
                assert last - first >= 1.0

    def test_copies_of_one_probe_count_once(self) -> None:
        limiter = AnswerLimiter()
        assert [limiter.admit("10.0.0.1", TOKEN, t) for t in (0.0, 0.001, 0.04)] == [True, False, False]
        assert limiter.admit("10.0.0.1", TOKEN, SAME_ROUND)

    def test_many_addresses_are_bounded_and_keep_the_limit(self) -> None:
        limiter, answers = AnswerLimiter(), []
        for n in range(4 * SOURCES_MAX):
            now = n / (2 * SOURCES_MAX)
            if limiter.admit("10.0.0.1", n.to_bytes(4, "big"), now):
                answers.append(now)
            limiter.admit(f"forged {n}", TOKEN, now)
            assert len(limiter) <= SOURCES_MAX
        assert ANSWERS_PER_SECOND <= len(answers) <= 2 * ANSWERS_PER_SECOND

    def test_answers_to_all_addresses_are_limited(self) -> None:
        limiter = AnswerLimiter()
        answers = [limiter.admit(str(n), TOKEN, 7.0 + n / 10_000) for n in range(100_000)]
        assert all(answers[:ANSWERS_PER_SECOND_TOTAL])
        for second in range(10):
            most = ANSWERS_PER_SECOND_TOTAL * (2 if second == 0 else 1)
            assert most - 2 <= sum(answers[second * 10_000 : (second + 1) * 10_000]) <= most + 2
        assert limiter.admit("another", TOKEN, 18.0)


class Recorder(asyncio.DatagramTransport):
    """Records what a beacon sends."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[bytes, Any]] = []

    def sendto(self, data: Any, addr: Any = None) -> None:
        self.sent.append((data, addr))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return RefusingSocket()


class RefusingSocket:
    def setsockopt(self, *arguments: Any) -> None:
        raise OSError("no multicast here")


LAN = Interface("eth0", 2, (IPv4Interface("10.1.2.3/24"), IPv4Interface("10.9.9.9/32")))
LOOPBACK = Interface("lo", 1, (IPv4Interface("127.0.0.1/8"),))


def ask(beacon_host: str | None, source: tuple[str, int], octets: bytes = encode_probe(TOKEN)) -> list[Any]:
    """What a beacon on the interfaces above answers to one datagram."""

    async def play() -> list[Any]:
        beacon = Beacon(ADVERT, 1, beacon_host, logging.getLogger("test"))
        transport = Recorder()
        beacon.connection_made(transport)
        await beacon.reconcile([LOOPBACK, LAN])
        beacon.datagram_received(octets, source)
        assert len(transport.sent) + beacon.dropped.total() == 1
        return transport.sent

    return asyncio.run(play())


class TestBeacon:
    def test_probe_is_answered_to_its_source(self) -> None:
        assert ask(None, ("10.1.2.77", 999)) == [(encode_answer(TOKEN, ADVERT), ("10.1.2.77", 999))]

    @pytest.mark.parametrize(
        "source",
        [
            ("10.1.2.77", 0),
            ("10.1.2.255", 999),
            ("127.255.255.255", 999),
            ("255.255.255.255", 999),
            ("239.255.71.71", 999),
            ("224.0.0.251", 5353),
            ("0.0.0.0", 999),
            ("0.1.2.3", 999),
            ("250.0.0.1", 999),
        ],
    )
    def test_no_answer_to_broadcast_or_multicast_sources(self, source: tuple[str, int]) -> None:
        assert ask(None, source) == []

    @pytest.mark.parametrize(
        "octets", [b"", b"x" * PROBE_SIZE, encode_probe(TOKEN) + b"\0", encode_answer(TOKEN, ADVERT)]
    )
    def test_no_answer_to_invalid_probes(self, octets: bytes) -> None:
        assert ask(None, ("10.1.2.77", 999), octets) == []

    @pytest.mark.parametrize(
        ("host", "source", "answered"),
        [
            ("127.0.0.1", "127.0.0.1", True),
            ("127.0.0.1", "10.1.2.77", False),
            ("10.1.2.3", "10.1.2.77", True),
            ("10.1.2.3", "127.0.0.1", False),
            ("10.1.2.3", "10.1.3.77", False),
            (None, "10.1.3.77", True),
        ],
    )
    def test_server_on_one_address_answers_its_network(self, host: str | None, source: str, answered: bool) -> None:
        assert bool(ask(host, (source, 999))) == answered


class TestInterfaces:
    def test_broadcast_addresses_of_interfaces(self) -> None:
        assert broadcast_addresses(LAN.addresses[0]) == ["10.1.2.255", "255.255.255.255"]
        assert broadcast_addresses(LAN.addresses[1]) == ["255.255.255.255"]
        assert broadcast_addresses(LOOPBACK.addresses[0]) == ["127.255.255.255"]

    def test_interfaces_that_serve_an_address(self) -> None:
        assert serving([LOOPBACK, LAN], None) == [LOOPBACK, LAN]
        assert serving([LOOPBACK, LAN], "10.9.9.9") == [Interface("eth0", 2, (IPv4Interface("10.9.9.9/32"),))]
        assert serving([LOOPBACK, LAN], "10.7.7.7") == []


def server(number: int = 1, host: str = "10.0.0.1", via: str = "probe", key: str = "ab" * 32) -> DiscoveredServer:
    return DiscoveredServer(f"S{number}", host, 4242, key, number.to_bytes(16, "big"), via)  # type: ignore[arg-type]


class TestListing:
    def test_answering_address_replaces_the_announced_one(self) -> None:
        listing = ServerList()
        assert listing.announced(server(host="10.9.9.9", via="zeroconf"), "a", 0.0)
        assert not listing.answered(server(), 0.0)
        assert not listing.announced(server(host="10.9.9.8", via="zeroconf"), "b", 0.0)
        assert listing.servers == [server()]

    def test_first_answering_address_stays(self) -> None:
        listing = ServerList()
        listing.answered(server(host="10.0.0.1"), 0.0)
        listing.answered(server(host="10.0.0.2"), 0.1)
        assert [s.host for s in listing.servers] == ["10.0.0.1"]
        listing.answered(server(host="10.0.0.2"), 20.0)  # the first has been silent for two rounds
        assert [s.host for s in listing.servers] == ["10.0.0.2"]

    def test_another_key_for_the_same_log_is_listed_too(self) -> None:
        listing = ServerList()
        listing.answered(server(key="00" * 32), 0.0)
        assert listing.answered(server(), 0.0)
        assert len(listing.servers) == 2

    def test_forged_servers_fill_a_bounded_list(self) -> None:
        listing = ServerList()
        for number in range(1, 5 * SERVERS_MAX):
            listing.answered(server(number), 0.0)
            listing.announced(server(number, via="zeroconf"), number, 0.0)
        assert len(listing.servers) == SERVERS_MAX

    def test_silent_entry_expires(self) -> None:
        listing = ServerList()
        listing.answered(server(), 0.0)
        listing.announced(server(via="zeroconf"), "a", 0.0)  # records that outlive the server
        listing.expire(ANSWER_LIFETIME - 0.1)
        assert listing.servers
        assert listing.is_missing(since=1.0)
        assert not listing.is_missing(since=0.0)
        listing.expire(ANSWER_LIFETIME)
        assert not listing.servers

    def test_goodbye_removes_an_entry_known_by_dns_sd_alone(self) -> None:
        listing = ServerList()
        listing.announced(server(via="zeroconf"), "a", 0.0)
        listing.announced(server(via="zeroconf"), "b", 0.0)
        listing.withdrawn("a", 5.0)
        listing.expire(1000.0)
        assert listing.servers
        listing.withdrawn("b", 6.0)
        assert not listing.servers

    def test_answer_after_a_goodbye_keeps_the_entry(self) -> None:
        listing = ServerList()
        for answer in (None, 5.5):
            listing.answered(server(), 4.0)
            listing.announced(server(via="zeroconf"), "a", 0.0)
            assert listing.withdrawn("a", 5.0)
            if answer:
                listing.answered(server(), answer)
            listing.expire(5.0 + GOODBYE_GRACE)
            assert bool(listing.servers) == bool(answer)

    def test_unknown_goodbye_is_ignored(self) -> None:
        assert not ServerList().withdrawn("a", 0.0)

    def test_name_reused_by_another_server_removes_the_first(self) -> None:
        listing = ServerList()
        listing.announced(server(1, via="zeroconf"), "a", 0.0)
        listing.announced(server(2, via="zeroconf"), "a", 0.0)
        assert listing.servers == [server(2, via="zeroconf")]
